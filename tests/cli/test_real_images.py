"""A real chest radiograph and a real fundus photograph, attacked and read back."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from medadv_desktop.cli import DONE, run


@pytest.fixture
def radiograph() -> Path:
    """A PA chest radiograph of 1955×1841 pixels, MONOCHROME1, 15 bit."""
    pytest.importorskip("data_store", reason="pydicom-data is not installed")
    from pydicom.data import get_testdata_file

    found = get_testdata_file("RG1_UNCI.dcm", download=False)
    if found is None:
        pytest.skip("pydicom-data does not hold RG1_UNCI.dcm")
    return Path(found)


@pytest.fixture
def fundus(tmp_path: Path) -> Path:
    """A fundus photograph of 1411×1411 pixels, as PNG."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's own, at import
        retina = pytest.importorskip("skimage.data").retina()
    path = tmp_path / "retina.png"
    Image.fromarray(retina).save(path)
    return path


@pytest.mark.parametrize(
    ("image", "model"), [("radiograph", "demo-radiograph"), ("fundus", "demo-fundus")]
)
def test_that_success_on_a_real_image_holds_for_the_saved_file(
    image: str,
    model: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = request.getfixturevalue(image)
    options = ["--eps", "4/255", "--set", "steps=20", "--device", "cpu"]
    out = tmp_path / "out"
    assert run(["attack", "-m", model, *options, str(path), "--out", str(out)]) == DONE
    story = json.loads((out / path.stem / "result.json").read_text(encoding="utf-8"))
    assert story["success"]
    assert story["norms"]["linf_255"] <= 4 * (1 + 1e-9)
    capsys.readouterr()
    saved = str(out / path.stem / "adversarial.png")
    assert run(["predict", "--json", "-m", model, str(path), saved, "--device", "cpu"]) == DONE
    before, after = json.loads(capsys.readouterr().out)
    assert before["decided"] == story["predictions"]["clean"]["decided"]
    assert after["decided"] == story["predictions"]["adversarial"]["decided"]
    assert after["decided"] != before["decided"]
