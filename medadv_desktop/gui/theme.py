"""Colours, fonts and distances of the window, in a light and a dark set of our own.

Images are read against near-black in both sets, as in a reading room: only the chrome around them
changes. Text reaches the contrast of WCAG 2.1 AA (4.5 : 1) on every surface it stands on.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

Mode = Literal["light", "dark", "system"]

TINY, SMALL, MEDIUM, LARGE = 2, 4, 8, 12
"""Distances in device-independent pixels: between glyph and text, controls, groups, blocks."""

ICON = 18
"""Side of an icon in a tool bar or pane header."""

# Colours of the picture area do not follow the mode, so that an image looks the same in both.
_PICTURE = {
    "image": "#0b0d10",
    "image_text": "#c9d1db",
    "image_muted": "#8d98a6",
    "image_header": "#161a20",
    "image_border": "#2a313a",
    "image_accent": "#4fc3d0",
    "image_clean": "#6cb4f5",
    "image_adversarial": "#ff9f5a",
    "crosshair": "#f2d04b",
    "region": "#4fc3d0",
    "measure": "#9be07f",
}

_LIGHT = {
    "background": "#eceff3",
    "panel": "#f7f9fb",
    "base": "#ffffff",
    "raised": "#e3e8ee",
    "text": "#17202b",
    "muted": "#536070",
    "border": "#c5cdd7",
    "accent": "#0b6e80",
    "accent_text": "#ffffff",
    "selection": "#cfe6ea",
    "danger": "#b3261e",
    "warning": "#8a5300",
    "success": "#1b6b3a",
    "clean": "#2374c4",
    "adversarial": "#d9690f",
    "adversarial_text": "#9c4106",
    "second_clean": "#8fb8de",
    "second_adversarial": "#e5ab80",
    "track": "#dde3ea",
    "flip": "#fbe9dc",
}

_DARK = {
    "background": "#1a1e24",
    "panel": "#20252c",
    "base": "#14171c",
    "raised": "#2b323b",
    "text": "#e4e8ee",
    "muted": "#9faab8",
    "border": "#38414c",
    "accent": "#4fc3d0",
    "accent_text": "#06262b",
    "selection": "#1f4a52",
    "danger": "#ff8f87",
    "warning": "#f0b95a",
    "success": "#74cf98",
    "clean": "#6cb4f5",
    "adversarial": "#ff9f5a",
    "adversarial_text": "#ff9f5a",
    "second_clean": "#44698c",
    "second_adversarial": "#96623d",
    "track": "#2b323b",
    "flip": "#3a2c22",
}

COLORS = MappingProxyType(
    {
        "light": MappingProxyType({**_LIGHT, **_PICTURE}),
        "dark": MappingProxyType({**_DARK, **_PICTURE}),
    }
)
"""Every colour by mode and name, as #rrggbb."""


class Theme(QObject):
    """The look of the window.

    Signals:
        changed: colours are others now; whoever paints by hand or holds icons asks again.
    """

    changed = Signal()

    def __init__(self, mode: Mode = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mode: Mode = mode
        self._app: QApplication | None = None
        hints = QGuiApplication.styleHints()
        if hints is not None:
            hints.colorSchemeChanged.connect(self._system_changed)

    @property
    def mode(self) -> Mode:
        """What was chosen: "light", "dark" or "system"."""
        return self._mode

    @property
    def is_dark(self) -> bool:
        """What that comes to now."""
        if self._mode != "system":
            return self._mode == "dark"
        return QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark

    def set_mode(self, mode: Mode) -> None:
        """Choose the look, and put it on the application that `apply` was called with."""
        if mode == self._mode:
            return
        self._mode = mode
        self._refresh()

    def apply(self, app: QApplication) -> None:
        """Dress the application: Fusion style, our palette, a small style sheet."""
        self._app = app
        app.setStyle("Fusion")
        self._refresh()

    def color(self, name: str) -> QColor:
        """A colour by name.

        Raises:
            KeyError: there is no colour of that name.
        """
        return QColor(COLORS["dark" if self.is_dark else "light"][name])

    def palette(self) -> QPalette:
        """The colours as Qt's roles."""
        palette = QPalette()
        role = QPalette.ColorRole
        for target, name in (
            (role.Window, "background"),
            (role.WindowText, "text"),
            (role.Base, "base"),
            (role.AlternateBase, "panel"),
            (role.Text, "text"),
            (role.Button, "panel"),
            (role.ButtonText, "text"),
            (role.BrightText, "danger"),
            (role.ToolTipBase, "raised"),
            (role.ToolTipText, "text"),
            (role.PlaceholderText, "muted"),
            (role.Highlight, "accent"),
            (role.HighlightedText, "accent_text"),
            (role.Accent, "accent"),
            (role.Link, "accent"),
            (role.LinkVisited, "accent"),
            (role.Light, "raised"),
            (role.Midlight, "raised"),
            (role.Mid, "border"),
            (role.Dark, "border"),
        ):
            palette.setColor(target, self.color(name))
        palette.setColor(role.Shadow, QColor(0, 0, 0))
        faint = _mixed(self.color("muted"), self.color("background"), 0.35)
        for target in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
            palette.setColor(QPalette.ColorGroup.Disabled, target, faint)
        palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, self.color("border"))
        return palette

    def style_sheet(self) -> str:
        """What the palette cannot say."""
        color = {name: self.color(name).name() for name in COLORS["light"]}
        return _STYLE_SHEET.format_map(color)

    def _system_changed(self) -> None:
        if self._mode == "system":
            self._refresh()

    def _refresh(self) -> None:
        if self._app is not None:
            self._app.setPalette(self.palette())
            self._app.setStyleSheet(self.style_sheet())
        self.changed.emit()


def font(kind: Literal["body", "small", "strong", "title", "numbers", "fixed"]) -> QFont:
    """A font of the system, in one of the sizes and weights used here.

    "numbers" and "small" have figures of equal width where the font knows them, so that columns
    and changing read-outs stand still.
    """
    if kind == "fixed":
        return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    result = QFont(QGuiApplication.font())
    size = result.pointSizeF() if result.pointSizeF() > 0 else 9.0
    if kind in ("small", "numbers"):
        result.setFeature(QFont.Tag("tnum"), 1)
    if kind == "small":
        result.setPointSizeF(max(size * 0.9, 7.5))
    if kind in ("strong", "title"):
        result.setWeight(QFont.Weight.DemiBold)
    if kind == "title":
        result.setPointSizeF(size * 1.15)
    return result


def contrast(first: QColor, second: QColor) -> float:
    """Contrast ratio of two opaque colours, 1 to 21 (WCAG 2.1, 1.4.3)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    """Relative luminance (WCAG 2.1, definition of that name)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (color.redF(), color.greenF(), color.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _mixed(first: QColor, second: QColor, share: float) -> QColor:
    """`first` with a `share` of `second`."""
    return QColor.fromRgbF(
        first.redF() * (1 - share) + second.redF() * share,
        first.greenF() * (1 - share) + second.greenF() * share,
        first.blueF() * (1 - share) + second.blueF() * share,
    )


_STYLE_SHEET = """
QToolTip {{ color: {text}; background: {raised}; border: 1px solid {border}; padding: 4px; }}
QMainWindow::separator {{ background: {background}; width: 5px; height: 5px; }}
QMainWindow::separator:hover {{ background: {accent}; }}
QDockWidget {{ color: {text}; }}
QDockWidget::title {{ background: {raised}; padding: 5px 8px; text-align: left; }}
QDockWidget > QWidget {{ background: {panel}; }}
QMenuBar {{ background: {background}; }}
QMenuBar::item {{ padding: 4px 9px; background: transparent; }}
QMenuBar::item:selected {{ background: {selection}; color: {text}; }}
QMenu {{ background: {panel}; border: 1px solid {border}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 8px; border-radius: 3px; }}
QMenu::item:selected {{ background: {selection}; color: {text}; }}
QMenu::item:disabled {{ color: {muted}; }}
QMenu::separator {{ height: 1px; background: {border}; margin: 4px 6px; }}
QMenu::icon {{ padding-left: 6px; }}
QToolBar {{ background: {background}; border: none; border-bottom: 1px solid {border};
    spacing: 2px; padding: 3px 6px; }}
QToolBar::separator {{ background: {border}; width: 1px; margin: 4px 5px; }}
QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 3px; }}
QToolButton:hover {{ background: {raised}; border-color: {border}; }}
QToolButton:pressed, QToolButton:checked {{ background: {selection}; border-color: {accent}; }}
QToolButton:focus {{ border-color: {accent}; }}
QWidget[role="pane-bar"] {{ background: {panel}; }}
QToolButton[segment] {{ border: 1px solid {border}; border-radius: 0; padding: 2px 7px;
    color: {muted}; background: {panel}; }}
QToolButton[segment="first"] {{ border-top-left-radius: 4px; border-bottom-left-radius: 4px; }}
QToolButton[segment="last"] {{ border-left: none; border-top-right-radius: 4px;
    border-bottom-right-radius: 4px; }}
QToolButton[segment]:hover {{ color: {text}; }}
QToolButton[segment]:checked {{ background: {selection}; color: {text}; border-color: {border}; }}
QToolButton[segment]:focus {{ border: 1px solid {accent}; }}
QToolButton[segment]:disabled {{ color: {border}; }}
QStatusBar {{ background: {background}; border-top: 1px solid {border}; color: {muted}; }}
QStatusBar::item {{ border: none; }}
QTabBar::tab {{ background: {background}; color: {muted}; padding: 5px 7px;
    border: 1px solid {border}; border-bottom: none; }}
QTabBar::tab:selected {{ background: {panel}; color: {text}; border-top: 2px solid {accent}; }}
QTabBar::tab:hover {{ color: {text}; }}
QPushButton[primary="true"] {{ background: {accent}; color: {accent_text}; border: none;
    border-radius: 4px; padding: 6px 14px; font-weight: 600; }}
QPushButton[primary="true"]:hover {{ background: {accent}; border: 1px solid {text}; }}
QPushButton[primary="true"]:focus {{ border: 2px solid {text}; }}
QPushButton[primary="true"]:disabled {{ background: {raised}; color: {muted}; }}
QCheckBox::indicator:unchecked, QAbstractItemView::indicator:unchecked {{
    border: 1px solid {muted}; border-radius: 2px; background: {base}; }}
QRadioButton::indicator:unchecked {{ border: 1px solid {muted}; border-radius: 7px;
    background: {base}; }}
QRadioButton::indicator:checked:enabled {{ border: 1px solid {accent}; border-radius: 7px;
    background: qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5, stop: 0 {accent},
    stop: 0.5 {accent}, stop: 0.6 {base}, stop: 1 {base}); }}
QCheckBox::indicator:unchecked:disabled {{ border-color: {border}; }}
QLabel[role="muted"] {{ color: {muted}; }}
QLabel[role="danger"] {{ color: {danger}; }}
QLabel[role="warning"] {{ color: {warning}; }}
QLabel[role="success"] {{ color: {success}; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {border}; border-radius: 4px; margin: 1px; }}
QScrollBar::handle:vertical {{ min-height: 24px; }}
QScrollBar::handle:horizontal {{ min-width: 24px; }}
QScrollBar::handle:hover {{ background: {muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""
