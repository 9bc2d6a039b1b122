"""Which encoding a text file has, told from all of its bytes and never assumed in silence."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from medadv_desktop.datasets.problems import Guess
from medadv_desktop.errors import DatasetError

BLOCK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Encoding:
    """How to open a text file.

    Attributes:
        name: the codec.
        label: for people.
        errors: the codec's way with what does not fit.
        odd_lines: lines, from 1, that are in another encoding than the rest.
    """

    name: str
    label: str
    errors: str = "strict"
    odd_lines: tuple[int, ...] = ()
    guesses: tuple[Guess, ...] = ()

    def open(self, path: Path) -> TextIO:
        """The file as text, line ends left as they are (for the csv module)."""
        return path.open(encoding=self.name, errors=self.errors, newline="")


def _as_windows(error: UnicodeError) -> tuple[str | bytes, int]:
    """A byte that does not fit, by Windows-1252, or by Latin-1 where that has a hole."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    try:
        return wrong.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return wrong.decode("latin-1"), error.end


codecs.register_error("medadv-windows", _as_windows)


def encoding_of(path: Path, wanted: str = "") -> Encoding:
    """The encoding of a text file.

    A byte order mark decides; so does text that is valid UTF-8 from end to end. UTF-16 without a
    mark is told by its zero bytes. What is left is taken for Windows-1252 (of which Latin-1 text
    is a part), line by line where other lines are UTF-8; both are guesses and said.

    Args:
        wanted: the codec to use instead, "" for none.

    Raises:
        DatasetError: no text at all, or not in the codec that was asked for.
    """
    if wanted:
        return _asked_for(path, wanted)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise DatasetError(
            f"cannot be read ({error.strerror})", subject=path, remedy="Check its permissions"
        ) from None
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name, "UTF-8 with a mark" if name == "utf-8-sig" else "UTF-16")
    if b"\0" in head:
        return _by_zeros(path, head)
    if _is_utf8(path):
        return Encoding("utf-8", "UTF-8")
    return _windows_or_mixed(path)


def _asked_for(path: Path, wanted: str) -> Encoding:
    try:
        info = codecs.lookup(wanted)
        with path.open(encoding=info.name) as file:
            while file.read(BLOCK):
                pass
    except (LookupError, UnicodeError):
        raise DatasetError(
            f"is not text in the encoding {wanted!r}",
            subject=path,
            remedy="Leave the encoding empty to have it told from the content",
        ) from None
    return Encoding(info.name, info.name)


def _by_zeros(path: Path, head: bytes) -> Encoding:
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    for count, other, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if count > 0.3 * half and other < 0.05 * half:
            guess = Guess(f"{path.name}: its text is {name.upper()}", "by its zero bytes")
            return Encoding(name, name.upper(), guesses=(guess,))
    raise DatasetError(
        "is no text: it holds zero bytes", subject=path, remedy="Save the table as CSV or XLSX"
    )


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _windows_or_mixed(path: Path) -> Encoding:
    odd: list[int] = []
    others = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.isascii():
                continue
            try:
                line.decode()
                others += 1
            except UnicodeDecodeError:
                odd.append(number)
    if others:
        guess = Guess(
            f"{path.name}: {len(odd)} lines are read as Windows-1252, the rest as UTF-8",
            "they are not valid UTF-8",
            "encoding",
        )
        return Encoding("utf-8", "mixed", "medadv-windows", tuple(odd), (guess,))
    guess = Guess(
        f"{path.name}: its text is Windows-1252 (Latin-1)", "it is not valid UTF-8", "encoding"
    )
    return Encoding("cp1252", "Windows-1252", "medadv-windows", guesses=(guess,))
