"""Which colours a JPEG stream holds, settled here and not by its decoder.

JPEG itself does not say (ITU-T T.81); DICOM says it by Photometric Interpretation, other programs
by a JFIF or an Adobe segment, which often is left in the stream. A decoder that heeds the Adobe
segment has made RGB of YBR by the time that pydicom does it again.
"""

from __future__ import annotations

from medadv_desktop.imaging.codestream import SCAN, segments

_FRAMES = range(0xC0, 0xC4)
_APP0, _APP14 = 0xE0, 0xEE
_RGB_NAMES = (b"RGB", b"rgb")
_OF_JPEG = ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422")
_AS_IT_IS = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""An Adobe segment (Adobe Technical Note 5116) that says: no transform."""


def untransformed(code: bytes, declared: str) -> tuple[bytes, str]:
    """A stream of three components that every decoder hands over as they are.

    What they are is told by their names (R, G and B), else by a JFIF segment (YBR, ITU-T T.871),
    else by the header; where that says RGB, an Adobe segment that speaks of a transform overrules
    it, for it tells what the writer did.

    Args:
        code: a baseline, extended or lossless JPEG stream.
        declared: Photometric Interpretation.

    Returns:
        the stream, and `declared` where it holds; else RGB or YBR_FULL.

    Raises:
        ValueError: its segments are broken.
    """
    names, transform, is_jfif = b"", None, False
    kept, begin = [code[:2], _AS_IT_IS], 2
    for marker, body, after in segments(code):
        if marker == SCAN:
            break
        if marker in _FRAMES:
            names = body[6::3]
        jfif = marker == _APP0 and body.startswith(b"JFIF\0")
        adobe = marker == _APP14 and body.startswith(b"Adobe")
        if adobe:
            transform = body[11] if len(body) > 11 else None
        if jfif or adobe:
            is_jfif |= jfif
            kept.append(code[begin : after - len(body) - 4])
            begin = after
    is_ybr = declared.startswith("YBR_")
    if names in _RGB_NAMES:
        is_ybr = False
    elif is_jfif or transform:
        is_ybr = True
    stream = b"".join((*kept, code[begin:]))
    if not is_ybr:
        return stream, "RGB"
    return stream, declared if declared in _OF_JPEG else "YBR_FULL"
