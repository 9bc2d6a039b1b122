"""The study browser on DICOM: order, notes, objects without pixels, patient data, size."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from PySide6.QtCore import QLocale, QModelIndex, Qt

from medadv_desktop.gui.opening import Collection
from medadv_desktop.gui.study_nodes import Kind, Node
from medadv_desktop.imaging.frame import Instance, NonImage, Pose, Provenance, Unreadable
from tests.gui.conftest import close_session
from tests.gui.dicom_samples import ct_slice, disc, report
from tests.gui.test_main_job import drop

DEPTHS = (30, 10, 20, 0, 60)  # in the order of the file names; 40 and 50 are missing


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with a series whose names lie about its order, and a report."""
    folder = tmp_path / "study"
    folder.mkdir()
    uid, series = generate_uid(), generate_uid()
    for index, depth in enumerate(DEPTHS):
        ct_slice(folder / f"IM{index}", depth=depth, number=9 - index, study=uid, series=series)
    report(folder / "report.dcm", uid)
    return folder


def nodes(session, kind: Kind) -> list[Node]:
    tree = session.window.docks["browser"].widget().tree
    found: list[Node] = []

    def walk(node: Node) -> None:
        if node.kind is kind:
            found.append(node)
        for child in node.children:
            walk(child)

    walk(tree.node(QModelIndex()))
    return found


def text(session, node: Node, role: Qt.ItemDataRole = Qt.ItemDataRole.DisplayRole) -> str:
    tree = session.window.docks["browser"].widget().tree
    return tree.index_of(node).data(role)


def names(session) -> list[str]:
    return [node.value.path.name for node in nodes(session, Kind.INSTANCE)]


def wait_until_open(qtbot, session) -> None:
    qtbot.waitUntil(
        lambda: (
            not session.bench.jobs.busy
            and bool(session.bench.studies.studies)
            and session.bench.case.frame is not None
        )
    )


IN_SPACE = ["IM3", "IM1", "IM2", "IM0", "IM4"]


def test_that_a_dropped_folder_is_listed_in_the_order_of_its_slices(qtbot, session, study):
    drop(session.window, [study])
    wait_until_open(qtbot, session)
    assert names(session) == IN_SPACE


def test_that_a_dropped_zip_is_opened_like_a_folder(qtbot, session, study, tmp_path):
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in study.iterdir():
            packed.write(file, f"disc/{file.name}")
    drop(session.window, [archive])
    wait_until_open(qtbot, session)
    assert names(session) == IN_SPACE
    assert session.bench.controller.recent.paths == (archive,)


def test_that_a_dropped_dicomdir_opens_what_it_lists_and_is_no_error(qtbot, session, study):
    listed = [study / "IM0", study / "IM3"]
    drop(session.window, [disc(study, listed)])
    wait_until_open(qtbot, session)
    assert names(session) == ["IM3", "IM0"]
    assert not session.bench.controller.notices.notices


def test_that_a_gap_in_a_series_is_told_by_its_row(qtbot, session, study):
    session.bench.controller.open_paths([study])
    wait_until_open(qtbot, session)
    (series,) = nodes(session, Kind.SERIES)
    assert "gap" in text(session, series, Qt.ItemDataRole.ToolTipRole)
    assert "gap" in text(session, series, Qt.ItemDataRole.AccessibleTextRole)
    assert text(session, series).endswith("5 images")


def test_that_an_object_without_pixels_stands_in_its_study_and_is_no_error(qtbot, session, study):
    session.bench.controller.open_paths([study])
    wait_until_open(qtbot, session)
    (item,) = nodes(session, Kind.OBJECT)
    assert item.parent.kind is Kind.STUDY
    assert text(session, item) == "Basic Text SR"
    session.bench.controller.privacy.set_masked(False)
    assert text(session, item) == "Basic Text SR: report.dcm"
    assert not nodes(session, Kind.REFUSED)
    assert not session.bench.controller.notices.notices


def test_that_patient_data_is_hidden_until_asked_for_and_the_wish_is_kept(
    qtbot, session, open_window, study
):
    session.bench.controller.open_paths([study])
    wait_until_open(qtbot, session)
    (top,), (series,) = nodes(session, Kind.STUDY), nodes(session, Kind.SERIES)
    bar = session.window.docks["browser"].widget().privacy_bar

    def words() -> str:
        tips = [text(session, n, Qt.ItemDataRole.ToolTipRole) for n in (top, series)]
        return " ".join((text(session, top), text(session, series), *tips))

    for secret in ("Nemo", "4711", "2024", "Follow-up", "Thorax"):
        assert secret not in words()
    assert bar.words.text() == "Patient data hidden"
    action = session.window.actions_["show-patient-data"]
    assert not action.isChecked()
    action.trigger()
    assert "Nobody Nemo" in words()
    assert "Follow-up" in words()
    assert "Thorax" in words()
    assert bar.words.text() == "Patient data shown"
    assert action.isChecked()
    close_session(qtbot, session)
    again = open_window(warm=False)
    assert not again.bench.controller.privacy.masked


def test_that_what_comes_later_takes_its_place_in_the_series_and_the_mark_stays(
    qtbot, session, study, tmp_path
):
    late = tmp_path / "late"
    late.mkdir()
    for name in ("IM1", "IM4"):
        (study / name).rename(late / name)
    session.bench.controller.privacy.set_masked(False)
    session.bench.controller.open_paths([study])
    wait_until_open(qtbot, session)
    browser = session.window.docks["browser"].widget()
    session.bench.controller.select(session.bench.studies.instances()[-1])
    qtbot.waitUntil(lambda: session.bench.case.instance.path.name == "IM0")
    assert browser.view.currentIndex().data().startswith("IM0")
    studies = session.bench.studies
    collection = Collection(studies.studies)
    for instance in scanned(late):
        collection.add(instance)
    studies.set(collection.studies(), ())
    assert names(session) == IN_SPACE
    assert browser.view.currentIndex().data().startswith("IM0")
    assert session.bench.case.instance.path.name == "IM0"


def scanned(folder: Path) -> list[Instance]:
    from medadv_desktop.imaging.reading import open_instance

    return [open_instance(path) for path in sorted(folder.iterdir())]


def test_that_closing_everything_while_it_is_opened_leaves_nothing(qtbot, session, study):
    session.bench.controller.open_paths([study])
    session.bench.controller.close_all()
    qtbot.waitUntil(lambda: not session.bench.jobs.busy)
    assert session.bench.studies.empty
    assert not session.bench.controller.imports.answers


# ---------------------------------------------------------------------- many files


def many(count: int, series: int) -> list[Instance]:
    """Instances that lie in space in another order than they come."""
    return [
        Instance(
            Provenance(Path(f"/many/{i}"), 0, f"1.{i}", f"2.{i % series}", "3", "", "CT"),
            (8, 8),
            1,
            "MONOCHROME2",
            12,
            pose=Pose((0.0, 0.0, float(i * 7919 % count)), (1, 0, 0, 0, 1, 0)),
        )
        for i in range(count)
    ]


def test_that_a_large_series_is_listed_by_pages_that_are_made_when_they_are_opened(session):
    collection = Collection()
    for instance in many(1000, 1):
        collection.add(instance)
    studies = session.bench.studies
    studies.set(collection.studies(), ())
    tree = session.window.docks["browser"].widget().tree
    (series,) = tree.node(QModelIndex()).children[0].children
    assert [n.kind for n in series.children] == [Kind.PAGE] * 10
    assert not any(page.is_grown for page in series.children)
    last = studies.studies[0].series[0].instances[-1]
    place = studies.place_of(last)
    assert (place.study, place.series, place.instance) == (0, 0, 999)
    row = tree.index_of(series.children[-1].children[-1])
    assert row.data() == f"Image {QLocale().toString(1000)}\n8 × 8, 12 bit"
    session.bench.controller.privacy.set_masked(False)
    assert row.data().startswith(last.path.name)


def test_that_only_what_changed_is_grouped_again():
    collection = Collection()
    first, second = many(2, 2)
    collection.add(first)
    before = collection.studies()
    assert collection.studies()[0] is before[0]
    collection.add(second)
    after = collection.studies()[0]
    assert after is not before[0]
    assert after.series[0] is before[0].series[0]
    assert Collection((after,)).studies()[0] is after


def test_that_a_file_opened_again_replaces_itself():
    collection = Collection()
    (one,) = many(1, 1)
    collection.add(one)
    (again,) = many(1, 1)
    collection.add(again)
    (study,) = collection.studies()
    assert [i is again for s in study.series for i in s.instances] == [True]


def test_that_objects_join_the_study_of_their_images_or_make_one():
    collection = Collection()
    (image,) = many(1, 1)

    def item(name: str, uid: str) -> NonImage:
        identity = Provenance(Path(name), study_instance_uid=uid)
        return NonImage(Path(name), "holds no pixels", True, "1.2", "SR", identity)

    collection.add_object(item("/many/sr", "3"))
    collection.add(image)
    collection.add_object(item("/other/sr", "4"))
    found = {
        s.uid: (len(s.series), [o.path.name for o in s.non_images]) for s in collection.studies()
    }
    assert found == {"3": (1, ["sr"]), "4": (0, ["sr"])}


def test_that_steps_through_a_series_count_every_frame_and_stop_at_its_ends(session):
    from dataclasses import replace

    from medadv_desktop.gui.state.studies import Position

    first, second = many(2, 1)
    cine = replace(second, frames=3)
    collection = Collection()
    for instance in (first, cine):
        collection.add(instance)
    studies = session.bench.studies
    studies.set(collection.studies(), (Unreadable(Path("/x"), "is a text", True),))
    studies.set_current(Position(first))
    assert studies.slice_place() == (0, 4)
    assert studies.neighbour(-1) is None
    assert studies.neighbour(2) == Position(cine, 1)
    assert studies.neighbour(9) == Position(cine, 2)
    assert studies.slice_at(4) is None
    studies.set_current(None)
