"""How much a file may ask for, checked before anything is allocated."""

from __future__ import annotations

from medadv_desktop.errors import ImageError

MAX_FRAME_BYTES = 512 * 2**20
"""Decoded bytes of one frame. The largest detectors and dermoscopes stay far below."""

MAX_PIXELS = 2**28
"""Pixels of one frame: 16384 × 16384."""

MAX_INFLATED_BYTES = 512 * 2**20
"""What a deflated DICOM data set may grow to."""

MAX_VOLUME_BYTES = 2 * 2**30
"""Decoded bytes of a volume."""

MAX_ELEMENTS = 2**14
"""Elements at the top level of a DICOM header. Real ones have hundreds."""


def check_size(
    subject: object, rows: int, columns: int, samples: int, bytes_per_sample: int
) -> None:
    """Refuse a frame whose declared size is empty or beyond the limits.

    Raises:
        ImageError: names `subject`, the declared size and the limit.
    """
    if rows < 1 or columns < 1:
        raise ImageError(
            f"declares an image of {columns} × {rows} pixels",
            subject=subject,
            remedy="Export the image again from where it came",
        )
    size = rows * columns * samples * bytes_per_sample
    if rows * columns > MAX_PIXELS or size > MAX_FRAME_BYTES:
        raise ImageError(
            f"declares an image of {columns} × {rows} pixels ({size / 2**20:,.0f} MiB), above the "
            f"limit of {MAX_PIXELS:,} pixels and {MAX_FRAME_BYTES // 2**20} MiB for one frame",
            subject=subject,
            remedy="Cut the image into tiles or scale it down with another program",
        )
