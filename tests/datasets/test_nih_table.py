"""The whole label table of ChestX-ray14, out of the package torchxrayvision.

The package is fetched when the test runs and never installed: its wheel is opened as the archive
that it is. Where it cannot be fetched, the test is skipped.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from medadv_desktop.datasets.opening import open_dataset

MEMBER = "torchxrayvision/data/Data_Entry_2017_v2020.csv.gz"


@pytest.fixture(scope="module")
def nih_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command += ["--retries", "0", "--timeout", "5", "--dest", str(folder), "torchxrayvision"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        (wheel,) = folder.glob("*.whl")
    except (subprocess.SubprocessError, OSError, ValueError):
        pytest.skip("the package torchxrayvision cannot be fetched here")
    with zipfile.ZipFile(wheel) as archive:
        content = gzip.decompress(archive.read(MEMBER))
    wheel.unlink()
    path = folder / "Data_Entry_2017_v2020.csv"
    path.write_bytes(content)
    return path


@pytest.mark.slow
def test_that_the_whole_nih_table_has_the_counts_that_pandas_finds(nih_table: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    data = open_dataset(nih_table)
    frame = pandas.read_csv(nih_table, usecols=["Finding Labels", "Patient ID"])
    findings = frame["Finding Labels"].str.split("|").explode()
    expected = findings.value_counts().drop("No Finding")
    counts = dict(zip(data.classes, data.labels.sum(axis=0).tolist(), strict=True))
    assert counts == expected.to_dict()
    assert len(data) == len(frame) == 112_120
    assert not data.problems
    patients = np.bincount(data.columns.patients.codes)
    assert len(patients) == frame["Patient ID"].nunique() == 30_805
    assert patients.max() == frame["Patient ID"].value_counts().max()
