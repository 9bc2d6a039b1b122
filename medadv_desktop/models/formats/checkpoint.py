"""A checkpoint of torch.save, opened by the restricted loader only (`weights_only=True`)."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medadv_desktop.errors import ModelError
from medadv_desktop.models.formats.contents import Opening, Weights, refusing
from medadv_desktop.models.formats.pickles import refuse_pickled_code

# Where trainers put the weights inside a checkpoint, the likeliest first.
_PLACES = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights")
# Metrics beside the weights are often numpy numbers: their parts are data, not code.
_NUMBERS = (
    np.dtype,
    np.ndarray,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
    type(np.dtype(np.int32)),
    type(np.dtype(np.bool_)),
)


def read(path: Path, opening: Opening) -> Weights:  # noqa: ARG001  # one signature for all kinds
    """The tensors of a plain state dict, or of the one inside a training checkpoint.

    Raises:
        ModelError: a pickle with code (named, not run), broken, or without weights.
    """
    _refuse_other_beginnings(path)
    refuse_pickled_code(path)
    return weights_in(_load(path), path)


def _refuse_other_beginnings(path: Path) -> None:
    """Every checkpoint since PyTorch 0.2 is a ZIP archive or begins as a pickle does."""
    with path.open("rb") as stream:
        if stream.read(1) in (b"P", b"\x80"):
            return
    raise ModelError(
        "is not a PyTorch checkpoint: it begins like none",
        subject=path,
        remedy="Copy it again, or save the weights again",
    )


def _load(path: Path) -> object:
    zipped = zipfile.is_zipfile(path)
    try:
        with (
            refusing(path, "PyTorch checkpoint", (RuntimeError, EOFError, OSError, ValueError)),
            torch.serialization.safe_globals([*_NUMBERS, *_numpy_scalars()]),
        ):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        # Behind this mark stands the loader's own reason; the rest is advice to programmers.
        said = str(error).rpartition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
        raise ModelError(
            "is a Python pickle that holds more than weights; it was not opened "
            f"({said[:200].rstrip('.')})",
            subject=path,
            remedy="Save the weights alone: torch.save(model.state_dict(), …) or .safetensors",
        ) from None
    except Exception as error:
        # A damaged pickle makes the restricted loader fail in any way: KeyError, IndexError, …
        raise ModelError(
            f"is not a PyTorch checkpoint, or is cut short or damaged ({type(error).__name__})",
            subject=path,
            remedy="Copy it again, or save the weights again",
        ) from None


def _numpy_scalars() -> list[Any]:
    """numpy's rebuilding functions, under the names that its old and new versions pickle."""
    scalar, rebuilt = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    places = ("numpy.core.multiarray", "numpy._core.multiarray")
    return [
        (function, f"{place}.{name}")
        for place in places
        for function, name in ((scalar, "scalar"), (rebuilt, "_reconstruct"))
    ]


def weights_in(content: object, path: Path) -> Weights:
    """The state dict in what a checkpoint holds, and notes on what was left out.

    Raises:
        ModelError: there is none.
    """
    if not isinstance(content, Mapping):
        raise ModelError(
            f"holds a {type(content).__name__}, not weights by name",
            subject=path,
            remedy="Save model.state_dict()",
        )
    for place in _PLACES:
        inner = content.get(place)
        if isinstance(inner, Mapping) and _has_tensors(inner):
            return _tensors(inner, [str(key) for key in content if key != place], f" {place}")
    if _has_tensors(content):
        return _tensors(content, [], "")
    held = [str(key) for key, value in content.items() if _is_state(value)]
    if len(held) == 1:
        others = [str(key) for key in content if key != held[0]]
        return _tensors(content[held[0]], others, f" {held[0]}")
    raise ModelError(
        f"holds no weights by name; it holds: {', '.join(map(str, list(content)[:8])) or 'nothing'}"
        + (f" ({len(held)} of them could be weights)" if held else ""),
        subject=path,
        remedy="Save model.state_dict()",
    )


def _has_tensors(value: Mapping[Any, Any]) -> bool:
    return any(isinstance(v, Tensor) for v in value.values())


def _is_state(value: object) -> bool:
    return isinstance(value, Mapping) and _has_tensors(value)


def _tensors(inner: Mapping[Any, Any], beside: list[str], where: str) -> Weights:
    state = {str(k): v for k, v in inner.items() if isinstance(v, Tensor)}
    left_out = beside + [str(k) for k, v in inner.items() if not isinstance(v, Tensor)]
    notes = [f"read from the entry{where}"] if where else []
    if left_out:
        shown = ", ".join(left_out[:6]) + (", …" if len(left_out) > 6 else "")
        notes.append(f"left out, as it is not weights: {shown}")
    return Weights(state, tuple(notes))
