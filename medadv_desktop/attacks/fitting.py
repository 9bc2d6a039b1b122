"""Whether an attack fits a model, as far as that can be said without the network. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from medadv_desktop.errors import AttackError

if TYPE_CHECKING:
    from medadv_desktop.attacks.attack import Attack
    from medadv_desktop.models.card import ModelCard


class Fittable(Protocol):
    """What must be known of a model: a `DiagnosticModel` will do, and so will `ModelFacts`."""

    @property
    def card(self) -> ModelCard:
        """Task, classes and input."""

    @property
    def white_box(self) -> bool:
        """Gradients pass through it."""


@dataclass(frozen=True)
class ModelFacts:
    """A model that is not at hand, by what is known of it."""

    card: ModelCard
    white_box: bool = True


def need_gradients(model: Fittable) -> None:
    """Refuse a white-box attack on a model that gives scores alone.

    Raises:
        AttackError: no gradient passes through the network.
    """
    if not model.white_box:
        raise AttackError(
            f"{model.card.name} gives scores but no gradients, which this attack follows",
            subject="model",
            remedy="Choose a model whose weights are at hand (safetensors, checkpoint, .pt2), or "
            "an attack by scores or decisions",
        )


def need_task(attack: Attack | type[Attack], model: Fittable) -> None:
    """Refuse an attack on a kind of model that it has no meaning for.

    Raises:
        AttackError: the model is of another task.
    """
    if model.card.task not in attack.tasks:
        raise AttackError(
            f"{attack.title} is for {' and '.join(attack.tasks)} models; {model.card.name} is "
            f"{model.card.task}",
            subject=f"attack {attack.name}",
            remedy="Choose an attack that fits the model: PGD fits every one with gradients",
        )


def need_file(path: str, subject: str, what: str, remedy: str) -> None:
    """Refuse an attack whose file was not named, or is not there.

    Args:
        subject: the field that names it.
        what: "trained generator", in the words of the message.
        remedy: where such a file comes from.

    Raises:
        AttackError: there is no such file.
    """
    if not path:
        raise AttackError(f"no {what} is chosen", subject=subject, remedy=remedy)
    if not Path(path).is_file():
        raise AttackError(f"there is no file {path}", subject=subject, remedy=remedy)


def why_not(attack: type[Attack], model: Fittable) -> str:
    """Why no attack of this kind can be run on a model, in a few words; "" where one can."""
    if model.card.task not in attack.tasks:
        return f"is for {' and '.join(attack.tasks)} models, not for {model.card.task} ones"
    if attack.knowledge == "white-box" and not model.white_box:
        return "needs gradients, which this model does not give"
    return ""
