"""MedMNIST .npz archives of any size: {train,val,test}_{images,labels}.

Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image
classification", Scientific Data 10:41, 2023; the class names are those of its label tables.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.datasets.arrays import check_images, naming_npz, read_npy_header
from medadv_desktop.datasets.columns import CodedColumn, TextColumn
from medadv_desktop.datasets.dataset import UNKNOWN, ColumnRoles, Columns, Dataset, Labels
from medadv_desktop.datasets.layouts.layout import Layout, Recognition
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.datasets.problems import Guess, ProblemKind, ProblemLog
from medadv_desktop.errors import DatasetError
from medadv_desktop.jobs import CancelToken, Emit

ID = "medmnist"
SPLITS = ("train", "val", "test")

_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver"),
    *("lung-left", "lung-right", "pancreas", "spleen"),
)

CLASSES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle"),
        *("normal colon mucosa", "cancer-associated stroma"),
        "colorectal adenocarcinoma epithelium",
    ),
    "chestmnist": (
        *("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule"),
        *("pneumonia", "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis"),
        *("pleural", "hernia"),
    ),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma",
        "basal cell carcinoma",
        "benign keratosis-like lesions",
        *("dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions"),
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("0", "1", "2", "3", "4"),
    "breastmnist": ("malignant", "normal, benign"),
    "bloodmnist": (
        *("basophil", "eosinophil", "erythroblast"),
        "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
        *("lymphocyte", "monocyte", "neutrophil", "platelet"),
    ),
    "tissuemnist": (
        *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule"),
        *("Glomerular endothelial cells", "Interstitial endothelial cells", "Leukocytes"),
        *("Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb"),
    ),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
}


def recognise(path: Path) -> Recognition | None:
    if path.suffix.lower() != ".npz" or not path.is_file():
        return None
    try:
        splits = _splits_in(path)
    except (OSError, zipfile.BadZipFile):
        return Recognition(ID, 0.3, "its name ends in .npz")
    if not splits:
        return Recognition(ID, 0.2, "its name ends in .npz")
    return Recognition(ID, 1.0, f"it holds images and labels of {', '.join(splits)}")


def open_medmnist(path: Path, options: DatasetOptions, token: CancelToken, _emit: Emit) -> Dataset:
    """Open an archive; its images stay in it.

    Raises:
        ImageError: broken, or it holds volumes.
        DatasetError: it holds no pairs of images and labels.
    """
    with naming_npz(path):
        splits = _splits_in(path)
        if not splits:
            raise DatasetError(
                "holds no pair of arrays such as train_images and train_labels",
                subject=path,
                remedy="Open an archive in the layout of MedMNIST",
            )
        raw = {split: _labels(path, split) for split in splits}
    if not any(map(len, raw.values())):
        raise DatasetError("holds no images", subject=path, remedy="Open another archive")
    log = ProblemLog()
    guesses: list[Guess] = []
    stacked = _stacked(path, raw)
    multi = _is_multi_label(stacked, options)
    classes = _classes(path, stacked, multi, options, guesses)
    labels = _checked(path, stacked, multi, classes, raw, log)
    counts = {split: len(values) for split, values in raw.items()}
    members = CodedColumn(
        np.repeat(np.arange(len(counts), dtype=np.int32), list(counts.values())),
        tuple(f"{split}_images" for split in counts),
    )
    frames = np.concatenate([np.arange(n, dtype=np.int32) for n in counts.values()])
    total = sum(counts.values())
    token.check()
    ids = TextColumn.of(f"{split}/{i}" for split, n in counts.items() for i in range(n))
    return Dataset(
        name=path.stem,
        root=path,
        layout=ID,
        task="multi-label" if multi else "single-label",
        classes=classes,
        columns=Columns(
            paths=CodedColumn.constant("", total),
            ids=ids,
            labels=labels,
            patients=CodedColumn.constant("", total),
            splits=CodedColumn(members.codes, tuple(counts)),
            members=members,
            frames=frames,
        ),
        indices=np.arange(total, dtype=np.int64),
        roles=ColumnRoles(labels=tuple(f"{s}_labels" for s in counts)),
        options=options,
        guesses=tuple(guesses),
        problems=log.frozen(),
    )


def _splits_in(path: Path) -> tuple[str, ...]:
    with zipfile.ZipFile(path) as archive:
        names = {n.removesuffix(".npy") for n in archive.namelist()}
    return tuple(s for s in SPLITS if {f"{s}_images", f"{s}_labels"} <= names)


def _labels(path: Path, split: str) -> NDArray[np.int64]:
    """N×K whole numbers, after checking that there are as many images."""
    with zipfile.ZipFile(path) as archive:
        with archive.open(f"{split}_images.npy") as file:
            shape, dtype = read_npy_header(file, f"{path.name}/{split}_images")
        with archive.open(f"{split}_labels.npy") as file:
            read_npy_header(file, f"{path.name}/{split}_labels")
    check_images(path, f"{split}_images", shape, dtype)
    with np.load(path, allow_pickle=False) as arrays:
        labels = np.asarray(arrays[f"{split}_labels"])
    labels = np.atleast_1d(labels)
    labels = labels.reshape(len(labels), int(np.prod(labels.shape[1:])))
    if len(labels) != shape[0]:
        raise DatasetError(
            f"{split} has {shape[0]} images and {len(labels)} labels",
            subject=path,
            remedy="Copy the file again from where it came",
        )
    whole = labels.astype(np.int64)
    if labels.dtype.kind not in "iufb" or (whole != labels).any():
        raise DatasetError(
            f"{split}_labels holds other than whole numbers",
            subject=path,
            remedy="Labels are class numbers from 0, or 0 and 1 for each finding",
        )
    return whole


def _stacked(path: Path, raw: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    widths = {values.shape[1] for values in raw.values()}
    if len(widths) > 1:
        raise DatasetError(
            f"its splits have labels of different widths: {sorted(widths)}",
            subject=path,
            remedy="Copy the file again from where it came",
        )
    return np.concatenate(list(raw.values()))


def _is_multi_label(stacked: NDArray[np.int64], options: DatasetOptions) -> bool:
    return stacked.shape[1] > 1 or options.task == "multi-label"


def _classes(
    path: Path,
    stacked: NDArray[np.int64],
    multi: bool,
    options: DatasetOptions,
    guesses: list[Guess],
) -> tuple[str, ...]:
    count = stacked.shape[1] if multi else max(2, int(stacked.max(initial=0)) + 1)
    if options.class_list:
        return options.class_list
    name = re.sub(r"_(28|64|128|224)$", "", path.stem.lower())
    known = CLASSES.get(name)
    if known and (len(known) == count if multi else len(known) >= count):
        guesses.append(Guess(f"The classes are those of {name}", "by the file's name", "classes"))
        return known
    kind = "findings" if multi else "classes"
    why = f"the archive names no {kind}" + (f", and {name} has {len(known)}" if known else "")
    guesses.append(Guess(f"The {kind} are called 0 to {count - 1}", why, "classes"))
    return tuple(str(i) for i in range(count))


def _checked(
    path: Path,
    stacked: NDArray[np.int64],
    multi: bool,
    classes: tuple[str, ...],
    raw: dict[str, NDArray[np.int64]],
    log: ProblemLog,
) -> Labels:
    if multi and stacked.shape[1] != len(classes):
        raise DatasetError(
            f"has {stacked.shape[1]} findings, and {len(classes)} are named",
            subject=path,
            remedy="Name all of them, in their order",
        )
    top = 1 if multi else len(classes) - 1
    bad = (stacked < 0) | (stacked > top)
    places = [f"{split}_labels[{i}]" for split, v in raw.items() for i in range(len(v))]
    for row, column in np.argwhere(bad):
        text = f"{places[row]} is {stacked[row, column]}; allowed is 0 to {top}"
        log.add(ProblemKind.UNKNOWN_LABEL, text, path)
    labels = np.where(bad, UNKNOWN, stacked)
    return labels.astype(np.int8) if multi else labels[:, 0].astype(np.int32)


MEDMNIST = Layout(ID, "MedMNIST archive", recognise, open_medmnist)
