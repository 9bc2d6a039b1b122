"""A TorchScript program (`torch.jit.save`)."""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.formats.contents import Network, Opening, refusing

# TorchScript cannot run Python, but these operations touch files; and operators of other libraries
# would be whatever is installed here.
_FILES = re.compile(r"\b(torch|ops\.aten)\.(save|load|from_file)\b")
_OPERATORS = re.compile(r"\bops\.(\w+)\.")
_KNOWN = frozenset({"aten", "prim", "prims", "torchvision", "quantized", "mkldnn"})


class Program(nn.Module):
    """A TorchScript program inside a module that can be hooked; its own parts cannot."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, images: Tensor) -> object:
        return self.program(images)


def read(path: Path, opening: Opening) -> Network:
    """The program as a network on the opening's device; its inner layers cannot be read.

    Raises:
        ModelError: broken, or its code touches files or foreign operators.
    """
    with refusing(path, "TorchScript program"), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if "/code/" in f"/{name}" and name.endswith(".py"):
                _check(archive.read(name).decode("utf-8"), path)
    with refusing(path, "TorchScript program"), warnings.catch_warnings():
        # torch.jit.load says that torch.export is its successor; files of both are around.
        warnings.simplefilter("ignore")
        load: Any = torch.jit.load
        module: nn.Module = load(path, map_location=opening.device)
        half = any(p.dtype in (torch.float16, torch.bfloat16) for p in module.parameters())
        if half:
            module = module.float()
    notes = ("half precision was converted to 32 bits",) if half else ()
    return Network(Program(module), notes=notes)


def _check(code: str, path: Path) -> None:
    touching = _FILES.search(code)
    foreign = next((m for m in _OPERATORS.finditer(code) if m[1] not in _KNOWN), None)
    found = touching or foreign
    if found:
        raise ModelError(
            f"is a TorchScript program that uses {found[0].rstrip('.')}; it was not opened",
            subject=path,
            remedy="Export the network without it, or save its weights as .safetensors",
        )
