"""The models in memory, and whose Python code the user allowed to run."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final

import torch

from medadv_desktop.errors import ModelError
from medadv_desktop.jobs import CancelToken
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.hashing import file_sha256
from medadv_desktop.models.library import LibraryEntry, find, runs_code
from medadv_desktop.models.loading import load_model

_KEPT: Final = 4

# Card and weights: path, size and time of change.
_Stamp = tuple[tuple[str, int, int], ...]


class ModelShelf:
    """Loaded models of one device; the few most recently used stay. One thread uses it.

    Attributes:
        device: where its models are.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._models: OrderedDict[str, tuple[_Stamp, DiagnosticModel]] = OrderedDict()
        self._allowed: dict[str, str] = {}

    def allow_code(self, reference: str) -> None:
        """Remember that the user agreed to run the model's Python file as it is now.

        A model without code needs no permission, and asking is harmless.

        Raises:
            ModelError: no such model, or its Python file cannot be read.
        """
        code = runs_code(reference)
        if code is not None:
            self._allowed[reference] = file_sha256(code)

    def refresh(self, reference: str) -> None:
        """Forget a model whose card or weights changed since it was loaded."""
        kept = self._models.get(reference)
        if kept is not None and kept[0] != _stamp(find(reference)):
            del self._models[reference]

    def model(self, reference: str, token: CancelToken | None = None) -> DiagnosticModel:
        """A model by id or path, loaded unless it is there already.

        Raises:
            ModelError: it cannot be loaded; or opening it would run a Python file that the user did
                not agree to, or that changed since: the message names the file.
            JobCancelled: the token was cancelled.
        """
        if reference not in self._models:
            entry = find(reference)
            code = runs_code(reference)
            allowed = code is not None and self._allowed.get(reference) == file_sha256(code)
            if code is not None and not allowed and reference in self._allowed:
                raise ModelError(
                    "is a Python file that changed since you agreed to run it; it was not run",
                    subject=code,
                    remedy="Read what changed, and agree again",
                )
            model = load_model(reference, self.device, allow_code=allowed, token=token)
            self._models[reference] = (_stamp(entry), model)
            while len(self._models) > _KEPT:
                self._models.popitem(last=False)
        self._models.move_to_end(reference)
        return self._models[reference][1]

    def weights_sha256(self, reference: str) -> str:
        """Fingerprint of the weights of a model: that of its card, which loading checked, or anew.

        Raises:
            ModelError: its weights cannot be read.
        """
        entry = find(reference)
        return entry.card.sha256 or file_sha256(entry.path.parent / entry.card.weights)

    def clear(self) -> None:
        """Let go of all models; what was agreed to is kept."""
        self._models.clear()


def _stamp(entry: LibraryEntry) -> _Stamp:
    def one(path: Path) -> tuple[str, int, int]:
        try:
            status = path.stat()
        except OSError:
            return str(path), -1, -1
        return str(path), status.st_size, status.st_mtime_ns

    return one(entry.path), one(entry.path.parent / entry.card.weights)
