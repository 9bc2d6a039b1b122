"""Look-up tables out of a DICOM header (PS3.3 C.11.1.1 and C.11.2.1.1), as they are really written.

Our own, for pydicom fails on a descriptor of 12 bits and wraps inputs above 255 in a table of 8-bit
entries.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.dicom_header import text_of
from medadv_desktop.imaging.lookup import LookupTable

TableT = TypeVar("TableT", bound=LookupTable)


def read_table(
    kind: type[TableT],
    item: Dataset,
    dataset: Dataset,
    signed: bool,
    path: object,
    notes: list[str],
) -> TableT:
    """One item of a Modality LUT Sequence or VOI LUT Sequence.

    The third number of the descriptor is 8 or 16 by the standard for modality tables and 8 to 16
    for VOI tables; any from 1 to 16 is taken for both. Entries of up to 8 bits are found packed two
    in a word and one in a word: their number tells which. Entries above what the bits declare widen
    the table to the bits they need, with a note.

    Args:
        item: holds LUT Descriptor and LUT Data.
        dataset: the whole header, for its byte order.
        signed: the table's input may be below zero, so that its first input is two's complement
            even where the value representation says otherwise.

    Raises:
        ImageError: descriptor or data are missing, too short or contradict each other.
    """
    descriptor = _words(item, "LUTDescriptor", dataset)
    if descriptor is None or len(descriptor) != 3:
        raise _broken(path, "its LUT Descriptor is missing or broken")
    entries = int(descriptor[0]) % 2**16 or 2**16
    first, bits = int(descriptor[1]), int(descriptor[2])
    if signed and first >= 2**15:
        first -= 2**16
    if not 1 <= bits <= 16:
        raise _broken(path, f"its LUT Descriptor declares {bits} bits an entry")
    words = _words(item, "LUTData", dataset)
    if words is None:
        raise _broken(path, "its LUT Data is missing")
    values = words.astype(np.int64) % 2**16
    if len(values) < entries and bits <= 8 and 2 * len(values) >= entries:
        values = np.stack([values % 256, values // 256], axis=1).ravel()
    if len(values) < entries:
        raise _broken(path, f"its LUT Data holds {len(values)} of {entries} entries")
    values = values[:entries]
    needed = int(values.max()).bit_length()
    if needed > bits:
        notes.append(f"A table declares {bits} bits and uses {needed}; it is read with {needed}")
        bits = needed
    return kind(values.astype(np.uint16), first, bits, text_of(item, "LUTExplanation").strip())


def _words(item: Dataset, keyword: str, dataset: Dataset) -> NDArray[np.int64] | None:
    """The 16-bit words of an element, however its value representation had them parsed."""
    try:
        value = item.get(keyword)
        if isinstance(value, bytes | bytearray | memoryview):
            big = dataset.original_encoding[1] is False
            data = bytes(value)
            kind = np.dtype(">u2" if big else "<u2")
            return np.frombuffer(data, kind, len(data) // 2).astype(np.int64)
        if value is None or value == "":
            return None
        return np.atleast_1d(np.asarray(value, dtype=np.int64))
    except Exception:  # whatever pydicom's converters raise for malformed bytes
        return None


def _broken(path: object, reason: str) -> ImageError:
    return ImageError(
        reason,
        subject=path,
        remedy="Export it with rescale slope and intercept, or with the table applied",
    )
