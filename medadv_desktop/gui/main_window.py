"""The main window: docks in every direction, menus made from the actions, a strip for messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QPoint, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QToolBar,
    QWidget,
)

from medadv_desktop.gui import icons, layout
from medadv_desktop.gui.about import AboutDialog
from medadv_desktop.gui.actions import MENUS, VIEW, ActionSet, tr
from medadv_desktop.gui.asking import FOLDER_KEY, ask_where_to_write
from medadv_desktop.gui.audits.archivist import archivist_of
from medadv_desktop.gui.docks import dock_specs
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.dropping import open_dropped
from medadv_desktop.gui.export_dialogs import DicomDialog, PictureDialog
from medadv_desktop.gui.exporting import DicomOptions
from medadv_desktop.gui.messages import MessageBar
from medadv_desktop.gui.palette import CommandPalette, ShortcutSheet
from medadv_desktop.gui.state.log import Level
from medadv_desktop.gui.status import StatusBar
from medadv_desktop.gui.theme import ICON
from medadv_desktop.gui.viewers.canvas import ImageCanvas
from medadv_desktop.gui.wizards.model_import import MODEL_FILES, open_or_import

DEFAULT_SIZE = (1280, 800)


class MainWindow(QMainWindow):
    """Shows a workbench.

    Signals:
        closing: the user leaves; layout is saved, the window is gone from the screen.

    Attributes:
        bench: what it shows.
        controller: of the bench.
        docks: by id.
        actions_: everything that can be done.
        messages: the strip at the top.
    """

    closing = Signal()

    def __init__(self, bench: Workbench, settings: QSettings) -> None:
        super().__init__()
        self.bench = bench
        self.controller = bench.controller
        self._settings = settings
        self.setWindowTitle("MedAdv Desktop")
        self.setWindowIcon(icons.app_icon())
        self.setAcceptDrops(True)
        self.resize(*DEFAULT_SIZE)
        layout.prepare(self)
        self.actions_ = ActionSet(self)
        self.messages = MessageBar(self.controller.notices, self.controller.names, bench.theme)
        self.setStatusBar(StatusBar(bench, self))
        self._specs = dock_specs()
        self.docks = {spec.id: self._make_dock(spec) for spec in self._specs}
        self._make_menus()
        self._make_tool_bars()
        if not layout.restore(self, settings):
            self.reset_layout()
        self._show_message_strip(bool(self.controller.notices.notices))
        self._keep_actions_fresh()

    # ------------------------------------------------------------------ what actions ask for

    def ask_for_files(self) -> None:
        dialog = self._file_dialog(self.tr("Open files"), QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters(
            [
                self.tr("Images (*.dcm *.dicom *.ima *.png *.jpg *.jpeg *.bmp *.tif *.tiff)"),
                self.tr("Volumes (*.nii *.nii.gz *.mha *.mhd *.nrrd *.nhdr)"),
                self.tr("Discs and archives (DICOMDIR *.zip)"),
                self.tr("All files (*)"),
            ]
        )
        # DICOM files often have no suffix at all.
        dialog.selectNameFilter(self.tr("All files (*)"))
        self._ask(dialog, self.controller.open_paths)

    def ask_for_folder(self) -> None:
        dialog = self._file_dialog(self.tr("Open folder"), QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._ask(dialog, self.controller.open_paths)

    def ask_for_model(self) -> None:
        dialog = self._file_dialog(self.tr("Open model"), QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(self.tr("Model cards and model files") + f" ({MODEL_FILES})")
        self._ask(dialog, lambda paths: open_or_import(self, Path(paths[0])))

    def ask_where_to_save(self) -> None:
        """The result goes into a new folder, named after image and attack, in the one chosen."""
        outcome = self.bench.case.outcome
        if outcome is None:
            return
        request = outcome.request
        source = Path(self.controller.names.name(request.frame.provenance.path))
        name = f"{source.stem.replace(', ', '-').replace(' ', '-')}-{request.attack.name}"
        dialog = self._file_dialog(
            self.tr("Save the result into a folder"), QFileDialog.FileMode.Directory
        )
        self._ask(
            dialog,
            lambda paths: self.controller.exporter.save_outcome(_fresh(Path(paths[0]) / name)),
        )

    def ask_how_to_export_picture(self) -> None:
        """Which viewer, with or without what lies over it; then where to."""
        panes = {d.windowTitle(): d.widget() for d in self.docks.values() if d.isVisible()}
        canvases = {
            title: pane.canvas
            for title, pane in panes.items()
            if isinstance(getattr(pane, "canvas", None), ImageCanvas)
            and pane.canvas.isVisible()
            and pane.canvas.picture is not None
        }
        if not canvases:
            self.controller.notices.add(self.tr("No viewer shows an image"), Level.WARNING)
            return
        dialog = PictureDialog(canvases, not self.controller.privacy.masked, self)

        def chosen(image: QImage) -> None:
            self._ask_where(
                self.tr("Export image as shown"),
                "image.png",
                self.tr("PNG image (*.png)"),
                lambda path: self.controller.exporter.write_picture(image, path),
            )

        dialog.chosen.connect(chosen)
        dialog.open()

    def ask_where_to_export_arrays(self) -> None:
        self._ask_where(
            self.tr("Export exact arrays"),
            "arrays.npz",
            self.tr("NumPy arrays (*.npz)"),
            self.controller.exporter.write_arrays,
        )

    def ask_how_to_export_dicom(self) -> None:
        """With which marks; then where to."""
        outcome = self.bench.case.outcome
        if outcome is None:
            return
        dialog = DicomDialog(outcome, self)

        def chosen(options: DicomOptions) -> None:
            self._ask_where(
                self.tr("Export adversarial DICOM"),
                "adversarial.dcm",
                self.tr("DICOM (*.dcm)"),
                lambda path: self.controller.exporter.write_dicom(path, options),
            )

        dialog.chosen.connect(chosen)
        dialog.open()

    def show_palette(self) -> None:
        CommandPalette(self.actions_.actions.values(), self).open()

    def show_shortcuts(self) -> None:
        ShortcutSheet(self._by_menu(), self).open()

    def show_about(self) -> None:
        AboutDialog(self.controller.engine.ready, self).open()

    def reset_layout(self) -> None:
        """Every dock to where it declares to stand."""
        placed = [(self.docks[spec.id], spec.area) for spec in self._specs]
        hidden = [self.docks[spec.id] for spec in self._specs if not spec.shown]
        layout.arrange(self, placed, hidden)

    # ------------------------------------------------------------------ events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local_paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := _local_paths(event):
            event.acceptProposedAction()
            open_dropped(self, paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        layout.save(self, self._settings)
        self._settings.setValue("theme", self.bench.theme.mode)
        self._settings.sync()
        # The threads may need a moment to come to rest; nobody has to watch that.
        for dock in self.docks.values():
            if dock.isFloating():
                dock.hide()
        self.hide()
        self.controller.stop()
        event.accept()
        self.closing.emit()

    def createPopupMenu(self) -> QMenu:
        """The context menu of tool bars and dock titles: which panels are shown."""
        menu = QMenu(self)
        menu.addActions(self._toggles())
        menu.addSeparator()
        menu.addAction(self.actions_["reset-layout"])
        return menu

    # ------------------------------------------------------------------ making

    def _make_dock(self, spec: DockSpec) -> QDockWidget:
        title = QCoreApplication.translate("Docks", spec.title)
        dock = QDockWidget(title, self)
        dock.setObjectName(spec.id)
        dock.setAccessibleName(title)
        dock.setWidget(spec.build(self.bench))
        toggle = dock.toggleViewAction()
        toggle.setObjectName(f"panel-{spec.id}")
        toggle.setToolTip(self.tr("Show or hide the panel {title}").format(title=title))
        toggle.setStatusTip(toggle.toolTip())
        icons.bind_icon(toggle, spec.icon, self.bench.theme)
        self.actions_.add_toggle(f"panel-{spec.id}", toggle)
        return dock

    def _make_menus(self) -> None:
        bar = self.menuBar()
        for title in MENUS:
            menu = bar.addMenu(tr(title))
            menu.setToolTipsVisible(True)
            group = 0
            for spec in (s for s in self.actions_.specs.values() if s.menu == title):
                if spec.group != group:
                    menu.addSeparator()
                    group = spec.group
                menu.addAction(self.actions_[spec.id])
                if spec.id == "open-folder":
                    menu.addMenu(self._recent_menu(menu))
            if title == VIEW:
                panels = menu.addMenu(self.tr("&Panels"))
                panels.addActions(self._toggles())

    def _recent_menu(self, parent: QMenu) -> QMenu:
        menu = QMenu(self.tr("Open &recent"), parent)
        icons.bind_icon(menu, "recent", self.bench.theme)
        menu.setToolTipsVisible(True)
        recent = self.controller.recent

        def fill() -> None:
            menu.clear()
            for path in recent.paths:
                action = menu.addAction(path.name.replace("&", "&&") or str(path))
                action.setToolTip(str(path))
                action.triggered.connect(_opening(self.controller.open_paths, path))
            menu.addSeparator()
            menu.addAction(self.tr("&Forget these"), recent.clear)
            menu.setEnabled(bool(recent.paths))

        recent.changed.connect(fill)
        fill()
        return menu

    def _make_tool_bars(self) -> None:
        bar = QToolBar(self.tr("Tools"))
        bar.setObjectName("tools")
        bar.setMovable(False)
        bar.setAccessibleName(self.tr("Tools"))
        bar.setIconSize(QSize(ICON + 2, ICON + 2))
        group: tuple[str, int] | None = None
        for action in self.actions_.on_tool_bar():
            spec = self.actions_.specs[action.objectName()]
            if group not in (None, (spec.menu, spec.group)):
                bar.addSeparator()
            if spec.id == "shortcuts":
                bar.addWidget(_spring())
            group = (spec.menu, spec.group)
            bar.addAction(action)
            button = bar.widgetForAction(action)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(action.text().replace("&", ""))
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
        self.addToolBarBreak()
        self._strip = QToolBar(self.tr("Messages"))
        self._strip.setObjectName("messages")
        self._strip.setMovable(False)
        self._strip.addWidget(self.messages)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self._strip)
        self.messages.filled.connect(self._show_message_strip)

    def _show_message_strip(self, filled: bool) -> None:
        self._strip.setVisible(filled)

    def _keep_actions_fresh(self) -> None:
        bench = self.bench
        for changed in (
            self.controller.ready_to_attack_changed,
            bench.case.frame_changed,
            bench.case.outcome_changed,
            bench.studies.changed,
            bench.studies.current_changed,
            bench.studies.marked_changed,
            bench.jobs.busy_changed,
            bench.view.window_changed,
            bench.view.tool_changed,
            bench.view.overlays_changed,
            bench.view.cine.changed,
            bench.view.cine.place_changed,
            bench.view.measurements.changed,
            bench.view.measurements.selected_changed,
            bench.theme.changed,
            self.controller.privacy.changed,
            self.controller.model_library.marked_changed,
            self.controller.librarian.library.changed,
            self.controller.librarian.library.current_changed,
            archivist_of(self.controller).choices_changed,
        ):
            changed.connect(self.actions_.refresh_soon)
        self.controller.privacy.changed.connect(self._show_title)
        self.actions_.refresh()
        bench.case.frame_changed.connect(self._show_title)
        self.controller.action_wanted.connect(lambda name: self.actions_[name].trigger())
        self.controller.menu_wanted.connect(self._show_context_menu)

    def _show_context_menu(self, context: str, point: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(self.actions_.in_context(context))
        menu.popup(point)

    def _show_title(self) -> None:
        instance = self.bench.case.instance
        name = f"{self.controller.names.name(instance.path)} – " if instance else ""
        self.setWindowTitle(f"{name}MedAdv Desktop")

    # ------------------------------------------------------------------ small things

    def _toggles(self) -> list[QAction]:
        return [dock.toggleViewAction() for dock in self.docks.values()]

    def _by_menu(self) -> dict[str, list[QAction]]:
        groups = {tr(title).replace("&", ""): [] for title in MENUS}
        for spec in self.actions_.specs.values():
            groups[tr(spec.menu).replace("&", "")].append(self.actions_[spec.id])
        groups[self.tr("Panels")] = self._toggles()
        return groups

    def _ask_where(self, title: str, name: str, kind: str, then: Callable[[Path], None]) -> None:
        ask_where_to_write(self, self._settings, title, name, (kind,), then)

    def _file_dialog(self, title: str, mode: QFileDialog.FileMode) -> QFileDialog:
        dialog = QFileDialog(self, title, str(self._settings.value(FOLDER_KEY, "")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        return dialog

    def _ask(self, dialog: QFileDialog, then: Callable[[list[str]], None]) -> None:
        """Show a file dialog without stopping anything."""

        def chosen(paths: list[str]) -> None:
            if paths:
                self._settings.setValue(FOLDER_KEY, str(Path(paths[0]).parent))
                then(paths)

        dialog.filesSelected.connect(chosen)
        dialog.open()


def _opening(open_paths: Callable[[list[Path]], None], path: Path) -> Callable[[], None]:
    return lambda: open_paths([path])


def _local_paths(event: QDropEvent) -> list[Path]:
    urls = event.mimeData().urls() if event.mimeData().hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls if url.isLocalFile()]


def _spring() -> QWidget:
    spring = QWidget()
    spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return spring


def _fresh(folder: Path) -> Path:
    """The folder itself, or with the first number that makes a new one of it."""
    number, result = 1, folder
    while result.exists():
        number += 1
        result = folder.with_name(f"{folder.name}-{number}")
    return result
