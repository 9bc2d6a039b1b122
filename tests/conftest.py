"""Fixtures that several rooms share: a tiny model on disk, small images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SIDE = 32

# Several processes share the cores (pytest -n): each computes with one thread, before torch looks.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a tiny untrained model (card and weights) and return the card's path."""

    def write(
        name: str = "tiny",
        *,
        classes: tuple[str, ...] = ("naevus", "melanoma"),
        multi_label: bool = False,
        channels: int = 1,
        side: int = SIDE,
        seed: int = 0,
        **preprocessing: object,
    ) -> Path:
        import torch
        from safetensors.torch import save

        from medadv_desktop.models.architectures import build_network
        from medadv_desktop.models.card import ModelCard, Preprocessing, write_card

        card = ModelCard(
            id=name,
            name=name.title(),
            architecture="compact-resnet",
            architecture_options={"width": 4},
            task="multi-label" if multi_label else "single-label",
            classes=classes,
            thresholds=(0.5,) * len(classes) if multi_label else (),
            preprocessing=Preprocessing(
                channels=channels, height=side, width=side, **preprocessing
            ),
            mean=(0.5,),
            std=(0.25,),
            weights=f"{name}.safetensors",
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = build_network(card).eval()
        # Undecided about mid-grey, so that every image lies near the boundary.
        with torch.no_grad():
            network.head.bias -= network(torch.zeros(1, channels, side, side))[0]
        content = save(network.state_dict())
        (tmp_path / card.weights).write_bytes(content)
        card = ModelCard(**card.model_dump() | {"sha256": hashlib.sha256(content).hexdigest()})
        path = tmp_path / f"{name}.toml"
        write_card(card, path)
        return path

    return write


@pytest.fixture
def grey_png(tmp_path: Path) -> Path:
    """A 40×48 grey PNG with structure in it."""
    from PIL import Image

    rows, columns = np.mgrid[0:40, 0:48]
    pixels = (128 + 60 * np.sin(rows / 3) + 60 * np.cos(columns / 5)).clip(0, 255)
    path = tmp_path / "grey.png"
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path
