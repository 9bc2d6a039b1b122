"""What a pickle asks for, read from its bytes without opening it as one. No torch."""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from medadv_desktop.errors import ModelError

# What torch.save writes for tensors and plain containers; its restricted loader knows them too.
_HARMLESS: Final = re.compile(
    r"(collections\.(OrderedDict|defaultdict|Counter)"
    r"|torch\._utils\._rebuild_(tensor|tensor_v2|parameter|parameter_with_state|qtensor"
    r"|sparse_tensor|meta_tensor_no_storage|device_tensor_from_cpu_tensor)"
    r"|torch\.\w+Storage|torch\.storage\.(Untyped|Typed|_Untyped|_Typed)Storage"
    r"|torch\.Size|torch\.Tensor|torch\.device|torch\.dtype|torch\.nn\.parameter\.Parameter"
    r"|torch\.(float|double|half|bfloat|int|uint|bool|long|short|complex)\w*"
    r"|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.serialization\._get_layout|_codecs\.encode|builtins\.set|__builtin__\.set"
    r"|numpy\.dtype|numpy\._?core\.multiarray\.(scalar|_reconstruct)|numpy\.ndarray)"
)
# A legacy checkpoint is five pickles in a row: magic number, version, system, object, keys.
_LEGACY_PICKLES: Final = 5
_MOST_OPCODES: Final = 5_000_000


def refuse_pickled_code(path: Path) -> None:
    """Refuse a pickle that asks for more than tensors and plain values; others pass.

    Raises:
        ModelError: it would run code; the message names what it asks for.
    """
    wanted = foreign_globals(path)
    if wanted:
        shown = ", ".join(wanted[:3]) + (", …" if len(wanted) > 3 else "")
        raise ModelError(
            f"is a Python pickle that wants to run code ({shown}); it was not opened",
            subject=path,
            remedy="Save the weights alone: torch.save(model.state_dict(), …) or .safetensors",
        )


def foreign_globals(path: Path) -> tuple[str, ...]:
    """What the pickles in a file would import beyond tensors and plain values, in order."""
    found: dict[str, None] = {}
    for stream in _pickles(path):
        for name in _globals(stream):
            if not _HARMLESS.fullmatch(name):
                found[name] = None
    return tuple(found)


def _pickles(path: Path) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".pkl"):
                    with archive.open(name) as stream:
                        yield stream
        return
    with path.open("rb") as stream:
        if stream.read(1) != b"\x80":
            return
        stream.seek(0)
        for _ in range(_LEGACY_PICKLES):
            yield stream


def _globals(stream: IO[bytes]) -> Iterator[str]:
    """Names that one pickle imports; stops quietly where it is cut short."""
    texts: list[str] = []
    memo: dict[int, str] = {}
    count = 0
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            count += 1
            if count > _MOST_OPCODES:
                return
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL":
                yield ".".join(texts[-2:]) if len(texts) > 1 else "something unnamed"
            elif opcode.name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
                memo[len(memo) if argument is None else int(argument)] = texts[-1] if texts else ""
            elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                texts.append(memo.get(int(str(argument)), ""))
            elif isinstance(argument, str):
                texts.append(argument)
    except (ValueError, IndexError, OverflowError, UnicodeError, zipfile.BadZipFile):
        return
