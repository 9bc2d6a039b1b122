"""The kinds of file that a model may come in, recognised by content. No torch here.

Adding one: a file here with a `read` function, and an entry below. What a file of a kind may and
may not do is part of the entry, so that it stands where a file is chosen.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from medadv_desktop.errors import ModelError

if TYPE_CHECKING:
    from medadv_desktop.models.formats.contents import Content, Opening

Read = Callable[[Path, "Opening"], "Content"]
_GB = 2**30


@dataclass(frozen=True)
class FileKind:
    """One kind of model file.

    Attributes:
        title: what it is called.
        suffixes: usual ends of its name.
        module: of this package, with `read(path, opening)`.
        may: what opening such a file may and may not do; shown where it is chosen.
        holds_network: the file holds the network itself; else weights for an architecture.
        runs_code: opening it runs Python code of the file; the user must agree first.
        largest: bytes; larger files are refused before they are opened.
    """

    title: str
    suffixes: tuple[str, ...]
    module: str
    may: str
    holds_network: bool = False
    runs_code: bool = False
    largest: int = 16 * _GB


FILE_KINDS: Mapping[str, FileKind] = {
    "safetensors": FileKind(
        "safetensors weights",
        (".safetensors",),
        "safetensors_file",
        "Holds numbers only. Nothing in it can run.",
    ),
    "checkpoint": FileKind(
        "PyTorch checkpoint",
        (".pth", ".pt", ".ckpt", ".tar", ".bin"),
        "checkpoint",
        "Is a pickle, read with PyTorch's restricted loader: tensors and plain values only. "
        "A pickle that asks for anything else is refused and nothing of it runs.",
    ),
    "torchscript": FileKind(
        "TorchScript program",
        (".pt", ".pth", ".torchscript", ".ts"),
        "torchscript",
        "Holds a program in PyTorch's own small language, which computes with tensors. It cannot "
        "run Python. A program that reads or writes files is refused. Its layers cannot be read.",
        holds_network=True,
    ),
    "exported": FileKind(
        "torch.export program",
        (".pt2",),
        "exported_program",
        "Holds a graph of tensor operations. Only PyTorch's own operations are accepted; pickled "
        "parts are refused or left out, and nothing in it can run Python.",
        holds_network=True,
    ),
    "onnx": FileKind(
        "ONNX model",
        (".onnx",),
        "onnx_file",
        "Holds a graph of tensor operations, run by onnxruntime without any custom operators. It "
        "may read weights from a file beside it. Gradients are there where it converts to PyTorch "
        "with equal outputs; else it serves attacks that need scores only.",
        holds_network=True,
        largest=4 * _GB,
    ),
    "python": FileKind(
        "Python file",
        (".py",),
        "python_file",
        "Is a program: opening it runs its code, which may do anything that you may do on this "
        "computer. Open it only if you know who wrote it.",
        holds_network=True,
        runs_code=True,
        largest=2**20,
    ),
}


def kind_of(path: Path) -> str:
    """The kind of a model file, a key of `FILE_KINDS`: by content, then by the end of its name.

    Raises:
        ModelError: it cannot be read, or is of no kind that this program knows.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=path) from None
    if not start:
        raise ModelError("is empty (0 bytes)", subject=path, remedy="Copy or download it again")
    if start[:4] == b"PK\x03\x04":
        return _kind_of_archive(path)
    if start[8:9] == b"{" and not any(start[5:8]):
        return "safetensors"
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "checkpoint"
    for kind, known in FILE_KINDS.items():
        if path.suffix.lower() in known.suffixes:
            return kind
    raise ModelError(
        "is of no kind of model file that this program knows",
        subject=path,
        remedy=f"Known are: {', '.join(k.title for k in FILE_KINDS.values())}",
    )


def read_file(path: Path, opening: Opening) -> Content:
    """Open a model file of any kind.

    Raises:
        ModelError: unreadable, refused, too large, or broken; the message names file and cause.
    """
    kind = FILE_KINDS[kind_of(path)]
    size = path.stat().st_size
    if size > kind.largest:
        raise ModelError(
            f"is {size / _GB:.1f} GB; as {kind.title} up to {kind.largest / _GB:.3g} GB are read",
            subject=path,
            remedy="Save the weights alone, without the optimiser's, as .safetensors",
        )
    if kind.runs_code and not opening.allow_code:
        refuse_code(path)
    read: Read = import_module(f"{__name__}.{kind.module}").read
    return read(path, opening)


def refuse_code(path: Path) -> NoReturn:
    """Refuse to run a Python file that the user did not agree to.

    Raises:
        ModelError: always.
    """
    raise ModelError(
        "is a Python file whose code would run; it was not run, for you did not agree to that",
        subject=path,
        remedy="Read it, and allow its code to run (--allow-code) only if you trust who wrote it",
    )


def _kind_of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        raise ModelError(
            "is a broken archive: it was cut short or is damaged",
            subject=path,
            remedy="Copy or download it again",
        ) from None
    inside = {name.partition("/")[2] for name in names}
    if len(names) != len(set(names)):
        # Two readers could see two different files under one name.
        raise ModelError("holds two entries of the same name; it was not opened", subject=path)
    if "serialized_exported_program.json" in names or "archive_format" in inside:
        return "exported"
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        return "torchscript"
    if "data.pkl" in inside:
        return "checkpoint"
    raise ModelError(
        "is an archive, but of no kind of model file that this program knows",
        subject=path,
        remedy="Unpack it and choose the model file in it",
    )
