"""What is asked before an export, and what will happen, in words."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.requests import AttackOutcome
from medadv_desktop.gui.exporting import DicomOptions
from medadv_desktop.gui.theme import LARGE, MEDIUM
from medadv_desktop.gui.viewers.canvas import ImageCanvas
from medadv_desktop.gui.viewers.pictures import to_image

_WIDTH = 480


class ExportDialog(QDialog):
    """A dialog with texts and fields, as high as they need."""

    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.content = QVBoxLayout(self)
        self.content.setContentsMargins(LARGE, LARGE, LARGE, LARGE)
        self.content.setSpacing(MEDIUM)

    def fit(self) -> None:
        """As high as its wrapped texts need; Qt asks them only for a guess."""
        width = max(_WIDTH, self.minimumSizeHint().width())
        self.content.activate()
        self.setMinimumSize(width, self.content.totalHeightForWidth(width))
        self.resize(self.minimumSize())

    def showEvent(self, event: QShowEvent) -> None:
        self.fit()
        super().showEvent(event)

    def add_text(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        if role:
            label.setProperty("role", role)
        self.content.addWidget(label)
        return label

    def add_buttons(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        save = buttons.addButton(self.tr("Save as…"), QDialogButtonBox.ButtonRole.AcceptRole)
        save.setDefault(True)
        save.setToolTip(self.tr("Choose the file"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.content.addWidget(buttons)


class DicomDialog(ExportDialog):
    """How the attacked image is written as DICOM.

    Signals:
        chosen: a `DicomOptions`.
    """

    chosen = Signal(object)

    def __init__(self, outcome: AttackOutcome, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Export adversarial DICOM"), parent)
        height, width = outcome.original.shape[1:]
        rows, columns = outcome.request.frame.shape
        self.add_text(
            self.tr(
                "The perturbation of the model's input ({0} × {1}) is resampled to the pixels that "
                "the model saw of the image ({2} × {3}), added to its stored values and rounded. "
                "A new DICOM instance is written, marked as derived and adversarial; the source "
                "stays as it is."
            ).format(width, height, columns, rows)
        )
        self.add_text(
            self.tr(
                "This is not exactly the image that was attacked: the attack's success may be "
                "lost. So the model predicts the written file again, and a message says what it "
                "finds."
            )
        )
        self.burn_in = QCheckBox(self.tr("&Burn “ADVERSARIAL – NOT FOR DIAGNOSIS” into the pixels"))
        self.burn_in.setChecked(True)
        self.burn_in.setToolTip(self.tr("The mark covers some pixels; the model sees it as well"))
        self.deidentify = QCheckBox(self.tr("&Take the patient's identity out of the header"))
        self.deidentify.setChecked(True)
        self.deidentify.setToolTip(
            self.tr("By the Basic Application Level Confidentiality Profile of DICOM PS3.15")
        )
        self.content.addWidget(self.burn_in)
        self.content.addWidget(self.deidentify)
        self.consequence = self.add_text("")
        for box in (self.burn_in, self.deidentify):
            box.toggled.connect(self._tell)
        self._tell()
        self.add_buttons()
        self.accepted.connect(lambda: self.chosen.emit(self.options()))

    def options(self) -> DicomOptions:
        return DicomOptions(self.burn_in.isChecked(), self.deidentify.isChecked())

    def _tell(self) -> None:
        warnings = []
        if not self.burn_in.isChecked():
            warnings.append(
                self.tr("Without the mark, only the header tells that the image was attacked.")
            )
        if not self.deidentify.isChecked():
            warnings.append(self.tr("The file will hold the patient's name and data."))
        fine = self.tr("Its pixels and its header say that it was attacked, and not who it shows.")
        self.consequence.setText(" ".join(warnings) or fine)
        if self.isVisible():
            self.fit()


class PictureDialog(ExportDialog):
    """Which viewer is exported as a picture.

    Signals:
        chosen: the picture, a QImage.
    """

    chosen = Signal(object)

    def __init__(
        self, viewers: Mapping[str, ImageCanvas], shows_patient: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(self.tr("Export image as shown"), parent)
        self._viewers = viewers
        self.viewer = QComboBox()
        self.viewer.addItems(list(viewers))
        self.viewer.setAccessibleName(self.tr("Viewer"))
        self.viewer.setToolTip(self.tr("The viewer that is exported, with its window and zoom"))
        self.overlays = QCheckBox(self.tr("With &overlays: texts, cross-hair, measurements"))
        self.overlays.setChecked(True)
        self.overlays.setToolTip(self.tr("Otherwise only the pixels are exported"))
        form = QFormLayout()
        form.setHorizontalSpacing(MEDIUM)
        form.addRow(self.tr("&Viewer"), self.viewer)
        form.addRow(self.overlays)
        self.content.addLayout(form)
        self.add_text(
            self.tr("A PNG for eyes, as large as on the screen. For exact values export arrays."),
            "muted",
        )
        if shows_patient:
            self.add_text(self.tr("Patient data is shown, so overlays may hold it."))
        self.add_buttons()
        self.accepted.connect(lambda: self.chosen.emit(self.picture()))

    def picture(self) -> QImage:
        canvas = self._viewers[self.viewer.currentText()]
        return picture_of(canvas, overlays=self.overlays.isChecked())


def picture_of(canvas: ImageCanvas, *, overlays: bool) -> QImage:
    """What a viewer shows, as large as on the screen, with what lies over the pixels or without."""
    if overlays:
        return canvas.grab().toImage()
    ratio = canvas.devicePixelRatioF()
    size = QSize(round(canvas.width() * ratio), round(canvas.height() * ratio))
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.black)
    picture, projection = canvas.picture, canvas.projection()
    if picture is None or projection is None:
        return image
    top, left, height, width = picture.region
    corners = (projection.x(left), projection.y(top))
    opposite = (projection.x(left + width), projection.y(top + height))
    target = QRectF(QPointF(*corners), QPointF(*opposite))
    across = target.width() / picture.size[1] * ratio
    reduction = max(int(1 / across + 1e-6), 1)
    pixels = to_image(picture.pixels(reduction))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, across < 1)
    painter.setClipRect(target)
    # A ragged last block of reduced pixels reaches beyond the picture.
    down = target.height() / picture.size[0] * reduction
    side = target.width() / picture.size[1] * reduction
    drawn = QRectF(target.topLeft(), target.topLeft())
    drawn.setSize(QRectF(0, 0, pixels.width() * side, pixels.height() * down).size())
    painter.drawImage(drawn, pixels, QRectF(pixels.rect()))
    painter.end()
    return image
