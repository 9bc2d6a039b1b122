"""How far the engine has come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from medadv_desktop.audit.requests import EngineReady


class EngineStage(StrEnum):
    WAITING = "waiting"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class EngineState:
    """What the status bar says of the engine. `ready` is None unless it is."""

    stage: EngineStage = EngineStage.WAITING
    ready: EngineReady | None = None
    reason: str = ""
