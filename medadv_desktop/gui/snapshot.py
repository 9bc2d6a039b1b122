"""``python -m medadv_desktop.gui.snapshot FOLDER PICTURE``: the window after the demo, a picture.

It is the real window doing the real job; with QT_QPA_PLATFORM=offscreen no display is needed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer

from medadv_desktop.audit.demo import DemoImage, write_demo_study
from medadv_desktop.errors import ExportError
from medadv_desktop.files import replacing
from medadv_desktop.gui.application import Session, make_application, make_session, open_settings

LONGEST_MS = 180_000
_SETTLED_MS = 400


def main() -> int:
    """Read the command line, take the picture; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m medadv_desktop.gui.snapshot")
    parser.add_argument("folder", type=Path, help="where the demo study is written")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--theme", choices=("light", "dark"), default="dark")
    parser.add_argument("--size", default="1600x1000", help="of the window, in pixels")
    parser.add_argument("--image", type=int, default=0, help="which image of the study, from 0")
    parser.add_argument("--second-model", default="", help="id of a second model")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    app = make_application()
    with tempfile.TemporaryDirectory() as scratch:
        settings = open_settings(Path(scratch) / "settings.ini")
        settings.setValue("theme", options.theme)
        session = make_session(settings)
        session.window.resize(width, height)
        session.window.reset_layout()
        session.window.show()
        images = write_demo_study(options.folder / "study")
        chosen = images[options.image % len(images)]
        photographer = _Photographer(session, options.picture)
        photographer.start((chosen, *(i for i in images if i is not chosen)), options.second_model)
        app.exec()
        session.tap.remove()
    if photographer.reason:
        print(photographer.reason, file=sys.stderr)  # noqa: T201 - it is a command
    return 1 if photographer.reason else 0


class _Photographer:
    """Starts the demo, waits until everything has settled, takes the picture, closes.

    Attributes:
        reason: why there is no picture; "" if there is one.
    """

    def __init__(self, session: Session, picture: Path) -> None:
        self._session, self._picture = session, picture
        self._case, self._controller = session.bench.case, session.bench.controller
        self.reason = ""
        self._settled = QTimer(interval=_SETTLED_MS, singleShot=True)
        self._settled.timeout.connect(self._take)
        self._late = QTimer(interval=LONGEST_MS, singleShot=True)
        self._late.timeout.connect(lambda: self._give_up("the demo took too long"))

    def start(self, images: Sequence[DemoImage], second_model: str) -> None:
        """Open the images and attack the first."""
        app = make_application()
        self._controller.stopped.connect(app.quit)
        self._controller.notices.added.connect(lambda notice: self._give_up(notice.text))
        self._session.bench.jobs.busy_changed.connect(self._look)
        self._late.start()
        self._controller.warm_up()
        if second_model:
            self._controller.choose_second_model(second_model)
        self._controller.open_demo_images(images, attack=True)

    def _look(self) -> None:
        if self._case.outcome is not None and not self._session.bench.jobs.busy:
            self._settled.start()
        else:
            self._settled.stop()

    def _take(self) -> None:
        picture = self._session.window.grab()
        try:
            with replacing(self._picture) as temporary:
                if not picture.save(str(temporary), "PNG"):
                    self.reason = f"{self._picture}: the picture cannot be written"
        except ExportError as error:
            self.reason = str(error)
        self._leave()

    def _give_up(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._leave()

    def _leave(self) -> None:
        self._late.stop()
        self._settled.stop()
        self._session.window.close()


if __name__ == "__main__":
    sys.exit(main())
