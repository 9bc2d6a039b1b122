"""Files that an ONNX model keeps weights in beside itself. No torch."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from medadv_desktop.errors import ModelError


def companions(path: Path) -> tuple[str, ...]:
    """Names of the files beside an ONNX model that hold weights of it, sorted.

    Raises:
        ModelError: the onnx package is missing, the file is broken, or it names a file elsewhere.
    """
    try:
        import onnx
    except ImportError as error:
        raise ModelError(
            f"needs the package {error.name}, which is not installed",
            subject=path,
            remedy="Install MedAdv Desktop with its extra `onnx`",
        ) from None
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        # protobuf raises classes of its own, which differ between its implementations.
        raise ModelError(
            f"is not an ONNX model, or is cut short or damaged ({type(error).__name__})",
            subject=path,
            remedy="Copy it again, or export the model again",
        ) from None
    names = locations(model)
    for name in names:
        if len(PurePosixPath(name).parts) != 1 or name in ("..", ".") or "\\" in name:
            raise ModelError(
                f"keeps weights in {name}, which is not beside it",
                subject=path,
                remedy="Export it again, with its weights in the same folder",
            )
    return names


def locations(model: Any) -> tuple[str, ...]:
    """The places that a model's tensors name as theirs, sorted."""
    places = {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return tuple(sorted(places))
