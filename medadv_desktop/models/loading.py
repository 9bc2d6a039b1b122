"""The loading door: card and model file in, a checked diagnostic model out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.architectures import training_only
from medadv_desktop.models.architectures.skeleton import skeleton
from medadv_desktop.models.card import AS_IN_FILE, ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.formats import read_file, refuse_code
from medadv_desktop.models.formats.contents import Network, Opening, Weights
from medadv_desktop.models.hashing import file_sha256
from medadv_desktop.models.library import code_of, find
from medadv_desktop.models.outputs import recognise, tried
from medadv_desktop.models.state_dict import (
    fitted,
    in_single_precision,
    refuse_unfit,
    without_training_parts,
)


@dataclass(frozen=True)
class _Opened:
    """A network with its weights, and what opening it told."""

    network: nn.Module
    white_box: bool
    notes: tuple[str, ...]


def load_model(
    model: str | Path,
    device: str | torch.device = "cpu",
    *,
    allow_code: bool = False,
    token: CancelToken | None = None,
) -> DiagnosticModel:
    """Load a model by id, card path or model file path, in eval mode, gradients of weights off.

    Args:
        allow_code: the user was asked and agreed that the model's Python file runs.
        token: cancels while a large file is compared with its fingerprint.

    Raises:
        ModelError: not found, refused, broken, another architecture, changed since its card was
            written, or weights that are not finite. The message names the file and the keys.
        JobCancelled: the token was cancelled.
    """
    entry = find(model)
    return open_model(entry.card, entry.path.parent, device, allow_code=allow_code, token=token)


def open_model(
    card: ModelCard,
    folder: Path,
    device: str | torch.device = "cpu",
    *,
    allow_code: bool = False,
    token: CancelToken | None = None,
) -> DiagnosticModel:
    """As `load_model`, for a card that need not be on disk: the weights lie in `folder`.

    Raises:
        ModelError, JobCancelled: as `load_model`.
    """
    device = torch.device(device)
    path = folder / card.weights
    code = code_of(card, folder)
    if code is not None and not allow_code:
        refuse_code(code)
    _refuse_other_content(path, card.sha256, "weights", token)
    for name, digest in card.companions.items():
        _refuse_other_content(folder / name, digest, "weights", token)
    opening = Opening(
        card.input_shape, device, allow_code, factory=card.factory, sha256=card.code_sha256
    )
    content = read_file(path, opening)
    if isinstance(content, Network):
        opened = _network(content, card, path)
    else:
        opened = _weights(content, card, path, opening)
    network = opened.network.to(device).eval().requires_grad_(False)
    # A known architecture gives logits; any other network is looked at.
    known = isinstance(content, Weights) and not card.code
    recognised = tried(network, card, device) if known else recognise(network, card, device)
    if recognised.outputs != card.output_count and not (
        recognised.reading.single and len(card.classes) == 2 and not card.multi_label
    ):
        raise ModelError(
            f"gives {recognised.outputs} outputs, but its card names {len(card.classes)} classes",
            subject=path,
            remedy="Name as many classes in the model card as the network has outputs",
        )
    diagnostic = DiagnosticModel(
        network,
        card,
        reading=recognised.reading,
        white_box=opened.white_box,
        notes=(*opened.notes, *recognised.notes),
    )
    return diagnostic.to(device).requires_grad_(False).eval()


def _network(content: Network, card: ModelCard, path: Path) -> _Opened:
    for name, said, wanted in zip(
        ("channels", "height", "width"), content.shape or (), card.input_shape, strict=False
    ):
        if said not in (0, wanted):
            raise ModelError(
                f"takes an input of {name} {said}; its card says {wanted}",
                subject=path,
                remedy=f"Set {name} of the preprocessing to {said}",
            )
    notes = content.notes
    if content.undone:
        notes = (*notes, f"the {content.undone} at its end was taken off: the outputs are logits")
    broken = [
        name
        for name, value in content.module.state_dict().items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and not bool(value.isfinite().all())
    ]
    if broken:
        raise ModelError(
            f"holds weights that are not finite: {', '.join(broken[:3])}", subject=path
        )
    return _Opened(content.module, content.white_box, notes)


def _weights(content: Weights, card: ModelCard, path: Path, opening: Opening) -> _Opened:
    """An architecture, or the network of the card's Python file, with the weights of a file."""
    if card.code:
        code = read_file(path.parent / card.code, opening)
        assert isinstance(code, Network)
        network, notes = code.module, code.notes
    elif card.architecture == AS_IN_FILE:
        raise ModelError(
            "holds weights without a network",
            subject=path,
            remedy="Name the architecture in the model card",
        )
    else:
        network, notes = skeleton(card), ()
    renamed = fitted(content.state, network.state_dict())
    unfit = without_training_parts(renamed.state, network.state_dict(), _training_only(card))
    for part in unfit:
        setattr(network, part, None)
        notes = (*notes, f"the auxiliary head {part} is left out; only training uses it")
    if unfit:
        network.aux_logits = False  # type: ignore[assignment]  # torchvision's own switch
        kept = {k: v for k, v in renamed.state.items() if not k.startswith(unfit)}
    else:
        kept = renamed.state
    refuse_unfit(kept, network.state_dict(), path, card.architecture)
    single = in_single_precision(kept)
    # Out of the mapped file: a file that changes later must not change the model.
    own = {key: value.clone() for key, value in single.state.items()}
    network.load_state_dict(_as_of_now(own, network), assign=True)
    return _Opened(network, True, (*notes, *content.notes, *renamed.notes, *single.notes))


def _as_of_now(state: dict[str, Tensor], network: nn.Module) -> OrderedDict[str, Tensor]:
    """With the layers' present version numbers, which some (MnasNet's) insist on."""
    result = OrderedDict(state)
    result._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    return result


def _training_only(card: ModelCard) -> tuple[str, ...]:
    return () if card.code else training_only(card)


def _refuse_other_content(path: Path, sha256: str, what: str, token: CancelToken | None) -> None:
    if not sha256:
        return
    if file_sha256(path, token) != sha256:
        raise ModelError(
            "is not the file its model card was written for (SHA-256 differs)",
            subject=path,
            remedy=f"Restore the {what}, or write a card for the new ones",
        )
