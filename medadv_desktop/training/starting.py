"""What a training begins with: the data set opened and cut, the network made or loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from medadv_desktop.audit.matching import ClassMatch, match_classes
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.splitting import split
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.errors import DatasetError, ModelError
from medadv_desktop.jobs import CancelToken, Emit, Message
from medadv_desktop.models.architectures import ARCHITECTURES, build_network, training_only
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.loading import load_model
from medadv_desktop.models.outputs import tried
from medadv_desktop.seeds import sample_seed
from medadv_desktop.training.recipe import Recipe, TrainedModel


@dataclass(frozen=True, eq=False)
class OpenedData:
    """The samples of a training; nothing of their images is in memory."""

    whole: Dataset
    train: Dataset
    val: Dataset


def open_data(recipe: Recipe, token: CancelToken, emit: Emit) -> OpenedData:
    """Open and cut the data set of a recipe.

    Raises:
        DatasetError: not to be opened, a part of it is empty, or both parts share samples.
        JobCancelled: the token was cancelled.
    """
    data = recipe.data
    whole = open_dataset(data.path, data.options, token, emit)
    if data.split is not None:
        whole = split(whole, data.split)
    train = _part(whole, data.train, "data.train")
    val = _part(whole, data.val, "data.val")
    shared = set(train.indices.tolist()) & set(val.indices.tolist())
    if shared:
        raise DatasetError(
            f"{len(shared)} samples are both learned from and judged by",
            subject="data.val",
            remedy="Choose parts that have no sample in common",
        )
    people = _patients(train) & _patients(val)
    if people:
        emit(
            Message(
                f"{len(people)} patients are both in the training and in the validation part: "
                "scores will look better than they are; split by patient",
                "warning",
            )
        )
    return OpenedData(whole, train, val)


def _part(whole: Dataset, subset: Subset, field: str) -> Dataset:
    try:
        return subset.apply(whole)
    except DatasetError as error:
        raise DatasetError(
            error.reason,
            subject=field,
            remedy="Name a split that the set has, or have it split anew by a [data.split] table",
        ) from None


def _patients(dataset: Dataset) -> set[str]:
    patients = dataset.columns.patients
    return {patients[row] for row in dataset.indices.tolist()} - {""}


def make_model(recipe: Recipe, dataset: Dataset, device: torch.device) -> DiagnosticModel:
    """The untrained or loaded network, with the card of the model to be made.

    Raises:
        ModelError: the base cannot be loaded, or not be trained further.
        DatasetError: the data set does not fit the base, or has too few classes.
    """
    asked = recipe.model
    if asked.base:
        return _based(asked, device)
    if len(dataset.classes) < 2:
        raise DatasetError(
            f"has {len(dataset.classes)} class; there is nothing to tell apart",
            subject=dataset.name,
            remedy="Open it with other label columns or classes",
        )
    many = dataset.task == "multi-label"
    card = ModelCard(
        id=asked.id,
        name=asked.name or asked.id,
        architecture=asked.architecture,
        architecture_options=asked.architecture_options,
        task=dataset.task,
        classes=dataset.classes,
        thresholds=(0.5,) * len(dataset.classes) if many else (),
        preprocessing=asked.preprocessing,
        mean=asked.mean,
        std=asked.std,
        weights=f"{asked.id}.safetensors",
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(sample_seed(recipe.seed, 0, "weights"))
        network = build_network(card)
    for part in training_only(card):
        setattr(network, part, None)
        network.aux_logits = False  # type: ignore[assignment]  # torchvision's own switch
    reading = tried(network.eval(), card, torch.device("cpu")).reading
    return DiagnosticModel(network, card, reading=reading).to(device)


def _based(asked: TrainedModel, device: torch.device) -> DiagnosticModel:
    base = load_model(asked.base, device)
    card = base.card
    if card.code or card.architecture not in ARCHITECTURES or not base.white_box:
        raise ModelError(
            "holds a network of its own; only architectures that are known by name can be trained",
            subject=card.name,
            remedy="Train from the weights of a known architecture (medadv models)",
        )
    changed = {
        "id": asked.id,
        "name": asked.name or asked.id,
        "weights": f"{asked.id}.safetensors",
        "sha256": "",
        "figures": (),
        "companions": {},
        "source_format": "",
        "provenance": f"trained on from {card.id}",
    }
    new = ModelCard(**card.model_dump() | changed)
    return DiagnosticModel(base.network, new, reading=base.reading).to(device)


def class_match(recipe: Recipe, dataset: Dataset, card: ModelCard) -> ClassMatch:
    """Which class of the data set is which of the model.

    Raises:
        DatasetError: they do not match.
    """
    return match_classes(dataset, card, by_order=recipe.data.match_order or not recipe.model.base)


def choose_weights(network: nn.Module, asked: TrainedModel) -> None:
    """Gradients for the weights that learn, and for no others.

    Raises:
        ModelError: none would learn.
    """
    network.requires_grad_(asked.trained == "all")
    for block in _learning_blocks(network, asked):
        block.requires_grad_(True)
    if not any(w.requires_grad for w in network.parameters()):
        raise ModelError("no weights would learn", subject="model.trained")


def train_mode(network: nn.Module, asked: TrainedModel) -> None:
    """Train mode, but for blocks that do not learn and for batch norms that are frozen."""
    network.train(asked.trained == "all")
    for block in _learning_blocks(network, asked):
        block.train()
    if asked.batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def _learning_blocks(network: nn.Module, asked: TrainedModel) -> list[nn.Module]:
    if asked.trained == "all":
        return []
    count = 1 if asked.trained == "head" else asked.last_blocks
    return [block for block in _blocks(network) if any(True for _ in block.parameters())][-count:]


def _blocks(network: nn.Module) -> Iterator[nn.Module]:
    """The children of a network, sequences of layers unfolded."""
    for child in network.children():
        if isinstance(child, nn.Sequential):
            yield from _blocks(child)
        else:
            yield child


def labels_by(match: ClassMatch) -> Callable[..., tuple[int, ...] | None]:
    """For `inputs_at_hand`: a sample's labels in the model's classes, None where unknown."""
    return lambda sample: match.label(sample.labels)
