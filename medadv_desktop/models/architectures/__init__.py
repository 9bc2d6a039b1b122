"""Networks by name. Adding one: a file here with a `build` function, and an entry below.

The names are readable without torch.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from medadv_desktop.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

    from medadv_desktop.models.card import ModelCard

Build = Callable[["ModelCard"], "nn.Module"]

OWN: Mapping[str, str] = {
    "attn-vgg": "attn_vgg",
    "inception-v3": "inception_v3",
    "chexnet": "chexnet",
    "compact-resnet": "compact_resnet",
}

# The classification networks of torchvision; written out so that they are known without it.
TORCHVISION: tuple[str, ...] = tuple(
    """
    alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161
    densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
    efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l
    efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5 mnasnet0_75
    mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf
    regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf
    regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf
    regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50 resnext101_32x8d
    resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
    shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s
    swin_v2_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32
    vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2 wide_resnet50_2
    """.split()  # noqa: SIM905  # eighty names read better in lines
)

ARCHITECTURES: Mapping[str, str] = {
    **OWN,
    **dict.fromkeys(TORCHVISION, "torchvision_models"),
}


def build_network(card: ModelCard) -> nn.Module:
    """The untrained network that a card describes.

    Raises:
        ModelError: unknown architecture, or options it does not take.
    """
    build: Build = _module(card).build
    try:
        return build(card)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"the architecture options of {card.name} do not fit ({error})",
            subject=card.architecture,
        ) from None


def training_only(card: ModelCard) -> tuple[str, ...]:
    """Names of the parts that the architecture uses in training alone (auxiliary heads)."""
    return getattr(_module(card), "TRAINING_ONLY", ())


def _module(card: ModelCard):  # type: ignore[no-untyped-def]  # a module of this package
    module = ARCHITECTURES.get(card.architecture)
    if module is None:
        near = difflib.get_close_matches(card.architecture, ARCHITECTURES, 3, 0.5)
        hint = f"Nearest are: {', '.join(near)}. " if near else ""
        raise ModelError(
            f"the architecture of {card.name} is not known to this program",
            subject=card.architecture,
            remedy=f"{hint}Known are: {', '.join(OWN)} and the {len(TORCHVISION)} classification "
            "networks of torchvision by its names",
        )
    return import_module(f"{__name__}.{module}")
