"""The model inputs of a data set, slice by slice: decoded once, whatever number of cells ask."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.audit.grid import GRID
from medadv_desktop.audit.judging import prepared
from medadv_desktop.datasets.dataset import Dataset
from medadv_desktop.datasets.streaming import stream
from medadv_desktop.errors import ModelError
from medadv_desktop.imaging.frame import Frame, Unreadable
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.input_plan import plan_input

_SPARE_BYTES: Final = 2 << 30
_READY: Final = 1
_NO_USE: Final = 2


@dataclass(frozen=True, eq=False)
class Slice:
    """Consecutive samples of a data set, those that can be used.

    Attributes:
        places: n int64, in the data set.
        images: n×C×H×W uint16, in steps of the grid.
        padding: n×H×W bool: pixels that are no part of the image; None where there are none.
        left_out: (place, id, reason) of the others.
    """

    places: NDArray[np.int64]
    images: NDArray[np.uint16]
    padding: NDArray[np.bool_] | None
    left_out: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, eq=False)
class _One:
    """One prepared input."""

    image: NDArray[np.uint16]
    padding: NDArray[np.bool_] | None


class PreparedInputs:
    """Inputs of one data set for one way of preprocessing. One thread at a time uses it.

    What was decoded once is read back from a file that memory is mapped to, as far as `folder` has
    room for it.

    Args:
        folder: of the files; the caller removes it.
    """

    def __init__(
        self, dataset: Dataset, card: ModelCard, workers: int | None, folder: Path
    ) -> None:
        self._dataset = dataset
        self._card = card
        self._workers = workers
        count, shape = len(dataset), card.input_shape
        self._state = np.zeros(count, np.uint8)
        self._reasons: dict[int, str] = {}
        self._images: NDArray[np.uint16] | None = None
        self._paddings: NDArray[np.uint8] | None = None
        packed = -(-shape[1] * shape[2] // 8)
        number = len(list(folder.iterdir()))
        if (
            count * (2 * int(np.prod(shape)) + packed) + _SPARE_BYTES
            > shutil.disk_usage(folder).free
        ):
            return
        try:
            self._images = mapped(folder / f"images-{number}", np.uint16, (count, *shape))
            self._paddings = mapped(folder / f"padding-{number}", np.uint8, (count, packed))
        except OSError:  # the room went to somebody else: decode anew for every cell
            self._images = self._paddings = None

    def slice(self, first: int, stop: int, token: CancelToken) -> Slice:
        """Samples from `first` up to `stop`.

        Raises:
            JobCancelled: the token was cancelled.
        """
        fresh: dict[int, _One] = {}
        unknown = [p for p in range(first, stop) if self._state[p] == 0 or self._images is None]
        for sample, frame in stream(self._dataset.select(unknown), self._workers, token):
            place = unknown[sample.index]
            one = self._prepared(frame)
            if isinstance(one, str):
                self._state[place], self._reasons[place] = _NO_USE, one
                continue
            self._keep(place, one)
            if self._images is None:
                fresh[place] = one
        places = [p for p in range(first, stop) if self._state[p] == _READY]
        ready = [fresh[p] if self._images is None else self._one(p) for p in places]
        shape = self._card.input_shape
        images = np.empty((len(places), *shape), np.uint16)
        padding = np.zeros((len(places), *shape[1:]), np.bool_)
        for k, one in enumerate(ready):
            images[k] = one.image
            if one.padding is not None:
                padding[k] = one.padding
        return Slice(
            places=np.array(places, np.int64),
            images=images,
            padding=padding if padding.any() else None,
            left_out=tuple(
                (place, self._dataset[place].id, self._reasons[place])
                for place in range(first, stop)
                if self._state[place] == _NO_USE
            ),
        )

    def _prepared(self, frame: Frame | Unreadable) -> _One | str:
        if isinstance(frame, Unreadable):
            return frame.reason
        try:
            plan = plan_input(self._card.preprocessing, frame)
        except ModelError as error:
            return error.reason
        image = (prepared(frame, plan)[0].double() * GRID).round().numpy().astype(np.uint16)
        padding = plan.padding(frame)
        return _One(image, padding if padding.any() else None)

    def _keep(self, place: int, one: _One) -> None:
        self._state[place] = _READY
        if self._images is not None and self._paddings is not None:
            self._images[place] = one.image
            if one.padding is not None:
                self._paddings[place] = np.packbits(one.padding)

    def _one(self, place: int) -> _One:
        """What was kept of a sample."""
        assert self._images is not None
        assert self._paddings is not None
        height, width = self._card.input_shape[1:]
        bits = np.unpackbits(self._paddings[place], count=height * width)
        padding = bits.reshape(height, width).astype(np.bool_) if bits.any() else None
        return _One(self._images[place], padding)


def mapped(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """Zeros in a new file that memory is mapped to.

    Raises:
        OSError: there is no room: a page that finds none later would end the process.
    """
    with path.open("wb") as file:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    return np.memmap(path, dtype, "r+", shape=shape)


def ahead(
    inputs: PreparedInputs, bounds: Sequence[tuple[int, int]], token: CancelToken
) -> Iterator[Slice]:
    """Slices in order, the next one being prepared by a thread while one is worked on.

    Closing the iterator, or an exception, leaves no thread behind.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="medadv-inputs")
    inner = CancelToken()
    try:
        waiting: Future[Slice] | None = None
        for k, (first, stop) in enumerate(bounds):
            now = waiting or pool.submit(inputs.slice, first, stop, inner)
            found = now.result()
            token.check()
            waiting = None
            if k + 1 < len(bounds):
                waiting = pool.submit(inputs.slice, *bounds[k + 1], inner)
            yield found
    finally:
        inner.cancel()
        pool.shutdown(wait=True, cancel_futures=True)
