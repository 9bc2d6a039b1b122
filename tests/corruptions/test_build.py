"""The perturbed data set on disk: whole or not at all, and read back by our own reader."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from perturbed_images import phantoms

from medadv_desktop.corruptions.build import MANIFEST, Picture, build
from medadv_desktop.corruptions.registry import make_corruption
from medadv_desktop.datasets.opening import open_dataset
from medadv_desktop.datasets.subset import Subset
from medadv_desktop.errors import CorruptionError, ExportError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Progress

HAIR, JPEG = make_corruption("hair", {"severity": 2}), make_corruption("jpeg", {"severity": 5})


def pictures(count: int = 3, bits: int = 8, channels: int = 3) -> list[Picture]:
    images = phantoms(count=count, side=32)[:, :channels]
    words = ("naevus", "melanoma")
    return [
        Picture(f"p/{k}", 100 + k, f"/original/{k}.png", image, bits, {"label": words[k % 2]})
        for k, image in enumerate(images)
    ]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / MANIFEST).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(("bits", "channels"), [(8, 3), (16, 3), (8, 1), (16, 1)])
def test_that_what_is_written_reads_back_as_the_corrupted_images(
    tmp_path: Path, bits: int, channels: int
) -> None:
    given = pictures(bits=bits, channels=channels)
    built = build(given, [HAIR, JPEG], tmp_path / "set", columns=["label"], seed=9)
    assert (built.images, built.originals) == (6, 3)
    dataset = open_dataset(built.manifest)
    assert len(dataset) == 6
    assert set(dataset.classes) == {"naevus", "melanoma"}
    numbers = {picture.id: picture for picture in given}
    for sample, row in zip(dataset, rows(built.folder), strict=True):
        picture = numbers[row["original"].replace("/original/", "p/").removesuffix(".png")]
        corruption = make_corruption(row["kind"], {"severity": row["severity"]})
        expected = corruption.apply(
            picture.image[None], seed=int(row["seed"]), sample_ids=[picture.number]
        )[0]
        stored = np.atleast_3d(dataset.frame(sample).stored).astype(np.float64)
        seen = torch.from_numpy(stored.transpose(2, 0, 1)) / (2**bits - 1)
        assert float((seen - expected).abs().max()) <= 0.5001 / (2**bits - 1)
        assert dataset.classes[sample.labels[0]] == picture.cells["label"]
        assert sample.id == f"{row['kind']}/{row['severity']}/{picture.id}"


def test_that_the_manifest_names_the_digest_of_every_file(tmp_path: Path) -> None:
    built = build(pictures(), [HAIR, JPEG], tmp_path / "set", columns=["label"])
    named = {row["image"]: row["sha256"] for row in rows(built.folder)}
    files = list(built.folder.rglob("*.png"))
    assert {path.relative_to(built.folder).as_posix() for path in files} == set(named)
    for path in files:
        name = path.relative_to(built.folder).as_posix()
        assert hashlib.sha256(path.read_bytes()).hexdigest() == named[name]
    assert {path.name for path in files} == {"000000.png", "000001.png", "000002.png"}


def test_that_one_kind_is_chosen_by_its_folder(tmp_path: Path) -> None:
    built = build(pictures(), [HAIR, JPEG], tmp_path / "set", columns=["label"])
    part = Subset(filter="path=jpeg/5/*").apply(open_dataset(built.manifest))
    assert [sample.id for sample in part] == ["jpeg/5/p/0", "jpeg/5/p/1", "jpeg/5/p/2"]


def test_that_findings_are_read_back_and_the_seed_is_none_of_them(tmp_path: Path) -> None:
    states = [("1", "0"), ("0", ""), ("0", "1")]
    given = [
        replace(picture, cells=dict(zip(("mass", "effusion"), state, strict=True)))
        for picture, state in zip(pictures(), states, strict=True)
    ]
    built = build(given, [JPEG], tmp_path / "set", columns=["mass", "effusion"], seed=0)
    dataset = open_dataset(built.manifest)
    assert dataset.task == "multi-label"
    assert dataset.classes == ("mass", "effusion")
    assert dataset.labels.tolist() == [[1, 0], [0, -1], [0, 1]]


def test_that_the_same_words_give_the_same_bytes(tmp_path: Path) -> None:
    build(pictures(), [HAIR], tmp_path / "a", columns=["label"], seed=3)
    build(pictures(), [HAIR], tmp_path / "b", columns=["label"], seed=3)
    for path in (tmp_path / "a").rglob("*.*"):
        twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == twin.read_bytes()


def test_that_what_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="exists"):
        build(pictures(), [HAIR], tmp_path / "set", columns=["label"])
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    assert (tmp_path / "set" / "mine.txt").read_text() == "mine"


def test_that_a_cancel_leaves_nothing_behind(tmp_path: Path) -> None:
    token = CancelToken()
    seen: list[Event] = []

    def emit(event: Event) -> None:
        seen.append(event)
        token.cancel()

    with pytest.raises(JobCancelled):
        build(
            pictures(), [HAIR], tmp_path / "set", columns=["label"], total=3, token=token, emit=emit
        )
    assert seen == [Progress(1, 3)]
    assert list(tmp_path.iterdir()) == []


def test_that_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def failing() -> Iterator[Picture]:
        yield from pictures(1)
        raise CorruptionError("is broken", subject="second")

    with pytest.raises(CorruptionError, match="broken"):
        build(failing(), [HAIR], tmp_path / "set", columns=["label"])
    assert list(tmp_path.iterdir()) == []


def test_that_nothing_to_do_is_refused(tmp_path: Path) -> None:
    for given, kinds in ((pictures(), []), (pictures(), [HAIR, HAIR]), ([], [HAIR])):
        with pytest.raises(CorruptionError):
            build(given, kinds, tmp_path / "set", columns=["label"])
    assert list(tmp_path.iterdir()) == []


def test_that_a_class_named_like_a_column_of_the_manifest_is_refused(tmp_path: Path) -> None:
    given = [replace(p, cells={"seed": "1"}) for p in pictures()]
    with pytest.raises(CorruptionError, match="manifest"):
        build(given, [HAIR], tmp_path / "set", columns=["seed"])
