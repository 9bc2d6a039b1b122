"""What stands in a report, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.audit.analyses.at_hand import all_at_hand
from medadv_desktop.audit.analyses.sections import analysis_blocks
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.report.blocks import Block, Report, Section
from medadv_desktop.audit.report.details import (
    accuracy_blocks,
    inside_blocks,
    perturbation_blocks,
    transfer_blocks,
)
from medadv_desktop.audit.report.failures import failure_blocks
from medadv_desktop.audit.report.models import model_blocks
from medadv_desktop.audit.report.pictures import galleries
from medadv_desktop.audit.report.provenance import provenance_blocks
from medadv_desktop.audit.report.summary import summary_blocks
from medadv_desktop.audit.report.threats import threat_blocks
from medadv_desktop.audit.report.trust import left_out_blocks, limit_blocks, suspicion_blocks
from medadv_desktop.audit.results.reading import AuditResults
from medadv_desktop.audit.store.sample_stream import SampleStream
from medadv_desktop.jobs import CancelToken


def report_of(
    store: SampleStream, results: AuditResults, naming: Naming, token: CancelToken
) -> Report:
    """The content of the report of an audit, finished or not; sections without any are left out.

    Raises:
        JobCancelled: the token was cancelled.
    """
    made: list[tuple[str, str, Callable[[], Iterable[Block]]]] = [
        ("summary", "Summary", lambda: summary_blocks(results, naming)),
        ("trust", "Signs of a false sense of security", lambda: suspicion_blocks(results)),
        ("threats", "Threat model", lambda: threat_blocks(results, naming)),
        ("accuracy", "Accuracy and robustness", lambda: accuracy_blocks(results)),
        ("inside", "Under the attack that hurts most", lambda: inside_blocks(results, naming)),
        ("models", "Models side by side", lambda: model_blocks(store, results, token)),
        ("perturbations", "Common perturbations", lambda: perturbation_blocks(results)),
        ("transfer", "Transfer between models", lambda: transfer_blocks(results)),
        ("failures", "What falls first", lambda: failure_blocks(store, results, naming)),
        ("gallery", "Images", lambda: galleries(store, results, naming, token)),
        ("analyses", "Inside the models", lambda: analysis_blocks(all_at_hand(store))),
        ("left-out", "Samples left out", lambda: left_out_blocks(store, results, naming)),
        ("limits", "Limits", lambda: limit_blocks(results)),
        ("provenance", "Provenance", lambda: provenance_blocks(store, results, naming)),
    ]
    sections = []
    for name, title, blocks in made:
        token.check()
        found = tuple(blocks())
        if found:
            sections.append(Section(name, title, found))
    return Report(results.plan.name, _subtitle(results), NOT_FOR_DIAGNOSIS, tuple(sections))


def _subtitle(results: AuditResults) -> str:
    plan = results.plan
    datasets = {dataset.id for _, dataset in plan.pairs()}
    samples = sum(own.samples for name, own in results.datasets.items() if name in datasets)
    return (
        f"Robustness audit of {_counted(len(plan.models), 'model')} on "
        f"{_counted(len(datasets), 'data set')} with {samples} samples, "
        f"{_counted(len(plan.attacks), 'attack')}, "
        f"{_counted(len(plan.corruptions) + len(plan.sequences), 'common perturbation')}"
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count != 1 else "")
