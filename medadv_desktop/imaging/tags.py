"""The tags of any DICOM object as a tree that can be searched, shown and exported.

Everything is text and bounded: long values are shortened, binary ones told by their length, and no
pixel is read. Protected values are masked (phi.py) unless the caller asks for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag, private_dictionary_description
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.uid import UID

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom_header import read_everything
from medadv_desktop.imaging.noting import noting
from medadv_desktop.imaging.phi import MASKED, is_phi, mask_text
from medadv_desktop.imaging.reading import Kind, kind_of, naming

MAX_SHOWN = 1024
"""Characters of a value that are kept."""

MAX_DEPTH = 32
MAX_NODES = 100_000

_BINARY = frozenset({"OB", "OW", "OD", "OF", "OL", "OV", "UN", "OB or OW"})
_BYTES_SHOWN = 16


@dataclass(frozen=True)
class Tag:
    """One element.

    Attributes:
        number: group and element as one number.
        vr: value representation, "" where unknown.
        name: what the standard, or a known private dictionary, calls it.
        keyword: "" for private and unknown elements.
        value: as text; for a sequence how many items it has; `MASKED` for protected ones, also for
            all within a protected sequence, which keeps its shape.
        private: the group is odd.
        masked: the value was replaced, or for a sequence those in it.
        items: for a sequence, the elements of each of its items.
    """

    number: int
    vr: str
    name: str
    keyword: str
    value: str
    private: bool = False
    masked: bool = False
    items: tuple[tuple[Tag, ...], ...] = ()

    @property
    def label(self) -> str:
        """(0010,0010)"""
        return f"({self.number >> 16:04X},{self.number & 0xFFFF:04X})"


@dataclass(frozen=True)
class TagTree:
    """The elements of one file, file meta information first.

    `notes` tells what could not be read or was left out.
    """

    path: Path
    tags: tuple[Tag, ...]
    notes: tuple[str, ...] = ()


def read_tags(path: Path | str, *, masked: bool = True) -> TagTree:
    """All elements of a DICOM file, images and others alike, without its pixels.

    Args:
        path: a DICOM file of any kind.
        masked: protected values are replaced by `phi.MASKED`.

    Raises:
        ImageError: no DICOM file, unreadable, or its header is broken from the start.
    """
    path = Path(path)
    with naming(path), noting() as warned:
        if kind_of(path) is not Kind.DICOM:
            raise ImageError("is no DICOM file and has no tags", subject=path)
        meta, dataset, notes = read_everything(path)
        budget = _Budget()
        how = _Masking.LISTED if masked else _Masking.NONE
        tags = (*_tags(meta, how, budget, 0), *_tags(dataset, how, budget, 0))
        if budget.left <= 0:
            notes.append(f"Only the first {MAX_NODES:,} elements are shown")
        said = (*notes, *warned)
        return TagTree(path, tags, tuple(map(mask_text, said)) if masked else said)


def search(tags: Sequence[Tag], text: str) -> tuple[Tag, ...]:
    """The part of a tree that has `text` in a number, name, keyword or value; case is ignored.

    A sequence stays when it, or anything in it, matches; of its items only what matches is kept,
    unless the sequence itself matches. Numbers may be written 0010,0010 or 00100010.
    """
    wanted = text.casefold().strip()
    if not wanted:
        return tuple(tags)
    kept = []
    for tag in tags:
        if _matches(tag, wanted):
            kept.append(tag)
        elif items := tuple(found for item in tag.items if (found := search(item, wanted))):
            kept.append(replace(tag, items=items))
    return tuple(kept)


def as_text(tags: Sequence[Tag], indent: int = 0) -> str:
    """One line an element, the elements of items indented below their sequence."""
    return "\n".join(_lines(tags, indent))


def as_json(tags: Sequence[Tag]) -> str:
    """The tree as JSON: objects with tag, vr, name, keyword, value and items."""
    return json.dumps([_plain(tag) for tag in tags], indent=2, ensure_ascii=False)


def _matches(tag: Tag, wanted: str) -> bool:
    number = f"{tag.number:08x}"
    fields = (number, f"{number[:4]},{number[4:]}", tag.name, tag.keyword, tag.value)
    return any(wanted in field.casefold() for field in fields)


def _lines(tags: Sequence[Tag], indent: int) -> Iterator[str]:
    for tag in tags:
        yield f"{'  ' * indent}{tag.label} {tag.vr or '??'} {tag.name}: {tag.value}".rstrip()
        for number, item in enumerate(tag.items, 1):
            yield f"{'  ' * (indent + 1)}item {number}"
            yield from _lines(item, indent + 2)


def _plain(tag: Tag) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "tag": tag.label,
        "vr": tag.vr,
        "name": tag.name,
        "keyword": tag.keyword,
        "value": tag.value,
    }
    if tag.vr == "SQ":
        plain["items"] = [[_plain(inner) for inner in item] for item in tag.items]
    return plain


class _Masking(Enum):
    """What is hidden: nothing, what the profile lists, or all (inside a listed sequence)."""

    NONE = auto()
    LISTED = auto()
    ALL = auto()

    def hides(self, number: int) -> bool:
        return self is _Masking.ALL or (self is _Masking.LISTED and is_phi(number))


class _Budget:
    """How many elements may still be shown."""

    def __init__(self) -> None:
        self.left = MAX_NODES


def _tags(dataset: Dataset, masking: _Masking, budget: _Budget, depth: int) -> tuple[Tag, ...]:
    found = []
    for number, raw in sorted(dataset.items()):  # raw: asking for an element converts it
        if budget.left <= 0:
            break
        budget.left -= 1
        found.append(_tag(dataset, int(number), raw, masking, budget, depth))
    return tuple(found)


def _tag(
    dataset: Dataset, number: int, raw: Any, masking: _Masking, budget: _Budget, depth: int
) -> Tag:
    private = bool(number >> 16 & 1)
    keyword = keyword_for_tag(number)
    hide = masking.hides(number)
    if isinstance(raw, RawDataElement) and raw.value is None and raw.length:
        vr, value = raw.VR or "", _length(raw.length)
        return Tag(number, vr, _name(dataset, number), keyword, value, private)
    try:
        element: DataElement = dataset[number]
    except Exception as error:  # any fault of one element's bytes must not hide the others
        value = f"cannot be read ({' '.join(str(error).split())[:200]})"
        value = MASKED if hide else value
        return Tag(number, str(raw.VR or ""), _name(dataset, number), keyword, value, private, hide)
    name = _name(dataset, number, element)
    if element.VR == "SQ":
        # A protected sequence keeps its shape and loses every value.
        below = _Masking.ALL if hide else masking
        items = element.value if depth < MAX_DEPTH else ()
        inner = tuple(_tags(item, below, budget, depth + 1) for item in items or ())
        count = len(element.value or ())
        text = f"{count} item{'' if count == 1 else 's'}"
        return Tag(number, "SQ", name, keyword, text, private, hide and count > 0, inner)
    text = _text(element)
    hide = hide and bool(text)
    return Tag(number, element.VR, name, keyword, MASKED if hide else text, private, hide)


def _name(dataset: Dataset, number: int, element: DataElement | None = None) -> str:
    if element is not None and not number >> 16 & 1:
        return str(element.name)
    if number >> 16 & 1:
        if number & 0xFFFF <= 0xFF:
            return "Private Creator"
        try:
            creator_tag = number & 0xFFFF0000 | (number & 0xFF00) >> 8
            creator = str(dataset[creator_tag].value)
            return f"[{private_dictionary_description(number, creator)}]"
        except Exception:  # no creator, or one that is in no dictionary
            return "Private element"
    return keyword_for_tag(number) or "Unknown element"


def _text(element: DataElement) -> str:
    value = element.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return _bytes(value, element.VR == "UN")
    if element.VR in _BINARY and not isinstance(value, str):
        return _length(len(value) if hasattr(value, "__len__") else 1)
    if isinstance(value, UID):
        name = value.name
        return str(value) if name == value else f"{value} ({name})"
    several = isinstance(value, Sequence) and not isinstance(value, str)
    text = "\\".join(str(part) for part in value) if several else str(value)
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text):,} characters)"


def _bytes(value: bytes, may_be_text: bool) -> str:
    stripped = value.rstrip(b"\0 ")
    if (
        may_be_text
        and stripped
        and len(value) <= MAX_SHOWN
        and all(32 <= b < 127 for b in stripped)
    ):
        return stripped.decode("ascii")
    shown = value[:_BYTES_SHOWN].hex(" ")
    return shown if len(value) <= _BYTES_SHOWN else f"{_length(len(value))}: {shown} …"


def _length(length: int) -> str:
    return "undefined length" if length == 0xFFFFFFFF else f"{length:,} bytes"
