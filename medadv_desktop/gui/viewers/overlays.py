"""What stands over images besides values: scale bar, orientation letters, patient and study."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from medadv_desktop.gui.theme import Theme, font
from medadv_desktop.gui.viewers.camera import Projection
from medadv_desktop.gui.viewers.marks import PLATE
from medadv_desktop.gui.viewers.wording import translate
from medadv_desktop.imaging.frame import Frame, Instance, Patient
from medadv_desktop.imaging.measuring import edge_letters, scale_bar

_NAME, _ID, _BIRTH, _SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
_STUDY, _SERIES, _DATE, _TIME = 0x00081030, 0x0008103E, 0x00080020, 0x00080030
_ROOM = 0.3
"""Share of the width of a canvas that a scale bar may take."""

_HEIGHT, _FROM_BOTTOM, _FROM_EDGE = 5, 9, 13


def bar_on(frame: Frame, projection: Projection) -> tuple[float, str] | None:
    """Length on the screen and label of a scale bar; None where the frame is not calibrated."""
    spacing = frame.spacing
    if spacing is None or not spacing.calibrated:
        return None
    mm = spacing.column_mm / projection.camera.scale
    found = scale_bar(mm, projection.width * _ROOM)
    return None if found is None else (found[0] / mm, found[1])


def paint_scale_bar(painter: QPainter, frame: Frame, projection: Projection, theme: Theme) -> None:
    """At the middle of the lower edge, its length written above it."""
    found = bar_on(frame, projection)
    if found is None:
        return
    length, label = found
    left, bottom = (projection.width - length) / 2, projection.height - _FROM_BOTTOM
    ends = (
        (QPointF(left, bottom), QPointF(left + length, bottom)),
        (QPointF(left, bottom - _HEIGHT), QPointF(left, bottom)),
        (QPointF(left + length, bottom - _HEIGHT), QPointF(left + length, bottom)),
    )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for color, width in ((QColor(0, 0, 0, 190), 3), (theme.color("image_text"), 1)):
        painter.setPen(QPen(color, width))
        for start, end in ends:
            painter.drawLine(start, end)
    paint_text(painter, QPointF(projection.width / 2, bottom - 13), label, theme)


def paint_letters(painter: QPainter, frame: Frame, projection: Projection, theme: Theme) -> None:
    """Where the patient's left, head, … are, at the middle of each edge."""
    letters = edge_letters(frame)
    across, down = projection.width, projection.height
    for text, at in (
        (letters.left, QPointF(_FROM_EDGE, down / 2)),
        (letters.right, QPointF(across - _FROM_EDGE, down / 2)),
        (letters.top, QPointF(across / 2, _FROM_EDGE)),
        # Above the scale bar, which stands at the same edge.
        (letters.bottom, QPointF(across / 2, down - _FROM_EDGE - 24)),
    ):
        if text:
            paint_text(painter, at, text, theme)


def patient_text(instance: Instance, show: Callable[[int, str], str | None]) -> str:
    """Patient, study and series in lines.

    Args:
        show: what may be shown of an attribute, given its tag and value; None to hide it.

    Returns:
        the lines; hidden values leave one line that says so.
    """
    patient = instance.patient or Patient()
    born = _date(patient.birth_date)
    lines = (
        ((_NAME, patient.name.replace("^", " ").strip()),),
        ((_ID, patient.id), (_BIRTH, born and f"*{born}"), (_SEX, patient.sex)),
        ((_STUDY, instance.study_description),),
        ((_DATE, _date(instance.study_date)), (_TIME, _time(instance.study_time))),
        ((_SERIES, instance.series_description),),
    )
    shown, hidden = [], False
    for line in lines:
        parts = [show(tag, value) for tag, value in line if value]
        hidden |= None in parts
        shown.append("  ".join(part for part in parts if part))
    if hidden:
        shown.insert(0, translate("Viewers", "Patient data hidden"))
    return "\n".join(line for line in shown if line)


def _date(text: str) -> str:
    """YYYYMMDD as YYYY-MM-DD; anything else as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _time(text: str) -> str:
    """HHMMSS.FFFFFF as HH:MM; anything else as it is."""
    return f"{text[:2]}:{text[2:4]}" if len(text) >= 4 and text[:4].isdigit() else text


def paint_text(
    painter: QPainter, at: QPointF, text: str, theme: Theme, *, centred: bool = True
) -> None:
    """A line on its plate, its middle or its upper left corner at a point."""
    painter.setFont(font("small"))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    box = painter.fontMetrics().boundingRect(text)
    plate = QRectF(at.x(), at.y(), box.width() + 8, box.height())
    if centred:
        plate.moveCenter(at)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(PLATE)
    painter.drawRoundedRect(plate, 3, 3)
    painter.setPen(theme.color("image_text"))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
