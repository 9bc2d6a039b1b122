"""The menu of window presets: the file's own, those of its modality, the user's, and automatic."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from medadv_desktop.errors import MedAdvError
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.viewers.showing import as_window, current_voi, voi_of
from medadv_desktop.gui.viewers.wording import number, translate
from medadv_desktop.imaging.frame import Frame, Voi
from medadv_desktop.imaging.lookup import VoiLut
from medadv_desktop.imaging.windowing import (
    FileVoi,
    Manual,
    MinMax,
    Percentile,
    Preset,
    WindowPolicy,
    presets_for,
    read_presets,
    write_presets,
)


def file_policies(frame: Frame) -> tuple[tuple[str, WindowPolicy], ...]:
    """Name and policy of each window and table of a file; of its default where it has none.

    A name that the file gives twice stands for its first; the others are taken as they are.
    """
    choices = frame.voi_choices
    if not choices and frame.is_color:
        return ((translate("Viewers", "As it is stored"), FileVoi()),)
    if not choices:
        return ((translate("Viewers", "Automatic"), FileVoi()),)
    result: list[tuple[str, WindowPolicy]] = []
    seen: set[str] = set()
    for place, choice in enumerate(choices):
        name = choice.explanation or _numbered(choice, place, frame)
        if place == 0:
            policy: WindowPolicy = FileVoi()
        elif choice.explanation and choice.explanation not in seen:
            policy = FileVoi(choice.explanation)
        else:
            policy = Manual(choice)
        seen.add(choice.explanation)
        result.append((name, policy))
    return tuple(result)


def policy_name(policy: WindowPolicy, frame: Frame) -> str:
    """A policy in a word; "" for the file's own unnamed window, and for one set by hand."""
    match policy:
        case Preset():
            return policy.name
        case Percentile():
            low, high = (number(p, 0 if p == int(p) else 1) for p in (policy.low, policy.high))
            return translate("Viewers", "{0}–{1} %").format(low, high)
        case MinMax():
            return translate("Viewers", "Smallest to largest")
    voi = voi_of(policy, frame)
    if isinstance(voi, VoiLut):
        return voi.explanation or translate("Viewers", "Table of the file")
    return voi.explanation


class PresetMenu(QMenu):
    """Filled anew for the frame at hand each time it opens."""

    def __init__(self, bench: Workbench, last: QAction, parent: QWidget | None = None) -> None:
        """`last` is what else the menu offers, at its end."""
        super().__init__(parent)
        self._bench, self._last = bench, last
        self._case, self._view = bench.case, bench.view
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """Show what there is for the frame, the choice in force marked."""
        self.clear()
        frame = self._case.frame
        if frame is None:
            self.addAction(self.tr("No image is open")).setEnabled(False)
            return
        own = self._own()
        group = QActionGroup(self)
        numbers = iter("123456789")
        self.addSection(self.tr("Of the file"))
        self._offer(file_policies(frame), group, numbers)
        presets = presets_for(frame.provenance.modality, own)
        # One's own come before the common ones, so that a digit chooses them.
        for title, wanted in (
            (self.tr("Your own"), [p for p in presets if p in own]),
            (frame.provenance.modality or self.tr("Presets"), [p for p in presets if p not in own]),
        ):
            if wanted:
                self.addSection(title)
                self._offer([(policy_name(p, frame), p) for p in wanted], group, numbers)
        self.addSeparator()
        save = self.addAction(self.tr("&Keep this window as a preset…"), self._ask_for_name)
        save.setEnabled(not isinstance(current_voi(self._case, self._view), VoiLut))
        if own:
            gone = self.addMenu(self.tr("&Delete preset"))
            for preset in own:
                label = _mnemonic_free(preset.name)
                text = f"{label} ({preset.modality})" if preset.modality else label
                gone.addAction(text, _calling(self.delete_preset, preset))
        self.addSeparator()
        self.addAction(self._last)

    def save_preset(self, name: str) -> None:
        """Keep the window in force under a name, for the modality at hand.

        A preset of the same name and modality is replaced.
        """
        frame, voi = self._case.frame, current_voi(self._case, self._view)
        if frame is None or voi is None:
            return
        window, modality = as_window(voi), frame.provenance.modality
        preset = Preset(name.strip(), window.center, window.width, window.function, modality)
        others = (p for p in self._own() if (p.name, p.modality) != (preset.name, modality))
        if self._write((*others, preset)):
            self._view.set_policy(preset)

    def delete_preset(self, preset: Preset) -> None:
        """Forget one of the user's own; a frame that is shown by it stays as it is."""
        self._write(tuple(p for p in self._own() if p != preset))

    def _offer(
        self,
        offered: Iterable[tuple[str, WindowPolicy]],
        group: QActionGroup,
        numbers: Iterable[str],
    ) -> None:
        keys = iter(numbers)
        for name, policy in offered:
            key = next(keys, "")
            label = _mnemonic_free(name)
            action = QAction(f"&{key}  {label}" if key else label, self)
            action.setCheckable(True)
            action.setChecked(policy == self._view.policy)
            if isinstance(policy, Preset):
                tip = self.tr("Centre {0}, width {1}")
                action.setToolTip(tip.format(number(policy.center, 0), number(policy.width, 0)))
            action.triggered.connect(_calling(self._view.set_policy, policy))
            group.addAction(action)
            self.addAction(action)

    def _ask_for_name(self) -> None:
        dialog = QInputDialog(self.parentWidget())
        dialog.setWindowTitle(self.tr("Keep as a preset"))
        dialog.setLabelText(self.tr("Name of the preset:"))
        dialog.textValueSelected.connect(self.save_preset)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _own(self) -> tuple[Preset, ...]:
        try:
            return read_presets()
        except MedAdvError as error:
            self._bench.controller.notices.add(str(error), Level.ERROR)
            return ()

    def _write(self, presets: tuple[Preset, ...]) -> bool:
        try:
            write_presets(presets)
        except MedAdvError as error:
            self._bench.controller.notices.add(str(error), Level.ERROR)
            return False
        return True


def _numbered(choice: Voi, place: int, frame: Frame) -> str:
    if isinstance(choice, VoiLut):
        text = translate("Viewers", "Table {0}")
        return text.format(place - len(frame.windows) + 1)
    window = as_window(choice)
    text = translate("Viewers", "Window {0}: C {1} W {2}")
    return text.format(place + 1, number(window.center, 0), number(window.width, 0))


def _mnemonic_free(text: str) -> str:
    return text.replace("&", "&&")


def _calling(do: Callable[..., None], value: object) -> Callable[[], None]:
    return lambda: do(value)
