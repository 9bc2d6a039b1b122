"""High-throughput JPEG 2000, of which no package at hand ships a sample."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

from medadv_desktop.imaging.reading import read_frame

# 16×16, 16 bits, reversible: row × 256 + column × 16, written once by OpenJPH (in imagecodecs).
CODE = base64.b64decode(
    "/0//UQApQAAAAAAQAAAAEAAAAAAAAAAAAAAAEAAAABAAAAAAAAAAAAABDwEB/1AACAACAAAACv9S"
    "AAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4z"
    "Lv+QAAoAAAAAAH4AAf+TwAAmSfYFB3QAAMAAEsAAEwAiAYd0AEbyA4d0AMAAE0AAE4AQyAECdAAe"
    "6ZEAw1QAwAAVEAAFYIZhGKpwgnUAfvTDDz/+wFKB7LYAwAArIAAWkO7u7u7nwKenp8J4AP79/f39"
    "/f39/Yxge/Yxgey6AP/Z"
)
LOSSLESS, LOSSLESS_RPCL, ANY = (f"1.2.840.10008.1.2.4.20{n}" for n in (1, 2, 3))


@pytest.mark.parametrize("syntax", [LOSSLESS, LOSSLESS_RPCL, ANY])
def test_that_htj2k_gives_the_values_that_were_encoded(tmp_path: Path, syntax: str) -> None:
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    dataset.Rows = dataset.Columns = 16
    dataset.PixelRepresentation = 0
    dataset.PixelData = encapsulate([CODE])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(tmp_path / "htj2k.dcm")
    rows, columns = np.mgrid[0:16, 0:16]
    stored = read_frame(tmp_path / "htj2k.dcm").stored
    np.testing.assert_array_equal(stored, rows * 256 + columns * 16)
