"""Python below 3.12 survives a PySide6 that gives away references to None."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtWidgets import QLabel

import medadv_desktop.gui  # noqa: F401 - what is tested is its import


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal there")
@pytest.mark.parametrize("singleton", [None, True, False, NotImplemented, Ellipsis])
def test_that_no_number_of_calls_can_use_up_a_singleton(qtbot, singleton):
    label = QLabel()
    qtbot.addWidget(label)
    for _ in range(1000):
        label.update()
        label.setEnabled(True)
    assert sys.getrefcount(singleton) > 2**27
