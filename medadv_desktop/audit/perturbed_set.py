"""A labelled set, perturbed, as files on disk: its images through `corruptions.build`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medadv_desktop.audit.judging import prepared
from medadv_desktop.corruptions.build import BuiltSet, Picture, build
from medadv_desktop.corruptions.corruption import Corruption
from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.datasets.streaming import stream
from medadv_desktop.datasets.subset import hashed
from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import Frame, PixelSpace, Unreadable
from medadv_desktop.imaging.raster import SPACE_KEY
from medadv_desktop.jobs import CancelToken, Emit, silent
from medadv_desktop.models.card import Preprocessing
from medadv_desktop.models.input_plan import plan_input


@dataclass(frozen=True)
class PerturbedSet:
    """What was written, and the samples left out with their reasons."""

    built: BuiltSet
    left_out: tuple[tuple[Path, str], ...]


def build_perturbed_set(
    dataset: Dataset,
    corruptions: Sequence[Corruption],
    folder: Path,
    *,
    preprocessing: Preprocessing | None = None,
    seed: int = 0,
    workers: int | None = None,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> PerturbedSet:
    """Write a data set under corruptions.

    At the size of a model, the same seed gives the images that an audit judges, to within one of
    65,535 grey steps.

    Args:
        preprocessing: of a model: files then hold its exact input, 16 bits deep, and say so. Else
            images keep size and colours; their whole range of values becomes that of the file, 8
            bits deep where they have no more, else 16.

    Raises:
        CorruptionError, ExportError, JobCancelled: as `corruptions.build`.
    """
    token = token or CancelToken()
    left_out: list[tuple[Path, str]] = []

    def pictures() -> Iterator[Picture]:
        for sample, frame in stream(dataset, workers, token):
            if isinstance(frame, Unreadable):
                left_out.append((sample.path, frame.reason))
                continue
            try:
                yield _picture(dataset, sample, frame, preprocessing)
            except ModelError as error:
                left_out.append((sample.path, error.reason))

    columns = tuple(_cells(dataset, dataset[0])) if len(dataset) else ()
    built = build(
        pictures(),
        corruptions,
        folder,
        columns=columns,
        seed=seed,
        total=len(dataset),
        token=token,
        emit=emit,
    )
    return PerturbedSet(built, tuple(left_out))


def _picture(
    dataset: Dataset, sample: Sample, frame: Frame, preprocessing: Preprocessing | None
) -> Picture:
    how = preprocessing or _as_large_as(frame)
    is_deep = preprocessing is not None or frame.bits_stored > 8
    is_input = preprocessing is not None or frame.space is PixelSpace.MODEL_INPUT
    return Picture(
        id=sample.id,
        number=hashed(0, sample.id),
        original=_told(sample),
        image=prepared(frame, plan_input(how, frame))[0],
        bits=16 if is_deep else 8,
        cells=_cells(dataset, sample),
        text={SPACE_KEY: PixelSpace.MODEL_INPUT.value} if is_input else {},
    )


def _as_large_as(frame: Frame) -> Preprocessing:
    """Size and colours of the frame as they are.

    Raises:
        ModelError: it is smaller or larger than a model's input may be.
    """
    height, width = frame.shape
    if not (min(height, width) >= 8 and max(height, width) <= 4096):
        raise ModelError(f"{height}×{width} pixels are not within 8 and 4096")
    return Preprocessing(height=height, width=width, channels=3 if frame.is_color else 1)


def _told(sample: Sample) -> str:
    """Path, and within it the array and the number of the image, where there are several."""
    inside = f"#{sample.member}" if sample.member else ""
    number = f"[{sample.frame}]" if sample.member or sample.frame else ""
    return f"{sample.path}{inside}{number}"


def _cells(dataset: Dataset, sample: Sample) -> dict[str, str]:
    """Labels in the set's own words, patient and split where the set has them."""
    cells = {}
    if dataset.task == "single-label":
        label = sample.labels[0]
        cells["label"] = dataset.classes[label] if label >= 0 else ""
    else:
        states = zip(dataset.classes, sample.labels, strict=True)
        cells |= {name: str(state) if state >= 0 else "" for name, state in states}
    if dataset.has_patients:
        cells["patient"] = sample.patient
    if dataset.split_names:
        cells["split"] = sample.split
    return cells
