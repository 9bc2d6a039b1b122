"""Answers as charts, tables and blocks of the report. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from medadv_desktop.analysis.charts.values import (
    Axis,
    Chart,
    Cloud,
    Number,
    ScatterChart,
    Table,
)
from medadv_desktop.analysis.detectors import roc_chart
from medadv_desktop.audit.analyses.requests import (
    AuditAnalyses,
    CellAnalyses,
    Detectors,
    Discriminability,
    EmbeddingResult,
    LabelCorrelations,
)
from medadv_desktop.audit.report.blocks import Block, Grid, Paragraph, Picture


def title_of(own: CellAnalyses) -> str:
    """Model, data set and attack."""
    return f"{own.cell.model} on {own.cell.dataset}, {own.cell.title}"


def scatter_chart(found: EmbeddingResult, title: str = "", finding: str = "") -> ScatterChart:
    """The points by true class and origin; of several findings by one of them, `finding`, or that
    whose classes a probe loses most of.
    """
    column = 0
    names: tuple[str, ...] = found.classes
    if found.multi_label:
        column = found.classes.index(finding or _most_lost(found))
        names = (f"no {found.classes[column]}", found.classes[column])
    clouds = []
    for origin in (False, True):
        for k, name in enumerate(names):
            own = [
                i
                for i, (labels, changed) in enumerate(
                    zip(found.labels, found.adversarial, strict=True)
                )
                if changed == origin and labels[column] == k
            ]
            if own:
                what = "adversarial" if origin else "clean"
                clouds.append(
                    Cloud(
                        f"{name}, {what}",
                        tuple(found.x[i] for i in own),
                        tuple(found.y[i] for i in own),
                        color=k,
                        hollow=origin,
                    )
                )
    components = (Axis("first principal component"), Axis("second principal component"))
    axes = components if found.method == "pca" else (Axis(""), Axis(""))
    how = {"tsne": "t-SNE", "pca": "Principal components"}[found.method]
    return ScatterChart(
        f"{how} of features" + (f", {title}" if title else ""),
        f"{found.shown} samples, each clean (filled) and adversarial (hollow), by true class; "
        f"features: {found.layer}. Distances between groups mean little: read the figures.",
        *axes,
        tuple(clouds),
    )


def _most_lost(found: EmbeddingResult) -> str:
    def lost(own: Discriminability) -> float:
        if own.clean.probe is None or own.across is None:
            return float("-inf")
        return own.clean.probe - own.across

    return max(found.separations, key=lost).what


def separation_table(found: EmbeddingResult) -> Table:
    """A row for each question: what is told apart, before and after."""
    head = ("told apart", "silhouette, clean", "adversarial", "probe, clean", "adversarial ",
            "clean probe on adversarial", "chance", "class distance, clean", "adversarial  ",
            "silhouette in the picture, clean", "adversarial   ")  # fmt: skip
    rows: list[tuple[str | Number, ...]] = []
    for own in found.separations:
        first, second = own.clean, own.adversarial
        rows.append(
            (own.what, first.silhouette, second.silhouette, first.probe, second.probe, own.across,
             first.chance, first.distance, second.distance, own.picture_clean,
             own.picture_adversarial)
        )  # fmt: skip
    return Table(head, tuple(rows))


def point_table(found: EmbeddingResult) -> Table:
    """A row for each point; samples by their place in the data set, from 1, not by name."""
    marks = found.classes if found.multi_label else ("class",)
    rows = []
    for k, labels in enumerate(found.labels):
        said = labels if found.multi_label else (found.classes[labels[0]],)
        origin = "adversarial" if found.adversarial[k] else "clean"
        rows.append(
            (found.places[k] + 1, origin, found.x[k], found.y[k], int(found.success[k]), *said)
        )
    return Table(("sample", "origin", "x", "y", "success", *marks), tuple(rows))


def detector_table(found: Detectors) -> Table:
    """A row for each detector."""
    head = ("detector", "clean", "adversarial", "area", "low", "high", "found at 5 % false alarms",
            "note")  # fmt: skip
    return Table(
        head,
        tuple(
            (d.detector, d.clean, d.adversarial, d.area, d.low, d.high, d.at_five_percent, d.note)
            for d in found.detections
        ),
    )


def correlation_charts(found: LabelCorrelations, title: str = "") -> tuple[Chart, ...]:
    """φ: clean, adversarial, difference."""
    return found.phi.charts(title)


def analysis_blocks(analyses: AuditAnalyses) -> tuple[Block, ...]:
    """A section of the report; () where nothing was worked out.

    Of `at_hand.all_at_hand(store)`: the report works out nothing itself.
    """
    blocks: list[Block] = []
    for own in analyses.cells:
        title = title_of(own)
        if own.embedding is not None:
            blocks += _embedding_blocks(own.embedding, title)
        if own.label_correlation is not None:
            blocks += _correlation_blocks(own.label_correlation, title)
        if own.layers is not None:
            blocks += [Picture(chart) for chart in own.layers.charts(title)]
        if own.detectors is not None and own.detectors.detections:
            blocks.append(Picture(roc_chart(own.detectors.detections, title)))
            blocks.append(Grid(f"Detectors, {title}", detector_table(own.detectors)))
            blocks.append(Paragraph(own.detectors.warning, warning=True))
    return tuple(blocks)


def _embedding_blocks(found: EmbeddingResult, title: str) -> Sequence[Block]:
    return (
        Picture(scatter_chart(found, title)),
        Grid(
            f"Discriminability of features, {title}",
            separation_table(found),
            f"In {found.dimensions} principal components of {found.width} features, which hold "
            f"{found.kept:.0%} of their variance, by true labels.",
        ),
    )


def _correlation_blocks(found: LabelCorrelations, title: str) -> Sequence[Block]:
    blocks: list[Block] = [Picture(chart) for chart in found.phi.charts(title)]
    if found.phi.impossible:
        blocks.append(
            Grid(
                f"Never together in the labels, said together under attack, {title}",
                found.phi.impossible_table(),
                "Where fewer than about 3 would be expected by chance, absence from the labels "
                "says little.",
            )
        )
    return blocks
