"""The status bar: what is going on, where it computes, and what this program is not for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QLabel, QProgressBar, QSizePolicy, QStatusBar, QWidget

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.gui.controller import EngineStage
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.viewers.controls import ProbeBar


class StatusBar(QStatusBar):
    """Running job, point under the cursor, engine, device, and the line that is always there."""

    def __init__(self, bench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self.busy = QProgressBar()
        self.busy.setFixedWidth(110)
        self.busy.setMaximumHeight(12)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName(self.tr("Progress of the running job"))
        self.busy.hide()
        self.job = QLabel()
        # However long the name of a file: it must not make the window wider.
        self.job.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.job.setAccessibleName(self.tr("Running job"))
        self.engine = QLabel()
        self.engine.setAccessibleName(self.tr("State of the engine"))
        self.device = QComboBox()
        self.device.setAccessibleName(self.tr("Device"))
        self.device.setToolTip(self.tr("Where models and attacks are computed"))
        self.device.addItem("auto")
        self.device.activated.connect(self._choose)
        self.purpose = QLabel(self.tr(NOT_FOR_DIAGNOSIS))
        self.purpose.setProperty("role", "warning")
        self.purpose.setToolTip(self.tr("Nothing shown here may guide the care of a patient"))
        self.addWidget(self.busy)
        self.addWidget(self.job, 1)
        self.addWidget(ProbeBar(bench), 5)
        for widget in (self.engine, self.device, self.purpose):
            self.addPermanentWidget(widget)
        bench.controller.engine_changed.connect(self._show_engine)
        for changed in (bench.jobs.added, bench.jobs.changed):
            changed.connect(self._show_job)
        bench.controller.names.changed.connect(self._show_job)
        self._show_engine()

    def _choose(self) -> None:
        self._bench.controller.choose_device(self.device.currentText())

    def _show_engine(self) -> None:
        engine = self._bench.controller.engine
        texts = {
            EngineStage.WAITING: self.tr("Engine not loaded yet"),
            EngineStage.LOADING: self.tr("Loading engine…"),
            EngineStage.FAILED: self.tr("Engine could not be loaded"),
        }
        if engine.ready is not None:
            self.engine.setText(self.tr("Ready: {device}").format(device=engine.ready.device_title))
            self.engine.setToolTip("\n".join(f"{n} {v}" for n, v in engine.ready.versions))
            self._offer(engine.ready.devices)
        else:
            self.engine.setText(texts[engine.stage])
            self.engine.setToolTip(engine.reason)
        role = "danger" if engine.stage is EngineStage.FAILED else "muted"
        self.engine.setProperty("role", role)
        self.engine.style().unpolish(self.engine)
        self.engine.style().polish(self.engine)

    def _offer(self, devices: tuple[str, ...]) -> None:
        self.device.clear()
        self.device.addItems(list(devices))
        self.device.setCurrentText(self._bench.controller.device)
        model = self.device.model()
        assert isinstance(model, QStandardItemModel)
        titles = {
            "auto": self.tr("The first GPU, or else the CPU"),
            "cpu": self.tr("The processor"),
        }
        for row, device in enumerate(devices):
            tip = titles.get(device, self.tr("A graphics card"))
            model.item(row).setData(tip, Qt.ItemDataRole.ToolTipRole)

    def _show_job(self) -> None:
        running = self._bench.jobs.running
        self.busy.setVisible(bool(running))
        if not running:
            self.job.clear()
            return
        job = running[-1]
        self.busy.setRange(0, 1000 if job.progress.total else 0)
        if job.progress.total:
            self.busy.setValue(round(1000 * job.progress.done / job.progress.total))
        text = self.tr("{title} (stopping…)") if job.cancelling else "{title}"
        full = self._bench.controller.names.text(text.format(title=job.title))
        middle = Qt.TextElideMode.ElideMiddle
        self.job.setText(self.job.fontMetrics().elidedText(full, middle, self.job.width()))
        self.job.setToolTip(full)
