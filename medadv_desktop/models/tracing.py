"""Symbolic tracing of a network, and what other threads must not do meanwhile."""

from __future__ import annotations

import threading
from typing import Final

from torch import fx, nn

CALLING: Final = threading.RLock()
"""Held while a network is traced: torch then records every call of every module in the process,
whichever thread makes it. Whoever calls modules in a thread of his own (decoding) holds it too."""


def traced(network: nn.Module) -> fx.GraphModule:
    """The network as a graph.

    Raises:
        Exception: of whatever kind, where its forward cannot be traced.
    """
    with CALLING:
        return fx.symbolic_trace(network)
