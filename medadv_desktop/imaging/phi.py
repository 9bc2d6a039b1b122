"""Protected health information: which attributes hold it, and how it is kept from sight.

The named list is that of the Basic Application Level Confidentiality Profile (PS3.15, Table E.1-1;
phi_profile.py). Tag display, reports and logs pass their values through `mask` unless the user
asked to see them.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from pydicom import datadict

from medadv_desktop.imaging.phi_profile import KEYWORDS, NEWER

MASKED = "•••"
"""What stands in the place of a masked value."""

_OVERLAY_DATA, _OVERLAY_COMMENTS = 0x3000, 0x4000


def _actions() -> dict[int, str]:
    actions = dict(NEWER)
    for action, keywords in KEYWORDS.items():
        for keyword in keywords.split():
            tag = datadict.tag_for_keyword(keyword)
            if tag is None:  # the oldest pydicom that is allowed knows them all
                raise LookupError(f"pydicom knows no attribute {keyword}")
            actions[tag] = action
    return actions


ACTIONS = _actions()
"""Tag to action code of the profile: "X", "Z", "D", "U" or alternatives such as "X/Z/D"."""


def is_phi(tag: int) -> bool:
    """Whether the basic profile removes, empties or replaces the attribute.

    Args:
        tag: group and element as one number: 0x00100010.
    """
    group, element = tag >> 16, tag & 0xFFFF
    if group % 2:
        return True
    if 0x5000 <= group <= 0x50FF:
        return True
    if 0x6000 <= group <= 0x60FF and element in (_OVERLAY_DATA, _OVERLAY_COMMENTS):
        return True
    return tag in ACTIONS


def mask(tag: int, value: str) -> str:
    """`value` as it may be shown to anybody: `MASKED` for protected attributes that hold one."""
    return MASKED if value and is_phi(tag) else value


def mask_path(path: PurePath, number: int) -> str:
    """A name for a file that tells nothing of the patient: its number and the kind by its suffix.

    Folders and files are often called by names, birth dates or record numbers of patients.
    """
    suffix = path.suffix.lower()
    known = suffix[1:].isalpha() and len(suffix) <= 6
    return f"file-{number:06d}{suffix if known else ''}"


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|‘[^’]*’|“[^”]*”")


def mask_text(text: str) -> str:
    """A message without what it quotes: parsers put the values of elements in quotation marks."""
    return _QUOTED.sub(MASKED, text)
