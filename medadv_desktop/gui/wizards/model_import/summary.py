"""A model card in words: labels and values, for reading and not for editing."""

from __future__ import annotations

from PySide6.QtCore import QLocale

from medadv_desktop.gui.wizards.model_import.fields import numbers_text, tr
from medadv_desktop.models.card import AS_IN_FILE, ModelCard

_MOST_CLASSES = 30


def card_words(card: ModelCard) -> tuple[tuple[str, str], ...]:
    """Label and value of everything that the card says; empty things are left out."""
    lines = (
        (tr("Id"), card.id),
        (tr("Summary"), card.summary),
        (tr("Images"), card.domain),
        (tr("Task"), task_text(card)),
        (tr("Classes"), _classes(card)),
        (tr("Input"), _input(card)),
        (tr("Grey scale"), window_text(card)),
        (tr("Mean and std"), f"{numbers_text(card.mean)}; {numbers_text(card.std)}"),
        (tr("Architecture"), architecture_text(card)),
        (tr("Format"), card.source_format),
        (tr("Outputs"), "" if card.outputs == "recognise" else card.outputs),
        (tr("Weights"), card.weights),
        (tr("Code"), card.code),
        (tr("SHA-256"), card.sha256),
        (tr("Conversions"), ". ".join(card.conversions)),
        (tr("Provenance"), card.provenance),
        (tr("Training"), card.training),
        (tr("Measured"), _figures(card)),
    )
    return tuple((label, value) for label, value in lines if value)


def task_text(card: ModelCard) -> str:
    """The task in words."""
    return tr("any number of findings") if card.multi_label else tr("one class for each image")


def architecture_text(card: ModelCard) -> str:
    """The network by name."""
    return tr("as in the file") if card.architecture == AS_IN_FILE else card.architecture


def window_text(card: ModelCard) -> str:
    """Which grey values become 0 and 1."""
    given = card.preprocessing
    low, high = (numbers_text(v) for v in (given.low, given.high))
    return {
        "full-range": tr("all that the encoding can hold"),
        "file": tr("the file's own window"),
        "fixed": tr("{low} to {high}").format(low=low, high=high),
        "percentile": tr("percentiles {low} to {high} of the image").format(low=low, high=high),
    }[given.window]


def _input(card: ModelCard) -> str:
    given = card.preprocessing
    how = {
        "stretch": tr("stretched"),
        "crop": tr("shorter side {side}, then cropped").format(
            side=given.resize_side or min(given.height, given.width)
        ),
        "pad": tr("longer side, black borders"),
    }[given.resize]
    return f"{given.channels} × {given.height} × {given.width}, {how}"


def _classes(card: ModelCard) -> str:
    names = list(card.classes)
    if card.thresholds:
        shown = [QLocale().toString(t, "g", 4) for t in card.thresholds]
        names = [f"{n} (≥ {t})" for n, t in zip(names, shown, strict=True)]
    text = ", ".join(f"{i} {name}" for i, name in enumerate(names[:_MOST_CLASSES]))
    return text + (", …" if len(names) > _MOST_CLASSES else "")


def _figures(card: ModelCard) -> str:
    shown = (f"{f.name} {QLocale().toString(f.value, 'g', 4)} ({f.samples})" for f in card.figures)
    return ", ".join(shown)
