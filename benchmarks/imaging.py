"""How fast and how small the imaging room is: ``python benchmarks/imaging.py``.

Prints the speed of a scan against a bare `pydicom.dcmread(stop_before_pixels=True,
specific_tags=...)` of the same files for the same elements (interleaved runs, medians), the memory
that a scan of many files takes, and the time to the first image of a long series.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from medadv_desktop.imaging.dicom_header import IDENTITY_KEYWORDS, IMAGE_KEYWORDS
from medadv_desktop.imaging.frame import Instance
from medadv_desktop.imaging.reading import read_frame
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.imaging.series import group
from medadv_desktop.jobs import CancelToken

WANTED_RATIO = 0.8
WANTED_MEMORY_BYTES = 300 * 2**20
WANTED_FIRST_IMAGE_SECONDS = 1.0

_MEMORY = """
import sys
from medadv_desktop.imaging.scanning import scan
from medadv_desktop.jobs import CancelToken
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
next(scan([sys.argv[1] + "/0000"], CancelToken()))
before = resident()
kept = list(scan([sys.argv[1]], CancelToken()))
print(len(kept), resident() - before)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=5000, help="files of the scan")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--many", type=int, default=100_000, help="files of the memory test; 0 none"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_series(folder / "scan", options.files, rows=64)
        good = scan_speed(folder / "scan", files, options.runs)
        good &= first_image(folder / "long")
        if options.many and Path("/proc/self/statm").exists():
            good &= memory(folder / "many", options.many)
    return 0 if good else 1


def scan_speed(folder: Path, files: list[Path], runs: int) -> bool:
    """Interleaved, so that both meet the same machine."""
    keywords = [*IDENTITY_KEYWORDS, *IMAGE_KEYWORDS]
    bare, ours = [], []
    for _ in range(runs + 1):
        began = time.perf_counter()
        for path in files:
            dcmread(path, stop_before_pixels=True, specific_tags=keywords)
        bare.append(time.perf_counter() - began)
        began = time.perf_counter()
        found = sum(isinstance(answer, Instance) for answer in scan([folder], CancelToken()))
        ours.append(time.perf_counter() - began)
        if found != len(files):
            raise SystemExit(f"{found} of {len(files)} files were read")
    one, other = statistics.median(bare[1:]), statistics.median(ours[1:])
    ratio = one / other
    print(f"scan of {len(files)} files: {other:.2f} s; bare dcmread {one:.2f} s; {ratio:.2f}×")
    return ratio >= WANTED_RATIO


def first_image(folder: Path) -> bool:
    """From the start of a scan of 2,000 slices to the first one's pixels."""
    make_series(folder, 2000, rows=512)
    began = time.perf_counter()
    found = next(a for a in scan([folder], CancelToken()) if isinstance(a, Instance))
    read_frame(found.path)
    first = time.perf_counter() - began
    everything = [a for a in scan([folder], CancelToken()) if isinstance(a, Instance)]
    began = time.perf_counter()
    group(everything)
    grouped = time.perf_counter() - began
    print(f"2,000 slices: first image after {first * 1000:.0f} ms; grouped in {grouped:.3f} s")
    return first <= WANTED_FIRST_IMAGE_SECONDS


def memory(folder: Path, count: int) -> bool:
    """Resident memory that a scan adds, with every answer kept, as the browser does."""
    originals = make_series(folder / "0000", min(count, 1000), rows=16)
    for number in range(1, -(-count // 1000)):
        made = folder / f"{number:04d}"
        made.mkdir()
        for path in originals:
            _patched(path, made / path.name, number)
    command = [sys.executable, "-c", _MEMORY, str(folder)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    files, added = map(int, done.stdout.split())
    seconds = time.perf_counter() - began
    print(f"scan of {files} files: {added / 2**20:.0f} MiB more, {seconds:.0f} s")
    return added <= WANTED_MEMORY_BYTES


def make_series(folder: Path, count: int, rows: int) -> list[Path]:
    """A CT series with the elements that real ones have, one file a slice."""
    folder.mkdir(parents=True)
    dataset = _slice(rows)
    made = []
    for number in range(count):
        uid = f"1.2.826.0.1.3680043.10.1.{number:06d}.000001"
        dataset.SOPInstanceUID = uid
        dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.InstanceNumber = number + 1
        dataset.ImagePositionPatient = [-150, -150, number * 1.25]
        path = folder / f"IM{number:06d}"
        dataset.save_as(path, enforce_file_format=True)
        made.append(path)
    return made


def _patched(source: Path, target: Path, number: int) -> None:
    """A copy with another SOP Instance UID, of the same length."""
    target.write_bytes(source.read_bytes().replace(b".000001", f".{number + 1:06d}".encode()))


def _slice(rows: int) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SpecificCharacterSet": "ISO_IR 100", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage, "StudyDate": "20260101", "SeriesDate": "20260101",
        "AcquisitionDate": "20260101", "ContentDate": "20260101", "StudyTime": "101500",
        "SeriesTime": "101500", "ContentTime": "101512.5", "AccessionNumber": "A1",
        "Modality": "CT", "Manufacturer": "None", "InstitutionName": "None",
        "ReferringPhysicianName": "", "StudyDescription": "Thorax", "StationName": "CT1",
        "SeriesDescription": "Thorax 1.25", "ManufacturerModelName": "None",
        "PatientName": "Phantom^Thorax", "PatientID": "P1", "PatientBirthDate": "",
        "PatientSex": "O", "PatientAge": "040Y", "ScanOptions": "HELICAL", "SliceThickness": 1.25,
        "KVP": 120, "DataCollectionDiameter": 500, "ReconstructionDiameter": 350,
        "DistanceSourceToDetector": 1085.6, "DistanceSourceToPatient": 595, "GantryDetectorTilt": 0,
        "TableHeight": 150, "RotationDirection": "CW", "ExposureTime": 500,
        "XRayTubeCurrent": 200, "Exposure": 100, "FilterType": "BODY", "GeneratorPower": 40,
        "FocalSpots": 1.2, "ConvolutionKernel": "STANDARD", "PatientPosition": "HFS",
        "StudyInstanceUID": "1.2.826.0.1.3680043.10.2", "SeriesInstanceUID":
        "1.2.826.0.1.3680043.10.3", "StudyID": "1", "SeriesNumber": 2, "AcquisitionNumber": 1,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "FrameOfReferenceUID":
        "1.2.826.0.1.3680043.10.4", "PositionReferenceIndicator": "XY", "SliceLocation": 0,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": rows,
        "Columns": rows, "PixelSpacing": [0.7, 0.7], "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": 1, "WindowCenter": 40, "WindowWidth": 400,
        "RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": "HU",
    }  # fmt: skip
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    pixels = np.random.default_rng(0).integers(-1024, 2000, (rows, rows)).astype("<i2")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


if __name__ == "__main__":
    sys.exit(main())
