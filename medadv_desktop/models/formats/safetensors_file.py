"""Weights as safetensors: a JSON header and bare numbers."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from medadv_desktop.errors import ModelError
from medadv_desktop.models.formats.contents import Opening, Weights


def read(path: Path, opening: Opening) -> Weights:  # noqa: ARG001  # one signature for all kinds
    """The tensors, mapped into memory: only those that are used are read.

    Raises:
        ModelError: the header is broken, or promises more than the file holds.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            return Weights({name: stream.get_tensor(name) for name in stream.keys()})  # noqa: SIM118
    except (SafetensorError, ValueError, OSError) as error:
        raise ModelError(
            f"is not a safetensors file, or is cut short or damaged ({error})",
            subject=path,
            remedy="Copy it again, or export the weights again",
        ) from None
