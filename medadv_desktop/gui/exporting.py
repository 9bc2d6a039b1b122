"""Writes what is looked at: pictures, arrays, DICOM, tags, reports. Off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QObject, Signal
from PySide6.QtGui import QImage

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.audit.requests import AttackOutcome, RecheckResult, Request
from medadv_desktop.gui.background import Urgency, Work
from medadv_desktop.gui.desk import Audience, JobDesk
from medadv_desktop.gui.file_names import located, named
from medadv_desktop.gui.messages import Notices
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.imaging.frame import Instance, Unreadable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from medadv_desktop.audit.dicom_export import DicomExport
    from medadv_desktop.imaging.tags import Tag


@dataclass(frozen=True)
class DicomOptions:
    """How an attacked image is written as DICOM.

    Attributes:
        burn_in: the warning is written into the pixels.
        deidentify: the patient's identity is taken out of the header.
    """

    burn_in: bool = True
    deidentify: bool = True


class Exporter(QObject):
    """Every method returns at once; a message says how it ended.

    Signals:
        rechecked: what the model says of a DICOM file that was exported.
    """

    rechecked = Signal(object)

    def __init__(
        self,
        case: Case,
        privacy: Privacy,
        desk: JobDesk,
        notices: Notices,
        compute: Callable[[Request, Audience], int],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._case, self._privacy = case, privacy
        self._desk, self._notices, self._compute = desk, notices, compute

    def save_outcome(self, folder: Path) -> None:
        """Write the outcome into a folder: pictures, arrays and the whole story."""
        outcome = self._case.outcome
        if outcome is None:
            return

        def write(*_: object) -> tuple[Path, ...]:
            from medadv_desktop.audit.saving import save_outcome

            return save_outcome(outcome, folder)

        def saved(paths: tuple[Path, ...]) -> None:
            text = self.tr("%n file(s) saved in {folder}", None, len(paths))
            details = "\n".join(located(p) for p in paths)
            self._notices.add(text.format(folder=located(folder)), Level.INFO, details)

        self._do(self.tr("Saving the result"), write, saved)

    def write_picture(self, image: QImage, path: Path) -> None:
        """Write a picture of a viewer as PNG."""
        image.setText("Description", f"As shown by MedAdv Desktop. {NOT_FOR_DIAGNOSIS}.")
        image.setText("Software", "MedAdv Desktop")

        def write(*_: object) -> None:
            from medadv_desktop.files import write_atomically

            buffer = QBuffer()
            buffer.open(QIODevice.OpenModeFlag.WriteOnly)
            image.save(buffer, "PNG")
            write_atomically(path, bytes(buffer.data().data()))

        self._write(self.tr("Exporting the picture"), write, path)

    def write_arrays(self, path: Path) -> None:
        """Write what there is as NPZ: stored values of the source, and the model's inputs."""
        arrays = arrays_of(self._case)

        def write(*_: object) -> None:
            from medadv_desktop.imaging.export import write_arrays

            write_arrays(path, **arrays)

        if arrays:
            self._write(self.tr("Exporting arrays"), write, path)

    def write_dicom(self, path: Path, options: DicomOptions) -> None:
        """Write the attacked source as DICOM, then let the model judge what was written."""
        outcome = self._case.outcome
        if outcome is None:
            return

        def write(*_: object) -> DicomExport:
            from medadv_desktop.audit.dicom_export import export_dicom

            return export_dicom(
                outcome, path, burn_in=options.burn_in, deidentify=options.deidentify
            )

        def written(export: DicomExport) -> None:
            self._recheck(outcome, export)

        self._do(self.tr("Exporting DICOM"), write, written)

    def write_tags(self, tags: Sequence[Tag], path: Path) -> None:
        """Write elements, as they are shown, as text or where the name ends so as JSON."""

        def write(*_: object) -> None:
            from medadv_desktop.files import write_atomically
            from medadv_desktop.imaging.tags import as_json, as_text

            is_json = path.suffix.lower() == ".json"
            write_atomically(path, (as_json(tags) if is_json else as_text(tags) + "\n").encode())

        self._write(self.tr("Exporting tags"), write, path)

    def write_report(self, answers: Sequence[Instance | Unreadable], path: Path) -> None:
        """Write what became of files, without paths while patient data is hidden."""
        masked = self._privacy.masked

        def write(*_: object) -> None:
            from medadv_desktop.imaging.import_report import report_of

            report_of(answers).write(path, masked=masked)

        self._write(self.tr("Exporting the import report"), write, path)

    # ------------------------------------------------------------------ inside

    def _do(self, doing: str, work: Work, done: Callable[..., None]) -> None:
        self._desk.read(work, Urgency.SCAN, Audience(doing, done), listed=True)

    def _write(self, doing: str, work: Work, path: Path) -> None:
        def done(_: object) -> None:
            self._notices.add(self.tr("Saved as {path}").format(path=located(path)), Level.INFO)

        self._do(doing, work, done)

    def _recheck(self, outcome: AttackOutcome, export: DicomExport) -> None:
        """Ask the model about the file. Carrying δ back may have cost the attack its success."""
        path = export.file.path

        def done(result: RecheckResult) -> None:
            self._notices.add(self._told(outcome, export, result), Level.INFO, _details(export))
            self.rechecked.emit(result)

        def failed(failure: Failure) -> None:
            text = self.tr("Saved as {path}, but the model could not judge it: {reason}")
            words = text.format(path=located(path), reason=failure.text)
            self._notices.add(words, Level.WARNING, _details(export))

        title = self.tr("Predict the exported {file}").format(file=named(path))
        self._compute(export.recheck(outcome), Audience(title, done, failed=failed))

    def _told(self, outcome: AttackOutcome, export: DicomExport, result: RecheckResult) -> str:
        says = ", ".join(result.prediction.decided) or self.tr("no finding")
        if result.success:
            verdict = self.tr("In the file the attack's goal is achieved")
        elif outcome.success:
            verdict = self.tr("The attack's goal was lost on the way to the file's own pixels")
        else:
            verdict = self.tr("The attack's goal is not achieved, as before")
        text = self.tr("Saved as {path}. {verdict}: the model says {says}.")
        words = text.format(path=located(export.file.path), verdict=verdict, says=says)
        alone = result.unmarked_success
        if alone is None or alone == result.success:
            return words
        if alone:
            return f"{words} {self.tr('Without the burned-in mark it would be achieved.')}"
        return f"{words} {self.tr('That is the work of the burned-in mark, not of the attack.')}"


def arrays_of(case: Case) -> dict[str, NDArray[np.generic]]:
    """The exact arrays at hand, by name.

    ``stored``: the source's values as they lie in the file. ``original``, ``adversarial``,
    ``perturbation``: C×H×W float32 of the model's input, the latter two after an attack.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    if case.frame is not None:
        arrays["stored"] = case.frame.stored
    if case.outcome is not None:
        arrays["original"] = case.outcome.original
        arrays["adversarial"] = case.outcome.adversarial
        arrays["perturbation"] = case.outcome.perturbation
    elif case.prediction is not None:
        arrays["original"] = case.prediction.image
    return arrays


def _details(export: DicomExport) -> str:
    file = export.file
    lines = [export.carried.description, f"SOP Instance UID {file.sop_instance_uid}", *file.notes]
    return "\n".join(lines)
