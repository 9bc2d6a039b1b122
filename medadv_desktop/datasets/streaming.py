"""Images of a data set in order, decoded by several threads, few of them in memory at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.frame import Frame, Unreadable
from medadv_desktop.jobs import CancelToken

AHEAD = 2
"""Items that are worked on or wait to be taken, for each worker."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_workers() -> int:
    """Threads that decode well together: the decoders let go of the interpreter's lock."""
    return min(8, os.cpu_count() or 1)


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, token: CancelToken
) -> Iterator[tuple[Item, Result]]:
    """Do `work` on `items` in threads; yield each with its result, in the order of `items`.

    At most `AHEAD` × `workers` results exist at a time. Closing the iterator, an exception in
    `work`, or a cancel leaves no thread behind.

    Args:
        workers: threads, at least 1.

    Raises:
        JobCancelled: the token was cancelled; looked at before each item is yielded.
    """
    source = iter(items)
    pending: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="medadv-data")
    try:
        while True:
            while len(pending) < AHEAD * max(1, workers):
                token.check()
                try:
                    item = next(source)
                except StopIteration:
                    break
                pending.append((item, pool.submit(work, item)))
            if not pending:
                return
            item, future = pending.popleft()
            result = future.result()
            token.check()
            yield item, result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def stream(
    dataset: Dataset, workers: int | None = None, token: CancelToken | None = None
) -> Iterator[tuple[Sample, Frame | Unreadable]]:
    """Every sample with its image, or with the reason why there is none.

    Order and content do not depend on the number of workers. An archive of arrays is read forwards
    once, whatever its size, as long as the data set is in its order.

    Args:
        workers: decoding threads; None takes what suits the machine.

    Raises:
        JobCancelled: the token was cancelled.
    """

    def decode(sample: Sample) -> Frame | Unreadable:
        return read_sample(dataset, sample)

    count = default_workers() if workers is None else workers
    if dataset.columns.members is not None:
        count = 1  # its images come through one pass over a compressed array
    yield from in_order(decode, dataset, count, token or CancelToken())


def read_sample(dataset: Dataset, sample: Sample) -> Frame | Unreadable:
    """`Dataset.frame` for many: what cannot be read is an answer, not an exception."""
    try:
        return dataset.frame(sample)
    except ImageError as error:
        return Unreadable(sample.path, error.reason, skipped=False)
