"""The panel "Attack": models, attack, goal, reference, and the button that runs it."""

from __future__ import annotations

import secrets

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.attacks.registry import ATTACKS, OBJECTIVES
from medadv_desktop.errors import SettingsError
from medadv_desktop.gui import icons
from medadv_desktop.gui.controller import EngineStage
from medadv_desktop.gui.docks.spec import DockSpec, Workbench
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.theme import MEDIUM, SMALL
from medadv_desktop.models.card import ModelCard
from medadv_desktop.models.library import LibraryEntry

_LARGEST_SEED = 2**31 - 1
_INDEX_FIELDS = ("target", "finding", "findings")


class ModelChooser(QComboBox):
    """The models there are, by name.

    Signals:
        chosen: the id or path of another model, "" for none; only when a user chose it.
    """

    chosen = Signal(str)

    def __init__(self, bench: Workbench, none_text: str, name: str, tip: str) -> None:
        super().__init__()
        self._controller = bench.controller
        self._none_text = none_text
        self._current = ""
        self.setAccessibleName(name)
        self.setToolTip(tip)
        _let_grow(self)
        self.activated.connect(lambda: self.chosen.emit(self.currentData()))
        self.fill()
        bench.controller.models_changed.connect(self.fill)

    def show_model(self, model: str) -> None:
        """Show the model that is chosen now."""
        self._current = model
        if self.findData(model) < 0:
            self.fill()
        self.setCurrentIndex(self.findData(model))

    def fill(self) -> None:
        """List what there is; cards that cannot be used are shown with their reason."""
        items = QStandardItemModel(self)
        items.appendRow(_item(self._none_text, ""))
        for entry in self._controller.models:
            if isinstance(entry, LibraryEntry):
                reference = self._controller.reference(entry)
                tip = "\n".join(t for t in (entry.card.summary, str(entry.path)) if t)
                items.appendRow(_item(entry.card.name, reference, tip))
            else:
                broken = _item(entry.path.name, None, entry.reason)
                broken.setEnabled(False)
                items.appendRow(broken)
        self.setModel(items)
        if self._current and self.findData(self._current) < 0:
            items.appendRow(_item(self._current, self._current))
        self.setCurrentIndex(self.findData(self._current))


class LabelChooser(QWidget):
    """What the image truly shows, where somebody knows.

    Signals:
        changed: a user chose other labels, or that they are unknown.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._card: ModelCard | None = None
        self.choice = QComboBox()
        self.choice.setAccessibleName(self.tr("True label"))
        self.choice.setToolTip(
            self.tr(
                "What the image truly shows. Where nobody knows, the attack works against what "
                "the model says of the clean image, and results say so."
            )
        )
        _let_grow(self.choice)
        self.findings = _FindingList()
        self.findings.setAccessibleName(self.tr("Findings that are truly present"))
        self.findings.setToolTip(self.tr("Tick the findings that are truly present"))
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.hint.setProperty("role", "muted")
        self.choice.activated.connect(self._edited)
        self.findings.itemChanged.connect(self._edited)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SMALL)
        for widget in (self.choice, self.findings, self.hint):
            layout.addWidget(widget)
        self.show_labels(None, None)

    def labels(self) -> tuple[int, ...] | None:
        """The labels chosen, None where they are unknown."""
        known = self.choice.currentData()
        if known is None or self._card is None:
            return None
        return self.findings.states() if self._card.multi_label else (known,)

    def show_labels(self, card: ModelCard | None, labels: tuple[int, ...] | None) -> None:
        """Show labels in the words of a model. `changed` is not emitted."""
        if card is not self._card or not self.choice.count():
            self._card = card
            self._offer(card)
        multi = card is not None and card.multi_label
        self.findings.blockSignals(True)
        self.findings.set_states(labels or ())
        self.findings.blockSignals(False)
        known = labels is not None and card is not None
        wanted = (0 if multi else labels[0]) if known else None
        self.choice.setCurrentIndex(max(self.choice.findData(wanted), 0))
        self._show_hint()

    def _offer(self, card: ModelCard | None) -> None:
        self.choice.clear()
        self.choice.addItem(self.tr("Unknown"), None)
        names = () if card is None else card.classes
        if card is not None and card.multi_label:
            self.choice.addItem(self.tr("Known: the findings ticked"), 0)
        else:
            for index, name in enumerate(names):
                self.choice.addItem(name, index)
        self.choice.setEnabled(card is not None)
        self.findings.blockSignals(True)
        self.findings.offer(names if card is not None and card.multi_label else ())
        self.findings.blockSignals(False)

    def _edited(self) -> None:
        self._show_hint()
        self.changed.emit()

    def _show_hint(self) -> None:
        unknown = self.choice.currentData() is None
        self.findings.setVisible(not unknown and self.findings.count() > 0)
        self.hint.setVisible(unknown)
        self.hint.setText(self.tr("The clean prediction is the reference."))


class _FindingList(QListWidget):
    """Findings with a tick each."""

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        rows = min(max(self.count(), 2), 7)
        height = rows * max(self.sizeHintForRow(0), 18) + 2 * self.frameWidth()
        return QSize(super().sizeHint().width(), height)

    def offer(self, names: tuple[str, ...]) -> None:
        self.clear()
        for name in names:
            item = QListWidgetItem(name, self)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
        self.updateGeometry()

    def states(self) -> tuple[int, ...]:
        checked = Qt.CheckState.Checked
        return tuple(int(self.item(i).checkState() == checked) for i in range(self.count()))

    def set_states(self, states: tuple[int, ...]) -> None:
        for i in range(self.count()):
            on = i < len(states) and states[i] == 1
            self.item(i).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


class AttackPanel(QWidget):
    """Edits models, attack, goal, labels and seed of the case; runs and stops the attack."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._bench, self._case, self._controller = bench, bench.case, bench.controller
        self._card: ModelCard | None = None
        self._showing = False
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
        self.attack = QComboBox()
        self.attack.setAccessibleName(self.tr("Attack"))
        for name, kind in ATTACKS.items():
            self.attack.addItem(_translated(kind.title), name)
            tip = f"{_translated(kind.summary)}\n{kind.reference}"
            self.attack.setItemData(self.attack.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setProperty("role", "muted")
        self.settings = SettingsForm(type(self._case.attack))
        _let_grow(self.attack)
        self.objective = QComboBox()
        self.objective.setAccessibleName(self.tr("Goal"))
        self.objective.setToolTip(self.tr("What the attack wants the model to say"))
        _let_grow(self.objective)
        self.goal: SettingsForm | None = None
        self.labels = LabelChooser()
        self.seed = QSpinBox()
        self.seed.setRange(0, _LARGEST_SEED)
        self.seed.setAccessibleName(self.tr("Seed"))
        self.seed.setToolTip(self.tr("The same seed gives the same result"))
        self.dice = QToolButton()
        self.dice.setToolTip(self.tr("Another seed, by chance"))
        self.dice.setAccessibleName(self.tr("Random seed"))
        icons.bind_icon(self.dice, "dice", bench.theme)
        self.error = QLabel()
        self.error.setWordWrap(True)
        self.run = QPushButton()
        self.run.setProperty("primary", True)
        self.run.setAccessibleName(self.tr("Run or cancel the attack"))
        self._arrange()
        self._connect()
        self._show_case()
        self._show_card()
        self._show_models()

    # ------------------------------------------------------------------ making

    def _arrange(self) -> None:
        content = QWidget()
        self._form = QFormLayout(content)
        self._form.setContentsMargins(MEDIUM, MEDIUM, MEDIUM, MEDIUM)
        self._form.setHorizontalSpacing(MEDIUM)
        self._form.setVerticalSpacing(SMALL + 2)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._form.addRow(self.tr("&Model"), self.model)
        self._form.addRow(self.tr("Sec&ond model"), self.second)
        self._form.addRow(_line())
        self._form.addRow(self.tr("&Attack"), self.attack)
        self._form.addRow(self.summary)
        self._form.addRow(self.settings)
        self._form.addRow(_line())
        self._form.addRow(self.tr("&Goal"), self.objective)
        self._goal_row = self._form.rowCount()
        self._form.addRow(_line())
        self._form.addRow(self.tr("&True label"), self.labels)
        seed = QHBoxLayout()
        seed.setSpacing(SMALL)
        seed.addWidget(self.seed, 1)
        seed.addWidget(self.dice)
        self._form.addRow(self.tr("S&eed"), seed)
        self._form.labelForField(seed).setBuddy(self.seed)
        scroll = QScrollArea()
        scroll.setWidget(content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName(self.tr("Attack settings"))
        foot = QVBoxLayout()
        foot.setContentsMargins(MEDIUM, SMALL, MEDIUM, MEDIUM)
        foot.setSpacing(SMALL)
        foot.addWidget(self.error)
        foot.addWidget(self.run)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.setSpacing(0)
        block.addWidget(scroll, 1)
        block.addLayout(foot)
        self.setMinimumWidth(240)

    def _connect(self) -> None:
        case, controller = self._case, self._controller
        self.model.chosen.connect(controller.choose_model)
        self.second.chosen.connect(controller.choose_second_model)
        self.attack.activated.connect(self._choose_attack)
        self.objective.activated.connect(self._choose_objective)
        self.settings.changed.connect(self._edited)
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
        if self._controller.card(self._case.model) != self._card:
            self._show_card()
        self._show_readiness()

    def _show_card(self) -> None:
        """Another model: other goals fit, and classes have other names."""
        self._card = self._controller.card(self._case.model)
        self.objective.clear()
        for name, kind in OBJECTIVES.items():
            if self._card is None or self._card.task in kind.tasks:
                self.objective.addItem(_translated(kind.title), name)
        self._make_goal(self._case.objective.name)
        self._show_case()

    def _show_case(self) -> None:
        case = self._case
        self._showing = True
        self.attack.setCurrentIndex(self.attack.findData(case.attack.name))
        self.summary.setText(_translated(case.attack.summary))
        self.attack.setToolTip(f"{_translated(case.attack.summary)}\n{case.attack.reference}")
        if self._form_kind is not type(case.attack):
            self._make_settings(type(case.attack))
        if self.settings.values() != case.attack.model_dump():
            self.settings.set_value(case.attack)
        if self.objective.currentData() != case.objective.name:
            self._make_goal(case.objective.name)
        if self.goal is not None and self.goal.values() != case.objective.model_dump():
            self.goal.set_value(case.objective)
        self.seed.setValue(case.seed)
        self._showing = False
        self._show_labels()
        self._tell_error()
        self._show_readiness()

    def _show_labels(self) -> None:
        self.labels.show_labels(self._card, self._case.labels)

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
        wrong = bool(self._settings_error())
        role = "danger" if wrong and not attacking else "muted"
        if self.error.property("role") != role:
            self.error.setProperty("role", role)
            self.error.style().unpolish(self.error)
            self.error.style().polish(self.error)

    # ------------------------------------------------------------------ from the user

    def _choose_attack(self) -> None:
        kind = ATTACKS[self.attack.currentData()]
        if kind is not type(self._case.attack):
            kept = {
                name: value
                for name, value in self._case.attack.model_dump().items()
                if name in kind.model_fields
            }
            self._case.set_attack(kind(**kept), self._case.objective, self._case.seed)

    def _choose_objective(self) -> None:
        self._make_goal(self.objective.currentData())
        self._edited()

    def _edited(self) -> None:
        if self._showing:
            return
        self._tell_error()
        if not self._settings_error():
            goal = self.goal
            objective = goal.value() if goal else OBJECTIVES[self.objective.currentData()]()
            self._case.set_attack(self.settings.value(), objective, self.seed.value())
        self._show_readiness()

    def _tell_error(self) -> None:
        self._controller.set_settings_error(self._settings_error())

    def _settings_error(self) -> str:
        for form in (self.settings, self.goal):
            if form is None:
                continue
            try:
                form.value()
            except SettingsError as error:
                return f"{error.subject}: {error.reason}"
        return ""

    def _run_or_cancel(self) -> None:
        if self._controller.attacking:
            self._controller.cancel_running()
        else:
            self._controller.run_attack()

    # ------------------------------------------------------------------ forms that come and go

    @property
    def _form_kind(self) -> type:
        return ATTACKS[self._form_name] if self._form_name else type(None)

    _form_name = ""

    def _make_settings(self, kind: type) -> None:
        form = SettingsForm(kind)
        self._form.replaceWidget(self.settings, form)
        self.settings.hide()
        self.settings.deleteLater()
        self.settings = form
        self._form_name = kind.name
        form.changed.connect(self._edited)

    def _make_goal(self, name: str) -> None:
        self.objective.setCurrentIndex(self.objective.findData(name))
        if self.goal is not None:
            self._form.removeRow(self.goal)
            self.goal = None
        kind = OBJECTIVES[name]
        if not kind.model_fields:
            return
        names = self._card.classes if self._card else ()
        self.goal = SettingsForm(kind, dict.fromkeys(_INDEX_FIELDS, names))
        self.goal.changed.connect(self._edited)
        self._form.insertRow(self._goal_row, self.goal)


def _let_grow(box: QComboBox) -> None:
    """As wide as the panel, however long its entries are."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(10)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def _translated(text: str) -> str:
    return QCoreApplication.translate("Settings", text)


def _item(text: str, data: str | None, tip: str = "") -> QStandardItem:
    item = QStandardItem(text)
    item.setData(data, Qt.ItemDataRole.UserRole)
    item.setToolTip(tip)
    return item


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    line.setFrameShadow(QFrame.Shadow.Plain)
    line.setEnabled(False)
    return line


DOCK = DockSpec(
    id="attack",
    title=QT_TRANSLATE_NOOP("Docks", "Attack"),
    icon="attack",
    area=Qt.DockWidgetArea.RightDockWidgetArea,
    build=AttackPanel,
)
