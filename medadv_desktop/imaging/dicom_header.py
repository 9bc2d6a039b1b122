"""The header of a DICOM file: found, read with bounds, interpreted.

pydicom parses; what the elements mean for the pixels is decided here, for pydicom leaves functional
groups, broken windows and half-given rescale values to its caller.
"""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from medadv_desktop.errors import ImageError, NoPixelsError
from medadv_desktop.imaging.bounds import MAX_ELEMENTS, MAX_INFLATED_BYTES

PIXEL_KEYWORDS = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}

IDENTITY_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "Modality",
    "SeriesDescription",
    "StudyDescription",
    "InstanceNumber",
    "FrameTime",
    "FrameTimeVector",
    "CineRate",
    "RecommendedDisplayFrameRate",
    "SpecificCharacterSet",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "SeriesNumber",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "ImageType",
)

IMAGE_KEYWORDS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)

FRAME_KEYWORDS = (
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ModalityLUTSequence",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "VOILUTSequence",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit",
    "DoubleFloatPixelPaddingValue",
    "DoubleFloatPixelPaddingRangeLimit",
    "PresentationLUTShape",
    "PatientOrientation",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "RedPaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)

COPY_AGAIN = "Copy the file again from where it came"

DEFERRED = 2**26
"""Values longer than this are not read for the list of tags."""

LONG_READ = 2**16
"""Reads above this are checked against what the file still holds."""


class WithoutPixelsError(NoPixelsError):
    """`NoPixelsError` with what was read of the object.

    Attributes:
        sop_class: the UID of its kind.
        dataset: the elements that were asked for.
    """

    sop_class: str = ""
    dataset: Dataset | None = None


class BoundedFile(io.BufferedReader):
    """A file that never allocates more than it holds, however long an element says it is.

    Attributes:
        size: bytes in the file.
        cut_off: something was asked for that lies beyond the end.
        blank: offsets at which spaces are read, whatever is there.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(cast(io.RawIOBase, io.FileIO(str(path))))
        self.cut_off = False
        self.blank = range(0)
        self.size = super().seek(0, io.SEEK_END)
        super().seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LONG_READ:
            left = max(self.size - self.tell(), 0)
            self.cut_off |= size > left
            size = min(size, left)
        data = super().read(size)
        if self.blank:
            data = _blanked(data, self.tell() - len(data), self.blank)
        # An element's tag is eight bytes: none of them at all is the end that every file has.
        self.cut_off |= size is not None and 0 < len(data) < size
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        position = super().seek(offset, whence)
        self.cut_off |= position > self.size
        return position


@dataclass(frozen=True)
class PixelElement:
    """Where the pixels lie.

    Attributes:
        keyword: PixelData, FloatPixelData or DoubleFloatPixelData.
        vr: value representation, "" where the encoding is implicit.
        offset: of the value's first byte in `DicomHeader.file`.
        available: bytes of the value that are really there.
        encapsulated: the length is undefined, so the value is a sequence of fragments.
    """

    keyword: str
    vr: str
    offset: int
    available: int
    encapsulated: bool


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """A parsed header with its open file. The caller closes the file."""

    path: Path
    file: BinaryIO
    dataset: Dataset
    transfer_syntax: UID
    little_endian: bool
    pixels: PixelElement
    notes: list[str] = field(default_factory=list)

    def text(self, keyword: str) -> str:
        return text_of(self.dataset, keyword)

    def integer(self, keyword: str) -> int | None:
        """A whole number, or None where it is missing or unreadable (which is noted)."""
        values = numbers_of(self.dataset, keyword, self.notes)
        if not values or not math.isfinite(values[0]):
            return None
        return int(values[0])

    def required(self, keyword: str) -> int:
        """A whole number above 0 that no image can do without."""
        value = self.integer(keyword)
        if value is None or value < 1:
            said = "lacks" if value is None else f"says {value} for"
            raise ImageError(
                f"its header {said} {in_words(keyword)}",
                subject=self.path,
                remedy="Export the image again from where it came",
            )
        return value


def read_header(path: Path, file: BoundedFile, keywords: Sequence[str]) -> DicomHeader:
    """Parse `file` up to its pixels, keeping the elements named by `keywords`.

    Raises:
        NoPixelsError: the object holds no pixels, by its kind.
        ImageError: the file ends inside its header, or inflates beyond the limit.
    """
    body = _body_of(path, file)
    syntax = body.syntax
    notes = [] if body.declared else [f"The file names no transfer syntax; read as {syntax.name}"]
    tags: list[Any] = [BaseTag(tag_for_keyword(word) or 0) for word in keywords]
    dataset = _parsed(path, body, notes, specific_tags=tags)
    pixels = _pixel_element(body, dataset)
    if pixels is None:
        raise _no_pixels(path, body.meta, dataset, file.cut_off)
    return DicomHeader(path, body.file, dataset, syntax, body.little_endian, pixels, notes)


def read_everything(path: Path) -> tuple[Dataset, Dataset, list[str]]:
    """File meta information and data set of any DICOM file; values are read, pixels are not.

    Returns:
        the two data sets, and notes on what is missing. Elements of more than `DEFERRED` bytes and
        the pixels have None for a value; what lies behind encapsulated pixels is left out.

    Raises:
        ImageError: the file inflates beyond the limit, or has too many elements.
        Exception: whatever pydicom raises for a header that is broken from its start.
    """
    notes: list[str] = []
    with BoundedFile(path) as file:
        body = _body_of(path, file)
        dataset = _parsed(path, body, notes, defer_size=DEFERRED)
        pixels = _pixel_element(body, dataset)
        if pixels is not None:
            tag = BaseTag(tag_for_keyword(pixels.keyword) or 0)
            length = 0xFFFFFFFF if pixels.encapsulated else pixels.available
            dataset[tag] = RawDataElement(
                tag, pixels.vr or "OW", length, None, pixels.offset, False, body.little_endian
            )
        elif file.cut_off:
            notes.append("The file is cut off: what lies behind is missing")
        return body.meta, dataset, notes


@dataclass(frozen=True, eq=False)
class _Body:
    """What follows the file meta information.

    `file` stands at its first byte, and is a memory file where it was deflated; `size` is where it
    ends, `declared` whether the file names its transfer syntax.
    """

    meta: Dataset
    file: BinaryIO
    size: int
    syntax: UID
    declared: bool

    @property
    def little_endian(self) -> bool:
        return self.syntax.is_little_endian if _is_known(self.syntax) else True

    @property
    def implicit(self) -> bool:
        return self.syntax.is_implicit_VR if _is_known(self.syntax) else False


def _body_of(path: Path, file: BoundedFile) -> _Body:
    start = 132 if file.read(132)[128:] == b"DICM" else 0
    file.seek(start)
    meta = read_dataset(file, False, True, stop_when=_until(path, lambda tag: tag >> 16 != 2))
    declared = text_of(meta, "TransferSyntaxUID")
    body: BinaryIO = cast(BinaryIO, file)
    size = file.size
    if declared == DeflatedExplicitVRLittleEndian:
        body = _inflate(path, file)
        size = body.seek(0, io.SEEK_END)
        body.seek(0)
    return _Body(
        meta, body, size, UID(declared) if declared else _guess_syntax(body), bool(declared)
    )


def _parsed(path: Path, body: _Body, notes: list[str], **options: Any) -> Dataset:
    """pydicom's `read_dataset` up to the pixels; once more as ASCII where it stumbles over the
    character set.

    Raises:
        ImageError: a sequence of undefined length does not end before the file does.
        Exception: whatever pydicom raises for a header that is broken from its start.
    """
    file, encoding = body.file, (body.implicit, body.little_endian)
    start = file.tell()
    try:
        return read_dataset(file, *encoding, stop_when=_until_pixels(path), **options)
    except (OSError, EOFError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # from the file system; pydicom's own have no number
        raise ImageError(
            f"is cut off inside a sequence of its header ({error})",
            subject=path,
            remedy=COPY_AGAIN,
        ) from None
    except (ValueError, LookupError):
        file.seek(start)
        match = _CHARACTER_SET.search(file.read(LONG_READ))
        if match is None:
            raise
        begin = start + match.end()
        length = match["little"] or match["implicit"]
        end = begin + int.from_bytes(length or match["big"], "little" if length else "big")
        if isinstance(file, BoundedFile):
            file.blank = range(begin, end)
        else:
            file.seek(begin)
            file.write(b" " * (end - begin))  # the inflated data, in memory
        file.seek(start)
        notes.append("The character set it names cannot be read; its text is read as ASCII")
        return read_dataset(file, *encoding, stop_when=_until_pixels(path), **options)


_CHARACTER_SET = re.compile(
    rb"\x08\0\x05\0(?:CS(?P<little>..)|(?P<implicit>..)\0\0)|\0\x08\0\x05CS(?P<big>..)", re.DOTALL
)
"""The head of Specific Character Set in any encoding."""


def _blanked(data: bytes, start: int, blank: range) -> bytes:
    """`data`, which begins at offset `start`, with spaces at the offsets `blank`."""
    first, last = max(blank.start - start, 0), min(blank.stop - start, len(data))
    if first >= last:
        return data
    return data[:first] + b" " * (last - first) + data[last:]


def text_of(dataset: Dataset, keyword: str) -> str:
    """A text element, several values joined by a backslash; "" where missing or unreadable."""
    try:
        value = dataset.get(keyword)
    except Exception:  # any fault of one element's bytes; a text is never worth the image
        return ""
    if value is None:
        return ""
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    text = "\\".join(str(v).strip(" \0") for v in (value if several else [value]))
    # What a file says is shown in windows and terminals: no control characters.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def numbers_of(dataset: Dataset, keyword: str, notes: list[str]) -> tuple[float, ...]:
    """The numbers of an element; () where missing, and with a note where unreadable."""
    try:
        value = dataset.get(keyword)
        if value is None or value in ("", b""):
            return ()
        several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return tuple(float(v) for v in (value if several else [value]))
    except Exception as error:  # whatever pydicom's converters raise for malformed bytes
        notes.append(f"{in_words(keyword)} cannot be read and is ignored ({error})")
        return ()


def items_of(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; () where it is missing or is none."""
    try:
        value = dataset.get(keyword)
    except Exception:  # as above
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return ()
    return tuple(item for item in value if isinstance(item, Dataset))


def in_words(keyword: str) -> str:
    """PixelSpacing as "Pixel Spacing"."""
    spaced = "".join(
        f" {c}" if c.isupper() and i and not keyword[i - 1].isupper() else c
        for i, c in enumerate(keyword)
    )
    return spaced.replace("LUTF", "LUT F").replace("LUTS", "LUT S")


def sop_class_name(uid: str) -> str:
    """1.2.840.10008.5.1.4.1.1.88.11 as "Basic Text SR"."""
    name = UID(uid).name if uid else ""
    if not name or name == uid:
        return f"unknown kind ({uid})" if uid else "unknown kind"
    return str(name).removesuffix(" Storage")


def _until(path: Path, is_end: Callable[[int], bool]) -> Callable[[BaseTag, str | None, int], bool]:
    """When to stop parsing: at the end asked for; a header without end is refused."""
    elements = 0

    def stop(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        nonlocal elements
        elements += 1
        if elements > MAX_ELEMENTS:
            raise ImageError(
                f"has a header of more than {MAX_ELEMENTS:,} elements",
                subject=path,
                remedy=COPY_AGAIN,
            )
        return is_end(int(tag))

    return stop


def _until_pixels(path: Path) -> Callable[[BaseTag, str | None, int], bool]:
    return _until(path, PIXEL_KEYWORDS.__contains__)


def _is_known(syntax: UID) -> bool:
    return syntax.is_transfer_syntax and not syntax.is_private


def _inflate(path: Path, file: BoundedFile) -> BinaryIO:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    data = engine.decompress(file.read(file.size), MAX_INFLATED_BYTES)
    if engine.unconsumed_tail:
        raise ImageError(
            f"inflates to more than {MAX_INFLATED_BYTES // 2**20} MiB",
            subject=path,
            remedy="Export it again without deflation",
        )
    if not engine.eof:
        raise ImageError("is cut off inside its deflated data", subject=path, remedy=COPY_AGAIN)
    return io.BytesIO(data)


def _guess_syntax(file: BinaryIO) -> UID:
    """The encoding of a data set that does not name it, from its first element."""
    head = file.read(6)
    file.seek(-len(head), io.SEEK_CUR)
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    if not explicit:
        return UID("1.2.840.10008.1.2")
    # Read the wrong way round, a group such as 0008 becomes 0800.
    swapped = len(head) >= 2 and head[0] == 0 and head[1] != 0
    return UID("1.2.840.10008.1.2.2" if swapped else "1.2.840.10008.1.2.1")


def _pixel_element(body: _Body, dataset: Dataset) -> PixelElement | None:
    """The pixels that the parsed data set ended at, None where it ended at something else."""
    file = body.file
    order: Any = "little" if body.little_endian else "big"
    implicit = bool(dataset.original_encoding[0])  # as it is, whatever it was said to be
    head = file.read(8)
    if len(head) < 8:
        return None
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    vr = "" if implicit else head[4:6].decode("latin-1")
    length = int.from_bytes(head[4:] if implicit else file.read(4), order)
    if tag not in PIXEL_KEYWORDS:
        return None
    offset = file.tell()
    encapsulated = length == 0xFFFFFFFF
    left = max(body.size - offset, 0)
    available = left if encapsulated else min(length, left)
    return PixelElement(PIXEL_KEYWORDS[tag], vr, offset, available, encapsulated)


def _no_pixels(path: Path, meta: Dataset, dataset: Dataset, cut_off: bool) -> ImageError:
    if cut_off:
        return ImageError("is cut off inside its header", subject=path, remedy=COPY_AGAIN)
    uid = text_of(dataset, "SOPClassUID") or text_of(meta, "MediaStorageSOPClassUID")
    if UID(text_of(meta, "TransferSyntaxUID")).name.startswith("JPIP"):
        return ImageError(
            "leaves its pixels with a server (JPIP)",
            subject=path,
            remedy="Export the image again with its pixels",
        )
    if "Rows" in dataset:
        return ImageError(
            "has the header of an image and no Pixel Data", subject=path, remedy=COPY_AGAIN
        )
    error = WithoutPixelsError(
        f"is a DICOM object without pixels: {sop_class_name(uid)}",
        subject=path,
        remedy="Open the images that it belongs to",
    )
    error.sop_class, error.dataset = uid, dataset
    return error
