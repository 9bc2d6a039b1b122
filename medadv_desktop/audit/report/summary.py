"""The first page: what came out, in plain words, with the lights that the plan sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.plan.schema import Lights as PlanLights
from medadv_desktop.audit.report.blocks import Block, Light, LightLine, Lights, Paragraph, Points
from medadv_desktop.audit.results.reading import AuditResults, Told, told
from medadv_desktop.audit.store.records import CellRecord


@dataclass(frozen=True)
class Verdict:
    """Of a model on a data set.

    Attributes:
        clean: clean accuracy; None before it is known. `clean_light` is its light.
        robust: the lowest robust accuracy over attacks that are done, and the `cell` it is of.
        doubted: signs that the model withstands less than that.
    """

    model: str
    dataset: str
    clean: Told | None
    clean_light: Light
    robust: Told | None
    robust_light: Light
    cell: CellRecord | None
    doubted: int


def light_of(own: Told | None, green: float, amber: float) -> Light:
    """The light of a figure; a threshold itself has the better one."""
    return "none" if own is None else _light(own.value, green, amber)


def _light(value: float, green: float, amber: float) -> Light:
    return "green" if value >= green else "amber" if value >= amber else "red"


def verdicts(results: AuditResults) -> tuple[Verdict, ...]:
    """For every model and data set of the plan."""
    lights, found = results.plan.lights, []
    for model, dataset in results.plan.pairs():
        clean = results.clean(model.id, dataset.id)
        rate = None if clean is None else told(clean, "clean_accuracy")
        worst = worst_cell(results, model.id, dataset.id)
        robust = None if worst is None else told(worst, "robust_accuracy")
        found.append(
            Verdict(
                model.id,
                dataset.id,
                rate,
                light_of(rate, lights.clean_green, lights.clean_amber),
                robust,
                light_of(robust, lights.robust_green, lights.robust_amber),
                worst,
                sum(
                    len(r.outcome.suspicions)
                    for r in results.records
                    if r.outcome is not None
                    and (r.cell.model, r.cell.dataset) == (model.id, dataset.id)
                ),
            )
        )
    return tuple(found)


def worst_cell(results: AuditResults, model: str, dataset: str) -> CellRecord | None:
    """The finished attack that leaves least; of equals the one with the smallest budget."""
    found = []
    for record in results.done("attack"):
        rate = told(record, "robust_accuracy")
        if (record.cell.model, record.cell.dataset) == (model, dataset) and rate is not None:
            found.append((rate.value, record.cell.budget or 0.0, record.rank, record))
    return min(found, key=lambda entry: entry[:3])[3] if found else None


def summary_blocks(results: AuditResults, naming: Naming) -> Iterator[Block]:
    """The summary."""
    yield from _state(results, naming)
    for verdict in verdicts(results):
        title = f"{verdict.model} on {verdict.dataset}"
        yield Lights(title, _lines(verdict, results.plan.lights))
        if verdict.doubted:
            yield Paragraph(
                f"{_signs(verdict.doubted)} that {verdict.model} withstands less than these "
                "figures say: see “Signs of a false sense of security”.",
                warning=True,
            )
    yield Paragraph(_thresholds(results.plan.lights))


def _thresholds(lights: PlanLights) -> str:
    clean = percent(lights.clean_green), percent(lights.clean_amber)
    robust = percent(lights.robust_green), percent(lights.robust_amber)
    return (
        f"Lights are set by the audit's plan: clean accuracy is green from {clean[0]} and amber "
        f"from {clean[1]}; robust accuracy is green from {robust[0]} and amber from {robust[1]}; "
        "below is red. A light goes by the measured share; where the interval reaches into "
        "another colour, the text says so."
    )


def percent(share: float) -> str:
    """A share for people, with the digit that tells 99.9 from 100."""
    return f"{100 * share:.1f}".removesuffix(".0") + "\u00a0%"


def _state(results: AuditResults, naming: Naming) -> Iterator[Block]:
    records = results.records
    done = len(results.done())
    failed = [r for r in records if r.state == "failed"]
    if done == len(records):
        return
    yield Paragraph(
        f"This audit is not complete: {done} of {len(records)} parts are finished"
        + (f", {len(failed)} failed" if failed else "")
        + ". What is missing may change every figure below.",
        warning=True,
    )
    if failed:
        yield Points(tuple(f"{named(r)}: {naming.text(r.reason)}" for r in failed))


def named(record: CellRecord) -> str:
    """A cell for people, in a sentence of its own."""
    return f"{record.cell.model} on {record.cell.dataset}, {record.cell.title}"


def _lines(verdict: Verdict, lights: PlanLights) -> tuple[LightLine, ...]:
    clean, robust, cell = verdict.clean, verdict.robust, verdict.cell
    first = LightLine("none", "Without an attack", "not measured yet")
    if clean is not None:
        text = f"{percent(clean.value)} of {clean.of} images are right"
        between = _between(clean, lights.clean_green, lights.clean_amber)
        first = LightLine(verdict.clean_light, first.title, f"{text} {between}")
    second = LightLine("none", "Under attack", "no attack has been measured yet")
    if robust is not None and cell is not None:
        text = f"{percent(robust.value)} are still right under {cell.cell.title}"
        between = _between(robust, lights.robust_green, lights.robust_amber)
        title = "Under the attack that hurts most"
        second = LightLine(verdict.robust_light, title, f"{text} {between}")
    return first, second


def _between(rate: Told, green: float, amber: float) -> str:
    """The interval in words, with the other lights that it allows."""
    if rate.low is None or rate.high is None:
        return ""
    own = _light(rate.value, green, amber)
    ends = (_light(rate.low, green, amber), _light(rate.high, green, amber))
    others = [light for light in dict.fromkeys(ends) if light != own]
    allowed = f"; this allows {' and '.join(others)} as well" if others else ""
    return f"(95\u00a0% interval {percent(rate.low)} to {percent(rate.high)}{allowed})"


def _signs(count: int) -> str:
    return "There is a sign" if count == 1 else f"There are {count} signs"
