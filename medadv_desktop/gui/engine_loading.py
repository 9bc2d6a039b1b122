"""Load the engine in the compute thread without the window noticing.

Measured on two cores: a plain ``import torch`` in a thread stops the window for 0.2 s (0.9 s from a
cold disk), for the import system holds the interpreter lock while the system's loader maps half a
gigabyte, and the cyclic collector walks every new object again and again. So the libraries are
mapped first, through a foreign call (which lets go of the lock), and the collector rests meanwhile.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from medadv_desktop.audit.requests import Request
    from medadv_desktop.jobs import CancelToken, Emit

GIL_SWITCH_SECONDS = 0.0001
"""How long a busy thread may keep the interpreter lock when the window asks for it."""

COMPUTE_NICENESS = 5

_LOAD_ORDER = ("c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch", "torch_python")


class Engine(Protocol):
    """What the bridge asks of an engine: see `audit.engine.Engine`."""

    def run(self, request: Request, emit: Emit, token: CancelToken) -> object: ...


EngineFactory = Callable[[str], Engine]


def load_engine(device: str) -> Engine:
    """Make the engine for a device: "auto", "cpu" or "cuda:N". Call it on the compute thread.

    Raises:
        DeviceError: there is no such device.
    """
    if "torch" not in sys.modules:
        # OpenMP threads that spin while they wait fight with each other and with the window as soon
        # as a processor is busy otherwise: measured on two cores, one taken, ten steps of PGD then
        # take 0.5 to 10 s instead of 0.2 s. Alone on the machine, sleeping costs nothing visible.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        _map_libraries()
    from medadv_desktop.audit.engine import Engine as TorchEngine

    return TorchEngine(device)


def lower_priority() -> None:
    """Let the calling thread, and those it starts, step back behind the window's (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), COMPUTE_NICENESS)


def _map_libraries() -> None:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "lib"
    for stem in _LOAD_ORDER:
        for name in (f"lib{stem}.so", f"lib{stem}.dylib", f"{stem}.dll"):
            path = folder / name
            if path.exists():
                _map(path)


def _map(path: Path) -> None:
    """Map a library for good. What cannot be mapped is left to ``import torch`` to complain of."""
    if sys.platform == "win32":
        load = ctypes.windll.kernel32.LoadLibraryExW
        load.argtypes = [ctypes.c_wchar_p, ctypes.c_void_p, ctypes.c_uint32]
        load.restype = ctypes.c_void_p
        search_beside_it = 0x1100  # LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | ..._DEFAULT_DIRS
        load(str(path), None, search_beside_it)
        return
    # Not ctypes.CDLL(path): in Python 3.11 it keeps the interpreter lock, a foreign call does not.
    load = ctypes.CDLL(None).dlopen
    load.argtypes = [ctypes.c_char_p, ctypes.c_int]
    load.restype = ctypes.c_void_p
    load(os.fsencode(path), os.RTLD_LAZY)
