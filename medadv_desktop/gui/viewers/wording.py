"""Verdicts, results and read-outs in words and localised numbers. No widget."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QLocale

from medadv_desktop.audit.budget_search import BudgetTry
from medadv_desktop.audit.requests import AttackOutcome, Prediction
from medadv_desktop.gui.viewers.probe import ProbeReading

MINUS = "−"

translate = QCoreApplication.translate


def number(value: float, decimals: int = 2, *, sign: bool = False) -> str:
    """A number of the user's locale with a true minus sign, a plus where `sign` asks for it."""
    text = QLocale().toString(abs(float(value)), "f", decimals)
    if value < 0 and any(c in "123456789" for c in text):
        return MINUS + text
    return "+" + text if sign and value > 0 else text


def probability(value: float) -> str:
    """Two decimals, but never a 0 or 1 that is not one."""
    if 0.995 <= value < 1:
        return ">" + number(0.99)
    if 0 < value < 0.005:
        return "<" + number(0.01)
    return number(value)


def amount_255(value: float, *, sign: bool = False) -> str:
    """A grey-scale difference as n/255: to a tenth, where it is smaller to a thousandth."""
    amount = value * 255
    return f"{number(amount, 3 if 0 < abs(amount) < 0.1 else 1, sign=sign)}/255"


def budget_text(value: float, norm: str = "linf") -> str:
    """A budget ε: of the largest change as n/255, else as the number that it is."""
    if norm == "linf":
        return f"{number(value * 255, 2)}/255"
    return number(value, 2 if value >= 0.1 else 4)


def size_text(size: Sequence[int]) -> str:
    """Width × height, as people say it. `size` is height, width."""
    return f"{size[1]}×{size[0]}"


def verdict_text(prediction: Prediction) -> str:
    """The decision with its probability; of several findings their names."""
    if prediction.card.multi_label:
        found = prediction.decided
        if not found:
            return translate("Viewers", "no finding")
        if len(found) > 2:
            return translate("Viewers", "{0} and {1} more").format(
                ", ".join(found[:2]), len(found) - 2
            )
        return ", ".join(found)
    best = int(prediction.logits.argmax())
    return f"{prediction.card.classes[best]} {probability(float(prediction.probabilities[best]))}"


def names_text(prediction: Prediction) -> str:
    """All that was decided, by name."""
    return ", ".join(prediction.decided) or translate("Viewers", "no finding")


def flips(before: Prediction, after: Prediction) -> tuple[int, ...]:
    """Indices whose decision changed."""
    pairs = enumerate(zip(before.decisions, after.decisions, strict=True))
    return tuple(i for i, (a, b) in pairs if bool(a) != bool(b))


def headline(outcome: AttackOutcome) -> str:
    """Whether it succeeded and what it changed, one sentence."""
    clean, attacked = outcome.clean, outcome.attacked
    change = _change(clean, attacked)
    # A random start within the budget can be enough, too: then no step is taken, yet it is one.
    if outcome.success and outcome.steps == 0 and outcome.linf == 0:
        text = translate("Viewers", "Goal already met without an attack: {0}")
        return text.format(names_text(clean))
    start = (
        translate("Viewers", "Attack succeeded: {0}")
        if outcome.success
        else translate("Viewers", "Attack failed: {0}")
    )
    return start.format(change)


def tried_headline(tried: BudgetTry, clean: Prediction) -> str:
    """What a budget that was tried did, one sentence."""
    start = (
        translate("Viewers", "Goal reached at this budget: {0}")
        if tried.success
        else translate("Viewers", "Goal not reached at this budget: {0}")
    )
    return start.format(_change(clean, tried.prediction))


def measures(outcome: AttackOutcome) -> str:
    """Steps and norms of an outcome."""
    steps = (
        translate("Viewers", "1 step")
        if outcome.steps == 1
        else translate("Viewers", "{0} steps").format(outcome.steps)
    )
    return " · ".join((steps, f"‖δ‖∞ {amount_255(outcome.linf)}", f"‖δ‖₂ {number(outcome.l2)}"))


def reference_text(outcome: AttackOutcome) -> str:
    """What the attack was measured against, and why."""
    classes = outcome.clean.card.classes
    if outcome.clean.card.multi_label:
        named = [c for c, state in zip(classes, outcome.reference, strict=True) if state]
        names = ", ".join(named) or translate("Viewers", "no finding")
    else:
        names = classes[outcome.reference[0]]
    if outcome.reference_is_prediction:
        return translate(
            "Viewers", "Reference: the clean prediction ({0}), as no true label is known"
        ).format(names)
    return translate("Viewers", "Reference: the true label ({0})").format(names)


def _change(clean: Prediction, attacked: Prediction) -> str:
    if clean.card.multi_label:
        return _findings_change(clean, attacked)
    if clean.decided == attacked.decided:
        return translate("Viewers", "still {0}").format(names_text(attacked))
    return f"{names_text(clean)} → {names_text(attacked)}"


def _findings_change(clean: Prediction, attacked: Prediction) -> str:
    changed = flips(clean, attacked)
    if not changed:
        return translate("Viewers", "no finding flipped")
    lost = [clean.card.classes[i] for i in changed if clean.decisions[i]]
    gained = [clean.card.classes[i] for i in changed if attacked.decisions[i]]
    parts = []
    if lost:
        parts.append(translate("Viewers", "{0} hidden").format(_some(lost)))
    if gained:
        parts.append(translate("Viewers", "{0} inserted").format(_some(gained)))
    return ", ".join(parts)


def _some(names: list[str]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return translate("Viewers", "{0} and {1} more").format(", ".join(names[:3]), len(names) - 3)


# The point under the cursor


def source_text(reading: ProbeReading) -> str:
    """Place, stored value and modality value."""
    place = translate("Viewers", "row {0}, column {1}").format(reading.row, reading.column)
    if reading.padding:
        nothing = translate("Viewers", "no pixel (padding)")
        return f"{place} · {nothing}"
    stored = " ".join(_plain(v) for v in reading.stored)
    parts = [place, translate("Viewers", "stored {0}").format(stored)]
    if reading.modality is not None:
        units = f" {reading.units}" if reading.units else ""
        parts.append(translate("Viewers", "modality {0}").format(_plain(reading.modality)) + units)
    return " · ".join(parts)


def input_text(reading: ProbeReading) -> str:
    """Model-input values before and after, "" outside of what the model sees."""
    if not reading.original:
        return ""
    before = _values(reading.original)
    if not reading.adversarial:
        return translate("Viewers", "input {0}").format(before)
    return translate("Viewers", "input {0} → {1}").format(before, _values(reading.adversarial))


def delta_text(reading: ProbeReading) -> str:
    """δ at the point in n/255, "" where there is none."""
    if not reading.delta_255:
        return ""
    shown = [number(d, 1, sign=True) for d in reading.delta_255]
    if len(set(shown)) == 1:
        shown = shown[:1]
    return "δ " + " ".join(shown) + "/255"


def _values(values: tuple[float, ...]) -> str:
    shown = [number(v, 3) for v in values]
    return shown[0] if len(set(shown)) == 1 else " ".join(shown)


def _plain(value: float) -> str:
    """Whole numbers whole, others with the digits that matter."""
    if float(value).is_integer():
        return number(value, 0)
    if not math.isfinite(value):
        return str(value)
    decimals = max(0, 4 - math.floor(math.log10(abs(value))) - 1)
    return number(value, min(decimals, 6))
