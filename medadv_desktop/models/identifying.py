"""Which architecture a state dict belongs to, from the names and shapes of its weights."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from medadv_desktop.models.architectures import training_only
from medadv_desktop.models.architectures.skeleton import skeleton
from medadv_desktop.models.card import ModelCard, Preprocessing
from medadv_desktop.models.state_dict import fitted

# What a family's names have in common, and the architectures to compare with, likeliest first.
_FAMILIES: Final = (
    (r"conv_block1\.0\.weight$", ("attn-vgg",)),
    (r"Mixed_5b\.", ("inception-v3",)),
    (r"inception3a\.", ("googlenet",)),
    (r"denseblock1\.denselayer1\.", ("densenet121", "densenet161", "densenet169", "densenet201")),
    (r"stage1\.norm1\.", ("compact-resnet",)),
    (
        r"layer1\.0\.conv1\.",
        ("resnet18", "resnet50", "resnet34", "resnet101", "resnet152", "resnext50_32x4d",
         "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
    ),
    (r"trunk_output\.", (*(f"regnet_{kind}_{size}" for kind in "xy" for size in (
        "400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf")), "regnet_y_128gf")),
    (r"stage2\.0\.branch", tuple(f"shufflenet_v2_x{s}" for s in ("0_5", "1_0", "1_5", "2_0"))),
    (r"encoder\.layers\.", ("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14")),
    (r"blocks\.0\.layers\.", ("maxvit_t",)),
    (r"fire|features\.3\.squeeze", ("squeezenet1_0", "squeezenet1_1")),
    (r"layers\.8\.0\.layers\.", ("mnasnet1_0", "mnasnet0_5", "mnasnet0_75", "mnasnet1_3")),
    (r"features\.1\.0\.attn\.logit_scale", ("swin_v2_t", "swin_v2_s", "swin_v2_b")),
    (r"features\.1\.0\.attn\.", ("swin_t", "swin_s", "swin_b")),
    (r"features\.1\.0\.layer_scale", tuple(f"convnext_{s}" for s in ("tiny", "small", "base",
                                                                     "large"))),
    (r"features\.1\.conv\.", ("mobilenet_v2",)),
    (r"features\.12\.0\.weight$|features\.16\.0\.weight$", ("mobilenet_v3_small",
                                                           "mobilenet_v3_large")),
    (r"features\.1\.0\.block\.", tuple(f"efficientnet_b{i}" for i in range(8))
     + tuple(f"efficientnet_v2_{s}" for s in "sml") + ("mobilenet_v3_small",
                                                       "mobilenet_v3_large")),
    (r"features\.\d+\.(weight|running_mean)$", (*(f"vgg{d}{n}" for d in (16, 11, 13, 19)
                                                  for n in ("", "_bn")), "alexnet")),
)  # fmt: skip

# No network has this many classes, so the weights of that size are the head's.
_HEAD: Final = 9973


@dataclass(frozen=True)
class Identity:
    """The architecture nearest to a state dict.

    Attributes:
        architecture, options: as in a card.
        outputs: of the head; 0 where no head was recognised.
        channels: of the input.
        likeness: share of the architecture's weights that are there with their shapes; 1 for all.
    """

    architecture: str
    options: dict[str, int | float | str | bool] = field(default_factory=dict)
    outputs: int = 0
    channels: int = 3
    likeness: float = 0.0


def identify(state: Mapping[str, Tensor]) -> Identity | None:
    """The nearest architecture that this program knows; None where nothing is like it."""
    best: Identity | None = None
    for pattern, names in _FAMILIES:
        if not any(re.search(pattern, key) for key in state):
            continue
        for name in names:
            candidate = _compared(name, state)
            if best is None or candidate.likeness > best.likeness:
                best = candidate
            if best.likeness == 1:
                return best
    return best if best is not None and best.likeness > 0 else None


def _compared(name: str, state: Mapping[str, Tensor]) -> Identity:
    options = _options(name, state)
    card = ModelCard(
        id="candidate",
        name=name,
        architecture=name,
        architecture_options=options,
        task="single-label",
        classes=tuple(map(str, range(_HEAD))),
        preprocessing=Preprocessing(),
        weights="candidate",
    )
    wanted = skeleton(card).state_dict()
    auxiliary = training_only(card)
    found = fitted(state, wanted).state
    kept = [key for key in wanted if not key.startswith(auxiliary or ("\0",))]
    first = next(key for key in kept if wanted[key].dim() == 4)
    outputs, alike = 0, 0
    for key in kept:
        have, want = found.get(key), wanted[key]
        if have is None:
            continue
        if _HEAD in want.shape:
            if have.shape[1:] == want.shape[1:]:
                outputs, alike = have.shape[0], alike + 1
        elif have.shape == want.shape or (key == first and _same_but_channels(have, want)):
            alike += 1
    unknown = sum(key not in wanted for key in found)
    channels = found[first].shape[1] if first in found and found[first].dim() == 4 else 3
    likeness = alike / (len(kept) + unknown)
    return Identity(name, options, outputs, channels, likeness)


def _same_but_channels(have: Tensor, want: Tensor) -> bool:
    return have.dim() == 4 and have.shape[0] == want.shape[0] and have.shape[2:] == want.shape[2:]


def _options(name: str, state: Mapping[str, Tensor]) -> dict[str, int | float | str | bool]:
    if name == "compact-resnet":
        stem = next((v for k, v in state.items() if k.endswith("stem.3.weight")), None)
        return {"width": int(stem.shape[0])} if stem is not None else {}
    places = next((v for k, v in state.items() if k.endswith("encoder.pos_embedding")), None)
    if name.startswith("vit_") and places is not None:
        # One place for each patch of the square input, and one for the class token.
        return {"image_size": math.isqrt(places.shape[1] - 1) * int(name.rpartition("_")[2])}
    return {}
