"""A model card proposed from a model file, with what was guessed and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.architectures import TORCHVISION
from medadv_desktop.models.architectures.chexnet import FINDINGS
from medadv_desktop.models.card import AS_IN_FILE, ModelCard, Preprocessing
from medadv_desktop.models.formats import FILE_KINDS, kind_of, read_file
from medadv_desktop.models.formats.contents import Network, Opening, Weights
from medadv_desktop.models.hashing import file_sha256
from medadv_desktop.models.identifying import Identity, identify
from medadv_desktop.models.outputs import Recognised, recognise

_IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_ALIKE: Final = 0.8
_USUAL_SIDE: Final = 224
_MOST_CLASSES: Final = 50_000
# Of networks that do not say their input, in the order in which they are tried.
_SIDES: Final = (224, 299, 256, 384, 512, 128, 64, 32, 28)

Confidence = Literal["certain", "likely", "guess"]


_GUESS: Final[Confidence] = "guess"
_CERTAIN: Final[Confidence] = "certain"


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


def propose_card(
    path: Path,
    *,
    allow_code: bool = False,
    shape: tuple[int, int, int] | None = None,
    token: CancelToken | None = None,
) -> CardProposal:
    """Work out a model card from a model file.

    Args:
        shape: channels, height, width of the input of a network that does not say it; None tries
            the usual ones.
        allow_code: the user was asked and agreed that a Python file runs.

    Raises:
        ModelError: the file is refused, broken, or like no architecture that is known.
        JobCancelled: the token was cancelled.
    """
    kind = kind_of(path)
    content = read_file(path, Opening(allow_code=allow_code))
    if isinstance(content, Weights):
        found = _from_weights(content, path)
    else:
        found = _from_network(content, path, shape)
    digest = file_sha256(path, token)
    fields: dict[str, Any] = {
        "id": _identifier(path),
        "name": re.sub(r"[_-]+", " ", _bare_name(path)).strip() or "Model",
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
    _refuse_many(identity.outputs, path)
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


def _from_network(content: Network, path: Path, shape: tuple[int, int, int] | None) -> _Found:
    said = content.shape or (0, 0, 0)
    if said[0] not in (0, 1, 3):
        raise ModelError(f"takes {said[0]} channels; grey (1) and RGB (3) are known", subject=path)
    network = content.module.eval().requires_grad_(False)
    refusal: ModelError | None = None
    for trial in (shape,) if shape else _shapes_to_try(said):
        fields: dict[str, Any] = {"architecture": AS_IN_FILE}
        guesses = [Guess("architecture", AS_IN_FILE, "the file holds the network", "certain")]
        _network_input(fields, guesses, said, trial, shape is not None)
        card = ModelCard(id="trial", name=path.name, task="single-label", classes=("a", "b"),
                         weights=path.name, **fields)  # fmt: skip
        try:
            recognised = recognise(network, card, torch.device("cpu"))
        except ModelError as error:
            refusal = refusal or error
            continue
        _refuse_many(recognised.outputs, path)
        _network_outputs(content, recognised, fields, guesses)
        return _Found(fields, guesses)
    assert refusal is not None
    if shape or all(said):
        raise refusal
    raise ModelError(
        f"does not say what input it takes, and takes none of the usual ones ({refusal.reason})",
        subject=path,
        remedy="Say channels, height and width of its input",
    )


def _shapes_to_try(said: tuple[int, int, int]) -> tuple[tuple[int, int, int], ...]:
    """Inputs that fit what a file says (0: nothing), the likeliest first."""
    sides = ((said[1], said[2]),) if all(said[1:]) else tuple((s, s) for s in _SIDES)
    return tuple(
        (said[0] or channels, said[1] or height, said[2] or width)
        for height, width in sides
        for channels in ((said[0],) if said[0] else (3, 1))
    )


def _network_input(
    fields: dict[str, Any],
    guesses: list[Guess],
    said: tuple[int, int, int],
    trial: tuple[int, int, int],
    as_told: bool,
) -> None:
    """Size and channels of a network, and where they are from."""
    channels, height, width = trial
    _input(fields, guesses, "", channels, height, width)
    guesses[:] = [guess for guess in guesses if guess.field != "size"]
    for field, value, known in (
        ("size", f"{height} × {width}", all(said[1:])),
        ("channels", str(channels), bool(said[0])),
    ):
        reason, sure = "the first of the usual ones that the network takes", _GUESS
        if known:
            reason, sure = "first input of the graph", _CERTAIN
        elif as_told:
            reason, sure = "as you said, and the network takes it", _CERTAIN
        guesses.append(Guess(field, value, reason, sure))


def _network_outputs(
    content: Network, recognised: Recognised, fields: dict[str, Any], guesses: list[Guess]
) -> None:
    """Task and classes from what the network gives."""
    kind = content.undone or recognised.reading.kind
    noted = " ".join(recognised.notes)
    sigmoid = kind == "sigmoid" or "the sigmoid" in noted
    multi_label = sigmoid and recognised.outputs > 1
    if content.undone or kind != "logits" or "taken off" in noted:
        what = "sigmoid" if sigmoid else "softmax"
        guesses.append(Guess("outputs", what, f"its last operation is a {what}", "certain"))
    _classes(fields, guesses, recognised.outputs, multi_label=multi_label, chest=False)


def _refuse_many(outputs: int, path: Path) -> None:
    if outputs > _MOST_CLASSES:
        raise ModelError(
            f"has {outputs:,} outputs; classifiers of up to {_MOST_CLASSES:,} classes are read",
            subject=path,
        )


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
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    guesses.append(Guess("classes", shown, why, "guess"))
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
        from torchvision import models

        transforms = next(iter(models.get_model_weights(architecture))).transforms()
        side, resize = transforms.crop_size[0], transforms.resize_size[0]
        return side, max(resize, side), "as torchvision evaluates it"
    return _USUAL_SIDE, None, "the usual size"


def _identifier(path: Path) -> str:
    slug = re.sub(r"[^a-z0-9._-]+", "-", _bare_name(path).lower()).strip("-._")
    return slug or "model"


def _bare_name(path: Path) -> str:
    """The file's name without the ends that name its kind; `.pth.tar` is a usual one."""
    ends = {end for kind in FILE_KINDS.values() for end in kind.suffixes}
    name = path
    while name.suffix.lower() in ends:
        name = name.with_suffix("")
    return name.name
