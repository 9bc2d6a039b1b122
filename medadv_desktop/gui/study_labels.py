"""What the rows of the study tree say, with patient data or without."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QDate, QLocale

from medadv_desktop.gui.file_names import FileNames
from medadv_desktop.gui.study_nodes import Kind, Node
from medadv_desktop.imaging.frame import Instance, NonImage, Unreadable

ADVERSARIAL = "ADVERSARIAL - NOT FOR DIAGNOSIS"
"""The description that exported series bear (imaging.derived): nobody's data, and worth a look."""


class StudyLabels:
    """Words for rows.

    While patient data is masked, nothing is shown that the Basic Application Level Confidentiality
    Profile (PS3.15) takes out of a header: names, dates, and the descriptions that were typed in.
    """

    def __init__(self, names: FileNames) -> None:
        self._names = names

    def text(self, node: Node) -> str:
        """What a row shows; two lines beside a tile."""
        value = node.value
        if node.kind is Kind.STUDY:
            return self._study(node)
        if node.kind is Kind.SERIES:
            return self._series(node)
        if node.kind is Kind.PAGE:
            first, last = value.start + 1, value.start + len(value.values)
            return f"{QLocale().toString(first)} – {QLocale().toString(last)}"
        if node.kind is Kind.INSTANCE:
            return f"{self._image(node)}\n{_size(value)}"
        if node.kind is Kind.FRAME:
            return _tr("Frame {number}").format(number=value + 1)
        if node.kind is Kind.OBJECT:
            masked = self._names.masked
            return value.description if masked else f"{value.description}: {value.path.name}"
        if node.kind is Kind.REFUSED:
            return _tr("Not opened ({count})").format(count=len(value))
        return f"{self._names.name(value.path)}: {self._names.quoted(value.reason)}"

    def spoken(self, node: Node) -> str:
        """The row for a screen reader."""
        words = self.text(node).replace("\n", ", ")
        notes = getattr(node.value, "notes", ())
        return ", ".join((words, *notes)) if node.kind in (Kind.SERIES, Kind.INSTANCE) else words

    def tip(self, node: Node) -> str:
        value = node.value
        if isinstance(value, Instance):
            return _lines(
                self._names.location(value.path),
                _size(value),
                value.photometric,
                value.provenance.transfer_syntax,
                *value.notes,
            )
        if isinstance(value, NonImage):
            file = self._names.location(value.path)
            readable = _tr("Its tags can be read.")
            return _lines(file if file != value.description else "", value.description, readable)
        if isinstance(value, Unreadable):
            return _lines(self._names.location(value.path), self._names.quoted(value.reason))
        if node.kind is Kind.STUDY:
            return _lines(self._study(node), self._hidden(value), value.uid)
        if node.kind is Kind.SERIES:
            step = value.spacing_mm
            spacing = _tr("{0} mm between planes").format(f"{step:.4g}") if step else ""
            first = value.instances[0]
            name = self._names.location(first.path) if len(value.instances) == 1 else ""
            return _lines(self._series(node), name, _extent(first), spacing, *value.notes)
        if node.kind is Kind.REFUSED:
            return _tr("Files that were looked at and not taken, each with its reason")
        return self.text(node)

    def _hidden(self, study: object) -> str:
        if not self._names.masked or not _is_dicom(study):
            return ""
        return _tr("Patient data is hidden: View, Show patient data")

    def _study(self, node: Node) -> str:
        study = node.value
        if not _is_dicom(study) and self._names.may_be_seen(study.description):
            return study.description or _tr("Study")
        kinds = dict.fromkeys(s.modality for s in study.series if s.modality)
        if self._names.masked:
            name = _tr("Study {number}").format(number=node.row + 1)
            return " · ".join((name, ", ".join(kinds))) if kinds else name
        patient = study.patient
        name = " ".join(patient.name.replace("^", " ").split()) if patient else ""
        shown = (name or (patient.id if patient else ""), _date(study.date), study.description)
        return " · ".join(t for t in shown if t) or _tr("Study {number}").format(
            number=node.row + 1
        )

    def _image(self, node: Node) -> str:
        """A file by its name, or by its place among those of its series."""
        instance: Instance = node.value
        if not (self._names.masked and instance.provenance.study_instance_uid):
            return self._names.name(instance.path)
        page = node.above(Kind.PAGE)
        number = node.row + 1 + (page.value.start if page is not None else 0)
        return _tr("Image {number}").format(number=QLocale().toString(number))

    def _series(self, node: Node) -> str:
        series = node.value
        first = series.instances[0]
        hidden = self._names.masked and bool(first.provenance.study_instance_uid)
        hidden = hidden and series.description != ADVERSARIAL
        description = "" if hidden else series.description
        number = "" if series.number is None else f"{series.number}"
        if hidden and number:
            description = _tr("series {number}").format(number=number)
        name = " ".join(t for t in (series.modality, description) if t)
        count = len(series.instances)
        images = _tr("{count} images").format(count=QLocale().toString(count))
        return f"{name or _tr('Series')}\n{_size(first) if count == 1 else images}"


def _is_dicom(study: object) -> bool:
    """Raster files are called by their folders, which are on the screen anyway."""
    return bool(
        study.non_images
        or any(s.instances[0].provenance.study_instance_uid for s in study.series[:1])
        or study.patient
    )


def _date(text: str) -> str:
    date = QDate.fromString(text, "yyyyMMdd")
    return QLocale().toString(date, QLocale.FormatType.ShortFormat) if date.isValid() else text


def _extent(instance: Instance) -> str:
    height, width = instance.size
    return f"{width} × {height}"


def _size(instance: Instance) -> str:
    text = _extent(instance)
    if instance.frames > 1:
        text += f" × {instance.frames}"
    return f"{text}, {instance.bits_stored} bit"


def _lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def _tr(text: str) -> str:
    return QCoreApplication.translate("StudyTree", text)
