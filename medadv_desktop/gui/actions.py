"""Everything that can be done, declared once; menus, tool bar, palette and sheet come from here.

Adding an action: one `ActionSpec` in `ACTIONS`, or for the File menu in `file_actions.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QT_TRANSLATE_NOOP, QObject, QTimer
from PySide6.QtGui import QAction, QKeySequence

from medadv_desktop.gui import icons
from medadv_desktop.gui.action_spec import (
    ATTACK,
    HELP,
    MENUS,
    MODEL,
    VIEW,
    ActionSpec,
    tr,
)
from medadv_desktop.gui.audit_actions import AUDIT_ACTIONS
from medadv_desktop.gui.audit_run_actions import AUDIT_RUN_ACTIONS
from medadv_desktop.gui.dataset_actions import DATASET_ACTIONS
from medadv_desktop.gui.file_actions import FILE_ACTIONS
from medadv_desktop.gui.generator_actions import GENERATOR_ACTIONS
from medadv_desktop.gui.model_actions import MODEL_ACTIONS
from medadv_desktop.gui.viewing_actions import (
    CINE_ACTIONS,
    MEASURE_ACTIONS,
    MEMORY_ACTION,
    OVERLAY_ACTIONS,
    WINDOW_ACTIONS,
)

if TYPE_CHECKING:
    from medadv_desktop.gui.main_window import MainWindow

__all__ = [
    "ACTIONS",
    "MENUS",
    "VIEW",
    "ActionSet",
    "ActionSpec",
    "described",
    "keys_of",
    "plain_text",
    "tr",
]


def _no_frame(window: MainWindow) -> str:
    return "" if window.bench.case.frame is not None else tr("No image is open")


def _nothing_runs(window: MainWindow) -> str:
    return "" if window.bench.jobs.busy else tr("Nothing is running")


def _no_next(window: MainWindow) -> str:
    return "" if window.bench.studies.neighbour(1) else tr("This is the last frame of the series")


def _no_previous(window: MainWindow) -> str:
    return "" if window.bench.studies.neighbour(-1) else tr("This is the first frame of the series")


def _toggle_invert(window: MainWindow) -> None:
    window.bench.view.set_invert(not window.bench.view.invert)


def _toggle_privacy(window: MainWindow) -> None:
    privacy = window.controller.privacy
    privacy.set_masked(not privacy.masked)


def _toggle_theme(window: MainWindow) -> None:
    window.bench.theme.set_mode("light" if window.bench.theme.is_dark else "dark")


def _find_smallest_budget(window: MainWindow) -> None:
    dock = window.docks["budget"]
    dock.show()
    dock.raise_()
    dock.widget().begin()


ACTIONS: tuple[ActionSpec, ...] = (
    *FILE_ACTIONS,
    ActionSpec(
        "fit",
        QT_TRANSLATE_NOOP("Actions", "&Fit"),
        VIEW,
        0,
        lambda w: w.bench.view.fit_requested.emit(),
        QT_TRANSLATE_NOOP("Actions", "Show whole images in all viewers"),
        "fit",
        ("Ctrl+0",),
        _no_frame,
        on_tool_bar=True,
    ),
    ActionSpec(
        "one-to-one",
        QT_TRANSLATE_NOOP("Actions", "&One to one"),
        VIEW,
        0,
        lambda w: w.bench.view.one_to_one_requested.emit(),
        QT_TRANSLATE_NOOP("Actions", "Show one pixel of the image on one pixel of the screen"),
        "one-to-one",
        ("Ctrl+1",),
        _no_frame,
        on_tool_bar=True,
    ),
    ActionSpec(
        "invert",
        QT_TRANSLATE_NOOP("Actions", "&Invert"),
        VIEW,
        1,
        _toggle_invert,
        QT_TRANSLATE_NOOP(
            "Actions", "Swap light and dark, for eyes only: models see no difference"
        ),
        "invert",
        ("Ctrl+I",),
        _no_frame,
        lambda w: w.bench.view.invert,
        on_tool_bar=True,
    ),
    ActionSpec(
        "reset-window",
        QT_TRANSLATE_NOOP("Actions", "&Reset window"),
        VIEW,
        1,
        lambda w: w.bench.view.set_window(None),
        QT_TRANSLATE_NOOP("Actions", "Back to the window that the file asks for"),
        "window-level",
        ("Ctrl+R",),
        _no_frame,
        on_tool_bar=True,
    ),
    *WINDOW_ACTIONS,
    ActionSpec(
        "previous-frame",
        QT_TRANSLATE_NOOP("Actions", "&Previous frame"),
        VIEW,
        2,
        lambda w: w.controller.step_frame(-1),
        QT_TRANSLATE_NOOP("Actions", "The frame or image before this one in the series"),
        "previous",
        ("Alt+Left", "Ctrl+PgUp"),
        _no_previous,
    ),
    ActionSpec(
        "next-frame",
        QT_TRANSLATE_NOOP("Actions", "&Next frame"),
        VIEW,
        2,
        lambda w: w.controller.step_frame(1),
        QT_TRANSLATE_NOOP("Actions", "The frame or image after this one in the series"),
        "next",
        ("Alt+Right", "Ctrl+PgDown"),
        _no_next,
    ),
    *CINE_ACTIONS,
    *OVERLAY_ACTIONS,
    ActionSpec(
        "show-patient-data",
        QT_TRANSLATE_NOOP("Actions", "Show patient &data"),
        VIEW,
        3,
        _toggle_privacy,
        QT_TRANSLATE_NOOP("Actions", "Names, dates and identifiers: hidden or shown everywhere"),
        "eye",
        ("Ctrl+Shift+D",),
        checked=lambda w: not w.controller.privacy.masked,
    ),
    ActionSpec(
        "dark-theme",
        QT_TRANSLATE_NOOP("Actions", "&Dark colours"),
        VIEW,
        4,
        _toggle_theme,
        QT_TRANSLATE_NOOP("Actions", "Light on dark, or dark on light"),
        "theme-dark",
        ("Ctrl+Shift+L",),
        checked=lambda w: w.bench.theme.is_dark,
    ),
    ActionSpec(
        "system-theme",
        QT_TRANSLATE_NOOP("Actions", "Colours of the &system"),
        VIEW,
        4,
        lambda w: w.bench.theme.set_mode("system"),
        QT_TRANSLATE_NOOP("Actions", "Dark when the system is dark"),
        "theme-system",
        checked=lambda w: w.bench.theme.mode == "system",
    ),
    ActionSpec(
        "reset-layout",
        QT_TRANSLATE_NOOP("Actions", "Reset &layout"),
        VIEW,
        5,
        lambda w: w.reset_layout(),
        QT_TRANSLATE_NOOP("Actions", "Put all panels back where they came from"),
        "layout",
        ("Ctrl+Shift+R",),
    ),
    MEMORY_ACTION,
    *MEASURE_ACTIONS,
    ActionSpec(
        "open-model",
        QT_TRANSLATE_NOOP("Actions", "Open &model…"),
        MODEL,
        0,
        lambda w: w.ask_for_model(),
        QT_TRANSLATE_NOOP("Actions", "Choose a model card, or a model file to be imported"),
        "model",
        ("Ctrl+M",),
    ),
    ActionSpec(
        "reload-models",
        QT_TRANSLATE_NOOP("Actions", "&Look for models again"),
        MODEL,
        0,
        lambda w: w.controller.reload_models(),
        QT_TRANSLATE_NOOP("Actions", "Read the shipped and your own model folder again"),
        "reset",
    ),
    *DATASET_ACTIONS,
    *MODEL_ACTIONS,
    ActionSpec(
        "run-attack",
        QT_TRANSLATE_NOOP("Actions", "&Run attack"),
        ATTACK,
        0,
        lambda w: w.controller.run_attack(),
        QT_TRANSLATE_NOOP("Actions", "Attack the image with the settings of the attack panel"),
        "run",
        ("Ctrl+Return", "F5"),
        lambda w: w.controller.why_not_attack(),
        on_tool_bar=True,
    ),
    ActionSpec(
        "cancel",
        QT_TRANSLATE_NOOP("Actions", "&Cancel"),
        ATTACK,
        0,
        lambda w: w.controller.cancel_running(),
        QT_TRANSLATE_NOOP("Actions", "Stop the attack, or else everything that is running"),
        "cancel",
        ("Esc",),
        _nothing_runs,
        on_tool_bar=True,
    ),
    ActionSpec(
        "smallest-budget",
        QT_TRANSLATE_NOOP("Actions", "Find the &smallest budget"),
        ATTACK,
        0,
        _find_smallest_budget,
        QT_TRANSLATE_NOOP("Actions", "Bisect the budget of the attack as it is set, on the image"),
        "budget",
        ("Shift+F5",),
        lambda w: w.docks["budget"].widget().search.why_not(),
    ),
    *GENERATOR_ACTIONS,
    *AUDIT_RUN_ACTIONS,
    *AUDIT_ACTIONS,
    ActionSpec(
        "palette",
        QT_TRANSLATE_NOOP("Actions", "&Find an action…"),
        HELP,
        0,
        lambda w: w.show_palette(),
        QT_TRANSLATE_NOOP("Actions", "Search everything that can be done, and do it"),
        "probe",
        ("Ctrl+Shift+P",),
    ),
    ActionSpec(
        "shortcuts",
        QT_TRANSLATE_NOOP("Actions", "&Keyboard shortcuts"),
        HELP,
        0,
        lambda w: w.show_shortcuts(),
        QT_TRANSLATE_NOOP("Actions", "All actions with their keys"),
        "help",
        ("F1", "?"),
        on_tool_bar=True,
    ),
    ActionSpec(
        "open-demo",
        QT_TRANSLATE_NOOP("Actions", "Open &demo study"),
        HELP,
        1,
        lambda w: w.controller.open_demo(),
        QT_TRANSLATE_NOOP("Actions", "Computed phantoms of three kinds, each with its model"),
        "demo",
    ),
    ActionSpec(
        "about",
        QT_TRANSLATE_NOOP("Actions", "&About MedAdv Desktop"),
        HELP,
        2,
        lambda w: w.show_about(),
        QT_TRANSLATE_NOOP("Actions", "Versions, licence and intended use"),
        "info",
    ),
)


class ActionSet(QObject):
    """The actions of one window.

    Attributes:
        actions: by id, in the order of `ACTIONS`, then those added with `add_toggle`.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.specs = {spec.id: spec for spec in ACTIONS}
        self.actions = {spec.id: self._make(spec) for spec in ACTIONS}
        # Many signals say "look again" at once; one look a turn of the event loop is enough.
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.refresh)

    def __getitem__(self, action_id: str) -> QAction:
        return self.actions[action_id]

    def add_toggle(self, action_id: str, action: QAction) -> None:
        """Take in an action made elsewhere (the toggle of a panel)."""
        self.actions[action_id] = action
        self._window.addAction(action)

    def on_tool_bar(self) -> tuple[QAction, ...]:
        return tuple(self.actions[s.id] for s in self.specs.values() if s.on_tool_bar)

    def in_context(self, context: str) -> tuple[QAction, ...]:
        """What a context menu offers."""
        return tuple(self.actions[s.id] for s in self.specs.values() if context in s.contexts)

    def refresh_soon(self) -> None:
        """See what can be done now, when the event loop comes round."""
        self._later.start(0)

    def refresh(self) -> None:
        """See what can be done now."""
        for action_id, spec in self.specs.items():
            action = self.actions[action_id]
            reason = spec.blocked(self._window)
            action.setEnabled(not reason)
            action.setToolTip(described(action, spec, reason))
            if spec.checked is not None:
                action.setChecked(spec.checked(self._window))

    def _make(self, spec: ActionSpec) -> QAction:
        action = QAction(tr(spec.text), self._window)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(keys) for keys in spec.shortcuts])
        action.setStatusTip(tr(spec.tip))
        action.setToolTip(described(action, spec, ""))
        action.setCheckable(spec.checked is not None)
        # `triggered`, not `toggled`: refresh sets the mark without doing the thing again.
        action.triggered.connect(lambda: self._run(spec))
        if spec.icon:
            icons.bind_icon(action, spec.icon, self._window.bench.theme)
        self._window.addAction(action)
        return action

    def _run(self, spec: ActionSpec) -> None:
        spec.run(self._window)
        self.refresh()


def plain_text(action: QAction) -> str:
    """The text of an action without the mark of its mnemonic."""
    return action.text().replace("&&", "\0").replace("&", "").replace("\0", "&")


def keys_of(action: QAction) -> str:
    """The shortcuts of an action as this system writes them, "" for none."""
    shown = [k.toString(QKeySequence.SequenceFormat.NativeText) for k in action.shortcuts()]
    return ", ".join(shown)


def described(action: QAction, spec: ActionSpec, reason: str) -> str:
    """The tool tip: what it does, by which key, and why it cannot be done now."""
    first = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    head = tr(spec.tip) or plain_text(action)
    lines = [f"{head} ({first})" if first else head]
    if reason:
        lines.append(tr("Not now: {reason}.").format(reason=reason))
    return "\n".join(lines)
