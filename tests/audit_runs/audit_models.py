"""The tiny model of the tests in a folder of its own, for fixtures of a whole module."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save

from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import ModelCard, Preprocessing, write_card


def write_tiny(folder: Path, *, multi_label: bool) -> Path:
    """Write an untrained network of two classes or findings; the path of its card."""
    card = ModelCard(
        id="tiny",
        name="Tiny",
        architecture="compact-resnet",
        architecture_options={"width": 4},
        task="multi-label" if multi_label else "single-label",
        classes=("naevus", "melanoma"),
        thresholds=(0.5, 0.5) if multi_label else (),
        preprocessing=Preprocessing(channels=1, height=32, width=32),
        mean=(0.5,),
        std=(0.25,),
        weights="tiny.safetensors",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(card).eval()
    with torch.no_grad():  # undecided about mid-grey
        network.head.bias -= network(torch.zeros(1, 1, 32, 32))[0]
    (folder / card.weights).write_bytes(save(network.state_dict()))
    path = folder / "tiny.toml"
    write_card(card, path)
    return path
