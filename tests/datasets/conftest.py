"""Small images, tables and folders; digests are never remembered in the user's own cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

WriteImage = Callable[..., Path]
WriteTable = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *a, **k: str(folder))
    return folder


@pytest.fixture
def write_image(tmp_path: Path) -> WriteImage:
    """Write a grey (or RGB) image that differs by `seed`; the suffix decides the format."""

    def write(
        name: str, seed: int = 0, size: tuple[int, int] = (6, 5), color: bool = False
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (*size, 3) if color else size
        pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write lines as a text table."""

    def write(
        name: str, lines: Iterable[str], encoding: str = "utf-8", newline: str = "\n"
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("".join(line + newline for line in lines).encode(encoding))
        return path

    return write
