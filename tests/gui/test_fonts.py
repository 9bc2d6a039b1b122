"""A machine without fonts still gets letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from PySide6.QtGui import QFontMetrics
from medadv_desktop.gui.application import make_application
app = make_application()
print(QFontMetrics(app.font()).inFont("a"), app.font().family())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="fonts are taken away through fontconfig")
def test_that_the_shipped_font_stands_in_where_there_is_none(tmp_path: Path) -> None:
    nothing = tmp_path / "fonts.conf"
    nothing.write_text('<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig/>')
    environment = os.environ | {"FONTCONFIG_FILE": str(nothing), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True DejaVu Sans"
