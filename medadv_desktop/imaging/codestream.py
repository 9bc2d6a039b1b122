"""What a compressed frame says of itself, checked before a decoder is trusted with it."""

from __future__ import annotations

from collections.abc import Iterator

END_OF_IMAGE = b"\xff\xd9"
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}
_J2K_START = b"\xff\x4f\xff\x51"
_LOSSLESS_FRAME, _HUFFMAN_TABLES, SCAN = 0xC3, 0xC4, 0xDA
_ADOBE = 0xEE
_HARMLESS = frozenset({0xDB, 0xDD, 0xFE})  # quantization tables, restart interval, comment
_STANDALONE = frozenset({0x01, *range(0xD0, 0xDA)})


def declared_size(code: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and components in the header of a JPEG, JPEG-LS or JPEG 2000 codestream.

    Sources: ITU-T T.81 B.2.2 (SOF), T.87 C.2.2 (JPEG-LS SOF55), T.800 A.5.1 (SIZ).

    Returns:
        None where there is no such header (RLE has none).
    """
    if code.startswith(b"\xff\xd8"):
        return _jpeg_size(code)
    start = code.find(_J2K_START, 0, 4096)
    if start < 0 or len(code) < start + 42:
        return None
    width, height, x_offset, y_offset = (
        int.from_bytes(code[start + at : start + at + 4], "big") for at in (8, 12, 16, 20)
    )
    components = int.from_bytes(code[start + 40 : start + 42], "big")
    return height - y_offset, width - x_offset, components


def _jpeg_size(code: bytes) -> tuple[int, int, int] | None:
    at = 2
    while at + 9 < len(code):
        if code[at] != 0xFF:
            return None
        marker = code[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _JPEG_FRAMES:
            rows = int.from_bytes(code[at + 5 : at + 7], "big")
            return rows, int.from_bytes(code[at + 7 : at + 9], "big"), code[at + 9]
        else:
            at += 2 + int.from_bytes(code[at + 2 : at + 4], "big")
    return None


def check_lossless_jpeg(code: bytes, allocated: int) -> None:
    """Refuse a lossless JPEG stream whose markers are not as ITU-T T.81 wants them.

    Its only decoder, GDCM, ends the process on some of those; broken entropy-coded data behind
    sound markers it survives.

    Args:
        code: the stream.
        allocated: bits that a decoded sample is given.

    Raises:
        ValueError: says which marker is wrong.
    """
    frames = 0
    for marker, body, after in segments(code):
        if marker == _LOSSLESS_FRAME:
            frames += 1
            _check_frame(body, allocated)
        elif marker in _JPEG_FRAMES:
            raise ValueError(f"JPEG process {marker - 0xC0} in a lossless file")
        elif marker == _HUFFMAN_TABLES:
            _check_tables(body)
        elif marker == SCAN:
            if frames != 1:
                raise ValueError(f"a JPEG scan after {frames} frame headers")
            _check_scan(body)
            _check_entropy_coded(code, after)
            return
        elif marker == _ADOBE and body[:5] == b"Adobe":
            if len(body) < 12 or body[11] > 1:
                raise ValueError("an unknown Adobe colour transform")
        elif not (0xE0 <= marker <= 0xEF or marker in _HARMLESS):
            raise ValueError(f"unexpected JPEG marker {marker:02X}")
    raise ValueError("a JPEG stream without a scan")


def segments(code: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content and offset behind it, for each segment of a JPEG stream up to its end.

    Raises:
        ValueError: what follows is no segment, or one that is cut off.
    """
    at = 2
    while at + 4 <= len(code):
        if code[at] != 0xFF:
            raise ValueError(f"no JPEG marker at byte {at}")
        if code[at + 1] == 0xFF:
            at += 1
            continue
        length = int.from_bytes(code[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(code):
            raise ValueError(f"JPEG marker {code[at + 1]:02X} of length {length}")
        yield code[at + 1], code[at + 4 : end], end
        at = end


def _check_frame(body: bytes, allocated: int) -> None:
    precision, components = body[0], body[5]
    if not 2 <= precision <= min(allocated, 16) or (precision > 8) != (allocated > 8):
        raise ValueError(f"JPEG samples of {precision} bits where {allocated} are allocated")
    parts = [body[at : at + 3] for at in range(6, len(body), 3)]
    if len(parts) != components or len(body) != 6 + 3 * components:
        raise ValueError(f"a JPEG frame header of {len(body)} bytes for {components} components")
    if any(part[1] != 0x11 for part in parts) or len({part[0] for part in parts}) != components:
        raise ValueError("subsampled or repeated components in a lossless JPEG")


def _check_scan(body: bytes) -> None:
    components = body[0] if body else 0
    if components < 1 or len(body) != 4 + 2 * components:
        raise ValueError(f"a JPEG scan header of {len(body)} bytes for {components} components")
    selectors = [body[at] for at in range(2, 1 + 2 * components, 2)]
    predictor, shift = body[-3], body[-1]
    # The second half means nothing here and should be 0; GDCM itself writes 1 for chroma.
    if any(s >> 4 > 3 or s & 15 > 1 for s in selectors) or not 1 <= predictor <= 7 or shift > 15:
        raise ValueError("a JPEG scan header of impossible values")


def _check_tables(body: bytes) -> None:
    at = 0
    while at < len(body):
        counts = body[at + 1 : at + 17]
        # Kraft's inequality: more codes than their lengths allow cannot be told apart.
        space = sum(count << (16 - length) for length, count in enumerate(counts, 1))
        values = body[at + 17 : at + 17 + sum(counts)]
        sound = len(counts) == 16 and body[at] <= 3 and len(values) == sum(counts) <= 17
        if not sound or space > 1 << 16 or any(v > 16 for v in values):
            raise ValueError("a JPEG Huffman table that is none")
        at += 17 + sum(counts)


def _check_entropy_coded(code: bytes, at: int) -> None:
    while (at := code.find(b"\xff", at)) >= 0 and at + 1 < len(code):
        marker = code[at + 1]
        if marker == 0xD9:
            return
        if marker not in (0x00, 0xFF) and not 0xD0 <= marker <= 0xD7:
            raise ValueError(f"JPEG marker {marker:02X} inside the coded data")
        at += 1 if marker == 0xFF else 2
    raise ValueError("a JPEG stream without an end")
