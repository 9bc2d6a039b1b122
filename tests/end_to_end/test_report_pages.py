"""The report as a browser and a PDF reader show it, where these are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medadv_desktop.audit.report.building import build_report
from tests.audit_store.building import SMALL_PLAN, build_audit

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PDFTOPPM = shutil.which("pdftoppm")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = build_audit(tmp_path_factory.mktemp("run"), SMALL_PLAN + "\n[keep]\ngallery = 2\n")
    return {path.suffix: path for path in build_report(folder, formats=("html", "pdf"))}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize(("scheme", "ground"), [(1, (255, 255, 255)), (0, (20, 23, 28))])
def test_that_chromium_shows_the_report_in_light_and_dark(
    pages: dict[str, Path], tmp_path: Path, scheme: int, ground: tuple[int, int, int]
) -> None:
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,3000",
            f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={picture}",
            pages[".html"].as_uri(),
        ],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    shown = pixels(picture)
    assert tuple(shown[2, 2]) == ground
    # Text and curves leave most of the page as it was, and nowhere a long stretch of nothing.
    written = (shown != ground).any(axis=2)
    assert 0.02 < written.mean() < 0.5
    filled = np.flatnonzero(written.any(axis=1))
    assert np.diff(filled).max() < 200


@pytest.mark.skipif(PDFTOPPM is None, reason="no pdftoppm is installed")
def test_that_every_page_of_the_pdf_shows_something(pages: dict[str, Path], tmp_path: Path) -> None:
    subprocess.run(
        [str(PDFTOPPM), "-r", "30", "-png", str(pages[".pdf"]), str(tmp_path / "page")],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    shown = [pixels(path) for path in sorted(tmp_path.glob("*.png"))]
    assert len(shown) > 4
    assert all((page < 200).any(axis=2).mean() > 0.005 for page in shown)
