"""Draw docs/pictures/corruptions.png: every corruption at severities 1, 3 and 5, on phantoms.

Beneath them every perturbation sequence: its first, middle and last of ten frames.

    python scripts/corruption_sheet.py [OUT.png]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from medadv_desktop.corruptions.registry import CORRUPTIONS, SEQUENCES
from medadv_desktop.datasets.phantoms import phantom

SIDE, SHOWN, GAP, LABEL, COLUMNS = 224, 78, 3, 14, 4
OUT = Path("docs/pictures/corruptions.png")
DOMAINS = ("dermoscopy", "fundus", "radiograph")
SEVERITIES, FRAMES = (1, 3, 5), (0, 5, 9)


def picture(domain: str) -> torch.Tensor:
    """1×3×224×224 in [0, 1]."""
    pixels = phantom(domain, 1, 3, SIDE).pixels
    pixels = np.repeat((pixels / 4095)[..., None], 3, -1) if pixels.ndim == 2 else pixels / 255
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None].contiguous()


def rows() -> list[tuple[str, list[torch.Tensor]]]:
    """A label and three pictures for each kind."""
    found = []
    for number, kind in enumerate(CORRUPTIONS.values()):
        domain = kind.modalities[0] if kind.modalities else DOMAINS[number % 3]
        images = picture(domain)
        made = [kind(severity=s).apply(images, seed=0, sample_ids=[1])[0] for s in SEVERITIES]
        found.append((f"{kind.name}  1, 3, 5", made))
    for number, series in enumerate(SEQUENCES.values()):
        frames = list(series().sequence(picture(DOMAINS[number % 3]), seed=0, sample_ids=[1]))
        found.append((f"sequence {series.name}  0, 5, 9", [frames[i][0] for i in FRAMES]))
    return found


def sheet() -> Image.Image:
    """All rows, in columns."""
    made = rows()
    lines = -(-len(made) // COLUMNS)
    width, height = 3 * (SHOWN + 1) + 2 * GAP, SHOWN + LABEL + GAP
    canvas = Image.new("RGB", (COLUMNS * width, lines * height), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(10)
    for place, (label, images) in enumerate(made):
        left, top = place // lines * width + GAP, place % lines * height
        draw.text((left, top), label, fill="black", font=font)
        for index, image in enumerate(images):
            octets = (image * 255).round().byte().permute(1, 2, 0).numpy()
            small = Image.fromarray(octets).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
            canvas.paste(small, (left + index * (SHOWN + 1), top + LABEL))
    return canvas


def main(out: Path) -> None:
    """Write the sheet with 256 colours: a documentation picture, not data."""
    palette = sheet().quantize(256, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    out.parent.mkdir(parents=True, exist_ok=True)
    palette.save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)
