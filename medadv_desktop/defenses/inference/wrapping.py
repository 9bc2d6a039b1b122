"""A model within a defence: a diagnostic model like any other, which may be wrapped again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medadv_desktop.defenses.inference.procedure import InferenceDefence
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.diagnostic import DiagnosticModel


class Guarded(nn.Module):
    """From images in [0, 1] through a defence to the logits of a model.

    Of several looks the probabilities are averaged, and given as logits.
    """

    def __init__(self, defence: InferenceDefence, model: DiagnosticModel) -> None:
        super().__init__()
        self.defence = defence
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(self.defence.changed(images))
        looks = self.defence.looks
        if looks == 1:
            return logits
        each = logits.view(looks, len(images), -1)
        if not self.model.card.multi_label:
            return each.log_softmax(2).logsumexp(0)
        present, absent = (nn.functional.logsigmoid(side).logsumexp(0) for side in (each, -each))
        return present - absent


def defended(model: DiagnosticModel, defences: Sequence[InferenceDefence]) -> DiagnosticModel:
    """The model behind defences, of which images pass the first one first.

    Its card is the model's, with normalisation left to the model inside and the defences in its
    name; its layers are those of the model, under longer names. Weights are shared, not copied.
    """
    result = model
    for defence in reversed(defences):
        card = result.card
        changed = {"mean": (0.0,), "std": (1.0,), "name": f"{card.name} + {defence.title}"}
        told = f"{defence.title}: {defence.model_dump_json()}"
        wrapped = DiagnosticModel(
            Guarded(defence, result),
            ModelCard(**card.model_dump() | changed),
            white_box=result.white_box,
            notes=(*result.notes, told),
        )
        result = wrapped.train(model.training)
    reference = next(model.parameters(), torch.empty(0))
    return result.to(reference.device)


def draws_at_random(model: DiagnosticModel) -> bool:
    """Whether a defence around it draws random numbers, so that an attack needs EOT."""
    return any(isinstance(part, Guarded) and part.defence.randomised for part in model.modules())
