"""NIfTI, MetaImage and NRRD: files that hold a whole volume, read plane by plane.

SimpleITK reads them in the child process of decoding.py, under its limits. Their axes are turned
into LPS by ITK, whatever the file has.
"""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.bounds import MAX_VOLUME_BYTES, check_size
from medadv_desktop.imaging.decoding import DecodingError, ask, received_array
from medadv_desktop.imaging.frame import Frame, Instance, Photometric, Pose, Provenance, Spacing

READERS = {"NIfTI": "NiftiImageIO", "MetaImage": "MetaImageIO", "NRRD": "NrrdImageIO"}

BYTES_PER_SECOND = 20e6
SECONDS = 10.0
RGB_CHANNELS = 3

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class _Header:
    """`size` is x, y, z and further axes; `axes` the directions of x, y and z in LPS; `is_flat`
    tells that the file itself has no z."""

    format: str
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...]
    channels: int
    dtype: str
    stamp: int
    is_flat: bool

    @property
    def frames(self) -> int:
        return math.prod(self.size[2:])

    @property
    def whole_bytes(self) -> int:
        return math.prod(self.size) * self.channels * np.dtype(self.dtype).itemsize


def volume_format(head: bytes) -> str:
    """The name of a volume format by the first bytes of a file, "" where it is none."""
    if head.startswith(b"NRRD000"):
        return "NRRD"
    if head.startswith((b"ObjectType", b"NDims")):
        return "MetaImage"
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, 512)
        except zlib.error:
            return ""
    return "NIfTI" if head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0" else ""


def open_volume_file(path: Path, kind: str) -> Instance:
    """What a volume file holds, from its header. Its frames are its planes, then its time points.

    Raises:
        ImageError: it cannot be read, is too large, or of a kind of pixel that is not read.
    """
    header = _header(path, kind)
    return Instance(
        provenance=Provenance(path, transfer_syntax=kind),
        size=(header.size[1], header.size[0]),
        frames=header.frames,
        photometric="RGB" if header.channels == RGB_CHANNELS else "MONOCHROME2",
        bits_stored=8 * np.dtype(header.dtype).itemsize,
        pose=_pose(header, 0),
        spacing=Spacing(header.spacing[1], header.spacing[0]),
    )


def read_volume_plane(path: Path, kind: str, index: int) -> Frame:
    """Decode plane `index`.

    Raises:
        ImageError: as `open_volume_file`; also where there is no such plane.
    """
    header = _header(path, kind)
    if not 0 <= index < header.frames:
        raise ImageError(
            f"has no frame {index}",
            subject=path,
            remedy=f"Frames go from 0 to {header.frames - 1}",
        )
    place = () if header.is_flat else np.unravel_index(index, header.size[:1:-1])
    answer, data = _ask("volume plane", path, header, {"index": [int(i) for i in place]})
    stored = received_array(answer, data)
    if stored.shape[:2] != (header.size[1], header.size[0]):
        raise ImageError("its planes are not of the size its header says", subject=path)
    stored.flags.writeable = False
    color = header.channels == RGB_CHANNELS
    return Frame(
        stored=stored,
        photometric=Photometric.RGB if color else Photometric.MONOCHROME2,
        bits_stored=8 * stored.dtype.itemsize,
        provenance=Provenance(path, index, transfer_syntax=kind),
        spacing=Spacing(header.spacing[1], header.spacing[0]),
        source_photometric="RGB" if color else "MONOCHROME2",
        pose=_pose(header, index),
    )


def poses_in_volume(path: Path, kind: str) -> tuple[Pose | None, ...]:
    """Where each plane lies.

    Raises:
        ImageError: as `open_volume_file`.
    """
    header = _header(path, kind)
    return tuple(_pose(header, index) for index in range(header.frames))


def _header(path: Path, kind: str) -> _Header:
    status = path.stat()
    head = {
        "work": "volume header",
        "path": str(path.absolute()),
        "format": READERS[kind],
        "result_bytes": 0,
    }
    said = _answer(path, head, SECONDS)[0]
    size = tuple(int(n) for n in said["size"])
    spacing = tuple(float(s) for s in said["spacing"])
    dimension = len(size)
    directions = np.reshape(said["direction"], (dimension, dimension))
    if dimension < 2 or said["channels"] not in (1, RGB_CHANNELS):
        raise ImageError(
            f"holds {dimension} axes of {said['channels']} values each, which is no volume",
            subject=path,
        )
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise ImageError(f"says that its voxels are {spacing} mm large", subject=path)
    if dimension == 2:
        size, spacing = (*size, 1), (*spacing, 1.0)
        axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        origin = (*said["origin"], 0.0)
    else:
        axes = tuple(tuple(float(v) for v in directions[:3, k]) for k in range(3))  # type: ignore[assignment]
        origin = tuple(said["origin"][:3])
    header = _Header(
        kind, size, spacing, origin, axes, said["channels"], said["dtype"], status.st_mtime_ns,
        dimension == 2,
    )  # fmt: skip
    check_size(path, size[1], size[0], header.channels, np.dtype(header.dtype).itemsize)
    if header.whole_bytes > MAX_VOLUME_BYTES:
        raise ImageError(
            f"is a volume of {header.whole_bytes / 2**20:,.0f} MiB, above the limit of "
            f"{MAX_VOLUME_BYTES // 2**20} MiB",
            subject=path,
            remedy="Crop or resample it with another program",
        )
    return header


def _ask(work: str, path: Path, header: _Header, more: dict[str, Any]) -> tuple[Any, bytearray]:
    head = {
        "work": work,
        "path": str(path.absolute()),
        "format": READERS[header.format],
        "stamp": header.stamp,
        "result_bytes": header.whole_bytes,
    }
    return _answer(path, head | more, SECONDS + header.whole_bytes / BYTES_PER_SECOND)


def _answer(path: Path, head: dict[str, Any], seconds: float) -> tuple[Any, bytearray]:
    try:
        return ask(head, b"", seconds)
    except DecodingError as error:
        # ITK tells where in its source it stopped before it tells why.
        reason = str(error).rpartition("ITK ERROR: ")[2].removeprefix("ValueError: ")
        reason = re.sub(r"\w+\(0x[0-9a-f]+\): ", "", " ".join(reason.split())).rstrip(".")
        name = next(kind for kind, reader in READERS.items() if reader == head["format"])
        unsupported = reason.endswith("not supported")
        raise ImageError(
            f"cannot be read as {name} ({reason})",
            subject=path,
            remedy="Save it with one real number for each voxel, or three bytes for a colour"
            if unsupported
            else "Copy the file again from where it came",
        ) from None


def _pose(header: _Header, index: int) -> Pose:
    through = header.axes[2]
    depth = (index % header.size[2]) * header.spacing[2]
    x, y, z = (o + depth * t for o, t in zip(header.origin, through, strict=True))
    (a, b, c), (d, e, f) = header.axes[:2]
    return Pose((x, y, z), (a, b, c, d, e, f))
