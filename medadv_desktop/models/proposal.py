"""A model card proposed from a model file, with what was guessed and why."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from medadv_desktop.errors import ModelError
from medadv_desktop.models.architectures import TORCHVISION
from medadv_desktop.models.architectures.chexnet import FINDINGS
from medadv_desktop.models.card import AS_IN_FILE, ModelCard, Preprocessing
from medadv_desktop.models.formats import FILE_KINDS, kind_of, read_file
from medadv_desktop.models.formats.contents import Network, Opening, Weights
from medadv_desktop.models.identifying import Identity, identify
from medadv_desktop.models.outputs import recognise

_IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_ALIKE: Final = 0.8
_USUAL_SIDE: Final = 224

Confidence = Literal["certain", "likely", "guess"]


@dataclass(frozen=True)
class Guess:
    """One part of a proposed card: the field, what it became, why, and how sure that is."""

    field: str
    value: str
    reason: str
    confidence: Confidence


@dataclass(frozen=True)
class CardProposal:
    """A card to be looked over and corrected by the user.

    Attributes:
        card: complete and consistent; it can be loaded with `open_model(card, path.parent)`.
        guesses: every field that was worked out, the least certain first.
        notes: what a user should know of the file.
    """

    card: ModelCard
    guesses: tuple[Guess, ...]
    notes: tuple[str, ...] = ()


def propose_card(path: Path, *, allow_code: bool = False) -> CardProposal:
    """Work out a model card from a model file.

    Args:
        allow_code: the user was asked and agreed that a Python file runs.

    Raises:
        ModelError: the file is refused, broken, or like no architecture that is known.
    """
    kind = kind_of(path)
    content = read_file(path, Opening(allow_code=allow_code))
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if isinstance(content, Weights):
        found = _from_weights(content, path)
    else:
        found = _from_network(content, path)
    fields: dict[str, Any] = {
        "id": _identifier(path),
        "name": path.stem.replace("_", " ").replace("-", " ").strip() or "Model",
        "weights": path.name,
        "sha256": digest,
        "source_format": FILE_KINDS[kind].title,
        "conversions": content.notes,
    }
    if kind == "python":
        fields["code_sha256"] = digest
    order: dict[Confidence, int] = {"guess": 0, "likely": 1, "certain": 2}
    guesses = sorted(found.guesses, key=lambda g: order[g.confidence])
    return CardProposal(ModelCard(**fields | found.fields), tuple(guesses), content.notes)


@dataclass(frozen=True)
class _Found:
    fields: dict[str, Any]
    guesses: list[Guess]


def _from_weights(content: Weights, path: Path) -> _Found:
    identity = identify(content.state)
    if identity is None or identity.likeness < _ALIKE or not identity.outputs:
        near = f"; nearest is {identity.architecture}" if identity else ""
        raise ModelError(
            f"holds the weights of no architecture that this program knows{near}",
            subject=path,
            remedy="Export the network itself as .pt2 or ONNX, or write a model card by hand with "
            "the Python file of the network",
        )
    name = _own_name(identity)
    sure: Confidence = "certain" if identity.likeness == 1 else "likely"
    reason = f"{identity.likeness:.0%} of its weights are there with their shapes"
    guesses = [
        Guess("architecture", name, reason, sure),
        Guess("channels", str(identity.channels), "first convolution", "certain"),
    ]
    fields: dict[str, Any] = {"architecture": name, "architecture_options": identity.options}
    chest = name == "chexnet"
    _classes(fields, guesses, identity.outputs, multi_label=chest, chest=chest)
    if identity.channels not in (1, 3):
        raise ModelError(f"takes {identity.channels} channels; grey (1) and RGB (3) are known",
                         subject=path)  # fmt: skip
    side = int(identity.options.get("image_size", 0))
    _input(fields, guesses, name, identity.channels, side, side)
    return _Found(fields, guesses)


def _own_name(identity: Identity) -> str:
    if identity.architecture == "densenet121" and identity.outputs == len(FINDINGS):
        return "chexnet"
    return identity.architecture


def _from_network(content: Network, path: Path) -> _Found:
    said = content.shape or (0, 0, 0)
    channels = said[0] or 3
    if channels not in (1, 3):
        raise ModelError(f"takes {channels} channels; grey (1) and RGB (3) are known", subject=path)
    fields: dict[str, Any] = {"architecture": AS_IN_FILE}
    guesses = [Guess("architecture", AS_IN_FILE, "the file holds the network", "certain")]
    _input(fields, guesses, "", channels, said[1], said[2])
    certain: Confidence = "certain" if said[0] else "guess"
    guesses.append(Guess("channels", str(channels), "first input of the graph", certain))
    trial = ModelCard(id="trial", name=path.name, task="single-label", classes=("a", "b"),
                      weights=path.name, **fields)  # fmt: skip
    network = content.module.eval().requires_grad_(False)
    recognised = recognise(network, trial, torch.device("cpu"))
    kind = content.undone or recognised.reading.kind
    noted = " ".join(recognised.notes)
    sigmoid = kind == "sigmoid" or "the sigmoid" in noted
    multi_label = sigmoid and recognised.outputs > 1
    if content.undone or kind != "logits" or "taken off" in noted:
        what = "sigmoid" if sigmoid else "softmax"
        guesses.append(Guess("outputs", what, f"its last operation is a {what}", "certain"))
    _classes(fields, guesses, recognised.outputs, multi_label=multi_label, chest=False)
    return _Found(fields, guesses)


def _classes(
    fields: dict[str, Any], guesses: list[Guess], outputs: int, *, multi_label: bool, chest: bool
) -> None:
    if outputs == 1:
        fields |= {"task": "single-label", "classes": ("negative", "positive")}
        fields["single_output"] = True
        guesses.append(Guess("classes", "negative, positive", "the head has one output", "guess"))
        return
    names = FINDINGS if chest else tuple(f"class {i}" for i in range(outputs))
    fields["classes"] = names
    fields["task"] = "multi-label" if multi_label else "single-label"
    if multi_label:
        fields["thresholds"] = (0.5,) * outputs
        guesses.append(Guess("thresholds", "0.5", "nothing in the file says", "guess"))
    why = (
        "14 outputs on a DenseNet-121: the findings of ChestX-ray14 in their published order"
        if chest
        else f"the head has {outputs} outputs; the file holds no names"
    )
    guesses.append(Guess("classes", ", ".join(names[:3]) + ", …", why, "guess"))
    reason = "a sigmoid for each output" if multi_label and not chest else why
    guesses.append(Guess("task", fields["task"], reason, "likely" if multi_label else "guess"))


def _input(
    fields: dict[str, Any],
    guesses: list[Guess],
    architecture: str,
    channels: int,
    height: int = 0,
    width: int = 0,
) -> None:
    side, resize_side, reason = _size(architecture)
    confidence: Confidence = (
        "certain" if height and width else "likely" if architecture else "guess"
    )
    if height and width:
        resize_side, reason = None, "input of the graph"
    height, width = height or side, width or side
    fields["preprocessing"] = Preprocessing(
        channels=1 if channels == 1 else 3,
        height=height,
        width=width,
        resize="crop" if resize_side else "stretch",
        resize_side=resize_side,
    )
    guesses.append(Guess("size", f"{height} × {width}", reason, confidence))
    mean, std = _IMAGENET if channels == 3 else ((0.5,), (0.5,))
    fields |= {"mean": mean, "std": std}
    why = "ImageNet's, as most networks of three channels are trained" if channels == 3 else "usual"
    guesses.append(Guess("mean and std", f"{mean}, {std}", why, "guess"))
    guesses.append(Guess("window", "full-range", "nothing in the file says", "guess"))


def _size(architecture: str) -> tuple[int, int | None, str]:
    """Side of the input, shorter side before the crop (None: stretched), and why."""
    if architecture == "chexnet":
        return 224, 256, "CheXNet resizes to 256 and crops 224"
    if architecture in ("inception-v3", "inception_v3"):
        return 299, None, "Inception v3 takes 299 × 299"
    if architecture == "attn-vgg":
        return 224, 256, "AttnVGG resizes to 256 and crops 224"
    if architecture in TORCHVISION:
        from torchvision.models import get_model_weights

        transforms = next(iter(get_model_weights(architecture))).transforms()
        side, resize = transforms.crop_size[0], transforms.resize_size[0]
        return side, max(resize, side), "as torchvision evaluates it"
    return _USUAL_SIDE, None, "the usual size"


def _identifier(path: Path) -> str:
    slug = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")
    return slug or "model"
