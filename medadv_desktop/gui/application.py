"""The start of the window: what is set up before it, and what is left behind after it."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import platformdirs
from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QLibraryInfo,
    QLocale,
    QObject,
    QSettings,
    Qt,
    QTimer,
    QTranslator,
    Signal,
)
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from medadv_desktop import __version__
from medadv_desktop.gui.audit_run import attend
from medadv_desktop.gui.bridge import ComputeBridge
from medadv_desktop.gui.collecting import GarbageCollector
from medadv_desktop.gui.controller import Controller
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.fonts import ensure_a_font
from medadv_desktop.gui.main_window import MainWindow
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.jobs import JobList
from medadv_desktop.gui.state.log import Level, LoggingTap, LogLines
from medadv_desktop.gui.state.studies import StudyList
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.theme import Theme
from medadv_desktop.resources import resource

if TYPE_CHECKING:
    from medadv_desktop.audit.demo import DemoImage

NAME = "MedAdv Desktop"
LONGEST_FAREWELL_MS = 10_000
"""How long the program waits, out of sight, for its threads after the window was closed."""

_LATEST_START_MS = 2000

_logger = logging.getLogger("medadv_desktop")


@dataclass(frozen=True)
class Session:
    """A window with everything behind it."""

    window: MainWindow
    bench: Workbench
    settings: QSettings
    tap: LoggingTap


def main() -> None:
    """The ``medadv-desktop`` program: open the window on what the command line names."""
    sys.exit(run_window([a for a in sys.argv[1:] if not a.startswith("-")]))


def run_window(paths: Sequence[Path | str] = (), model: str = "", device: str = "auto") -> int:
    """Open the window and stay until it is closed.

    Args:
        paths: files and folders to open.
        model: the model to begin with, by id or path; "" for none.
        device: "auto", "cpu" or "cuda:N".

    Returns:
        the exit code.
    """

    def begin(controller: Controller) -> None:
        if model:
            controller.choose_model(model)
        controller.open_paths(paths)

    return _run(begin, device)


def run_demo_window(
    images: Sequence[DemoImage], device: str = "auto", audit: Path | None = None
) -> int:
    """Open the window on a demo study, with model and attack ready and run on the first image.

    Args:
        audit: folder where the demo audit is run after that attack; None for none.

    Returns:
        the exit code.
    """

    def begin(controller: Controller) -> None:
        if audit is not None:
            from medadv_desktop.gui.demo_audit import DemoAudit

            DemoAudit(controller, audit)
        controller.open_demo_images(images, attack=True)

    return _run(begin, device)


def _run(begin: Callable[[Controller], None], device: str) -> int:
    crash_log = _open_crash_log()
    app = make_application()
    collector = GarbageCollector()
    session = make_session(open_settings(), device=device)
    reporter = ExceptionReporter(session.bench)
    controller = session.bench.controller

    def start() -> None:
        controller.warm_up()
        begin(controller)

    collector.follow(controller)
    controller.stopped.connect(app.quit)
    farewell = QTimer(interval=LONGEST_FAREWELL_MS, singleShot=True)
    farewell.timeout.connect(app.quit)
    session.window.closing.connect(farewell.start)
    first_paint = _FirstPaint(session.window)
    first_paint.over.connect(start)
    session.window.show()
    code = app.exec()
    farewell.stop()
    reporter.remove()
    session.tap.remove()
    collector.stop()
    if crash_log is not None:
        faulthandler.disable()
        crash_log.close()
    if not controller.wait(0):
        # A library call does not come back. Destroying its thread would crash; leave it behind.
        session.settings.sync()
        os._exit(code)
    return code


def make_application() -> QApplication:
    """The application object with its names, icon-independent of any window."""
    existing = QApplication.instance()
    if existing is not None:
        return existing
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(
        Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    )
    QCoreApplication.setOrganizationName("MedAdv")
    QCoreApplication.setApplicationName(NAME)
    QCoreApplication.setApplicationVersion(__version__)
    QGuiApplication.setDesktopFileName("medadv-desktop")
    app = QApplication(sys.argv[:1])
    # The threads outlive the window for a moment; the controller says when all is done.
    app.setQuitOnLastWindowClosed(False)
    ensure_a_font(app)
    _install_translations(app)
    return app


def open_settings(path: Path | None = None) -> QSettings:
    """What is remembered between sessions, as an INI file; `path` for one of one's own."""
    if path is not None:
        return QSettings(str(path), QSettings.Format.IniFormat)
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "MedAdv", NAME)


def make_session(
    settings: QSettings, bridge: ComputeBridge | None = None, device: str = "auto"
) -> Session:
    """A window that is not shown yet, with its workbench.

    Args:
        bridge: another way to compute, for tests.
    """
    app = QApplication.instance()
    log = LogLines()
    tap = LoggingTap(log)
    studies, case, view, jobs = StudyList(), Case(), ViewState(), JobList()
    theme = Theme(str(settings.value("theme", "system")))
    theme.apply(app)
    bridge = bridge or ComputeBridge()
    bridge.device = device
    controller = Controller(studies, case, view, jobs, log, settings, bridge)
    bench = Workbench(studies, case, view, jobs, log, controller, theme)
    window = MainWindow(bench, settings)
    attend(window)
    return Session(window, bench, settings, tap)


class _FirstPaint(QObject):
    """Waits until a window is on screen, so that nothing competes with it.

    Signals:
        over: it is; or it was never painted, being minimised, and time goes on.
    """

    over = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._turn = QTimer(self, interval=_LATEST_START_MS, singleShot=True)
        self._turn.timeout.connect(self._go)
        self._turn.start()
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            self._turn.start(0)
        return False

    def _go(self) -> None:
        self._window.removeEventFilter(self)
        self.over.emit()


class ExceptionReporter(QObject):
    """Takes exceptions that nobody caught, on any thread, to the log and the message strip.

    Signals:
        caught: what happened and its traceback; queued to the GUI thread.
    """

    caught = Signal(str, str)

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench = bench
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        self.caught.connect(self._show, Qt.ConnectionType.QueuedConnection)
        sys.excepthook = self._on_exception
        threading.excepthook = lambda a: self._on_exception(
            a.exc_type, a.exc_value, a.exc_traceback
        )
        sys.unraisablehook = lambda a: self._on_exception(a.exc_type, a.exc_value, a.exc_traceback)

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before

    def _on_exception(
        self,
        kind: type[BaseException],
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        details = "".join(traceback.format_exception(kind, error, where))
        if sys.__stderr__ is not None:
            sys.__stderr__.write(details)
        if issubclass(kind, KeyboardInterrupt):
            self._bench.controller.stop()
            return
        self.caught.emit(f"{kind.__name__}: {error}", details)

    def _show(self, what: str, details: str) -> None:
        text = self.tr(
            "An error of the program, which goes on: {what}. Copy the details and report it."
        )
        self._bench.controller.notices.add(text.format(what=what), Level.ERROR, details)


def _install_translations(app: QApplication) -> None:
    """Qt's own texts and ours, in the language of the system where there is one."""
    locale = QLocale()
    folders = [("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))]
    with suppress(FileNotFoundError):  # nothing but English is shipped
        folders.append(("medadv", str(resource("translations"))))
    for name, folder in folders:
        translator = QTranslator(app)
        if translator.load(locale, name, "_", folder):
            app.installTranslator(translator)


def _open_crash_log() -> TextIO | None:
    """A file for what even Python cannot report; None where it cannot be written."""
    folder = Path(platformdirs.user_log_dir(NAME, appauthor=False))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / "crash.log").open("w", encoding="utf-8")
    except OSError as error:
        _logger.warning("No crash log can be written in %s: %s", folder, error)
        return None
    faulthandler.enable(stream, all_threads=True)
    return stream


if __name__ == "__main__":
    main()
