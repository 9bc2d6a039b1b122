"""What a network gives, read as logits: tuples, a baked-in sigmoid or softmax, a single output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.formats.contents import first_tensor

OutputKind = Literal["logits", "sigmoid", "softmax"]

# Operations that only look at a tensor in another way, by the start of autograd's names for them.
_VIEWS: Final = ("View", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Select", "Alias", "Clone",
                 "ToCopy", "Expand", "Permute", "T")  # fmt: skip
_LAST: Final[tuple[tuple[str, OutputKind], ...]] = (
    ("SigmoidBackward", "sigmoid"),
    ("SoftmaxBackward", "softmax"),
)
_PROBES: Final = 4
_SUM_TOLERANCE: Final = 1e-3


@dataclass(frozen=True)
class OutputReading:
    """How to read logits from what a network gives.

    Attributes:
        kind: what the network's scores are.
        single: one score stands for two classes; the first gets the logit 0.
    """

    kind: OutputKind = "logits"
    single: bool = False

    def __call__(self, output: object) -> Tensor:
        """N×K logits from a tensor of N×K or N×K×1×1 scores, or from a tuple that starts with one.

        The sigmoid is inverted up to the last probability that float32 tells from one (logit 16.6);
        beyond it there is no gradient. A softmax's logarithm is its logits up to a constant.
        """
        scores = first_tensor(output)
        logits = scores if scores.dim() == 2 else scores.reshape(len(scores), -1)
        if self.kind == "sigmoid":
            limits = torch.finfo(logits.dtype)
            logits = torch.logit(logits.clamp(limits.tiny, 1 - limits.eps / 2))
        elif self.kind == "softmax":
            logits = logits.clamp_min(torch.finfo(logits.dtype).tiny).log()
        return torch.cat((torch.zeros_like(logits), logits), dim=1) if self.single else logits


@dataclass(frozen=True)
class Recognised:
    """How a network's outputs are to be read, and what a user should know of it."""

    reading: OutputReading
    outputs: int
    notes: tuple[str, ...] = ()


def probe_images(card: ModelCard, device: torch.device) -> Tensor:
    """Random normalised inputs, from flat to garish, 4×C×H×W, always the same."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((_PROBES, *card.input_shape), generator=generator)
    images[0] *= 0.1
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (card.mean, card.std))
    return ((images - mean) / std).to(device)


def tried(network: nn.Module, card: ModelCard, device: torch.device) -> Recognised:
    """Run a network that is known to give logits on one image, to see that the card's input fits.

    Raises:
        ModelError: the network does not take the card's input, or gives what is no scores.
    """
    output = _tried(network, probe_images(card, device)[:1], card)
    return Recognised(OutputReading(single=output.shape[1] == 1), output.shape[1])


def recognise(network: nn.Module, card: ModelCard, device: torch.device) -> Recognised:
    """Find out, by trying, how a network's outputs are read; see `OutputReading`.

    A sigmoid or softmax is recognised where the last operation is one and the outputs on random
    images are probabilities. One that is a module of its own, at the end, is replaced by nothing.

    Raises:
        ModelError: the network does not take the card's input, or gives what is no scores.
    """
    images = probe_images(card, device)
    output = _tried(network, images, card)
    notes = []
    kind = _kind(output)
    if card.outputs != "recognise" and card.outputs != kind:  # noqa: PLR1714  # mypy narrows this
        kind = card.outputs
    elif kind != "logits":
        if _bypassed(network, images, kind):
            notes.append(f"the {kind} at its end was taken off: the outputs are logits")
            kind = "logits"
        else:
            notes.append(f"the {kind} at its end is inverted, so that the outputs are logits")
    elif _are_probabilities(output) and card.outputs == "recognise":
        notes.append(
            "its outputs look like probabilities, but its last operation is neither sigmoid nor "
            "softmax: they are taken as logits; say `outputs` in the model card if that is wrong"
        )
    if kind == "softmax" and card.multi_label:
        notes.append("it ends in a softmax, though its card says that findings are independent")
    count = output.shape[1]
    single = count == 1
    if single and not card.multi_label and len(card.classes) == 2:
        notes.append(f"its one output is the logit of {card.classes[1]} against {card.classes[0]}")
    return Recognised(OutputReading(kind, single), count, tuple(notes))


def _tried(network: nn.Module, images: Tensor, card: ModelCard) -> Tensor:
    try:
        output = first_tensor(network(images.clone().requires_grad_(_differentiable(network))))
    except ModelError:
        raise
    except Exception as error:
        # A foreign network fails in any way on an input that it was not made for.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"does not take an input of {'×'.join(map(str, card.input_shape))} "
            f"(channels × height × width): {lines[-1][:200]}",
            subject=card.name,
            remedy="Set channels, height and width of its card to what it was trained with",
        ) from None
    if output.dim() == 1:
        output = output[:, None]
    if output.dim() > 2 and output[0, 0].numel() == 1:
        output = output.flatten(1)
    if output.dim() != 2 or len(output) != len(images) or not output.is_floating_point():
        raise ModelError(
            f"gives {tuple(output.shape)} for {len(images)} images; a classifier gives one score "
            "for each class",
            subject=card.name,
        )
    if not bool(output.isfinite().all()):
        raise ModelError(
            "gives outputs that are not finite for random images",
            subject=card.name,
            remedy="Check its weights, and mean and standard deviation in its card",
        )
    return output


def _differentiable(network: nn.Module) -> bool:
    return not any(type(m).__name__ == "OnnxScores" for m in network.modules())


def _kind(output: Tensor) -> OutputKind:
    node = output.grad_fn
    while node is not None and node.name().startswith(_VIEWS) and node.next_functions:
        node = node.next_functions[0][0]
    name = node.name() if node is not None else ""
    kind: OutputKind = "logits"
    for start, last in _LAST:
        kind = last if name.startswith(start) else kind
    if kind == "softmax" and not _sum_to_one(output):
        return "logits"
    return kind if _in_unit_range(output) else "logits"


def _are_probabilities(output: Tensor) -> bool:
    return _in_unit_range(output) and output.shape[1] > 1 and _sum_to_one(output)


def _in_unit_range(output: Tensor) -> bool:
    return bool(((output >= 0) & (output <= 1)).all())


def _sum_to_one(output: Tensor) -> bool:
    return bool(((output.sum(dim=1) - 1).abs() < _SUM_TOLERANCE).all())


def _bypassed(network: nn.Module, images: Tensor, kind: OutputKind) -> bool:
    """Replace the module that does nothing but the final sigmoid or softmax; False if none does."""
    calls: list[tuple[str, Tensor, Tensor]] = []

    def record(name: str):  # type: ignore[no-untyped-def]  # a hook
        def hook(_module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
                calls.append((name, inputs[0], output))

        return hook

    leaves = {
        name: module
        for name, module in network.named_modules()
        if name and not list(module.parameters()) and not isinstance(module, torch.jit.ScriptModule)
    }
    hooks = [module.register_forward_hook(record(name)) for name, module in leaves.items()]
    try:
        with torch.no_grad():
            final = first_tensor(network(images))
    finally:
        for hook in hooks:
            hook.remove()
    for name, before, after in reversed(calls):
        if after.data_ptr() != final.data_ptr() or before.shape != after.shape:
            continue
        expected = before.sigmoid() if kind == "sigmoid" else before.softmax(dim=1)
        used_once = sum(other == name for other, _, _ in calls) == 1
        if used_once and torch.allclose(expected, after, atol=1e-6):
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, nn.Identity())
            return True
    return False
