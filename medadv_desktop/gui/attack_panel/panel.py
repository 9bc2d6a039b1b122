"""The panel itself: models and labels, threat model, attack, and the button that runs it."""

from __future__ import annotations

import secrets
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.attacks.attack import Attack
from medadv_desktop.attacks.fitting import ModelFacts, why_not
from medadv_desktop.attacks.objectives import OBJECTIVES, Objective
from medadv_desktop.attacks.presets import PRESETS
from medadv_desktop.attacks.registry import ATTACKS
from medadv_desktop.attacks.threat import Threat
from medadv_desktop.errors import MedAdvError, SettingsError
from medadv_desktop.gui import icons
from medadv_desktop.gui.attack_panel.attack_list import AttackList
from medadv_desktop.gui.attack_panel.choosers import LabelChooser, ModelChooser, let_grow, rows
from medadv_desktop.gui.attack_panel.memory import AttackMemory
from medadv_desktop.gui.attack_panel.result_notes import ResultNotes
from medadv_desktop.gui.attack_panel.threat_form import ThreatForm
from medadv_desktop.gui.attack_panel.wording import translated
from medadv_desktop.gui.controller import EngineStage
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.forms import SettingsForm, ignore_wheel
from medadv_desktop.gui.theme import MEDIUM, SMALL, font

_LARGEST_SEED = 2**31 - 1

_PLAIN = (
    *("norm", "epsilon", "steps", "queries", "restarts", "draws", "loss", "thoroughness"),
    *("generator", "file", "pixels", "max_displacement", "max_share", "max_pixels"),
    *("placement", "unit", "height", "width", "row", "column", "mask"),
)
"""Fields that everybody sets; the others are folded away."""


class AttackPanel(QWidget):
    """Edits models, labels, goal, attack and seed of the case; runs and stops the attack."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._case, self._controller = bench, bench.case, bench.controller
        self._memory = AttackMemory()
        self._showing = False
        self._facts: ModelFacts | None = None
        self.model = ModelChooser(
            bench,
            self.tr("Choose a model…"),
            self.tr("Model"),
            self.tr("The model that predicts and is attacked"),
        )
        self.second = ModelChooser(
            bench,
            self.tr("None"),
            self.tr("Second model"),
            self.tr("Another model that judges the same two images"),
        )
        self.labels = LabelChooser()
        self.threat = ThreatForm()
        self.preset = QComboBox()
        self.preset.setAccessibleName(self.tr("Preset"))
        self.preset.addItem(self.tr("Own settings"), "")
        for preset in PRESETS:
            self.preset.addItem(translated(preset.title), preset.name)
        self.preset.setToolTip(self.tr("Attacks with their settings, by what you want to know"))
        let_grow(self.preset)
        self.attack = AttackList(bench)
        self.summary = _wrapped()
        self.reference = _wrapped()
        self.reference.setFont(font("small"))
        self.settings = self._make_form(type(self._case.attack))
        self.seed = QSpinBox()
        self.seed.setRange(0, _LARGEST_SEED)
        self.seed.setAccessibleName(self.tr("Seed"))
        self.seed.setToolTip(self.tr("The same seed gives the same result"))
        self.seed.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        ignore_wheel(self.seed)
        self.dice = QToolButton()
        self.dice.setToolTip(self.tr("Another seed, by chance"))
        self.dice.setAccessibleName(self.tr("Random seed"))
        icons.bind_icon(self.dice, "dice", bench.theme)
        self.notes = ResultNotes(bench)
        self.error = QLabel()
        self.error.setWordWrap(True)
        self.run = QPushButton()
        self.run.setProperty("primary", True)
        self.run.setAccessibleName(self.tr("Run or cancel the attack"))
        self._arrange()
        self._connect()
        self._show_models()
        self._show_facts()

    @property
    def objective(self) -> QComboBox:
        """What chooses the goal."""
        return self.threat.objective

    @property
    def goal(self) -> SettingsForm | None:
        """The fields of the goal, None where it has none."""
        return self.threat.goal

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(MEDIUM, MEDIUM, MEDIUM, MEDIUM)
        column.setSpacing(MEDIUM)
        models = rows()
        models.addRow(self.tr("&Model"), self.model)
        models.addRow(self.tr("Sec&ond model"), self.second)
        models.addRow(self.tr("&True label"), self.labels)
        column.addLayout(models)
        column.addWidget(_heading(self.tr("The attacker")))
        column.addWidget(self.threat)
        column.addWidget(_heading(self.tr("The attack")))
        attack = rows()
        attack.addRow(self.tr("&Preset"), self.preset)
        attack.addRow(self.tr("&Attack"), self.attack)
        column.addLayout(attack)
        column.addWidget(self.summary)
        column.addWidget(self.reference)
        self._form_place = QVBoxLayout()
        self._form_place.addWidget(self.settings)
        column.addLayout(self._form_place)
        seed = QHBoxLayout()
        seed.setSpacing(SMALL)
        seed.addWidget(self.seed, 1)
        seed.addWidget(self.dice)
        last = rows()
        last.addRow(self.tr("S&eed"), seed)
        last.labelForField(seed).setBuddy(self.seed)
        column.addLayout(last)
        column.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidget(content)
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setAccessibleName(self.tr("Attack settings"))
        foot = QVBoxLayout()
        foot.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        foot.setSpacing(SMALL)
        for widget in (self.notes, self.error, self.run):
            foot.addWidget(widget)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(0)
        block.addWidget(self.scroll, 1)
        block.addLayout(foot)
        self.setMinimumWidth(240)

    def _connect(self) -> None:
        case, controller = self._case, self._controller
        self.model.chosen.connect(controller.choose_model)
        self.second.chosen.connect(controller.choose_second_model)
        self.threat.threat_changed.connect(self._threat_chosen)
        self.threat.goal_changed.connect(self._edited)
        self.preset.activated.connect(self._choose_preset)
        self.attack.activated.connect(self._choose_attack)
        self.labels.changed.connect(lambda: case.set_labels(self.labels.labels()))
        self.seed.valueChanged.connect(self._edited)
        self.dice.clicked.connect(lambda: self.seed.setValue(secrets.randbelow(_LARGEST_SEED)))
        self.run.clicked.connect(self._run_or_cancel)
        case.model_changed.connect(self._show_models)
        case.second_model_changed.connect(self._show_models)
        controller.models_changed.connect(self._show_models)
        case.attack_changed.connect(self._show_case)
        case.frame_changed.connect(self._show_labels)
        controller.ready_to_attack_changed.connect(self._show_readiness)
        self._bench.theme.changed.connect(self._show_readiness)

    # ------------------------------------------------------------------ from the case

    def _show_models(self) -> None:
        self.model.show_model(self._case.model)
        self.second.show_model(self._case.second_model)
        if self._known_facts() != self._facts:
            self._show_facts()
        self._show_readiness()

    def _known_facts(self) -> ModelFacts | None:
        case, controller = self._case, self._controller
        card = controller.card(case.model)
        if card is None:
            return None
        if case.loaded is not None:
            return ModelFacts(card, case.loaded.white_box)
        entry = controller.model_library.entry(case.model)
        known = controller.model_library.white_box(entry) if entry is not None else None
        return ModelFacts(card, known is not False)

    def _show_facts(self) -> None:
        """Another model: other goals and attacks fit, and classes have other names."""
        self._facts = self._known_facts()
        self.threat.show_model(self._facts)
        self._offer_presets()
        self._show_case()

    def _offer_presets(self) -> None:
        items = self.preset.model()
        assert isinstance(items, QStandardItemModel)
        for place, preset in enumerate(PRESETS, start=1):
            kind, facts = ATTACKS[preset.attack], self._facts
            reason = why_not(kind, facts) if facts is not None else ""
            items.item(place).setEnabled(not reason)
            sentence = translated(preset.sentence)
            items.item(place).setToolTip(f"{kind.title} {reason}" if reason else sentence)

    def _show_case(self) -> None:
        case = self._case
        self._showing = True
        self._memory.keep(case.attack)
        self.threat.show_threat(self.threat.threat.widened_for(case.attack))
        self.attack.offer(self.threat.threat, self._facts)
        self.attack.show_attack(case.attack)
        self.summary.setText(translated(case.attack.summary))
        self.reference.setText(case.attack.reference)
        if self._form_kind is not type(case.attack):
            self._replace_form(type(case.attack))
        if not self.settings.holds(case.attack):
            self.settings.set_value(case.attack)
        self._show_norm()
        self.threat.show_objective(case.objective)
        self._order_tabs()
        self.seed.setValue(case.seed)
        self._showing = False
        self._show_preset()
        self._show_labels()
        self._tell_error()
        self._show_readiness()

    def _show_norm(self) -> None:
        row = self.settings.row("norm")
        if row is not None:
            row.setVisible(not self.threat.threat.norm)

    def _order_tabs(self) -> None:
        """Forms that were replaced would come last, wherever they stand."""
        forms = (self.settings, self.threat.goal)
        if forms == self._ordered:
            return
        self._ordered = forms
        own = self.settings.stops()
        row = self.settings.row("epsilon")
        budget = [self.settings.editor("epsilon")] if row is not None else []
        goal = self.threat.goal.stops() if self.threat.goal is not None else []
        stops = [self.threat.knowledge, self.threat.objective, *goal, self.threat.norm, *budget]
        stops += [self.preset, self.attack, *(w for w in own if w not in budget), self.seed]
        for before, after in pairwise((*stops, self.dice, self.run)):
            QWidget.setTabOrder(before, after)

    _ordered: tuple[object, ...] = ()

    def _show_preset(self) -> None:
        case = self._case
        fitting = [p for p in PRESETS if p.describes(case.attack)]
        named = [p for p in fitting if p.objective in ("", case.objective.name)]
        chosen = next((p for p in named if p.name == self._preset), named[0] if named else None)
        self.preset.setCurrentIndex(self.preset.findData(chosen.name if chosen else ""))
        if chosen is not None:
            self.preset.setToolTip(translated(chosen.sentence))
            self.summary.setText(translated(chosen.sentence))

    _preset = ""

    def _show_labels(self) -> None:
        self.labels.show_labels(self._facts.card if self._facts else None, self._case.labels)

    def _show_readiness(self) -> None:
        attacking = self._controller.attacking
        reason = self._controller.why_not_attack()
        self.run.setText(self.tr("Cancel") if attacking else self.tr("Run attack"))
        self.run.setEnabled(attacking or not reason)
        self.run.setToolTip(
            self.tr("Stop the attack (Esc)") if attacking else reason or self.tr("Ctrl+Return")
        )
        name = "cancel" if attacking else "run"
        icon = icons.icon(name, self._bench.theme, "accent_text")
        if icon.cacheKey() != self.run.icon().cacheKey():  # an icon lays out the window anew
            self.run.setIcon(icon)
        shown = "" if attacking else reason
        if not shown and self._controller.engine.stage is EngineStage.LOADING:
            shown = self.tr("The engine is still loading; the attack will wait for it")
        self.error.setText(shown)
        self.error.setVisible(bool(shown))
        role = "danger" if self._problem and not attacking else "muted"
        if self.error.property("role") != role:
            self.error.setProperty("role", role)
            self.error.style().unpolish(self.error)
            self.error.style().polish(self.error)

    # ------------------------------------------------------------------ from the user

    def _choose_attack(self) -> None:
        name = self.attack.currentData()
        if name is None or self.attack.reason_against(name):
            self.attack.show_attack(self._case.attack)
        elif name != self._case.attack.name:
            self._set_attack(self._memory.recall(ATTACKS[name], self.threat.threat.norm))

    def _choose_preset(self) -> None:
        preset = next((p for p in PRESETS if p.name == self.preset.currentData()), None)
        if preset is None:
            self._show_preset()
            return
        self._preset = preset.name
        kept = self._memory.recall(ATTACKS[preset.attack], preset.make().model_dump().get("norm"))
        attack = preset.make({n: v for n, v in kept.model_dump().items() if v is not None})
        card = self._facts.card if self._facts else None
        kind = OBJECTIVES.get(preset.objective)
        fits = kind is not None and (card is None or card.task in kind.tasks)
        same = kind is None or kind is type(self._case.objective)
        self._set_attack(attack, self._case.objective if same or not fits else kind())

    def _threat_chosen(self) -> None:
        """Keep the attack if it fits, in the norm that was chosen; else take one that does."""
        threat, kind = self.threat.threat, type(self._case.attack)
        if not threat.admits(kind):
            kind = self._stand_in(threat)
        attack = self._memory.recall(kind, threat.norm)
        if attack == self._case.attack:
            self._show_case()
        else:
            self._set_attack(attack)

    def _stand_in(self, threat: Threat) -> type[Attack]:
        """The attack to begin with under a threat model: what is mostly taken, else the first."""
        admitted = [kind for kind in ATTACKS.values() if threat.admits(kind)]
        usual = ("pgd", "square", "hopskipjump", "noise", "sigma-zero")
        found = [kind for name in usual for kind in admitted if kind.name == name]
        return (found or admitted)[0]

    def _set_attack(self, attack: Attack, objective: Objective | None = None) -> None:
        self._case.set_attack(attack, objective or self._case.objective, self._case.seed)

    def _edited(self) -> None:
        if self._showing:
            return
        self._follow_norm()
        self._tell_error()
        try:
            attack, objective = self.settings.value(), self.threat.value()
        except SettingsError:
            self._show_readiness()
            return
        assert isinstance(attack, Attack)
        self._case.set_attack(attack, objective, self.seed.value())

    def _follow_norm(self) -> None:
        """Another norm in the form brings its own budget: the old one means nothing in it."""
        norm = self.settings.values().get("norm")
        budget = self._memory.budget(self._form_kind, norm)
        if budget is not None and norm != getattr(self._case.attack, "norm", norm):
            self._showing = True
            self.settings.set_values({"epsilon": budget})
            self._showing = False

    def _run_or_cancel(self) -> None:
        if self._controller.attacking:
            self._controller.cancel_running()
        else:
            self._controller.run_attack()

    # ------------------------------------------------------------------ what is wrong

    _problem = ""

    def _tell_error(self) -> None:
        subject, self._problem = self._what_is_wrong()
        self.settings.tell(subject, self._problem)
        self._controller.set_settings_error(self._problem)

    def _what_is_wrong(self) -> tuple[str, str]:
        """The field and the sentence; ("", "") where nothing is."""
        try:
            attack, objective = self.settings.value(), self.threat.value()
        except SettingsError as error:
            return "", f"{error.subject}: {error.reason}"
        if self._facts is None or not isinstance(attack, Attack):
            return "", ""
        try:
            attack.check_fit(self._facts, objective)
        except MedAdvError as error:
            remedy = f". {error.remedy}" if error.remedy else ""
            return str(error.subject), f"{error.reason}{remedy}"
        labels = self._case.labels
        if labels is not None and getattr(objective, "target", None) == labels[0]:
            return "", self.tr("The chosen class is the true label already: choose another")
        return "", ""

    # ------------------------------------------------------------------ forms that come and go

    def _make_form(self, kind: type[Attack]) -> SettingsForm:
        self._form_kind = kind
        folded = [name for name in kind.model_fields if name not in _PLAIN]
        form = SettingsForm(kind, explained=True, folded=folded if len(folded) > 1 else ())
        form.changed.connect(self._edited)
        self.threat.take_budget(form.row("epsilon"))
        return form

    def _replace_form(self, kind: type[Attack]) -> None:
        old = self.settings
        self.settings = self._make_form(kind)
        self._form_place.replaceWidget(old, self.settings)
        old.hide()
        old.deleteLater()


def _heading(text: str) -> QLabel:
    heading = QLabel(text)
    heading.setFont(font("strong"))
    heading.setProperty("role", "section")
    return heading


def _wrapped() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setProperty("role", "muted")
    return label
