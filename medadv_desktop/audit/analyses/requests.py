"""What can be asked of the samples of a cell, and the answers. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from medadv_desktop.analysis.detectors import Detection
from medadv_desktop.analysis.embedding import EmbeddingSettings, Separation
from medadv_desktop.analysis.label_correlation import LabelCorrelation
from medadv_desktop.analysis.layer_statistics import LayerStatistics
from medadv_desktop.audit.plan.cells import Cell

AnalysisKind = Literal["embedding", "label-correlation", "layers", "detectors"]

KINDS: Final[tuple[AnalysisKind, ...]] = get_args(AnalysisKind)


@dataclass(frozen=True)
class AnalyzeRequest:
    """Analyses of cells of an audit.

    Attributes:
        folder: of the audit.
        kinds: which ones.
        cells: ids; () takes for every model and data set the attack that leaves least right.
        embedding: how features are laid out.
        layer: whose features are taken; "" takes what the last linear layer is given.
        fresh: work out anew what is in the store already.
    """

    folder: Path
    kinds: tuple[AnalysisKind, ...] = KINDS
    cells: tuple[str, ...] = ()
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    layer: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class Discriminability:
    """How far classes, or a finding and its absence, lie apart before and after.

    Attributes:
        what: "classes", or the finding.
        clean, adversarial: in the principal components of the features, by true labels.
        across: balanced accuracy on adversarial features of linear probes fitted to clean ones of
            other samples; None where undefined.
        picture_clean, picture_adversarial: silhouettes of the points in the picture.
    """

    what: str
    clean: Separation
    adversarial: Separation
    across: float | None
    picture_clean: float | None
    picture_adversarial: float | None


@dataclass(frozen=True)
class EmbeddingResult:
    """Clean and adversarial samples in one picture, M points: first clean ones, then the same ones
    changed.

    Attributes:
        layer: whose features, `width` of them; `kept` of their variance in `dimensions` principal
            components.
        samples: of the cell that were changed; `shown` of them are in the picture.
        x, y: M.
        places: M, of the sample in its data set.
        adversarial: M.
        labels: M true labels: (class,), or 0/1 for each finding.
        success: M: the attack on this sample reached its goal.
        separations: figures; of the findings one each.
    """

    layer: str
    method: Literal["tsne", "pca"]
    perplexity: float | None
    width: int
    dimensions: int
    kept: float
    samples: int
    shown: int
    classes: tuple[str, ...]
    multi_label: bool
    x: tuple[float, ...]
    y: tuple[float, ...]
    places: tuple[int, ...]
    adversarial: tuple[bool, ...]
    labels: tuple[tuple[int, ...], ...]
    success: tuple[bool, ...]
    separations: tuple[Discriminability, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelCorrelations:
    """Of decisions and of probabilities."""

    phi: LabelCorrelation
    pearson: LabelCorrelation


@dataclass(frozen=True)
class Detectors:
    """Detectors on the half of the samples that they were not fitted to.

    Attributes:
        layer: whose features.
        fitted: clean images they were fitted to.
    """

    layer: str
    fitted: int
    detections: tuple[Detection, ...]
    warning: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """What could not be worked out of a cell, and why."""

    kind: AnalysisKind
    reason: str


@dataclass(frozen=True)
class CellAnalyses:
    """The answers for a cell; None for what was not asked or is refused."""

    cell: Cell
    embedding: EmbeddingResult | None = None
    label_correlation: LabelCorrelations | None = None
    layers: LayerStatistics | None = None
    detectors: Detectors | None = None
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True)
class AuditAnalyses:
    """The answers for all cells, in the order asked."""

    cells: tuple[CellAnalyses, ...]
