"""Packages with circles of imports inside, met by several threads at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import medadv_desktop

CIRCULAR = {"pydicom", "torch", "torchvision"}
"""Their modules import each other. Nothing of them is loaded before the window is on screen."""


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)


@pytest.mark.parametrize("package", sorted(CIRCULAR))
def test_that_a_package_is_imported_whole_before_its_parts(package):
    # Of two threads, the one that asks for a part while the other is still at the whole would
    # get a half-made module, and "cannot import name". Asking for the whole waits.
    root = Path(medadv_desktop.__file__).parent
    early = []
    for path in sorted(root.rglob("*.py")):
        found = [(m, n) for m, n in _imports(ast.parse(path.read_text("utf-8")))]
        whole = min((n for m, n in found if m == package), default=10**9)
        early += [
            f"{path.relative_to(root)}:{n}: {m}"
            for m, n in found
            if m.startswith(f"{package}.") and n < whole
        ]
    assert not early
