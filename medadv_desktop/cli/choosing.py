"""From words on the command line to attacks, goals and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from medadv_desktop.errors import SettingsError

if TYPE_CHECKING:
    from medadv_desktop.attacks.attack import Precision


def assignments(texts: list[str] | None) -> dict[str, object]:
    """Values by field from texts like "steps=20".

    Raises:
        SettingsError: a text is not of that form.
    """
    values: dict[str, object] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(
                "is not of the form field=value", subject=text, remedy="Write --set steps=20"
            )
        values[name.strip()] = value.strip()
    return values


def attack_of(name: str, eps: str, settings: list[str] | None) -> Any:
    """The attack of a name, with a budget ("": its own) and `field=value` texts.

    Raises:
        SettingsError: no such attack or field, or a value outside what the field allows.
    """
    from medadv_desktop.attacks.registry import make_attack

    budget: dict[str, object] = {"epsilon": eps} if eps else {}
    return make_attack(name, budget | assignments(settings))


def attack_or_preset(name: str, preset: str, eps: str, settings: list[str] | None) -> Any:
    """The attack of a name or of a preset, whichever was said.

    Raises:
        SettingsError: both were said; or as `attack_of` and `preset_of`.
    """
    if name and preset:
        raise SettingsError(
            "is said beside --attack", subject="--preset", remedy="Choose one of the two"
        )
    return preset_of(preset, eps, settings) if preset else attack_of(name, eps, settings)


def preset_of(name: str, eps: str, settings: list[str] | None) -> Any:
    """The attack of a preset; what is said besides takes the place of its values.

    Raises:
        SettingsError: no such preset or field, or a value outside what the field allows.
    """
    from medadv_desktop.attacks.presets import PRESETS
    from medadv_desktop.attacks.registry import make_attack

    preset = next((known for known in PRESETS if known.name == name), None)
    if preset is None:
        raise SettingsError(
            "there is no preset of that name",
            subject=name,
            remedy=f"Name one of {', '.join(known.name for known in PRESETS)}",
        )
    budget: dict[str, object] = {"epsilon": eps} if eps else {}
    return make_attack(preset.attack, {**preset.values, **budget, **assignments(settings)})


def precision_of(name: str) -> Precision:
    """The precision of a search by its name.

    Raises:
        SettingsError: there is none of that name.
    """
    from medadv_desktop.attacks.attack import Precision

    chosen: Precision | None = next((k for k in get_args(Precision) if k == name), None)
    if chosen is None:
        raise SettingsError(
            f"{name} is none", subject="--precision", remedy="Choose exact, float32 or mixed"
        )
    return chosen


def objective_of(
    card: Any, goal: str, names: list[str] | None, settings: list[str] | None = None
) -> Any:
    """The goal of a name, checked against the model; classes or findings by name or index.

    Raises:
        SettingsError: no such goal, field, class or finding, or too many of them.
        AttackError: it does not fit the model.
    """
    from medadv_desktop.attacks.objectives import INDEX_FIELDS
    from medadv_desktop.attacks.registry import OBJECTIVES, make_objective

    values = assignments(settings)
    indices = [class_index(card, name) for name in names or []]
    fields = OBJECTIVES[goal].model_fields if goal in OBJECTIVES else {}
    field = next((name for name in INDEX_FIELDS if name in fields), "")
    if field == "findings":
        values[field] = indices
    elif field:
        if len(indices) != 1:
            raise SettingsError(f"the goal {goal} takes exactly one", subject="--to")
        values[field] = indices[0]
    elif names and goal in OBJECTIVES:
        raise SettingsError(f"the goal {goal} takes no class or finding", subject="--to")
    objective = make_objective(goal, values)
    objective.check(card)
    return objective


def labels_of(card: Any, names: list[str] | None) -> tuple[int, ...] | None:
    """The true labels that were named; None where none were.

    Raises:
        SettingsError: no such class or finding, or more than one class.
    """
    if not names:
        return None
    if card.multi_label:
        chosen = set() if names == ["none"] else {class_index(card, name) for name in names}
        return tuple(int(i in chosen) for i in range(len(card.classes)))
    if len(names) != 1:
        raise SettingsError(f"{card.name} knows one true class per image", subject="--label")
    return (class_index(card, names[0]),)


def class_index(card: Any, name: str) -> int:
    """The index of a class or finding by its name, or as it is.

    Raises:
        SettingsError: the model has none of that name or index.
    """
    if name in card.classes:
        return int(card.classes.index(name))
    if name.isdecimal() and int(name) < len(card.classes):
        return int(name)
    raise SettingsError(
        f"{card.name} has no such class or finding",
        subject=name,
        remedy=f"Name one of: {', '.join(card.classes)}",
    )
