"""A perturbed data set on disk: a PNG for each image, kind and severity, and a manifest of them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.corruptions.corruption import Corruption
from medadv_desktop.errors import CorruptionError
from medadv_desktop.files import new_folder
from medadv_desktop.imaging.export import write_png
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "manifest.csv"
_OWN = ("image", "id", "original", "kind", "severity", "seed", "sha256")


@dataclass(frozen=True, eq=False)
class Picture:
    """An image to be perturbed, and what the manifest says of it.

    Attributes:
        id: what the data set calls it; `number`: what its generator is made of.
        original: path of the file it came from.
        image: C×H×W float within [0, 1], C 1 or 3.
        bits: 8 or 16, of a value in the files written.
        cells: further columns of the manifest: labels, patient, split.
        text: keywords and texts put into the PNG files.
    """

    id: str
    number: int
    original: str
    image: Tensor
    bits: int = 8
    cells: Mapping[str, str] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltSet:
    """What was written: `images` files in `folder`, from `originals` images."""

    folder: Path
    manifest: Path
    images: int
    originals: int


def build(
    pictures: Iterable[Picture],
    corruptions: Sequence[Corruption],
    folder: Path,
    *,
    columns: Sequence[str] = (),
    seed: int = 0,
    total: int = 0,
    token: CancelToken | None = None,
    emit: Emit = silent,
) -> BuiltSet:
    """Write every picture under every corruption, whole or not at all.

    A file is KIND/SEVERITY/000000.png, numbered as the pictures come; names of originals, which may
    be a patient's, stand in the manifest alone. The manifest, manifest.csv, has a row for each
    file: image (path from the manifest), id (kind/severity/id of the original), original,
    `columns`, kind, severity, seed, sha256 (of the file). It opens as a data set.

    Args:
        corruptions: each kind and severity once.
        folder: must not exist; it appears when everything is written.
        columns: the names of the cells that every picture has.
        total: how many pictures there are, for the progress; 0 where unknown.

    Raises:
        CorruptionError: no or equal corruptions, no picture, or an image that is none.
        ExportError: the folder exists, or something cannot be written.
        JobCancelled: the token was cancelled; nothing is left behind.
    """
    token = token or CancelToken()
    if not corruptions or len({(c.name, c.severity) for c in corruptions}) < len(corruptions):
        raise CorruptionError(
            "names no corruption, or one of them twice",
            subject="corruptions",
            remedy="Name each kind and severity once",
        )
    header = [*_OWN[:3], *columns, *_OWN[3:]]
    if len(set(header)) < len(header):
        raise CorruptionError(
            f"{', '.join(columns)} cannot stand in a manifest beside {', '.join(_OWN)}",
            subject="columns",
            remedy="Give every class another name",
        )
    originals = 0
    with new_folder(folder) as temporary:
        with (temporary / MANIFEST).open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow(header)
            for originals, picture in enumerate(pictures, 1):
                for corruption in corruptions:
                    token.check()
                    table.writerow(
                        _written(picture, originals - 1, corruption, temporary, columns, seed)
                    )
                emit(Progress(originals, total))
        if not originals:
            raise CorruptionError("there is no picture to perturb", subject=folder)
    return BuiltSet(folder, folder / MANIFEST, originals * len(corruptions), originals)


def _written(
    picture: Picture,
    index: int,
    corruption: Corruption,
    folder: Path,
    columns: Sequence[str],
    seed: int,
) -> list[str | int]:
    """The row of one file, which is written."""
    name = f"{corruption.name}/{corruption.severity}/{index:06d}.png"
    images = corruption.apply(picture.image[None], seed=seed, sample_ids=[picture.number])
    path = folder / name
    write_png(path, _levels(images[0], picture.bits), picture.text)
    return [
        name,
        f"{corruption.name}/{corruption.severity}/{picture.id}",
        picture.original,
        *(picture.cells[column] for column in columns),
        corruption.name,
        corruption.severity,
        seed,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    ]


def _levels(image: Tensor, bits: int) -> NDArray[np.generic]:
    """C×H×W in [0, 1] to H×W or H×W×3 whole values, the nearest."""
    values = np.rint(image.double().cpu().numpy() * (2**bits - 1))
    whole: NDArray[np.generic] = values.astype(np.uint8 if bits == 8 else np.uint16)
    return whole[0] if whole.shape[0] == 1 else whole.transpose(1, 2, 0)
