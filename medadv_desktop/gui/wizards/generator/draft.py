"""What the dialog has been told: kind, model, images, file, recipe. It outlives the dialog."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.attacks.universal.recipe import UniversalRecipe
from medadv_desktop.audit.generators import FitUniversalRequest, TrainGeneratorRequest
from medadv_desktop.audit.matching import match_classes
from medadv_desktop.errors import DatasetError, MedAdvError, SettingsError
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.wizards.generator.kinds import KINDS, Kind, KindSpec, Recipe
from medadv_desktop.gui.wizards.generator.work import (
    SUFFIX,
    Images,
    Lying,
    Source,
    free_place,
    lying_at,
    open_images,
    prepared_folder,
)
from medadv_desktop.gui.wizards.task import BackgroundTask
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.library import LibraryEntry
from medadv_desktop.settings import parse


class GeneratorDraft(QObject):
    """Everything a training or fit needs, as far as it is known.

    Signals:
        changed: something of it.
        images_changed: `images`, or why there are none.
        file_changed: `path` or what lies there.

    Attributes:
        kind: what is prepared.
        model: what the model is chosen by, "" for none.
        source: where the images come from.
        split: the only split that is used, "" for all.
        count: at most so many images are used; None for all.
        images: what `source` comes to, None while it is opened or where it cannot be.
        failure: why it cannot be.
        lying: what lies at the path, None while nobody knows.
        objective: of a fit; the goal of a generator stands in its recipe.
        match_order: of a fit: the user says that the set's classes stand in the model's order.
        mismatch: why labels and model of a fit do not go together, None where they do.
    """

    changed = Signal()
    images_changed = Signal()
    file_changed = Signal()

    def __init__(self, bench: Workbench, parent: QObject) -> None:
        super().__init__(parent)
        self._bench = bench
        self._library = bench.controller.model_library
        self.model = ""
        self.source: Source | None = None
        self.split = ""
        self.count: int | None = None
        self.images: Images | None = None
        self._opened: Images | None = None
        self.failure: Failure | None = None
        self._chosen: Path | None = None
        self.lying: Lying | None = None
        self.kind = Kind.EACH
        self._values: dict[type[Recipe], Mapping[str, object]] = {}
        self.objective: Objective = Untargeted()
        self.match_order = False
        self.mismatch: MedAdvError | None = None
        background = bench.controller.background
        self.opening = BackgroundTask(background, self)
        self.opening.finished.connect(self._take_images)
        self.opening.failed.connect(self._no_images)
        self.opening.busy_changed.connect(self.changed)
        self.looking = BackgroundTask(background, self)
        self.looking.finished.connect(self._take_lying)
        self.looking.failed.connect(self._not_looked)
        self.looking.busy_changed.connect(self.changed)
        self.images_changed.connect(self._match)
        for changed in (self.images_changed, self.file_changed):
            changed.connect(self.changed)

    # ------------------------------------------------------------------ what it comes to

    @property
    def entry(self) -> LibraryEntry | None:
        return self._library.entry(self.model) if self.model else None

    @property
    def card(self) -> ModelCard | None:
        return self._bench.controller.card(self.model) if self.model else None

    @property
    def has_gradients(self) -> bool:
        """False where it is known that no gradient passes through the model."""
        entry = self.entry
        return entry is None or self._library.white_box(entry) is not False

    @property
    def spec(self) -> KindSpec:
        """The kind, in words and fields."""
        return KINDS[self.kind]

    @property
    def values(self) -> Mapping[str, object]:
        """Of the recipe, as they stand in the form."""
        recipe = self.spec.recipe
        given = self._values.get(recipe) or recipe().model_dump()
        return {**given, **self.spec.fixed}

    @property
    def path(self) -> Path | None:
        """Where the generator goes; None while nobody knows."""
        return self._chosen or (self.lying.path if self.lying is not None else None)

    @property
    def recipe(self) -> Recipe | None:
        """The recipe, None where a value is refused."""
        try:
            return parse(self.spec.recipe, self.values)
        except SettingsError:
            return None

    @property
    def resumable(self) -> bool:
        """An unfinished generator of this very recipe and model lies at the path."""
        lying, card = self.lying, self.card
        if lying is None or lying.head is None or not lying.unfinished or card is None:
            return False
        return lying.head.recipe == self.recipe and lying.head.origin.model == card.id

    def request(self, resume: bool) -> TrainGeneratorRequest | FitUniversalRequest | None:
        """What is asked of the engine; None where something is missing."""
        recipe, path = self.recipe, self.path
        if not self.model or self.images is None or recipe is None or path is None:
            return None
        if isinstance(recipe, UniversalRecipe):
            data, goal, order = self.images.chosen, self.objective, self.match_order
            return FitUniversalRequest(self.model, data, path, recipe, goal, order)
        return TrainGeneratorRequest(self.model, self.images.chosen, path, recipe, resume)

    # ------------------------------------------------------------------ being told

    def set_kind(self, kind: Kind) -> None:
        if kind != self.kind:
            self.kind = kind
            self._match()
            self.changed.emit()
            self.look()

    def set_model(self, model: str) -> None:
        if model != self.model:
            self.model, self.match_order = model, False
            card = self.card
            if card is not None and card.task not in self.objective.tasks:
                self.objective = Untargeted()
            self._match()
            self.changed.emit()
            self.look()

    def set_objective(self, objective: Objective) -> None:
        if objective != self.objective:
            self.objective = objective
            self.changed.emit()

    def set_match_order(self, match_order: bool) -> None:
        """Say that the data set's classes stand in the model's order."""
        if match_order != self.match_order:
            self.match_order = match_order
            self._match()
            self.changed.emit()

    def set_source(self, source: Source | None) -> None:
        """Open a data set; its split and number are chosen anew."""
        self.source, self.split, self.count, self.match_order = source, "", None, False
        self._open()
        self.look()

    def set_part(self, split: str, count: int | None) -> None:
        """Use a part of the data set."""
        if (split, count) != (self.split, self.count):
            self.split, self.count = split, count
            self._open()

    def set_path(self, path: Path | None) -> None:
        """Write the generator there; None proposes a file that does not exist yet."""
        if path is not None and path.suffix.lower() != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        self._chosen = path
        self.look()

    def set_values(self, values: Mapping[str, object]) -> None:
        if dict(values) != dict(self.values):
            self._values[self.spec.recipe] = dict(values)
            self.changed.emit()

    # ------------------------------------------------------------------ off the GUI thread

    def look(self) -> None:
        """See what lies where the generator goes."""
        chosen, words = self._chosen, self._words()
        folder = prepared_folder(self.spec.folder)
        self.lying = None
        self.looking.run(
            lambda *_: lying_at(chosen) if chosen else free_place(folder, words),
            Urgency.FRAME,
        )
        self.file_changed.emit()

    def _open(self) -> None:
        source, opened, split, count = self.source, self._opened, self.split, self.count
        self.images = self.failure = None
        if source is None:
            self.opening.cancel()
        else:
            self.opening.run(
                lambda token, emit: open_images(source, opened, split, count, token, emit),
                Urgency.FRAME,
            )
        self.images_changed.emit()

    def _match(self) -> None:
        """Whether the labels mean something to the model; generators do not look at them."""
        card, images, self.mismatch = self.card, self.images, None
        if not self.spec.fitted or card is None or images is None:
            return
        try:
            match_classes(images.chosen, card, by_order=self.match_order)
        except DatasetError as error:
            self.mismatch = error

    def _words(self) -> str:
        card, source = self.card, self.source
        name = source.stem if isinstance(source, Path) else source.name if source else ""
        return f"{card.id if card is not None else ''} {name}"

    def _take_images(self, images: Images) -> None:
        self.images = self._opened = images
        self.images_changed.emit()

    def _no_images(self, failure: Failure) -> None:
        self.failure = failure
        self.images_changed.emit()

    def _take_lying(self, lying: Lying) -> None:
        self.lying = lying
        self.file_changed.emit()

    def _not_looked(self, failure: Failure) -> None:
        self._bench.controller.notices.add_failure(self.tr("Looking for a place"), failure)
