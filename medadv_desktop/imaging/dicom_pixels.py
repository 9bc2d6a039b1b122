"""The stored values of one frame of a DICOM file, decoded, unpacked, in RGB or grey.

Decoding is pydicom's, one frame at a time from the open file. Around it stand the checks that keep
a hostile header or codestream from being allocated, and the steps that pydicom leaves out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import encaps
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from medadv_desktop.errors import ImageError
from medadv_desktop.imaging.bounds import check_size
from medadv_desktop.imaging.codestream import END_OF_IMAGE, check_lossless_jpeg, declared_size
from medadv_desktop.imaging.decoding import decode
from medadv_desktop.imaging.dicom_header import COPY_AGAIN, DicomHeader
from medadv_desktop.imaging.encapsulated import fragments_of, frame_code
from medadv_desktop.imaging.frame import Photometric
from medadv_desktop.imaging.jpeg_colors import untransformed
from medadv_desktop.imaging.palette import apply_palette
from medadv_desktop.imaging.ybr import spread_chroma, ybr_to_rgb

GREY = ("MONOCHROME1", "MONOCHROME2")
SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")
COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT")
LOSSY_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
LOSSLESS_JPEG = (JPEGLossless, JPEGLosslessSV1)
OF_JPEG_2000 = ("YBR_ICT", "YBR_RCT")

PLUGINS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    RLELossless: "pydicom",
}
"""The decoders that survive broken data, where pydicom would take another one first.

GDCM crashes the process on some broken JPEG streams, so it is left with lossless JPEG, which nobody
else decodes. pylibjpeg-rle ends in a Rust panic, which is no Exception; pydicom's own RLE decoder
takes 3 ms for 512 × 512 × 16 bits. All give equal values for every file that pydicom ships.
"""


@dataclass(frozen=True)
class Layout:
    """How the pixels of a file are laid out, checked against the limits.

    `bits_allocated` is 1, 8, 16, 32 or 64; `floating` tells FloatPixelData and DoubleFloatPixelData
    from integers.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    floating: bool
    photometric: str
    planar: int

    @property
    def frame_bytes(self) -> float:
        """Bytes of one frame as it lies uncompressed in a file; bits make a fraction."""
        size = self.rows * self.columns * self.samples * self.bits_allocated / 8
        return size * 2 / 3 if self.photometric in SUBSAMPLED else size

    @property
    def needs_ybr(self) -> bool:
        """The colours are such as pydicom does not convert."""
        if self.photometric == "YBR_PARTIAL_422":
            return True
        return self.photometric in ("YBR_FULL", "YBR_FULL_422") and self.bits_allocated > 8

    @property
    def decoded_bytes(self) -> int:
        """Bytes of one frame in memory."""
        return self.rows * self.columns * self.samples * max(self.bits_allocated // 8, 1)


def layout_of(header: DicomHeader) -> Layout:
    """Read and check the image pixel elements (PS3.3 C.7.6.3).

    Raises:
        ImageError: an element is missing, contradicts another, or asks for too much.
    """
    rows, columns = header.required("Rows"), header.required("Columns")
    allocated = header.required("BitsAllocated")
    photometric = header.text("PhotometricInterpretation").upper()
    if photometric not in (*GREY, *COLOR, "PALETTE COLOR"):
        raise ImageError(
            f"its photometric interpretation is {photometric or 'missing'}, which is not supported",
            subject=header.path,
            remedy="Export the image again as MONOCHROME2 or RGB",
        )
    expected = 3 if photometric in COLOR else 1
    samples = _or_noted(header, "SamplesPerPixel", expected)
    floating = header.pixels.keyword != "PixelData"
    usable = (8, 16, 32) if photometric.startswith("YBR_") else (1, 8, 16, 32, 64)
    if samples != expected or allocated not in usable:
        raise ImageError(
            f"{photometric} with {samples} samples of {allocated} bits is not supported",
            subject=header.path,
            remedy="Export the image again from where it came",
        )
    stored = allocated if floating else _or_noted(header, "BitsStored", allocated)
    if not 1 <= stored <= allocated:
        raise ImageError(f"its header stores {stored} bits in {allocated}", subject=header.path)
    high = header.integer("HighBit")
    if high is not None and high != stored - 1 and not floating:
        header.notes.append(f"High Bit is {high} for {stored} bits; the lowest bits are read")
    check_size(header.path, rows, columns, samples, max(allocated // 8, 1))
    return Layout(
        rows=rows,
        columns=columns,
        frames=_frames(header),
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=not floating and _or_noted(header, "PixelRepresentation", 0) == 1,
        floating=floating,
        photometric=photometric,
        planar=_or_noted(header, "PlanarConfiguration", 0) if samples > 1 else 0,
    )


def check_length(header: DicomHeader, layout: Layout, index: int = 0) -> None:
    """Refuse frame `index` of an uncompressed file that is too short to hold it.

    Raises:
        ImageError: names what is there and what is missing.
    """
    if header.transfer_syntax.is_encapsulated:
        return
    if header.pixels.encapsulated:
        raise ImageError(
            f"holds compressed pixels and calls them {header.transfer_syntax.name}",
            subject=header.path,
            remedy="Export the image again from where it came",
        )
    needed = math.ceil(layout.frame_bytes * (index + 1))
    if header.pixels.available < needed:
        raise ImageError(
            f"is cut off: frame {index} ends {needed:,} bytes into the pixel data, of which "
            f"{header.pixels.available:,} are there",
            subject=header.path,
            remedy=COPY_AGAIN,
        )


def decode_frame(
    header: DicomHeader, layout: Layout, index: int
) -> tuple[NDArray[np.generic], Photometric, int]:
    """Decode one frame.

    Returns:
        stored values (H×W or H×W×3, native byte order, unused bits cleared or sign-extended), what
        they mean, and how many bits of them are significant.

    Raises:
        ImageError: the codestream disagrees with the header, or no decoder takes it.
        Exception: whatever a decoder raises for broken data; the caller names the file.
    """
    photometric = layout.photometric
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": photometric,
        "planar_configuration": layout.planar,
        "pixel_keyword": header.pixels.keyword,
        "pixel_vr": header.pixels.vr,
    }
    if layout.floating:
        options.pop("pixel_representation")
    if layout.needs_ybr:
        return _from_ybr(header, layout, index, options), Photometric.RGB, layout.bits_stored
    if header.transfer_syntax.is_encapsulated:
        array, decoded = _decompressed(header, layout, index, options)
    elif layout.bits_allocated == 1 and layout.samples == 1:
        array, decoded = _single_bits(header, layout, index), photometric
    else:
        if _is_unsubsampled(header, layout):
            options["photometric_interpretation"] = "YBR_FULL"
        elif photometric in SUBSAMPLED:
            _check_subsampling(header, layout, compressed=False)
        check_length(header, layout, index)
        header.file.seek(header.pixels.offset)
        array, described = _decoder(header).as_array(
            header.file, index=index, number_of_frames=layout.frames, **options
        )
        decoded = str(described["photometric_interpretation"])
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if photometric in GREY:
        return array, Photometric(photometric), layout.bits_stored
    if photometric == "PALETTE COLOR":
        colors = apply_palette(header, array)
        return colors, Photometric.RGB, 8 * colors.dtype.itemsize
    if decoded in OF_JPEG_2000:
        header.notes.append(f"{decoded} is declared outside of JPEG 2000; read as RGB")
    if decoded in ("YBR_FULL", "YBR_FULL_422"):
        raise ImageError("its YBR colours could not be converted", subject=header.path)
    return array, Photometric.RGB, layout.bits_stored


def _single_bits(header: DicomHeader, layout: Layout, index: int) -> NDArray[np.generic]:
    """Pixels of one bit, the lowest of a byte first (PS3.5 8.1.1, D.1).

    Frames follow one another without a gap: one may begin inside a byte, where pydicom cannot.
    """
    check_length(header, layout, index)
    count = layout.rows * layout.columns
    start = index * count
    first, stop = start // 8, -(-(start + count) // 8)
    in_words = header.pixels.vr == "OW" and not header.little_endian
    if in_words:  # of which the byte with the first pixels is the second one
        first, stop = first // 2 * 2, -(-stop // 2) * 2
    header.file.seek(header.pixels.offset + first)
    octets = np.frombuffer(header.file.read(stop - first).ljust(stop - first, b"\0"), np.uint8)
    if in_words:
        octets = octets.view(">u2").astype("<u2").view(np.uint8)
    bits = np.unpackbits(octets, bitorder="little")[start - 8 * first :][:count]
    return bits.reshape(layout.rows, layout.columns)


def _from_ybr(
    header: DicomHeader, layout: Layout, index: int, options: dict[str, Any]
) -> NDArray[np.generic]:
    """The RGB pixels of a frame whose YBR colours pydicom does not convert."""
    subsampled = layout.photometric in SUBSAMPLED
    compressed = header.transfer_syntax.is_encapsulated
    if subsampled:
        _check_subsampling(header, layout, compressed=compressed)
    # Called YBR_FULL and not wanted as RGB, they are handed over as they are.
    plain = options | {"photometric_interpretation": "YBR_FULL", "as_rgb": False}
    if compressed:
        ybr, decoded = _decompressed(header, layout, index, plain)
        if decoded == "RGB":  # whatever the header says
            return ybr
    elif subsampled:
        check_length(header, layout, index)
        size = layout.rows * layout.columns * 2 * layout.bits_allocated // 8
        header.file.seek(header.pixels.offset + index * size)
        order = "<" if header.little_endian else ">"
        kind = np.dtype(f"{order}u{layout.bits_allocated // 8}")
        pairs = np.frombuffer(header.file.read(size), kind)
        ybr = spread_chroma(pairs, layout.rows, layout.columns)
    else:
        check_length(header, layout, index)
        header.file.seek(header.pixels.offset)
        ybr = _decoder(header).as_array(
            header.file, index=index, number_of_frames=layout.frames, **plain
        )[0]
    ybr = ybr.astype(ybr.dtype.newbyteorder("="), copy=False)
    return ybr_to_rgb(ybr, layout.bits_stored, partial="PARTIAL" in layout.photometric)


def _check_subsampling(header: DicomHeader, layout: Layout, *, compressed: bool) -> None:
    """Refuse halved chroma where nothing says which pixels share it.

    Uncompressed, two neighbours in a row do (PS3.3 C.7.6.3.1.2). Compressed, only lossy JPEG of
    8 bits has it (PS3.5 8.2.1, A.4.1; 8.2.2 to 8.2.4 know no such colours): the stream tells.
    """
    if not compressed and layout.columns % 2 == 0:
        return
    if compressed and header.transfer_syntax in LOSSY_JPEG and layout.bits_allocated == 8:
        return
    said = f"its colours are {layout.photometric} of {layout.bits_allocated} bits"
    reason = (
        f"{said} in {header.transfer_syntax.name}, which DICOM (PS3.5 8.2) does not allow"
        if compressed
        else f"{said}, which go by pairs of columns, in {layout.columns} columns"
    )
    raise ImageError(reason, subject=header.path, remedy="Export the image again as RGB")


def _decompressed(
    header: DicomHeader, layout: Layout, index: int, options: dict[str, Any]
) -> tuple[NDArray[np.generic], str]:
    """The pixels of a compressed frame, and their photometric interpretation."""
    decoder = _decoder(header)
    code = _encoded_frame(header, layout, index)
    if header.transfer_syntax in (*LOSSY_JPEG, *LOSSLESS_JPEG) and layout.samples > 1:
        code, told = untransformed(code, layout.photometric)
        if told != layout.photometric:
            header.notes.append(
                f"{layout.photometric} is declared, but its JPEG stream says {told}"
            )
            options = options | {"photometric_interpretation": told}
    plugin = _plugin(header, layout)
    if header.transfer_syntax == RLELossless:  # decoded in Python, which broken data cannot harm
        array, described = decoder.as_array(
            encaps.encapsulate([code]),
            index=0,
            number_of_frames=1,
            decoding_plugin=plugin,
            **options,
        )
        return array, str(described["photometric_interpretation"])
    narrow = header.transfer_syntax in LOSSLESS_JPEG and layout.bits_stored < 8
    if narrow:  # GDCM ends the process unless told that all eight bits are used
        options = options | {"bits_stored": layout.bits_allocated}
    array, decoded = decode(
        code, header.transfer_syntax, plugin, options, math.ceil(layout.decoded_bytes)
    )
    return _lowest_bits(array, layout.bits_stored) if narrow else array, decoded


def _lowest_bits(values: NDArray[np.generic], bits: int) -> NDArray[np.generic]:
    """Integers with all but their lowest bits cleared, or filled with the sign."""
    unused = 8 * values.dtype.itemsize - bits
    return np.asarray(np.right_shift(np.left_shift(values, unused), unused))


def _decoder(header: DicomHeader) -> Any:
    try:
        return get_decoder(header.transfer_syntax)
    except NotImplementedError:
        raise ImageError(
            f"is encoded as {header.transfer_syntax.name}, for which there is no decoder",
            subject=header.path,
            remedy="Export it uncompressed or as JPEG 2000",
        ) from None


def _plugin(header: DicomHeader, layout: Layout) -> str:
    """Which of pydicom's plugins decodes; "" leaves the choice to it."""
    if header.transfer_syntax == JPEGExtended12Bit and layout.bits_stored > 8:
        return "pylibjpeg"
    return PLUGINS.get(header.transfer_syntax, "")


def _encoded_frame(header: DicomHeader, layout: Layout, index: int) -> bytes:
    offsets, lengths = (
        header.dataset.get(word) for word in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
    )
    code = frame_code(
        header.file,
        fragments_of(header.path, header.file, header.pixels.offset),
        index,
        layout.frames,
        (offsets, lengths) if offsets and lengths else None,
    )
    _check_code(header, layout, code)
    return code


def _check_code(header: DicomHeader, layout: Layout, code: bytes) -> None:
    """Refuse what a decoder would allocate too much for, or never come back from."""
    syntax = header.transfer_syntax
    if syntax == RLELossless:
        return
    declared = declared_size(code)
    if declared is None:
        raise ImageError(
            "its compressed data has no readable header", subject=header.path, remedy=COPY_AGAIN
        )
    if declared != (layout.rows, layout.columns, layout.samples):
        raise ImageError(
            f"its header says {layout.columns} × {layout.rows} pixels of {layout.samples} samples, "
            f"its compressed data {declared[1]} × {declared[0]} of {declared[2]}",
            subject=header.path,
            remedy="Export the image again from where it came",
        )
    if syntax == JPEGExtended12Bit and layout.bits_stored > 8:
        _need_gpl_codecs(header)
    if syntax in LOSSLESS_JPEG:
        check_lossless_jpeg(code, layout.bits_allocated)
    # CharLS goes on for many seconds behind the end of a stream that lacks its end marker.
    if syntax in (JPEGLSLossless, JPEGLSNearLossless) and END_OF_IMAGE not in code:
        raise ImageError(
            "is cut off inside its compressed data", subject=header.path, remedy=COPY_AGAIN
        )


def _need_gpl_codecs(header: DicomHeader) -> None:
    if "pylibjpeg" not in get_decoder(JPEGExtended12Bit).available_plugins:
        raise ImageError(
            "is encoded as 12-bit JPEG Extended, which needs a decoder under the GPL",
            subject=header.path,
            remedy='Install it with: pip install "medadv-desktop[gpl-codecs]"',
        )


def _is_unsubsampled(header: DicomHeader, layout: Layout) -> bool:
    """A file that says YBR_FULL_422 and holds three samples for each pixel all the same."""
    if layout.photometric != "YBR_FULL_422":
        return False
    full = layout.rows * layout.columns * 3 * layout.frames
    if header.pixels.available < full:
        return False
    header.notes.append("YBR_FULL_422 is declared, but the pixels lie there as YBR_FULL")
    return True


def _frames(header: DicomHeader) -> int:
    frames = header.integer("NumberOfFrames")
    if frames is not None and frames < 1:
        header.notes.append(f"Number of Frames {frames} is read as 1")
    return max(frames or 1, 1)


def _or_noted(header: DicomHeader, keyword: str, assumed: int) -> int:
    value = header.integer(keyword)
    if value is None:
        header.notes.append(f"The header lacks {keyword}; {assumed} is assumed")
        return assumed
    return value
