"""Compressed pixels, decoded in another process.

The decoders are libraries in C, C++ and Rust. On broken data some of them end the process, run for
minutes, write to the terminal or ask for all memory; and a scan may come from anybody. So none of
them is let into the process that holds the user's work: a few small ones (decoding_child.py), kept
for the next frame, decode under limits of time and memory. One that dies, or is stopped, costs a
frame its picture and nobody anything else. What crosses costs about a millisecond for a frame of
1024 × 1024 × 16 bits. multiprocessing is not used: its spawning starts the main program again,
which is a window.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from medadv_desktop.imaging import decoding_child
from medadv_desktop.imaging.noting import note

CHILD_OPTION = "--decode-pixels"
"""A frozen program has no interpreter to start: it starts itself with this, and its entry point
calls `decoding_child.main` before anything else."""

START_SECONDS = 30.0
SECONDS = 3.5
PIXELS_PER_SECOND = 2e6
"""The slowest decoder does ten times that."""


class DecodingError(Exception):
    """The data cannot be decoded; the text says why."""


class _Worker:
    """One child process. Used by one thread at a time."""

    def __init__(self) -> None:
        self.used = False
        hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        self.process = subprocess.Popen(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=hidden,
        )

    def ask(
        self, head: dict[str, Any], payload: bytes, seconds: float
    ) -> tuple[dict[str, Any], bytearray]:
        """Send a request and wait for its answer.

        Raises:
            DecodingError: the child died, or was stopped after `seconds`.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(seconds if self.used else seconds + START_SECONDS, stop)
        timer.daemon = True
        timer.start()
        try:
            decoding_child.send(cast(Any, self.process.stdin), head, payload)
            answer = decoding_child.receive(cast(Any, self.process.stdout))
        except (OSError, ValueError):
            answer = None
        finally:
            timer.cancel()
        self.used = True
        if answer is not None and not late.is_set():
            return answer
        self.close()
        if late.is_set():
            raise DecodingError(f"its decoder did not come to an end within {seconds:.0f} s")
        raise DecodingError("its compressed data ended the decoder")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process.wait()


class _Pool:
    """Workers that wait for work, and how many there may be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._places = threading.BoundedSemaphore(max(1, min(4, os.cpu_count() or 1)))

    @contextmanager
    def worker(self) -> Iterator[_Worker]:
        with self._places:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None or not worker.alive:
                if worker is not None:
                    worker.close()
                worker = _Worker()
            try:
                yield worker
            except DecodingError:
                raise
            except BaseException:
                worker.close()
                raise
            finally:
                with self._lock:
                    if worker.alive:
                        self._idle.append(worker)

    def start_one(self) -> None:
        with self._lock:
            if not self._idle:
                self._idle.append(_Worker())

    def close(self) -> None:
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.close()


_pool = _Pool()
atexit.register(_pool.close)


def warm_up() -> None:
    """Start a child now and return at once: the first compressed frame then need not wait."""
    _pool.start_one()


def stop() -> None:
    """End the waiting children; the next frame starts one again."""
    _pool.close()


def decode(
    code: bytes, syntax: str, plugin: str, options: Mapping[str, Any], result_bytes: int
) -> tuple[NDArray[np.generic], str]:
    """Decode one compressed frame by pydicom's decoders, in a child.

    Args:
        code: the frame's bitstream, its fragments joined.
        syntax: the UID of the transfer syntax.
        plugin: which of pydicom's plugins decodes; "" leaves the choice to it.
        options: what `pydicom.pixels.decoders.base.Decoder.as_array` wants to know of the image.
        result_bytes: size of the decoded frame, by which time and memory are bounded.

    Returns:
        the pixels, writable, and what photometric interpretation they have.

    Raises:
        DecodingError: the decoder refused the data, died or did not come to an end.
    """
    head = {
        "work": "decode",
        "syntax": syntax,
        "plugin": plugin,
        "options": dict(options),
        "result_bytes": result_bytes,
    }
    answer, data = ask(head, code, SECONDS + result_bytes / PIXELS_PER_SECOND)
    for text in answer["notes"]:
        note(text)
    return received_array(answer, data), str(answer["photometric"])


def decode_tiff(
    source: Path | bytes, index: int, result_bytes: int
) -> tuple[str, tuple[int, int], bytearray, bytes]:
    """Decode one page of a TIFF by Pillow and libtiff, in a child.

    Args:
        source: a file, or the whole content of one.
        index: the page.
        result_bytes: size of the decoded page, by which time and memory are bounded.

    Returns:
        Pillow's mode, width and height, the pixels as its `frombytes` takes them, and the RGB
        palette (b"" without one).

    Raises:
        DecodingError: it is broken, in the words of Pillow and libtiff; or the decoder died or did
            not come to an end.
    """
    path, content = (source, b"") if isinstance(source, Path) else (None, source)
    head = {
        "work": "tiff page",
        "path": "" if path is None else str(path.absolute()),
        "index": index,
        "result_bytes": result_bytes,
    }
    seconds = SECONDS + result_bytes / PIXELS_PER_SECOND
    answer, data = ask(head, content, seconds)
    for text in answer["notes"]:
        note(text)
    width, height = answer["size"]
    return answer["mode"], (width, height), data, bytes(answer.get("palette", ()))


def ask(head: dict[str, Any], payload: bytes, seconds: float) -> tuple[dict[str, Any], bytearray]:
    """Have a child do something; `decode` and volume_files.py know what it can.

    Raises:
        DecodingError: it refused, died, or did not come to an end within `seconds`.
    """
    with _pool.worker() as worker:
        answer, data = worker.ask(head, payload, seconds)
    if "error" in answer:
        raise DecodingError(str(answer["error"]))
    return answer, data


def received_array(answer: dict[str, Any], data: bytearray) -> NDArray[np.generic]:
    """The array that came with an answer, writable."""
    return np.frombuffer(data, np.dtype(answer["dtype"])).reshape(answer["shape"])


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_OPTION]
    # -P: the folder of the script holds modules whose names others use as well.
    return [sys.executable, "-P", str(Path(decoding_child.__file__))]
