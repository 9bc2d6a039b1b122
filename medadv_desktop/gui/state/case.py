"""The frame under examination and everything known of it so far."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from medadv_desktop.attacks.attack import Attack, AttackPreview
from medadv_desktop.attacks.gradient.pgd import PGD
from medadv_desktop.attacks.objectives import Objective, Untargeted
from medadv_desktop.audit.requests import (
    AttackOutcome,
    FeatureResult,
    LoadedModel,
    PredictResult,
)
from medadv_desktop.gui.state.attack_trail import AttackTrail, Still
from medadv_desktop.imaging.frame import Frame, Instance


class Case(QObject):
    """One frame, one or two models, one attack, and the results so far.

    A result belongs to the frame, models and settings that are set; whatever is changed clears the
    results that no longer hold.

    Signals:
        frame_changed: `frame` and `instance` are another (or None).
        model_changed, second_model_changed: the choice, or what is known of it, changed.
        attack_changed: attack, objective, labels or seed changed.
        prediction_changed, second_prediction_changed: clean predictions came or went.
        preview_changed: the running attack shows its first sample, or no longer; or another image
            than the result is looked at (`still`), or no longer.
        outcome_changed: an attack's outcome came or went.
        features_changed: feature maps came or went.

    Attributes:
        trail: the way that the attack took.
        still: what is looked at instead of the newest preview or the result: a step of the way, or
            a budget that was tried.
    """

    frame_changed = Signal()
    model_changed = Signal()
    second_model_changed = Signal()
    attack_changed = Signal()
    prediction_changed = Signal()
    second_prediction_changed = Signal()
    preview_changed = Signal()
    outcome_changed = Signal()
    features_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.instance: Instance | None = None
        self.frame: Frame | None = None
        self.labels: tuple[int, ...] | None = None
        self.model = ""
        self.loaded: LoadedModel | None = None
        self.second_model = ""
        self.second_loaded: LoadedModel | None = None
        self.attack: Attack = PGD()
        self.objective: Objective = Untargeted()
        self.seed = 0
        self.prediction: PredictResult | None = None
        self.second_prediction: PredictResult | None = None
        self.preview: AttackPreview | None = None
        self.trail = AttackTrail(self)
        self.still: Still | None = None
        self.outcome: AttackOutcome | None = None
        self.layer = ""
        self.features: FeatureResult | None = None

    def set_frame(
        self,
        instance: Instance | None,
        frame: Frame | None,
        labels: tuple[int, ...] | None = None,
    ) -> None:
        """Open a frame, or none. Its results start empty."""
        self.instance, self.frame, self.labels = instance, frame, labels
        self._clear_prediction()
        self._clear_second_prediction()
        self._clear_outcome()
        self.frame_changed.emit()

    def set_labels(self, labels: tuple[int, ...] | None) -> None:
        """Set the true labels, or None where they are unknown. They are for the next attack."""
        if labels != self.labels:
            self.labels = labels
            self.attack_changed.emit()

    def set_model(self, model: str) -> None:
        """Choose the model under attack by id or path; "" for none."""
        if model == self.model:
            return
        self.model, self.loaded = model, None
        self.layer = ""
        self._clear_prediction()
        self._clear_outcome()
        self.model_changed.emit()

    def set_loaded(self, loaded: LoadedModel) -> None:
        """What the engine found out about the chosen model (or the second one)."""
        if loaded.model == self.model:
            self.loaded = loaded
            self.model_changed.emit()
        if loaded.model == self.second_model:
            self.second_loaded = loaded
            self.second_model_changed.emit()

    def set_second_model(self, model: str) -> None:
        """Choose the model that judges the same images; "" for none."""
        if model == self.second_model:
            return
        self.second_model, self.second_loaded = model, None
        self._clear_second_prediction()
        self._clear_outcome()
        self.second_model_changed.emit()

    def set_attack(self, attack: Attack, objective: Objective, seed: int) -> None:
        """Set what the next run does. The last outcome stays: it says what it was made by."""
        self.attack, self.objective, self.seed = attack, objective, seed
        self.attack_changed.emit()

    def set_prediction(self, result: PredictResult) -> None:
        self.prediction = result
        self.prediction_changed.emit()

    def set_second_prediction(self, result: PredictResult) -> None:
        self.second_prediction = result
        self.second_prediction_changed.emit()

    def set_preview(self, preview: AttackPreview | None) -> None:
        self.preview = preview
        if preview is not None:
            self.trail.add(preview)
        else:
            self.still = None
        self.preview_changed.emit()

    def set_still(self, still: Still | None) -> None:
        """Look at another image than the result, or with None at the result again."""
        if still is not self.still:
            self.still = still
            self.preview_changed.emit()

    def begin_attack(self) -> None:
        """An attack is on its way: what was kept of the last one's way goes."""
        self.set_still(None)
        self.trail.clear()

    def set_outcome(self, outcome: AttackOutcome) -> None:
        """The attack is done; its preview has served."""
        self.preview = self.still = None
        self.outcome = outcome
        self.trail.finish(outcome)
        self._clear_features()
        self.outcome_changed.emit()

    def set_features(self, features: FeatureResult) -> None:
        self.features = features
        self.features_changed.emit()

    def set_layer(self, layer: str) -> None:
        self.layer = layer
        self._clear_features()

    def _clear_prediction(self) -> None:
        self._clear_features()
        if self.prediction is not None:
            self.prediction = None
            self.prediction_changed.emit()

    def _clear_second_prediction(self) -> None:
        if self.second_prediction is not None:
            self.second_prediction = None
            self.second_prediction_changed.emit()

    def _clear_outcome(self) -> None:
        self._clear_features()
        self.trail.clear()
        if self.preview is not None or self.still is not None:
            self.preview = self.still = None
            self.preview_changed.emit()
        if self.outcome is not None:
            self.outcome = None
            self.outcome_changed.emit()

    def _clear_features(self) -> None:
        if self.features is not None:
            self.features = None
            self.features_changed.emit()
