"""The fingerprint of a data set: what its images hold and how they are labelled.

Version 1. For each sample: SHA-256 over its content, its frame and its label. The content is the
SHA-256 of the file's bytes; of an image in an archive, of its shape, type and bytes. These digests
are sorted, and hashed once more behind a head of version, task and class names in their order.

The fingerprint depends on no path, no order of rows, no patient and no split; it changes with any
pixel, any label, a sample more or less (also a copy), the order of the classes. A missing file
counts as missing, under its id.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medadv_desktop.datasets.dataset import Dataset, Sample
from medadv_desktop.datasets.hash_cache import HashCache, hash_cache, sha256_of, status_of
from medadv_desktop.datasets.streaming import default_workers, in_order
from medadv_desktop.errors import ImageError
from medadv_desktop.jobs import CancelToken, Emit, Progress, silent

VERSION = 1
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Fingerprint:
    """What results quote.

    Attributes:
        sha256: 64 hexadecimal digits.
        samples: how many went in.
        missing: how many of them have no file that can be read.
    """

    sha256: str
    samples: int
    missing: int

    def __str__(self) -> str:
        lost = f", {self.missing} of them missing" if self.missing else ""
        return f"{self.sha256} ({self.samples} samples{lost})"


def fingerprint(
    dataset: Dataset,
    token: CancelToken | None = None,
    emit: Emit = silent,
    *,
    workers: int | None = None,
    cache: Path | None = None,
) -> Fingerprint:
    """The fingerprint of a data set or of a subset of one.

    Args:
        workers: reading threads; None takes what suits the machine.
        cache: file of remembered digests; None means the user's own.

    Raises:
        JobCancelled: the token was cancelled; what was read so far is remembered.
    """
    digests: list[bytes] = []
    missing = 0
    for sample, content in contents(dataset, token or CancelToken(), emit, workers, cache):
        missing += content is None
        digests.append(sample_digest(dataset, sample, content))
    head = hashlib.sha256()
    for text in (f"medadv-dataset-{VERSION}", dataset.task, *dataset.classes):
        head.update(_framed(text.encode()))
    for digest in sorted(digests):
        head.update(digest)
    return Fingerprint(head.hexdigest(), len(digests), missing)


def sample_digest(dataset: Dataset, sample: Sample, content: bytes | None) -> bytes:
    """What one sample gives to the fingerprint, 32 bytes. `content` None: the file is missing."""
    if content is None:
        content = hashlib.sha256(b"missing" + sample.id.encode(errors="surrogatepass")).digest()
    if dataset.task == "single-label":
        (index,) = sample.labels
        label = "?" if index < 0 else f"={dataset.classes[index]}"
    else:
        label = "".join("?" if state < 0 else str(state) for state in sample.labels)
    # The frame of an archive is where the image lies, of a file which image it is.
    frame = 0 if sample.member else sample.frame
    return hashlib.sha256(content + _framed(str(frame).encode()) + _framed(label.encode())).digest()


def _framed(text: bytes) -> bytes:
    return len(text).to_bytes(8, "big") + text


def contents(
    dataset: Dataset,
    token: CancelToken,
    emit: Emit = silent,
    workers: int | None = None,
    cache: Path | None = None,
) -> Iterator[tuple[Sample, bytes | None]]:
    """Each sample with the SHA-256 of its content, None where that cannot be read; in order.

    Raises:
        JobCancelled: the token was cancelled.
    """
    with hash_cache(cache) as memory:
        found = (
            _file_contents(dataset, memory, token, workers)
            if dataset.columns.members is None
            else _array_contents(dataset, memory, token)
        )
        for sample, content in found:
            emit(Progress(sample.index + 1, len(dataset), "fingerprint"))
            yield sample, content


def _file_contents(
    dataset: Dataset, memory: HashCache, token: CancelToken, workers: int | None
) -> Iterator[tuple[Sample, bytes | None]]:
    def asked() -> Iterable[tuple[Sample, os.stat_result | None, bytes | None]]:
        for sample in dataset:
            status = status_of(sample.path)
            known = memory.get(str(sample.path.absolute()), status) if status else None
            yield sample, status, known

    def digest(item: tuple[Sample, os.stat_result | None, bytes | None]) -> bytes | None:
        sample, status, known = item
        if status is None or known is not None:
            return known
        try:
            return sha256_of(sample.path)
        except OSError:
            return None

    count = default_workers() if workers is None else workers
    for (sample, status, known), content in in_order(digest, asked(), count, token):
        if status is not None and known is None and content is not None:
            memory.put(str(sample.path.absolute()), status, content)
        yield sample, content


def _array_contents(
    dataset: Dataset, memory: HashCache, token: CancelToken
) -> Iterator[tuple[Sample, bytes | None]]:
    known: dict[tuple[Path, str], bytes] = {}
    for sample in dataset:
        token.check()
        place = sample.path, sample.member
        if place not in known:
            known[place] = _digests_of_array(dataset, sample, memory, token)
        start = sample.frame * DIGEST_BYTES
        yield sample, known[place][start : start + DIGEST_BYTES] or None


def _digests_of_array(
    dataset: Dataset, sample: Sample, memory: HashCache, token: CancelToken
) -> bytes:
    """The joined digests of all images of the array that a sample lies in; b"" if unreadable."""
    key = f"{sample.path.absolute()}\n{sample.member}"
    status = status_of(sample.path)
    found = memory.get(key, status) if status else None
    if found is not None:
        return found
    parts: list[bytes] = []
    try:
        images = dataset.images(sample)
        for index in range(len(images)):
            token.check()
            pixels = images.pixels(index)
            shape = f"{pixels.shape} {pixels.dtype.newbyteorder('<').str}".encode()
            data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).tobytes()
            parts.append(hashlib.sha256(_framed(shape) + data).digest())
    except ImageError:
        return b"".join(parts)
    if status:
        memory.put(key, status, b"".join(parts))
    return b"".join(parts)
