"""Train the two small models of docs/pneumonia/plan.toml on pneumoniamnist.npz.

    python scripts/pneumonia_models.py ARCHIVE.npz --into docs/pneumonia/models

One is trained as usual, one adversarially (PGD, Madry et al., ICLR 2018). Deterministic given the
seed (one thread), on one machine and one release of torch.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save

from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.files import write_atomically
from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import ModelCard, Preprocessing, write_card
from medadv_desktop.models.diagnostic import DiagnosticModel

SEED, BATCH, EPOCHS, RATE = 1, 64, 6, 3e-3
ADVT = PGD(epsilon=8 / 255, step_size=2 / 255, steps=7, stop_when_beaten=False)


def train(name: str, archive: Path, folder: Path, attack: PGD | None) -> None:
    """Train one model on the train split; write weights and card."""
    torch.manual_seed(SEED)
    with np.load(archive) as arrays:
        images = torch.from_numpy(arrays["train_images"].astype(np.float32) / 255)[:, None]
        labels = torch.from_numpy(arrays["train_labels"].astype(np.int64).reshape(-1))
    card = ModelCard(
        id=f"pneumonia-{name}",
        name=f"Pneumonia, {name}",
        architecture="compact-resnet",
        architecture_options={"width": 16},
        task="single-label",
        classes=("normal", "pneumonia"),
        preprocessing=Preprocessing(channels=1, height=28, width=28),
        mean=(0.5,),
        std=(0.25,),
        weights=f"pneumonia-{name}.safetensors",
        training="python scripts/pneumonia_models.py",
    )
    model = DiagnosticModel(build_network(card), card)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-2)
    batches = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=RATE, total_steps=batches * EPOCHS, pct_start=0.2
    )
    generator = torch.Generator().manual_seed(SEED)
    # Far more pneumonia than normal: each class counts the same.
    weights = len(labels) / (2 * torch.bincount(labels).float())
    for epoch in range(EPOCHS):
        order = torch.randperm(len(labels), generator=generator)
        total = 0.0
        for start in range(0, batches * BATCH, BATCH):
            chosen = order[start : start + BATCH]
            batch, truth = images[chosen], labels[chosen]
            if attack is not None:
                batch = attack.run(
                    model, batch, truth, Untargeted(), seed=epoch, sample_ids=chosen.tolist()
                ).adversarial
            model.train()
            loss = F.cross_entropy(model(batch), truth, weight=weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"{name}: epoch {epoch + 1}/{EPOCHS}  loss {total / batches:.4f}", flush=True)
    content = save({k: v.contiguous() for k, v in model.network.state_dict().items()})
    write_atomically(folder / card.weights, content)
    digest = hashlib.sha256(content).hexdigest()
    write_card(ModelCard(**card.model_dump() | {"sha256": digest}), folder / f"{card.id}.toml")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--into", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train("standard", options.archive, options.into, None)
    train("advt", options.archive, options.into, ADVT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
