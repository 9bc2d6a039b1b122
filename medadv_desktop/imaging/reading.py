"""The door of the imaging room: a file by its path, whatever its kind.

Kinds are told by content, never by the name of the file. Whatever a file holds, what leaves these
functions is an image or an `ImageError` that names the file and the reason.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import numpy as np
from pydicom import datadict
from pydicom.valuerep import VR

from medadv_desktop.errors import ImageError, MedAdvError, NotAnImageError
from medadv_desktop.imaging.dicom import (
    non_image,
    open_dicom,
    pixel_digest,
    poses_of_frames,
    read_dicom,
)
from medadv_desktop.imaging.dicom_header import WithoutPixelsError
from medadv_desktop.imaging.dicom_quick import QUICK_BYTES
from medadv_desktop.imaging.frame import Frame, Instance, NonImage, Pose, Unreadable
from medadv_desktop.imaging.raster import open_raster, read_raster
from medadv_desktop.imaging.volume_files import (
    open_volume_file,
    poses_in_volume,
    read_volume_plane,
    volume_format,
)

HEAD_BYTES = 512

IMAGE_SUFFIXES = frozenset(
    {
        ".dcm",
        ".dicom",
        ".ima",
        ".png",
        ".jpg",
        ".jpeg",
        ".bmp",
        ".tif",
        ".tiff",
        ".nii",
        ".mha",
        ".mhd",
        ".nrrd",
        ".nhdr",
    }
)
"""Names that promise an image: a file so called that holds none is broken, not merely other."""

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)

_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"GIF8", "a GIF image"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
)


class Kind(Enum):
    """The kinds of file that are read."""

    DICOM = "DICOM"
    RASTER = "raster"
    VOLUME = "volume"


def open_instance(path: Path | str) -> Instance:
    """What a file holds, from its header alone.

    Raises:
        NotAnImageError: the content is of no kind that is read.
        NoPixelsError: a DICOM object without pixels.
        ImageError: missing, empty, unreadable, cut off, broken, or larger than the limits.
    """
    path = Path(path)
    with naming(path):
        kind, head, size = _looked_at(path, QUICK_BYTES)
        if kind is Kind.DICOM:
            return open_dicom(path, head, size)
        if kind is Kind.VOLUME:
            return open_volume_file(path, volume_format(head))
        return open_raster(path)


def read_frame(path: Path | str, index: int = 0) -> Frame:
    """Decode one frame of a file.

    Args:
        path: a DICOM, PNG, JPEG, BMP, TIFF, NIfTI, MetaImage or NRRD file.
        index: the frame, page or plane, from 0.

    Raises:
        NotAnImageError, NoPixelsError, ImageError: as `open_instance`; also where there is no such
            frame, or its data cannot be decoded.
    """
    path = Path(path)
    with naming(path):
        kind, head, _ = _looked_at(path, HEAD_BYTES)
        if kind is Kind.DICOM:
            return read_dicom(path, index)
        if kind is Kind.VOLUME:
            return read_volume_plane(path, volume_format(head), index)
        return read_raster(path, index)


def poses_of(path: Path | str) -> tuple[Pose | None, ...]:
    """Where each frame of a file lies in the patient; None for those the file does not place.

    Raises:
        NotAnImageError, NoPixelsError, ImageError: as `open_instance`.
    """
    path = Path(path)
    with naming(path):
        kind, head, _ = _looked_at(path, HEAD_BYTES)
        if kind is Kind.DICOM:
            return poses_of_frames(path)
        if kind is Kind.VOLUME:
            return poses_in_volume(path, volume_format(head))
        return (None,) * open_raster(path).frames


def same_pixels(first: Path, second: Path) -> bool:
    """Whether two DICOM files hold the same pixel data: as bytes, or else, where their encodings
    differ, as decoded frames.

    Raises:
        ImageError: one of them cannot be read.
    """
    opened = []
    for path in (first, second):
        with naming(path):
            opened.append(open_dicom(path))
    one, other = opened
    if (one.frames, one.size) != (other.frames, other.size):
        return False
    if one.provenance.transfer_syntax == other.provenance.transfer_syntax:
        return pixel_digest(first) == pixel_digest(second)
    return all(
        np.array_equal(read_frame(first, i).stored, read_frame(second, i).stored)
        for i in range(one.frames)
    )


def describe(path: Path | str) -> Instance | NonImage | Unreadable:
    """`open_instance` for many files: what cannot be opened is an answer, not an exception."""
    path = Path(path)
    try:
        return open_instance(path)
    except WithoutPixelsError as error:
        return non_image(path, error)
    except NotAnImageError as error:
        return Unreadable(path, error.reason, skipped=path.suffix.lower() not in IMAGE_SUFFIXES)
    except ImageError as error:
        return Unreadable(path, error.reason, skipped=False)


def sniff(head: bytes, size: int) -> Kind | None:
    """The kind of a file from its first bytes (`HEAD_BYTES` of them suffice) and its size."""
    if head[128:132] == b"DICM" or _is_bare_dicom(head, size):
        return Kind.DICOM
    is_tiff = head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    is_bmp = head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    if is_tiff or is_bmp or head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return Kind.RASTER
    return Kind.VOLUME if volume_format(head) else None


def _is_bare_dicom(head: bytes, size: int) -> bool:
    """Whether a file without preamble starts with a plausible element of group 0002 or 0008."""
    if len(head) < 8:
        return False
    for order in ("little", "big"):
        group = int.from_bytes(head[:2], order)
        tag = group << 16 | int.from_bytes(head[2:4], order)
        known = tag & 0xFFFF == 0 or datadict.dictionary_has_tag(tag)
        if group not in (0x0002, 0x0008) or not known:
            continue
        if head[4:6] in _VRS:
            return True
        length = int.from_bytes(head[4:8], order)
        return length % 2 == 0 and 8 + length <= size
    return False


_VRS = frozenset(vr.value.encode() for vr in VR if len(vr.value) == 2)


def kind_of(path: Path) -> Kind:
    """The kind of a file, from its content.

    Raises:
        NotAnImageError: it is none that is read.
        ImageError, OSError: there is no such file, or it cannot be read.
    """
    return _looked_at(path, HEAD_BYTES)[0]


def _looked_at(path: Path, count: int) -> tuple[Kind, bytes, int]:
    """The kind of a file, its first `count` bytes, and its size."""
    size = _checked_size(path)
    with path.open("rb", buffering=0) as file:
        head = file.read(count)
    kind = sniff(head, size)
    if kind is None:
        raise NotAnImageError(
            f"is {_other_kind(head[:HEAD_BYTES])}, not an image that can be read",
            subject=path,
            remedy="Open DICOM, PNG, JPEG, BMP, TIFF, NIfTI, MetaImage or NRRD files",
        )
    return kind, head, size


def _checked_size(path: Path) -> int:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ImageError("is a folder", subject=path, remedy="Open it as a folder, or a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("is a device or pipe, not a file", subject=path)
    if status.st_size == 0:
        raise ImageError(
            "is empty (0 bytes)", subject=path, remedy="Copy the file again from where it came"
        )
    return status.st_size


def _other_kind(head: bytes) -> str:
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP image"
    if not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return "a text file"
    return "a file of unknown kind"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a file into an `ImageError` that names it."""
    try:
        yield
    except MedAdvError:
        raise
    except OSError as error:
        raise _file_error(path, error) from error
    except MemoryError as error:
        raise ImageError(
            "needs more memory than there is", subject=path, remedy="Close other programs"
        ) from error
    except Exception as error:  # decoders raise anything at all for broken bytes
        raise ImageError(
            f"cannot be decoded ({_first_line(error)})",
            subject=path,
            remedy="Copy the file again, or export it uncompressed",
        ) from error


def _file_error(path: Path, error: OSError) -> ImageError:
    if isinstance(error, FileNotFoundError):
        return ImageError("does not exist", subject=path, remedy="Check the path")
    if isinstance(error, PermissionError):
        return ImageError(
            "may not be read", subject=path, remedy="Ask for permission to read the file"
        )
    if error.errno is not None:
        return ImageError(
            f"cannot be read ({os.strerror(error.errno)})",
            subject=path,
            remedy="Check the drive or network it lies on",
        )
    # Pillow raises bare OSErrors for broken data.
    return ImageError(
        f"cannot be decoded ({_first_line(error)})",
        subject=path,
        remedy="Copy the file again from where it came",
    )


def _first_line(error: BaseException) -> str:
    text = "".join(c if c.isprintable() else "?" for c in " ".join(str(error).split()))
    return (text or type(error).__name__)[:300].rstrip(".")
