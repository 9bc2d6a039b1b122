"""An ONNX model: scores by onnxruntime; gradients where it converts to PyTorch with equal outputs.

The converter is onnx2torch (Apache-2.0). What it gives is compared on the spot with onnxruntime on
random images; without agreement the model stays what is certain, its scores.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.formats.contents import (
    FixedBatch,
    Network,
    Opening,
    first_tensor,
    refusing,
)
from medadv_desktop.models.formats.onnx_companions import locations

_WHAT = "ONNX model"
_UNDONE = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
# As it is, then in the last operator set whose reductions the converter knows.
_OPSETS = (None, 17)
# Of scores, beside 1e-5: float32 summed in another order.
_AGREEMENT = 1e-4
_TRIES = 3


class OnnxScores(nn.Module):
    """An onnxruntime session as a module: scores, no gradients, on the CPU."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session
        self.input = session.get_inputs()[0].name

    def forward(self, images: Tensor) -> Tensor:
        """N×C×H×W to N×K.

        Raises:
            ModelError: gradients are asked for.
        """
        if torch.is_grad_enabled() and images.requires_grad:
            raise ModelError(
                "this ONNX model gives scores only: it did not convert to PyTorch",
                remedy="Choose an attack that needs scores only, or export the network as .pt2",
            )
        values = images.detach().cpu().numpy().astype(np.float32, copy=False)
        scores = self.session.run(None, {self.input: np.ascontiguousarray(values)})[0]
        return torch.from_numpy(np.asarray(scores)).to(images.device, torch.float32)

    def __deepcopy__(self, memo: object) -> OnnxScores:
        return OnnxScores(self.session)


def read(path: Path, opening: Opening) -> Network:
    """The model as a network; `white_box` tells whether gradients are there.

    A sigmoid or softmax at its very end is taken off.

    Raises:
        ModelError: the ONNX packages are missing, or the file is broken or has other inputs.
    """
    try:
        import onnx  # type: ignore[import-not-found,unused-ignore]
        import onnxruntime  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise ModelError(
            f"needs the package {error.name}, which is not installed",
            subject=path,
            remedy="Install MedAdv Desktop with its extra `onnx`",
        ) from None
    with refusing(path, _WHAT):
        stored = onnx.load(path, load_external_data=False)
        model = onnx.load(path)
        _refuse_half(model, path)
        _without_identities(model)
        undone = _without_final_probability(model)
        serialized = model.SerializeToString()
        onnx.checker.check_model(serialized)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(
            serialized, options, providers=["CPUExecutionProvider"]
        )
    images, shape = _images(session, path)
    notes = _outside(stored)
    scores: nn.Module = _batched(OnnxScores(session), images)
    notes += [f"takes {images} image{'s' if images > 1 else ''} at a time, as exported"] * (
        images > 0
    )
    full = tuple(own or given for own, given in zip(shape, opening.shape or (0, 0, 0), strict=True))
    if not all(full):
        return Network(scores, False, shape, undone, (*notes, "not tried for gradients yet"))
    converted, reason = _converted(model, scores, images, full)
    if converted is None:
        notes.append(f"scores only, on the CPU: it did not convert to PyTorch ({reason})")
        return Network(scores, False, shape, undone, tuple(notes))
    notes.append(f"converted to PyTorch; outputs agree with onnxruntime within {_AGREEMENT:g}")
    return Network(converted.to(opening.device), True, shape, undone, tuple(notes))


def _outside(model: Any) -> list[str]:
    """A note on weights that lie in files beside the model, which its fingerprint leaves out."""
    files = locations(model)
    if not files:
        return []
    return [f"weights lie in {', '.join(files)} too; the card's SHA-256 is of the model file alone"]


def _refuse_half(model: Any, path: Path) -> None:
    import onnx

    if model.graph.input and any(
        i.type.tensor_type.elem_type in (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
        for i in model.graph.input
    ):
        raise ModelError(
            "was exported in half precision, which its graph has fixed",
            subject=path,
            remedy="Export the network in 32 bits: model.float()",
        )


def _without_identities(model: Any) -> None:
    """Drop nodes that only give a value a second name, as exporters do for equal weights."""
    graph = model.graph
    results = {output.name for output in graph.output}
    for node in [n for n in graph.node if n.op_type == "Identity"]:
        if node.output[0] in results:
            continue
        for other in graph.node:
            other.input[:] = [node.input[0] if n == node.output[0] else n for n in other.input]
        graph.node.remove(node)


def _without_final_probability(model: Any) -> str:
    """Take a sigmoid or softmax at the very end off the graph; its name, or ""."""
    graph = model.graph
    first = graph.output[0].name
    last = next((node for node in graph.node if first in node.output), None)
    if last is None or last.op_type not in _UNDONE or len(last.output) != 1:
        return ""
    if any(first in node.input for node in graph.node):
        return ""
    before = last.input[0]
    graph.node.remove(last)
    for node in graph.node:
        node.output[:] = [first if name == before else name for name in node.output]
        node.input[:] = [first if name == before else name for name in node.input]
    return _UNDONE[last.op_type]


def _images(session: Any, path: Path) -> tuple[int, tuple[int, int, int]]:
    """The fixed number of images, 0 if any number goes, and channels, height, width."""
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ModelError(
            f"takes {len(inputs)} inputs; a diagnostic model takes one, N×C×H×W", subject=path
        )
    sizes = [size if isinstance(size, int) else 0 for size in inputs[0].shape]
    return sizes[0], (sizes[1], sizes[2], sizes[3])


def _batched(network: nn.Module, images: int) -> nn.Module:
    return FixedBatch(network, images) if images else network


def _converted(
    model: Any, scores: nn.Module, images: int, shape: tuple[int, ...]
) -> tuple[nn.Module | None, str]:
    """The PyTorch network that gives onnxruntime's outputs, or None and the reason."""
    try:
        from onnx2torch import convert  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        return None, f"the package {error.name} is not installed"
    reason = ""
    for opset in _OPSETS:
        # Both packages refuse in any way: NotImplementedError, RuntimeError, KeyError, …
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network: nn.Module = convert(_in_opset(model, opset)).eval()
                network = _batched(network.requires_grad_(False), images)
                difference = _difference(network, scores, shape)
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
            continue
        if difference <= _AGREEMENT:
            return network, ""
        reason = f"outputs differ by {difference:.2g}"
    return None, reason


def _in_opset(model: Any, opset: int | None) -> Any:
    """The model in an older operator set, and without options that change nothing."""
    if opset is None:
        return model
    from onnx import numpy_helper, version_converter

    older = version_converter.convert_version(model, opset)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in older.graph.initializer}
    for node in older.graph.node:
        # `allowzero` says what a size of 0 means; where there is none, it says nothing.
        if node.op_type == "Reshape" and (constants.get(node.input[1], np.zeros(1)) != 0).all():
            kept = [a for a in node.attribute if a.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(kept)
    return older


def _difference(network: nn.Module, scores: nn.Module, shape: tuple[int, ...]) -> float:
    """Largest difference of outputs on random images, as a share of the largest output."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for trial in range(_TRIES):
        batch = torch.randn((1 + trial, *shape), generator=generator)
        with torch.no_grad():
            ours, theirs = first_tensor(network(batch)), first_tensor(scores(batch))
        if ours.shape != theirs.shape or not bool(ours.isfinite().all()):
            return float("inf")
        worst = max(worst, float((ours - theirs).abs().max() / (theirs.abs().max() + 0.1)))
    return worst
