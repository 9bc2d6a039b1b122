from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QWidget
from viewer_cases import make_bench

from medadv_desktop.gui.docks.spec import Workbench


@pytest.fixture(autouse=True)
def _plain_numbers() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale.c())
    yield
    QLocale.setDefault(before)


@pytest.fixture
def bench(qapp) -> Workbench:
    return make_bench()


@pytest.fixture
def show(qtbot) -> Callable[..., QWidget]:
    """Put a widget on the screen at a size, and take it off at the end."""

    def shown(widget: QWidget, width: int = 300, height: int = 264) -> QWidget:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        qtbot.waitExposed(widget)
        return widget

    return shown
