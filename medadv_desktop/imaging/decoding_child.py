"""The program of the process that decodes compressed pixels. See decoding.py.

It stands alone: it is started by its path, with nothing of this package imported, so that it is up
quickly and holds nothing that broken data could harm. Requests and answers are a length, that much
JSON, and the bytes that the JSON counts; never a pickle, for the answers come from a process that
hostile data may have taken over.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import signal
import struct
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

SPARE_BYTES = 512 * 2**20
"""What a decoder may take beside six times its result."""

KEPT_BYTES = 256 * 2**20
"""Up to this size a volume is kept decoded for its next plane."""

MAX_HEARD_BYTES = 2**14
"""Of what a library says, how much is read."""

_LENGTH = struct.Struct("<I")


def main() -> None:
    """Answer requests from standard input until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    # The libraries print to both; nobody reads it, and an answer must not be mixed with it.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to handle
    import pydicom  # noqa: F401 - the time it takes is not that of a request

    base = _address_space()
    while (request := receive(requests)) is not None:
        head, payload = request
        try:
            _limit_memory(base, int(head["result_bytes"]))
            send(answers, *_WORK[head["work"]](head, payload))
        except MemoryError:
            send(answers, {"error": "it needs more memory than its size allows"}, b"")
        except BaseException as error:  # a Rust panic is no Exception
            send(answers, {"error": f"{type(error).__name__}: {error}"}, b"")


def send(stream: BinaryIO, head: dict[str, Any], payload: bytes | memoryview) -> None:
    """Write one message."""
    text = json.dumps(head | {"bytes": len(payload)}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.write(payload)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytearray] | None:
    """Read one message; None where the stream has ended."""
    start = stream.read(_LENGTH.size)
    if len(start) < _LENGTH.size:
        return None
    head = json.loads(stream.read(_LENGTH.unpack(start)[0]))
    payload = bytearray(head["bytes"])
    at = 0
    view = memoryview(payload)
    while at < len(payload):
        count = stream.readinto(view[at:])  # type: ignore[attr-defined]
        if not count:
            return None
        at += count
    return head, payload


def _decode(head: dict[str, Any], payload: bytearray) -> tuple[dict[str, Any], memoryview]:
    import numpy as np
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    decoder: Any = get_decoder(UID(head["syntax"]))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        array, described = decoder.as_array(
            encapsulate([bytes(payload)]),
            index=0,
            number_of_frames=1,
            decoding_plugin=head["plugin"],
            **head["options"],
        )
    array = np.ascontiguousarray(array)
    answer = {
        "dtype": array.dtype.str,
        "shape": array.shape,
        "photometric": str(described["photometric_interpretation"]),
        "notes": [str(w.message) for w in warned],
    }
    octets: Any = array.reshape(-1).view(np.uint8)
    return answer, memoryview(octets)


def _volume_header(head: dict[str, Any], _: bytearray) -> tuple[dict[str, Any], memoryview]:
    """What a volume file says of itself."""
    sitk = _itk()
    reader = _reader(head)
    kinds = {
        sitk.sitkUInt8: "u1", sitk.sitkInt8: "i1", sitk.sitkUInt16: "u2", sitk.sitkInt16: "i2",
        sitk.sitkUInt32: "u4", sitk.sitkInt32: "i4",
        sitk.sitkUInt64: "u8", sitk.sitkInt64: "i8", sitk.sitkFloat32: "f4",
        sitk.sitkFloat64: "f8", sitk.sitkVectorUInt8: "u1",
    }  # fmt: skip
    kind = reader.GetPixelID()
    if kind not in kinds:
        raise ValueError(f"pixels of type {sitk.GetPixelIDValueAsString(kind)} are not supported")
    answer = {
        "size": reader.GetSize(),
        "spacing": reader.GetSpacing(),
        "origin": reader.GetOrigin(),
        "direction": reader.GetDirection(),
        "channels": reader.GetNumberOfComponents(),
        "dtype": kinds[kind],
    }
    return answer, memoryview(b"")


def _volume_plane(head: dict[str, Any], _: bytearray) -> tuple[dict[str, Any], memoryview]:
    """One plane of a volume file; of a small volume the whole is kept for the next plane."""
    import numpy as np

    key = (head["path"], head["stamp"])
    if _kept.get("key") != key:
        _kept.clear()
        _check_nifti(Path(head["path"]))
        _kept["key"] = key
        if head["result_bytes"] <= KEPT_BYTES:
            whole = _itk().GetArrayFromImage(_reader(head).Execute())
            _kept["volume"] = whole
    index = [int(i) for i in head["index"]]  # slowest axis first
    if "volume" in _kept:
        plane = _kept["volume"][tuple(index)]
    else:
        reader = _reader(head)
        size = list(reader.GetSize())
        reader.SetExtractSize([*size[:2], *(0 for _ in index)])
        reader.SetExtractIndex([0, 0, *index[::-1]])
        plane = _itk().GetArrayFromImage(reader.Execute())
    plane = np.ascontiguousarray(plane)
    answer = {"dtype": plane.dtype.str, "shape": plane.shape}
    octets: Any = plane.reshape(-1).view(np.uint8)
    return answer, memoryview(octets)


def _tiff_page(head: dict[str, Any], payload: bytearray) -> tuple[dict[str, Any], memoryview]:
    """A page of a TIFF file, or of one that came with the request, by Pillow and libtiff.

    libtiff tells what is wrong on standard error and often goes on all the same. What it says of
    tags goes back as notes; after anything else the pixels are not to be trusted.
    """
    from PIL import Image

    with tempfile.TemporaryFile() as heard, _standard_error_to(heard):
        file: Any = io.BytesIO(payload) if payload else head["path"]
        try:
            with Image.open(file, formats=("TIFF",)) as image:
                image.seek(head["index"])
                image.load()
                octets = image.tobytes()
                answer: dict[str, Any] = {"mode": image.mode, "size": image.size}
                if image.palette is not None:
                    answer["palette"] = list(image.getpalette("RGB") or ())
        except Exception as error:
            raise ValueError("; ".join((str(error), *_lines(heard)))) from None
        notes = _lines(heard)
    faults = [line for line in notes if not line.startswith(_ABOUT_TAGS)]
    if faults:
        raise ValueError("; ".join(faults))
    return answer | {"notes": notes}, memoryview(octets)


_ABOUT_TAGS = ("TIFFReadDirectory", "TIFFFetch", "_TIFF")


@contextlib.contextmanager
def _standard_error_to(file: Any) -> Iterator[None]:
    before = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _lines(heard: Any) -> list[str]:
    """What was written to a file, each line once."""
    heard.seek(0)
    text = heard.read(MAX_HEARD_BYTES).decode("utf-8", "replace")
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))[:5]


def _check_nifti(path: Path) -> None:
    """Refuse a NIfTI file that is cut off: ITK fills what is missing with zeros and says nothing.

    Source: nifti1.h and nifti2.h, fields dim, bitpix and vox_offset.
    """
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_packed else path.open("rb") as file:
        head = file.read(540)
        order = "<" if head[:4] in (b"\x5c\x01\0\0", b"\x1c\x02\0\0") else ">"
        if head[344:348] == b"n+1\0":
            dim = struct.unpack_from(f"{order}8h", head, 40)
            bits, start = struct.unpack_from(f"{order}h", head, 72)[0], 108
            start = int(struct.unpack_from(f"{order}f", head, start)[0])
        elif head[4:8] == b"n+2\0":
            dim = struct.unpack_from(f"{order}8q", head, 16)
            bits = struct.unpack_from(f"{order}h", head, 14)[0]
            start = struct.unpack_from(f"{order}q", head, 168)[0]
        else:
            return
        count = 1
        for extent in dim[1 : 1 + max(0, min(dim[0], 7))]:
            count *= max(extent, 1)
        needed = start + count * bits // 8
        there = len(head)
        while there < needed and (data := file.read(min(2**20, needed - there))):
            there += len(data)
        if there < needed:
            raise ValueError(f"it is cut off: {there:,} of {needed:,} bytes are there")


def _reader(head: dict[str, Any]) -> Any:
    reader = _itk().ImageFileReader()
    reader.SetImageIO(head["format"])
    reader.SetFileName(head["path"])
    reader.ReadImageInformation()
    return reader


def _itk() -> Any:
    import SimpleITK as sitk  # noqa: N813 - the name everybody gives it; late, for it is large

    return sitk


_kept: dict[str, Any] = {}
_WORK = {
    "decode": _decode,
    "tiff page": _tiff_page,
    "volume header": _volume_header,
    "volume plane": _volume_plane,
}


def _address_space() -> int:
    """Bytes of address space in use, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _limit_memory(base: int, result_bytes: int) -> None:
    if base == 0:
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = base + SPARE_BYTES + 6 * result_bytes
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


if __name__ == "__main__":
    main()
