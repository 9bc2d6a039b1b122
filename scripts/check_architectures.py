"""Load, predict, tap and attack every known architecture once, with random weights.

    python scripts/check_architectures.py                 all of them (minutes, up to 3 GB)
    python scripts/check_architectures.py resnet18 vit_b_16

Each is written as a checkpoint with prefixed names, a card is proposed from the file alone, the
model is loaded through it, predicts one image, gives one layer's maps and takes one FGSM step.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import torch

from medadv_desktop.attacks.gradient.fgsm import FGSM
from medadv_desktop.attacks.objectives import FlipAll, Untargeted
from medadv_desktop.models.architectures import ARCHITECTURES, build_network
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.loading import open_model
from medadv_desktop.models.proposal import propose_card

CLASSES = ("a", "b", "c")


def main(names: list[str]) -> int:
    """Check the named architectures, or all; the number of those that failed."""
    failed = 0
    for name in names or list(ARCHITECTURES):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            try:
                said = check(name, Path(folder))
            except Exception as error:
                failed += 1
                said = f"FAILED: {type(error).__name__}: {error}"
        print(f"{name:24} {time.perf_counter() - began:6.1f} s  {said}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(names or ARCHITECTURES)} checked, {failed} failed, peak memory {peak:.1f} GB")
    return failed


def check(name: str, folder: Path) -> str:
    """One line on what came out.

    Raises:
        AssertionError: logits differ from the network's own, a tap is missing, nothing changed.
    """
    torch.manual_seed(0)
    network = random_network(name).eval()
    scale_head(network, name)
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 1}, folder / "net.pth")
    del state
    proposal = propose_card(folder / "net.pth")
    model = open_model(proposal.card, folder)
    shape = proposal.card.input_shape
    image = torch.rand(1, *shape)
    with torch.no_grad():
        expected = network((image - model.mean) / model.std)
    parameters = sum(p.numel() for p in network.parameters())
    del network
    layers = model.spatial_layers()
    with torch.no_grad(), model.tap((layers[0], layers[-1])) as outputs:
        logits = model(image)
    assert torch.equal(logits, expected), "logits differ from the network's own"
    assert len(outputs) == len({layers[0], layers[-1]}), "a tap is missing"
    goal = FlipAll() if proposal.card.multi_label else Untargeted()
    result = FGSM(epsilon=4 / 255).run(model, image, model.decisions(logits), goal)
    change = float((result.adversarial - image).abs().max())
    assert 0 < change <= 4 / 255 + 1e-6, f"FGSM changed the image by {change}"
    return (
        f"{proposal.card.architecture}, {parameters / 1e6:.1f} M parameters, "
        f"{'×'.join(map(str, shape))}, {len(layers)} layers with maps, FGSM {change * 255:.2f}/255"
    )


def random_network(name: str) -> torch.nn.Module:
    """The architecture for three classes, with random weights and its usual input."""
    card = ModelCard(
        id="net",
        name=name,
        architecture=name,
        task="single-label",
        classes=CLASSES,
        preprocessing=Preprocessing(),
        weights="net.pth",
    )
    network = build_network(card)
    for value in network.parameters():
        if not value.any() and value.dim() == 2:
            torch.nn.init.normal_(value, std=0.02)  # ViT starts with a head of zeros
    return network


def scale_head(network: torch.nn.Module, name: str) -> None:
    """Logits of about 1: where random weights give millions, no probability has a gradient."""
    side = 299 if "inception" in name else 256 if "swin_v2" in name else 224
    with torch.no_grad():
        largest = float(network(torch.randn(1, 3, side, side)).abs().max())
        heads = [p for n, p in network.named_parameters() if len(p) == len(CLASSES) and "." in n]
        for value in heads[-2:]:
            value.div_(max(largest, 1e-3))


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
