"""What files are called while patient data is hidden, in lists, messages, the log and on jobs.

Folders and files are often named after patients, and no rule can tell such a name from any other.
So, while patient data is hidden:

- a DICOM file is called by its place: "CT series 4, image 12";
- any other file or folder by its own name, unless that holds a protected value (name, ID, date or
  accession number) of a study that was open; then by a number;
- the folders that it lies in are not shown, nor what a reader quotes of a file's content.

Messages carry files as marks (`named`, `located`) that are put into words when they are shown: so
hiding patient data also hides what the log said before.
"""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medadv_desktop.gui.state.imports import Imports
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.state.studies import StudyList
from medadv_desktop.imaging.frame import Instance, NonImage

# Unicode's isolates: invisible, and meant for text that is not of the sentence.
_NAMED, _LOCATED, _END = "\u2068", "\u2066", "\u2069"
_MARK = re.compile(f"([{_NAMED}{_LOCATED}])([^{_END}]*){_END}(: [^\n{_NAMED}{_LOCATED}]*)?")
_BARE = re.compile(r"(?<![\w\"'./\\])(?:/[^\s/:\"'][^\n:\"']*|[A-Za-z]:\\[^\n:\"']+)")
_SEPARATORS = re.compile(r"[\W_]+")
_SHORTEST = 3


def named(path: Path | str) -> str:
    """A mark for a file, to be shown by its name."""
    return f"{_NAMED}{path}{_END}"


def located(path: Path | str) -> str:
    """A mark for a file, to be shown with its folder."""
    return f"{_LOCATED}{path}{_END}"


class FileNames(QObject):
    """Puts files into words, by what may be seen now.

    Signals:
        changed: patient data was hidden or shown.
    """

    changed = Signal()

    def __init__(
        self,
        privacy: Privacy,
        studies: StudyList,
        imports: Imports,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._privacy, self._studies, self._imports = privacy, studies, imports
        self._medical: set[Path] = set()
        self._protected: set[str] = set()
        self._learned = False
        imports.added.connect(self._remember)
        studies.changed.connect(self._forget)
        privacy.changed.connect(self.changed)

    @property
    def masked(self) -> bool:
        return self._privacy.masked

    def name(self, path: Path) -> str:
        """A file in a few words: its own name where that may be seen."""
        if not self._privacy.masked:
            return path.name or str(path)
        found = self._studies.find(path)
        if isinstance(found, NonImage):
            return found.description
        if isinstance(found, Instance) and found.provenance.study_instance_uid:
            return self._place_of(found)
        if path in self._medical:
            return self.tr("a DICOM file that was closed")
        return path.name if self.may_be_seen(path.name) else self._numbered(path)

    def location(self, path: Path) -> str:
        """A file with its folder where that may be seen, else its name."""
        return self.name(path) if self._privacy.masked else str(path)

    def text(self, text: str) -> str:
        """A message as it may be seen now, its marks put into words."""
        shown = _MARK.sub(self._said, text)
        if not self._privacy.masked:
            return shown
        # What comes from elsewhere, a traceback for instance, names files without marks.
        return _BARE.sub(lambda found: self.name(Path(found[0].rstrip())), shown)

    def quoted(self, text: str) -> str:
        """What a reader says of a file; while patient data is hidden, without what it quotes."""
        if not self._privacy.masked:
            return text
        from medadv_desktop.imaging.phi import mask_text  # the DICOM library comes late

        return mask_text(text)

    def _said(self, mark: re.Match[str]) -> str:
        path, rest = Path(mark[2]), mark[3] or ""
        name = self.name(path) if mark[1] == _NAMED else self.location(path)
        return name + self.quoted(rest)

    def _place_of(self, instance: Instance) -> str:
        place = self._studies.place_of(instance)
        if place is None:
            return self.tr("DICOM image")
        series = self._studies.studies[place.study].series[place.series]
        number = place.series + 1 if series.number is None else series.number
        text = self.tr("{modality} series {number}, image {image}").strip()
        words = text.format(modality=series.modality, number=number, image=place.instance + 1)
        return words.strip()

    def _numbered(self, path: Path) -> str:
        from medadv_desktop.imaging.phi import mask_path

        numbers = (n for n, answer in enumerate(self._imports.answers, 1) if answer.path == path)
        number = next(numbers, None)
        return self.tr("a file or folder") if number is None else mask_path(path, number)

    def may_be_seen(self, name: str) -> bool:
        """Whether a name holds none of the protected values that are known."""
        if not self._privacy.masked:
            return True
        if not self._learned:
            self._learned = True
            self._learn()
        folded = _bare(name)
        return not any(value in folded for value in self._protected)

    def _learn(self) -> None:
        """Protected values of what is open; those of what was closed are not forgotten."""
        for study in self._studies.studies:
            patients = [study.patient]
            whole = [study.date]
            for series in study.series:
                first = series.instances[0]
                patients.append(first.patient)
                whole += [first.accession_number, first.study_date]
            for patient in filter(None, patients):
                whole += [patient.id, patient.birth_date, *_SEPARATORS.split(patient.name)]
            self._protected.update(w for w in map(_bare, whole) if len(w) >= _SHORTEST)

    def _forget(self) -> None:
        self._learned = False

    def _remember(self, count: int) -> None:
        answers = self._imports.answers
        for answer in answers[len(answers) - count :]:
            source = answer.provenance if isinstance(answer, Instance | NonImage) else None
            if source is not None and source.study_instance_uid:
                self._medical.add(answer.path)


def _bare(text: str) -> str:
    """Letters and digits alone, so that 1970-01-01 is found in x_19700101."""
    return _SEPARATORS.sub("", text).casefold()
