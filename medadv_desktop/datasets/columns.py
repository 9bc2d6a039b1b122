"""Columns of text that take little memory: a million paths are one block of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Codes = NDArray[np.int32]


class TextSequence(Protocol):
    """What both kinds of column are."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> str: ...


@dataclass(frozen=True, eq=False)
class TextColumn:
    """Texts that are mostly different: UTF-8 in one block, N+1 int64 offsets into it."""

    block: bytes
    offsets: Indices

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        return self.block[start:end].decode()

    def __iter__(self) -> Iterator[str]:
        bounds = self.offsets.tolist()
        for start, end in pairwise(bounds):
            yield self.block[start:end].decode()

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextColumn:
        builder = TextBuilder()
        builder.add(list(texts))
        return builder.column()


@dataclass(frozen=True, eq=False)
class CodedColumn:
    """Texts that repeat: N int32 codes into a vocabulary. Words may be in it that nothing uses."""

    codes: Codes
    vocabulary: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> str:
        return self.vocabulary[int(self.codes[index])]

    @classmethod
    def of(cls, texts: Iterable[str], vocabulary: Iterable[str] = ()) -> CodedColumn:
        """Code `texts`; the words of `vocabulary` come first, used or not."""
        builder = CodedBuilder(vocabulary)
        builder.add(list(texts))
        return builder.column()

    @classmethod
    def constant(cls, text: str, length: int) -> CodedColumn:
        return cls(np.zeros(length, np.int32), (text,))


class TextBuilder:
    """Grows a `TextColumn` chunk by chunk."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._lengths: list[NDArray[np.int32]] = []

    def add(self, texts: Sequence[str]) -> None:
        joined = "".join(texts)
        if joined.isascii():
            self._blocks.append(joined.encode())
            lengths: Iterable[int] = map(len, texts)
        else:
            encoded = [text.encode(errors="surrogatepass") for text in texts]
            self._blocks.append(b"".join(encoded))
            lengths = map(len, encoded)
        self._lengths.append(np.fromiter(lengths, np.int32, len(texts)))

    def column(self) -> TextColumn:
        lengths = np.concatenate([np.zeros(1, np.int32), *self._lengths])
        return TextColumn(b"".join(self._blocks), np.cumsum(lengths, dtype=np.int64))


class _Numbering(dict[str, int]):
    """Gives each new word the next number."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


class CodedBuilder:
    """Grows a `CodedColumn` chunk by chunk; words are numbered as they come."""

    def __init__(self, vocabulary: Iterable[str] = ()) -> None:
        self._numbers = _Numbering()
        self._codes: list[Codes] = []
        for word in vocabulary:
            self._numbers[word]

    @property
    def words(self) -> int:
        """How many different ones there are so far."""
        return len(self._numbers)

    def add(self, texts: Sequence[str]) -> None:
        codes = np.fromiter(map(self._numbers.__getitem__, texts), np.int32, len(texts))
        self._codes.append(codes)

    def column(self) -> CodedColumn:
        codes = np.concatenate([np.zeros(0, np.int32), *self._codes])
        return CodedColumn(codes, tuple(self._numbers))
