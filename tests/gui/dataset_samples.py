"""Small labelled sets, and an engine that has an opinion of each."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from medadv_desktop.audit.requests import ManyPredictions, Prediction, PredictManyRequest, Request
from medadv_desktop.jobs import CancelToken, Emit
from tests.gui.conftest import CARDS, FakeEngine

SHARED = Path(__file__).parents[3] / "shared" / "data" / "pneumoniamnist.npz"


def image(path: Path, seed: int, grey: int | None = None) -> Path:
    """An 8×6 grey PNG: noise by `seed`, or one grey throughout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8), np.uint8)
    pixels = noise if grey is None else np.full((6, 8), grey, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def class_folders(root: Path, classes: Iterable[str] = ("melanoma", "naevus")) -> Path:
    """Four images of each class; those of the n-th class are n × 100 grey at their first pixel."""
    for number, name in enumerate(classes):
        for k in range(4):
            image(root / name / f"{k}.png", seed=0, grey=100 * number + k)
    return root


def manifest(root: Path) -> Path:
    """A table whose label column is not called so, with one patient in two splits, a missing image
    (row 4), and a copy of an image (row 7 of row 2).
    """
    lines = ["file,person,group,verdict,part"]
    rows = (
        ("a.png", "p1", "x", "melanoma", "train"),
        ("b.png", "p1", "x", "naevus", "test"),
        ("gone.png", "p2", "x", "naevus", "train"),
        ("c.png", "p3", "y", "melanoma", "test"),
        ("d.png", "p4", "y", "naevus", "train"),
        ("copy.png", "p5", "y", "melanoma", "train"),
    )
    for number, row in enumerate(rows):
        lines.append(",".join(row))
        if row[0] != "gone.png":
            image(root / row[0], seed=0 if row[0] == "copy.png" else number)
    path = root / "list.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def npz(path: Path, count: int = 6) -> Path:
    """An archive in MedMNIST's layout: alternating labels, image k is k grey throughout."""
    arrays = {}
    for split in ("train", "val", "test"):
        images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 5, 5), np.uint8)
        arrays[f"{split}_images"] = images
        arrays[f"{split}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    np.savez(path, **arrays)
    assert zipfile.is_zipfile(path)
    return path


def until(qtbot, condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    qtbot.waitUntil(lambda: bool(condition()))


class GreyReader(FakeEngine):
    """Calls an image by its brightness: class 0 below 50, class 1 from there on."""

    def run(self, request: Request, emit: Emit, token: CancelToken) -> object:
        if not isinstance(request, PredictManyRequest):
            return super().run(request, emit, token)
        self.requests.append(request)
        if self.error is not None and isinstance(request, self.error_for):
            raise self.error
        card = CARDS[request.model]
        found = [self._of(card, int(frame.stored.flat[0] >= 50)) for frame in request.frames]
        return ManyPredictions(request, tuple(found))

    def _of(self, card, decided: int) -> Prediction:
        return self._prediction(card, decided)
