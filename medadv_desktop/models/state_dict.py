"""From the layouts in which weights are found to the names that an architecture has."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from medadv_desktop.errors import ModelError

# torchvision before 0.2.1 named the parts of a dense layer `norm.1`, `conv.2`.
_OLD_DENSE = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..+)$")
# A head wrapped as a sequence: `classifier.0.weight`, `fc.1.bias` (behind a dropout).
_IN_SEQUENCE = re.compile(r"^(.+)\.\d+\.(weight|bias)$")
_COUNTER = "num_batches_tracked"
_SHOWN = 3


@dataclass(frozen=True)
class Fitted:
    """Weights under the architecture's names.

    Attributes:
        state: tensors by the architecture's names; may still lack some or hold unknown ones.
        notes: what was renamed or left out.
    """

    state: dict[str, Tensor]
    notes: tuple[str, ...]


def fitted(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Fitted:
    """Rename what is only a layout: prefixes, old dense-layer names, heads wrapped in a sequence.

    Shapes are not looked at except for wrapped heads. Nothing is dropped but entries outside the
    prefix that all of the architecture's weights share; they are named in the notes.
    """
    notes: list[str] = []
    found = {_OLD_DENSE.sub(r"\1\2", key): value for key, value in state.items()}
    if found.keys() != state.keys():
        notes.append("old names of dense layers (norm.1) became the new ones (norm1)")
    found = _without_prefix(found, wanted, notes)
    found = _without_sequence(found, wanted, notes)
    for key in wanted:
        # Checkpoints from before PyTorch 0.4.1 lack it; evaluation does not use it.
        if key.endswith(_COUNTER) and key not in found:
            found[key] = torch.zeros((), dtype=torch.long)
    return Fitted(found, tuple(notes))


def _without_prefix(
    state: dict[str, Tensor], wanted: Mapping[str, Tensor], notes: list[str]
) -> dict[str, Tensor]:
    votes: Counter[str] = Counter()
    for key in state:
        parts = key.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in wanted:
                votes["".join(f"{part}." for part in parts[:cut])] += 1
    prefix = max(votes, key=lambda p: (votes[p], not p), default="")
    if not prefix:
        return state
    result = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    others = {k: v for k, v in state.items() if not k.startswith(prefix)}
    result |= {k: v for k, v in others.items() if k in wanted and k not in result}
    notes.append(f"the prefix {prefix} was taken off the names")
    left_out = [k for k in others if k not in result]
    if left_out:
        notes.append(f"left out, as it lies outside the network: {some(left_out)}")
    return result


def _without_sequence(
    state: dict[str, Tensor], wanted: Mapping[str, Tensor], notes: list[str]
) -> dict[str, Tensor]:
    renamed = {}
    for key in state:
        match = _IN_SEQUENCE.match(key)
        plain = f"{match[1]}.{match[2]}" if match else ""
        alone = (
            sum(k.startswith(f"{match[1]}.") and k.endswith(f".{match[2]}") for k in state) == 1
            if match
            else False
        )
        if plain in wanted and key not in wanted and plain not in state and alone:
            renamed[key] = plain
    if renamed:
        notes.append(
            f"the head was wrapped in a sequence ({some(list(renamed))}); a sigmoid or softmax "
            "behind it has no weights and is left out, so that the outputs are logits"
        )
    return {renamed.get(key, key): value for key, value in state.items()}


def without_training_parts(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], parts: tuple[str, ...]
) -> tuple[str, ...]:
    """Which training-only parts (auxiliary heads) the weights lack, or have in another size."""
    unfit = []
    for part in parts:
        keys = [key for key in wanted if key.startswith(f"{part}.")]
        if keys and any(k not in state or state[k].shape != wanted[k].shape for k in keys):
            unfit.append(part)
    return tuple(unfit)


def refuse_unfit(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path, architecture: str
) -> None:
    """Refuse weights whose names or shapes are not the architecture's, or that are not finite.

    Raises:
        ModelError: it names the keys, and the nearest ones in the file for those that are missing.
    """
    missing = [key for key in wanted if key not in state]
    extra = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} is {tuple(state[key].shape)}, the architecture has {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    parts = []
    if missing:
        parts.append(f"{len(missing)} missing: {_with_nearest(missing, extra)}")
    if extra:
        parts.append(f"{len(extra)} unknown: {some(extra)}")
    if misshapen:
        parts.append(f"{len(misshapen)} of another shape: {some(misshapen)}")
    if parts:
        raise ModelError(
            f"does not hold the weights of a {architecture}: {'; '.join(parts)}",
            subject=path,
            remedy="Name the architecture that the weights were trained with, and as many classes "
            "as its head has, in the model card",
        )
    broken = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise ModelError(
            f"holds weights that are not finite: {some(broken)}",
            subject=path,
            remedy="Train or export the model again",
        )


def in_single_precision(state: Mapping[str, Tensor]) -> Fitted:
    """Weights in 32 bits; a note where they were in 16 (which a CPU does not compute) or 64."""
    kinds = {v.dtype for v in state.values() if v.is_floating_point()} - {torch.float32}
    converted = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    names = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    return Fitted(
        converted, (f"weights of type {names} were converted to float32",) if kinds else ()
    )


def _with_nearest(missing: list[str], extra: list[str]) -> str:
    shown = []
    for key in missing[:_SHOWN]:
        near = difflib.get_close_matches(key, extra[:2000], 1)
        shown.append(f"{key} (nearest in the file: {near[0]})" if near else key)
    return ", ".join(shown) + (", …" if len(missing) > _SHOWN else "")


def some(names: list[str]) -> str:
    """The first three names, and a sign that there are more."""
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
