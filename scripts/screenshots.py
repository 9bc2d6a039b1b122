"""Make the pictures of the README: python scripts/screenshots.py [FOLDER]."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = {
    "window-dark.png": ["--theme", "dark", "--image", "0"],
    "window-light.png": ["--theme", "light", "--image", "4"],
    "second-model-dark.png": [
        *("--theme", "dark", "--image", "1", "--second-model", "demo-dermoscopy-advt"),
    ],
}


def main() -> int:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    target.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    with tempfile.TemporaryDirectory() as study:
        for name, options in PICTURES.items():
            command = [sys.executable, "-m", "medadv_desktop.gui.snapshot", study]
            subprocess.run([*command, str(target / name), *options], env=environment, check=True)
            print(target / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
