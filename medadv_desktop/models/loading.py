"""The loading door: weights and card in, a checked diagnostic model out."""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from medadv_desktop.errors import ModelError
from medadv_desktop.models.architectures import build_network
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel
from medadv_desktop.models.library import find, refuse_pickle

_LARGEST = 8 * 2**30


def load_model(model: str | Path, device: str | torch.device = "cpu") -> DiagnosticModel:
    """Load a model by id, card path or weights path, in eval mode, gradients of weights off.

    Raises:
        ModelError: not found, not safetensors, another architecture, changed since its card was
            written, or weights that are not finite. The message names the file and the keys.
    """
    entry = find(model)
    weights = entry.path.parent / entry.card.weights
    network = build_network(entry.card)
    _load_weights(network, weights, entry.card)
    diagnostic = DiagnosticModel(network, entry.card).to(device)
    diagnostic.requires_grad_(False)
    return diagnostic.eval()


def _load_weights(network: nn.Module, path: Path, card: ModelCard) -> None:
    content = _read(path)
    if card.sha256 and hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(
            "is not the file its model card was written for (SHA-256 differs)",
            subject=path,
            remedy="Restore the weights, or write a card for the new ones",
        )
    try:
        state = load_safetensors(content)
    except (SafetensorError, ValueError) as error:
        raise ModelError(f"is not a safetensors file ({error})", subject=path) from None
    _match(network, state, path, card)
    broken = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise ModelError(
            f"holds weights that are not finite: {_some(broken)}",
            subject=path,
            remedy="Train or export the model again",
        )
    network.load_state_dict(state)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise ModelError(
                f"is {size / 2**30:.1f} GB; weights above {_LARGEST // 2**30} GB are not read",
                subject=path,
            )
        refuse_pickle(path)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror or error})", subject=path) from None


def _match(network: nn.Module, state: dict[str, torch.Tensor], path: Path, card: ModelCard) -> None:
    """Refuse weights whose names or shapes are not the network's, and say which."""
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    extra = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} is {tuple(state[key].shape)}, the architecture has {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    if not (missing or extra or misshapen):
        return
    parts = []
    if missing:
        near = difflib.get_close_matches(missing[0], extra, 1)
        hint = f" (nearest in the file: {near[0]})" if near else ""
        parts.append(f"{len(missing)} missing: {_some(missing)}{hint}")
    if extra:
        parts.append(f"{len(extra)} unknown: {_some(extra)}")
    if misshapen:
        parts.append(f"{len(misshapen)} of another shape: {_some(misshapen)}")
    raise ModelError(
        f"does not hold the weights of a {card.architecture}: {'; '.join(parts)}",
        subject=path,
        remedy="Name the architecture that the weights were trained with in the model card",
    )


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown}, …" if len(names) > 3 else shown
