"""Keeps Python 3.11 alive under PySide6 6.12.0, which gives away references to None and its kin.

That release is built as if None, True, False, ... were immortal, as they are from Python 3.12 on
(PEP 683): every call of a method that returns nothing lowers the reference count of None by one. In
3.11 it reaches zero after some thousand calls, and the interpreter ends with "Fatal Python error:
none_dealloc". 6.11.2 does not do so.
"""

from __future__ import annotations

import ctypes
import sys

_PLENTY = 1 << 40 if sys.maxsize > 2**32 else 1 << 28


def keep_singletons() -> None:
    """Give them more references than can ever be taken away. Without effect from 3.12 on."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 12):
        return
    for singleton in (None, True, False, NotImplemented, Ellipsis):
        # A CPython object begins with its reference count.
        ctypes.c_ssize_t.from_address(id(singleton)).value += _PLENTY
