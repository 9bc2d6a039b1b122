"""Images inside .npz archives, one at a time, without loading an archive that is large."""

from __future__ import annotations

import functools
import threading
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.errors import ImageError, MedAdvError
from medadv_desktop.imaging.bounds import check_size
from medadv_desktop.imaging.frame import Frame, Photometric, Provenance

WHOLE_BYTES = 128 * 2**20
"""Arrays up to this size are held in memory once touched; larger ones are read as a stream."""


class NpzImages:
    """The images of one array of an archive: N×H×W (grey) or N×H×W×3 (RGB) of uint8 or uint16.

    A compressed array can only be read forwards: going through in order costs one pass, a step
    back starts again. Safe to use from several threads.
    """

    def __init__(self, path: Path, member: str) -> None:
        self.path = path
        self.member = member
        self._lock = threading.Lock()
        self._whole: NDArray[np.generic] | None = None
        self._stream: IO[bytes] | None = None
        self._next = 0
        with naming_npz(path), zipfile.ZipFile(path) as archive:
            with archive.open(f"{member}.npy") as file:
                self.shape, self.dtype = read_npy_header(file, f"{path.name}/{member}")
                self._data_start = file.tell()
            size = archive.getinfo(f"{member}.npy").file_size
        check_images(path, member, self.shape, self.dtype)
        self._image_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        if size != self._data_start + self._image_bytes * self.shape[0]:
            raise broken(path, f"the array {member} is cut off")

    def __len__(self) -> int:
        return self.shape[0]

    def pixels(self, index: int) -> NDArray[np.generic]:
        """H×W or H×W×3, read-only.

        Raises:
            ImageError: there is no such image, or the archive is broken.
        """
        if not 0 <= index < len(self):
            raise ImageError(
                f"has no image {index} in {self.member}",
                subject=self.path,
                remedy=f"They go from 0 to {len(self) - 1}",
            )
        with self._lock, naming_npz(self.path):
            if self._image_bytes * len(self) <= WHOLE_BYTES:
                return self._from_whole(index)
            return self._from_stream(index)

    def _from_whole(self, index: int) -> NDArray[np.generic]:
        if self._whole is None:
            with np.load(self.path, allow_pickle=False) as archive:
                whole = archive[self.member]
            whole.setflags(write=False)
            self._whole = whole
        found: NDArray[np.generic] = self._whole[index]
        return found

    def _from_stream(self, index: int) -> NDArray[np.generic]:
        if self._stream is None or index < self._next:
            self.close()
            # The opened member keeps the file of its archive open by itself.
            archive = zipfile.ZipFile(self.path)
            self._stream = archive.open(f"{self.member}.npy")
            archive.close()
            self._next = -1
        start = self._data_start + index * self._image_bytes
        if index != self._next:
            self._stream.seek(start)
        data = self._stream.read(self._image_bytes)
        self._next = index + 1
        if len(data) != self._image_bytes:
            raise broken(self.path, f"the array {self.member} is cut off")
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])

    def close(self) -> None:
        """Let go of the open stream; the next image opens it again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def frame(self, index: int) -> Frame:
        """One image as a frame.

        Raises:
            ImageError: as `pixels`.
        """
        pixels = self.pixels(index)
        stored = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
        stored.flags.writeable = False
        return Frame(
            stored=stored,
            photometric=Photometric.RGB if stored.ndim > 2 else Photometric.MONOCHROME2,
            bits_stored=8 * stored.dtype.itemsize,
            provenance=Provenance(self.path, index, transfer_syntax=f"NPY {self.member}"),
            source_photometric="RGB" if stored.ndim > 2 else "grey",
        )


def open_npz(path: Path, member: str) -> NpzImages:
    """The images of an array, shared between callers as long as the file stays the same.

    Raises:
        ImageError: missing, broken, or no array of images.
    """
    with naming_npz(path):
        status = path.stat()
    return _shared(path, member, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=6)  # two archives of three splits
def _shared(path: Path, member: str, size: int, mtime_ns: int) -> NpzImages:
    del size, mtime_ns  # part of the cache's key only
    return NpzImages(path, member)


def read_npy_header(file: IO[bytes], subject: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of a .npy stream, which is left at its data.

    Raises:
        ImageError: of Python objects, or in Fortran order.
        ValueError: no .npy at all.
    """
    version = np.lib.format.read_magic(file)
    reader = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        raise ImageError(
            "holds Python objects, which are never loaded: they can run code",
            subject=subject,
            remedy="Save plain arrays of numbers",
        )
    if fortran and len(shape) > 1:
        raise ImageError(
            "lies in Fortran order", subject=subject, remedy="Save it with np.ascontiguousarray"
        )
    return tuple(shape), dtype


def check_images(path: Path, member: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an array that does not hold 2-D images.

    Raises:
        ImageError: names the array, its shape and what is allowed.
    """
    color = len(shape) == 4 and shape[3] == 3
    if not (len(shape) == 3 or color) or dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        what = "volumes" if len(shape) == 4 else "no images"
        raise ImageError(
            f"the array {member} holds {what}: its shape is {shape}, its type {dtype}",
            subject=path,
            remedy="Images are N×H×W or N×H×W×3 of uint8 or uint16",
        )
    check_size(path, shape[1], shape[2], 3 if color else 1, dtype.itemsize)


def broken(path: Path, reason: str) -> ImageError:
    return ImageError(reason, subject=path, remedy="Copy the file again from where it came")


class naming_npz:  # noqa: N801 - used as a with-statement, where a class traces better
    """Turn whatever goes wrong with an archive into an `ImageError` that names it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, MedAdvError) or not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise ImageError("does not exist", subject=self.path, remedy="Check the path") from None
        if isinstance(error, KeyError):
            raise broken(self.path, f"an array is missing ({error.args[0]})") from None
        text = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise broken(self.path, f"is no archive of arrays that can be read ({text})") from error
