"""A program of `torch.export.save` (.pt2).

`torch.export.load` trusts its file: it unpickles sample inputs, weights and constants without the
restricted loader, looks up operators by dotted name anywhere below `torch`, evaluates sizes as
expressions, and imports modules that container types name. So the archive is never given to it as
it lies. Its graph is checked against what a graph of tensor operations needs, and a new archive is
built in memory from the checked parts alone.
"""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import fx, nn
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from medadv_desktop.errors import ModelError
from medadv_desktop.models.formats.contents import FixedBatch, Network, Opening, refusing

_WHAT: Final = "torch.export program"
_OPERATOR: Final = re.compile(
    r"torch\.ops\.(aten|prims|torchvision)\.\w+\.\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|and_|or_)"
    r"|math\.(ceil|floor|trunc|sqrt)"
)
_TOUCHING_FILES: Final = re.compile(r"torch\.ops\.aten\.(save|load|from_file)\b.*")
# Sizes are sympy expressions in one or a few symbols; nothing else may be evaluated.
_SIZE: Final = re.compile(
    r"(?:'[su]\d{1,6}'"
    r"|\b(?:[su]\d{1,6}|\d{1,12}|Symbol|Integer|Add|Mul|Pow|positive|nonnegative|integer|Max|Min|Mod"
    r"|PythonMod|FloorDiv|CleanDiv|CeilToInt|FloorToInt|TruncToInt|IntTrueDiv|ModularIndexing"
    r"|Eq|Ne|Lt|Le|Gt|Ge|True|False)\b"
    r"|\*(?!\*)|[ +\-/(),<>=])*"
)
_SYMBOL: Final = re.compile(r"[su]\d+")
_CONTAINERS: Final = (None, "builtins.tuple", "builtins.list", "builtins.dict")
_UNDONE: Final = {
    "aten.sigmoid.default": "sigmoid",
    "aten.softmax.int": "softmax",
    "aten._softmax.default": "softmax",
}
_LONGEST_SIZE: Final = 400


def read(path: Path, opening: Opening) -> Network:
    """The program as a network whose layers keep their names, on the opening's device.

    A sigmoid or softmax at its very end is taken off.

    Raises:
        ModelError: broken, of an older layout, or it holds more than tensor operations.
    """
    with refusing(path, _WHAT), _quiet():
        program = torch.export.load(io.BytesIO(checked_archive(path)))
        undone = _without_final_probability(program)
        images, shape = _images(program, path)
        if opening.device.type != "cpu":
            # The graph itself names the device of the tensors that it makes.
            program = move_to_device_pass(program, opening.device)
        module: nn.Module = torch.export.unflatten(program)
    notes = []
    if any(p.dtype in (torch.float16, torch.bfloat16) for p in module.parameters()):
        raise ModelError(
            "was exported in half precision, which its graph has fixed",
            subject=path,
            remedy="Export the network in 32 bits: model.float()",
        )
    if images:
        module = FixedBatch(module, images)
        notes.append(f"takes {images} image{'s' if images > 1 else ''} at a time, as exported")
    return Network(module.to(opening.device), shape=shape, undone=undone, notes=tuple(notes))


def checked_archive(path: Path) -> bytes:
    """A new archive with the checked graph and the bare numbers of a .pt2 file, nothing else.

    Raises:
        ModelError: something in it is more than tensor operations and numbers.
    """
    result = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(result, "w") as new:
        if "serialized_exported_program.json" in old.namelist():
            raise ModelError(
                "has the layout of PyTorch before 2.8, which is a pickle in part",
                subject=path,
                remedy="Export it again with a current PyTorch",
            )
        for name in old.namelist():
            inside = name.partition("/")[2]
            if inside == "models/model.json":
                content = json.dumps(_checked_program(json.loads(old.read(name)), path)).encode()
            elif inside.endswith("_config.json") and inside.startswith("data/"):
                content = _checked_payloads(old.read(name), path)
            elif inside == "data/sample_inputs/model.pt":
                content = b""  # a pickle, which nothing here needs
            elif re.fullmatch(r"data/(weights/weight|constants/tensor)_\d+", inside) or (
                inside in ("archive_format", "archive_version", "byteorder", ".data/version")
            ):
                content = old.read(name)
            elif inside == ".data/serialization_id":
                continue
            else:
                raise ModelError(
                    f"holds {inside}, which is no part of an exported network; it was not opened",
                    subject=path,
                    remedy="Export it again with torch.export.save and nothing added",
                )
            new.writestr(name, content)
    return result.getvalue()


def _checked_program(program: Any, path: Path) -> Any:
    program["guards_code"] = []  # Python source that the loader would compile
    for key in program["range_constraints"]:
        if not _SYMBOL.fullmatch(key):
            raise _refusal(path, key)
    for key, value in _entries(program["graph_module"]):
        if key == "target" and isinstance(value, str):
            if not _OPERATOR.fullmatch(value) or _TOUCHING_FILES.fullmatch(value):
                raise _refusal(path, value)
        elif key == "expr_str" and not (
            isinstance(value, str) and len(value) < _LONGEST_SIZE and _SIZE.fullmatch(value)
        ):
            raise _refusal(path, str(value))
        elif key in ("in_spec", "out_spec"):
            _check_containers(value, path)
        elif key in ("as_custom_obj", "as_operator", "as_graph") and value is not None:
            raise _refusal(path, key)
        elif key == "metadata" and isinstance(value, dict):
            stack = value.get("nn_module_stack")
            value.clear()
            if isinstance(stack, str):
                value["nn_module_stack"] = stack  # the names of the layers; text
    return program


def _check_containers(spec: Any, path: Path) -> None:
    """Tuples, lists and dicts only: others make the loader import the modules that they name."""
    for key, value in _entries(json.loads(spec)):
        if key == "type" and value not in _CONTAINERS:
            raise _refusal(path, f"a {value}")


def _checked_payloads(content: bytes, path: Path) -> bytes:
    for name, payload in json.loads(content)["config"].items():
        if payload["use_pickle"] or not re.fullmatch(r"(weight|tensor)_\d+", payload["path_name"]):
            raise _refusal(path, f"a pickled part ({name})")
    return content


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value anywhere inside nested JSON, outermost first."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            yield from list(current.items())
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)


def _refusal(path: Path, what: str) -> ModelError:
    return ModelError(
        f"asks for {what[:80]}, which is more than tensor operations; it was not opened",
        subject=path,
        remedy="Export the network again, or save its weights as .safetensors",
    )


def _without_final_probability(program: ExportedProgram) -> str:
    """Take a sigmoid or softmax at the very end off the graph; its name, or ""."""
    output = program.graph.output_node()
    last = output.args[0][0] if isinstance(output.args[0], tuple | list) else None
    undone = _UNDONE.get(str(last.target), "") if isinstance(last, fx.Node) else ""
    if not undone or not isinstance(last, fx.Node):
        return ""
    before = last.args[0]
    assert isinstance(before, fx.Node)
    last.replace_all_uses_with(before)
    program.graph.erase_node(last)
    program.graph_signature.replace_all_uses(last.name, before.name)
    return undone


def _images(program: ExportedProgram, path: Path) -> tuple[int, tuple[int, int, int]]:
    """The fixed number of images, 0 if any number goes, and channels, height, width."""
    wanted = program.graph_signature.user_inputs
    tensors = [
        n.meta["val"] for n in program.graph.nodes if n.op == "placeholder" and n.name in wanted
    ]
    if len(tensors) != 1 or tensors[0].dim() != 4:
        raise ModelError(
            f"takes {len(tensors)} inputs; a diagnostic model takes one, N×C×H×W", subject=path
        )
    sizes = [size if isinstance(size, int) else 0 for size in tensors[0].shape]
    return sizes[0], (sizes[1], sizes[2], sizes[3])


@contextmanager
def _quiet() -> Iterator[None]:
    """The loader logs its own doubts before it raises; the error says it once."""
    logger = logging.getLogger("torch.export")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
