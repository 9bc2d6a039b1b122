"""Colours that can be read and icons that are there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import QToolButton

from medadv_desktop.gui.docks import dock_specs
from medadv_desktop.gui.icons import app_icon, bind_icon, icon
from medadv_desktop.gui.theme import COLORS, Theme, contrast, font
from medadv_desktop.resources import resource

ICONS = sorted(p.stem for p in resource("icons").glob("*.svg"))


def test_that_contrast_is_that_of_wcag():
    assert contrast(QColor("white"), QColor("black")) == pytest.approx(21.0)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)
    assert contrast(QColor("#0000ff"), QColor("#ffffff")) == pytest.approx(8.59, abs=0.01)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    "name",
    ["text", "muted", "accent", "danger", "warning", "success", "adversarial_text"],
)
def test_that_text_is_readable_on_every_surface(mode, name):
    theme = Theme(mode)
    for surface in ("background", "panel", "base", "raised", "flip"):
        assert contrast(theme.color(name), theme.color(surface)) >= 4.5, surface


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_that_text_is_readable_on_accents_and_pictures(mode):
    theme = Theme(mode)
    pairs = (
        ("accent_text", "accent"),
        ("text", "selection"),
        ("image_text", "image"),
        ("image_muted", "image"),
    )
    for ink, paper in pairs:
        assert contrast(theme.color(ink), theme.color(paper)) >= 4.5, ink


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_that_bars_stand_out_from_the_panel(mode):
    """WCAG 2.1, 1.4.11: 3 : 1 for what is needed to understand the content."""
    theme = Theme(mode)
    for name in ("clean", "adversarial"):
        assert contrast(theme.color(name), theme.color("panel")) >= 3.0


def test_that_both_modes_know_the_same_colours_and_pictures_stay_dark():
    assert COLORS["light"].keys() == COLORS["dark"].keys()
    assert COLORS["light"]["image"] == COLORS["dark"]["image"]
    assert QColor(COLORS["light"]["image"]).lightness() < 20


def test_that_a_change_of_mode_recolours_the_application(qapp, qtbot):
    palette, sheet = qapp.palette(), qapp.styleSheet()
    theme = Theme("light")
    theme.apply(qapp)
    light = qapp.palette().window().color()
    with qtbot.waitSignal(theme.changed):
        theme.set_mode("dark")
    assert theme.is_dark
    assert qapp.palette().window().color().lightness() < light.lightness()
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)


def test_that_figures_have_equal_width(qapp):
    from PySide6.QtGui import QFontMetrics

    metrics = QFontMetrics(font("numbers"))
    assert len({metrics.horizontalAdvance(d) for d in "0123456789"}) == 1


def test_that_every_icon_draws_something_in_the_colour_of_the_theme(qapp):
    theme = Theme("dark")
    for name in ICONS:
        for size in (16, 48):
            image = icon(name, theme).pixmap(QSize(size, size)).toImage()
            points = [(x, y) for x in range(image.width()) for y in range(image.height())]
            inked = [c for c in (image.pixelColor(*p) for p in points) if c.alpha() > 200]
            assert inked, name
            if name != "app":
                lightest = max(c.lightness() for c in inked)
                assert lightest > theme.color("text").lightness() - 25, name


def test_that_disabled_icons_are_fainter(qapp):
    theme = Theme("light")
    shades = [
        icon("cancel", theme).pixmap(QSize(24, 24), mode).toImage().pixelColor(12, 12).lightness()
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled)
    ]
    assert shades[1] > shades[0] + 60


def test_that_bound_icons_follow_the_theme(qtbot):
    theme = Theme("light")
    button = QToolButton()
    qtbot.addWidget(button)
    bind_icon(button, "cancel", theme)
    before = button.icon().pixmap(24).toImage().pixelColor(12, 12).lightness()
    theme.set_mode("dark")
    assert button.icon().pixmap(24).toImage().pixelColor(12, 12).lightness() > before + 100


def test_that_every_dock_has_its_icon_and_the_program_its_own(qapp):
    assert {spec.icon for spec in dock_specs()} <= set(ICONS)
    assert not app_icon().isNull()


def test_that_an_unknown_icon_is_refused(qapp):
    with pytest.raises(FileNotFoundError):
        icon("no-such-icon", Theme("light"))
