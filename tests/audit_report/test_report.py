"""The report of an audit: what is in it, what never is, and that it is written whole."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.audit.masking import Naming
from medadv_desktop.audit.plan.cells import Cell
from medadv_desktop.audit.report.blocks import Gallery, Grid, Light, Report
from medadv_desktop.audit.report.building import build_report
from medadv_desktop.audit.report.content import report_of
from medadv_desktop.audit.report.pictures import png
from medadv_desktop.audit.report.summary import light_of, verdicts
from medadv_desktop.audit.results.reading import Told, read_results
from medadv_desktop.audit.store.sample_stream import SampleStream
from medadv_desktop.audit.store.store import AuditStore
from medadv_desktop.errors import AuditError, ExportError, SettingsError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled
from tests.audit_store.building import PATIENT, SMALL_PLAN, build_audit

NAMES = ("doe_0", "doe-jane", PATIENT, "Doe^", "doe_broken")


class _Reader(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [own for name, own in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_audit(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def written(run: Path) -> dict[str, Path]:
    files = build_report(run, formats=("html", "pdf", "json", "csv"))
    return {path.name: path for path in files}


@pytest.fixture(scope="module")
def page(written: dict[str, Path]) -> _Reader:
    return _Reader(written["report.html"].read_text(encoding="utf-8"))


def content(folder: Path, *, identifiers: bool = False) -> Report:
    with SampleStream.open(folder) as store:
        return report_of(store, read_results(store), Naming(identifiers), CancelToken())


def words(report: Report) -> str:
    return repr(report)


def test_that_the_page_needs_neither_scripts_nor_a_network(page: _Reader) -> None:
    assert not page.all("script")
    assert not page.all("link")
    assert {img["src"][:22] for img in page.all("img")} == {"data:image/png;base64,"}
    assert all(a["href"].startswith("#") for a in page.all("a"))
    assert not [own for _, own in page.tags if any(name.startswith("on") for name in own)]
    assert any("default-src 'none'" in (own.get("content") or "") for own in page.all("meta"))


def test_that_every_chart_and_image_has_words_for_those_who_do_not_see_it(page: _Reader) -> None:
    charts = page.all("svg")
    assert len(charts) > 12
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in charts)
    assert len(page.all("details")) == len(charts)
    assert all(img["alt"] for img in page.all("img"))


def test_that_anchors_are_unique_and_lead_somewhere(page: _Reader) -> None:
    sections = [own["id"] for own in page.all("section")]
    assert [a["href"][1:] for a in page.all("a")] == sections
    assert len(set(sections)) == len(sections)


def test_that_the_page_holds_every_chapter_and_the_notice(page: _Reader) -> None:
    for title in (
        "Summary", "Signs of a false sense of security", "Threat model", "Accuracy and robustness",
        "Common perturbations", "Transfer between models", "What falls first", "Images",
        "Samples left out", "Limits", "Provenance",
    ):  # fmt: skip
        assert title in page.text
    assert page.text.count(NOT_FOR_DIAGNOSIS) == 2
    assert "One step alone was tried" in page.text
    assert "ab" * 32 in page.text
    assert "epsilons" in page.text


def test_that_the_summary_tells_figures_with_interval_light_and_thresholds(
    run: Path, page: _Reader
) -> None:
    with AuditStore.open(run) as store:
        plain, defended = verdicts(read_results(store))
    assert (plain.clean_light, plain.robust_light) == ("green", "red")
    assert (defended.clean_light, defended.robust_light) == ("green", "green")
    assert plain.cell is not None
    assert (plain.cell.cell.name, plain.cell.cell.budget) == ("pgd", 4 / 255)
    assert plain.robust is not None
    text = f"{100 * plain.robust.value:.1f}\u00a0% are still right under pgd at 4/255"
    assert text in page.text
    assert "this allows amber as well" in page.text
    assert "green from 60\u00a0% and amber from 30\u00a0%" in page.text


@pytest.mark.parametrize(
    ("value", "light"),
    [(None, "none"), (0.6, "green"), (0.59, "amber"), (0.3, "amber"), (0.29, "red")],
)
def test_that_a_threshold_itself_has_the_better_light(value: float | None, light: Light) -> None:
    assert light_of(None if value is None else Told(value), 0.6, 0.3) == light


def test_that_nobody_learns_who_a_patient_is(written: dict[str, Path]) -> None:
    for name, path in written.items():
        data = path.read_bytes()
        for word in (*NAMES, "/data/"):
            assert word.encode() not in data, (name, word)
    assert "sample 1:" in written["report.html"].read_text(encoding="utf-8")


def test_that_names_stand_there_when_they_are_asked_for(run: Path, tmp_path: Path) -> None:
    files = build_report(run, formats=("json", "csv"), identifiers=True, out=tmp_path / "out")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    for word in ("doe_000003.png", PATIENT, "/data/doe-jane/skin", "doe_broken.png"):
        assert word in text
    found = words(content(run, identifiers=True))
    assert "doe_broken.png" in found
    assert "/data/doe-jane/skin" in found


def test_that_a_column_that_tells_patients_apart_is_numbered() -> None:
    naming = Naming()
    assert naming.groups("patient", ("Doe", "Roe", ""), 900) == ("group 1", "group 2", "")
    assert naming.groups("ward", ("a", "b", "c"), 5) == ("group 1", "group 2", "group 3")
    assert naming.groups("sex", ("f", "m"), 60) == ("f", "m")
    assert Naming(identifiers=True).groups("patient", ("Doe",), 1) == ("Doe",)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("cannot read '/home/ann/Doe.png'", "cannot read •"),
        ("/data/Doe Jane/scan.png: is no image", "scan.png: is no image"),
        (r"C:\Users\doe\scan.dcm: is no image", "scan.dcm: is no image"),
        ("filter: patient=Doe; split=test", "filter: patient=•; split=test"),
        ("doe_17.png is broken", "• is broken"),
        ("accuracy 3/4 at 4/255", "accuracy 3/4 at 4/255"),
    ],
)
def test_that_messages_lose_paths_quotes_and_names(text: str, masked: str) -> None:
    from medadv_desktop.imaging.phi import MASKED

    assert Naming().text(text, "doe_17.png") == masked.replace("•", MASKED)


def test_that_the_json_keeps_to_its_schema(run: Path, written: dict[str, Path]) -> None:
    found = json.loads(written["report.json"].read_text(encoding="utf-8"))
    assert (found["format"], found["version"], found["state"]) == ("medadv-report", 1, "done")
    with AuditStore.open(run) as store:
        records = store.cells()
    assert [cell["id"] for cell in found["cells"]] == [r.cell.id for r in records]
    assert found["cells"][0]["figures"]["clean_accuracy"]["of"] == 60
    assert found["cells"][0]["left_out"] == [{"sample": "sample 61", "reason": "is no image"}]
    assert found["datasets"][0]["name"] == ""
    assert found["plan"]["datasets"][0]["path"] == "‹skin›"
    schema = Path(__file__).parents[2] / "docs" / "report-schema.md"
    described = set(re.findall(r"^\| `(\w+)` \|", schema.read_text(encoding="utf-8"), re.M))
    for part in (found, found["cells"][0], found["models"][0], found["datasets"][0],
                 found["summary"][0], found["mean_flip_rate"][0]):  # fmt: skip
        assert set(part) <= described


def test_that_the_csv_has_a_row_for_every_sample_with_what_is_in_the_store(
    run: Path, written: dict[str, Path]
) -> None:
    with AuditStore.open(run) as store:
        record = next(r for r in store.cells() if r.cell.name == "pgd")
        rows = store.rows(record.cell.id)
    text = written[f"samples-{record.cell.id}.csv"].read_text(encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(text)))
    assert len(found) == 60
    assert [float(row["ssim"]) for row in found] == rows.ssim.tolist()
    assert [row["clean right"] == "1" for row in found] == rows.right_before.tolist()
    assert [row["after right"] == "1" for row in found] == rows.right_after.tolist()
    assert float(found[5]["logit after:melanoma"]) == pytest.approx(float(rows.logits[5, 1]))
    assert {row["label"] for row in found} == {"naevus", "melanoma"}
    cells = list(csv.DictReader(io.StringIO(written["cells.csv"].read_text(encoding="utf-8"))))
    own = next(row for row in cells if row["cell"] == record.cell.id)
    still = rows.right_before & rows.right_after
    assert float(own["robust accuracy"]) == still.mean()


def test_that_the_pdf_has_fonts_for_greek_and_an_outline(written: dict[str, Path]) -> None:
    data = written["report.pdf"].read_bytes()
    assert data.startswith(b"%PDF")
    assert b"DejaVuSans" in data
    assert b"/Outlines" in data


def test_that_the_same_audit_gives_the_same_files(run: Path, written: dict[str, Path]) -> None:
    names = ("report.html", "report.json", "cells.csv")
    before = {name: written[name].read_bytes() for name in names}
    build_report(run, formats=("html", "json", "csv"))
    assert {name: written[name].read_bytes() for name in names} == before


def test_that_an_audit_under_way_has_a_report_that_says_so(tmp_path: Path) -> None:
    folder = build_audit(
        tmp_path / "run",
        finished=lambda cell: cell.kind == "clean",
        failed=lambda cell: cell.name == "fgsm",
    )
    found = words(content(folder))
    assert "This audit is not complete: 2 of 26 parts are finished, 6 failed" in found
    assert "doe_7.png: the model gave NaN" in found
    assert "doe-jane" not in found
    assert "no attack has been measured yet" in found


def test_that_an_audit_that_has_not_begun_has_a_report(tmp_path: Path) -> None:
    from tests.audit_store.building import plan_from_text

    AuditStore.create(tmp_path, plan_from_text()).close()
    files = build_report(tmp_path, formats=("html", "pdf", "json", "csv"))
    assert [path.name for path in files] == ["cells.csv", "report.html", "report.json",
                                             "report.pdf"]  # fmt: skip
    assert json.loads(files[2].read_bytes())["state"] == "waiting"


def test_that_findings_are_told_as_findings(tmp_path: Path) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN, multi_label=True, samples=30)
    (path,) = build_report(folder)
    text = path.read_text(encoding="utf-8")
    assert "effusion" in text
    assert "rightly absent" in text


def test_that_a_rise_of_robust_accuracy_is_a_sign(tmp_path: Path) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN, images=False)
    with AuditStore.open(folder, write=True) as store:
        cells = {r.cell.budget: r for r in store.cells()}
        strong, weak = cells[4 / 255], cells[1 / 255]
        assert strong.outcome is not None
        assert weak.outcome is not None
        store.finish_cell(strong.cell.id, weak.outcome)
        store.finish_cell(weak.cell.id, strong.outcome)
    assert "rises from" in words(content(folder))


def test_that_a_missing_image_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN + "\n[keep]\ngallery = 2\n")
    lost = sorted((folder / "images").rglob("*.npz"))[0]
    lost.write_bytes(b"changed")
    report = content(folder)
    section = next(s for s in report.sections if s.id == "gallery")
    assert "a kept image has been changed" in repr(section.blocks[-1])
    items = [item for b in section.blocks if isinstance(b, Gallery) for item in b.items]
    assert len(items) == 3


def test_that_pictures_are_small_and_never_enlarged() -> None:
    colour = np.zeros((3, 400, 200))
    colour[0] = 1.0
    image = Image.open(io.BytesIO(png(colour)))
    assert (image.size, image.mode) == ((64, 128), "RGB")
    assert image.getpixel((5, 5)) == (255, 0, 0)
    grey = Image.open(io.BytesIO(png(np.full((1, 8, 8), 0.5))))
    assert (grey.size, grey.mode, grey.getpixel((0, 0))) == ((8, 8), "L", 128)


def test_that_the_pictures_keep_within_their_room(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medadv_desktop.audit.report.pictures.ROOM", 60_000)
    section = next(s for s in content(run).sections if s.id == "gallery")
    items = [item for b in section.blocks if isinstance(b, Gallery) for item in b.items]
    assert 0 < sum(len(i.original) + len(i.change) + len(i.changed) for i in items) <= 60_000
    assert "more kept images are left out" in repr(section.blocks[-1])


def test_that_cancelling_leaves_the_old_report(tmp_path: Path) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN, images=False)
    (path,) = build_report(folder, formats=("json",))
    path.write_text("old")
    token = CancelToken()

    def cancel(event: Event) -> None:
        token.cancel()

    with pytest.raises(JobCancelled):
        build_report(folder, formats=("json", "html"), emit=cancel, token=token)
    assert path.read_text() == "old"
    assert not list(folder.glob(".report-*"))
    assert [p.name for p in (folder / "report").iterdir()] == ["report.json"]


def test_that_a_disk_that_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN, images=False)

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ExportError, match="No space left"):
        build_report(folder, formats=("json",))
    assert not (folder / "report").exists()
    assert not list(folder.glob(".report-*"))


def test_that_what_is_no_audit_or_no_format_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="no audit store"):
        build_report(tmp_path)
    with pytest.raises(SettingsError, match="docx"):
        build_report(run, formats=("docx",))  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        build_report(run, formats=())


def test_that_titles_and_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    text = SMALL_PLAN.replace("Small audit", evil)
    folder = build_audit(tmp_path / "run", text, images=False, finished=lambda _c: False)
    paths = build_report(folder, formats=("html", "pdf"))
    page = _Reader(paths[0].read_text(encoding="utf-8"))
    assert not page.all("script")
    assert evil in page.text


def test_that_data_files_need_neither_torch_nor_matplotlib(run: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from medadv_desktop.audit.report.building import build_report;"
        f"build_report(Path({str(run)!r}), formats=('json',), out=Path({str(tmp_path)!r}));"
        "bad = [m for m in ('torch', 'matplotlib', 'reportlab', 'jinja2') if m in sys.modules];"
        "sys.exit(' '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_that_pieces_of_a_cell_are_all_of_it_once(run: Path) -> None:
    with SampleStream.open(run) as store:
        record = next(r for r in store.cells() if r.cell.kind == "attack")
        cell: Cell = record.cell
        pieces = list(store.pieces(cell.id, 7))
        whole = store.rows(cell.id)
    assert [len(p) for p in pieces] == [7] * 8 + [4]
    np.testing.assert_array_equal(np.concatenate([p.logits for p in pieces]), whole.logits)


def test_that_models_stand_side_by_side_on_clean_images_and_the_largest_budgets(run: Path) -> None:
    section = next(s for s in content(run).sections if s.id == "models")
    grid = section.blocks[1]
    assert isinstance(grid, Grid)
    assert grid.title == "defended against plain on skin"
    assert [row[0] for row in grid.table.rows] == ["clean images", "fgsm at 4/255", "pgd at 4/255"]
    with AuditStore.open(run) as store:
        own = [
            store.rows(r.cell.id)
            for r in store.cells()
            if (r.cell.name, r.cell.budget) == ("pgd", 4 / 255)
        ]
    plain, defended = ((rows.right_before & rows.right_after).mean() for rows in own)
    row = grid.table.rows[2]
    assert row[2:4] == (f"{plain:.3f}", f"{defended:.3f}")
    assert str(row[4]).startswith(f"{defended - plain:+.3f} [")
    assert row[5] == "< 0.001"


def test_that_an_audit_of_one_model_has_nothing_to_put_side_by_side(tmp_path: Path) -> None:
    folder = build_audit(tmp_path / "run", SMALL_PLAN, images=False)
    assert "models" not in [section.id for section in content(folder).sections]
