"""Where the shipped icons, styles, models and templates lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """The path of a shipped resource, in a wheel and in a checkout alike.

    Raises:
        FileNotFoundError: nothing is shipped under that name.
    """
    in_wheel = _PACKAGE / "_resources"
    root = in_wheel if in_wheel.is_dir() else _PACKAGE.parent / "resources"
    path = root.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"{path}: not shipped with this installation; install it again")
    return path
