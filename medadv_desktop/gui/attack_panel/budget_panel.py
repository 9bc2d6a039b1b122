"""How little is enough: the search for the smallest budget, and a slider over what it tried."""

from __future__ import annotations

from pydantic import Field
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medadv_desktop.audit.budget_search import BudgetSearchOutcome, BudgetTry
from medadv_desktop.gui.attack_panel.budget_scale import BudgetScale
from medadv_desktop.gui.attack_panel.wording import translated
from medadv_desktop.gui.docks.spec import Workbench
from medadv_desktop.gui.editors import SPOKEN
from medadv_desktop.gui.forms import SettingsForm
from medadv_desktop.gui.state.budgets import HIGHEST, BudgetSearch
from medadv_desktop.gui.theme import MEDIUM, SMALL, font
from medadv_desktop.gui.viewers.wording import (
    amount_255,
    budget_text,
    number,
    tried_headline,
)
from medadv_desktop.settings import PixelFraction, Settings


class SearchRange(Settings):
    """How far a search goes, and how finely."""

    highest: PixelFraction = Field(
        HIGHEST["linf"],
        gt=0,
        le=10_000,
        title="Search up to ε",
        description="The largest budget that is tried, in the norm of the attack",
    )
    halvings: int = Field(
        6,
        ge=1,
        le=12,
        description="Each makes the grid twice as fine and costs an attack more; 6 are 64 steps: a "
        "quarter of a grey level of 255 up to 16/255",
    )


class BudgetPanel(QWidget):
    """Starts the search, and shows what each budget does in the viewers."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__()
        self._case, self._controller = bench.case, bench.controller
        self.search = BudgetSearch(bench.case, bench.controller, bench.jobs, self)
        self._norm = ""
        self._shown: BudgetSearchOutcome | None = None
        self.range = SettingsForm(SearchRange)
        self.range.setMaximumWidth(300)
        self.go = QPushButton()
        self.go.setAccessibleName(self.tr("Search for the smallest budget, or cancel"))
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setAccessibleName(self.tr("Budgets tried"))
        self.state = _wrapped("muted")
        self.smallest = _wrapped("")
        self.smallest.setFont(font("strong"))
        self.scale = BudgetScale(bench)
        self.there = _wrapped("")
        self.there.setFont(font("numbers"))
        self.made_by = _wrapped("muted")
        self.back = QPushButton(self.tr("Back to the result"))
        self.back.setToolTip(self.tr("Show the result of the attack again"))
        self.back.setAccessibleName(self.tr("Back to the result of the attack"))
        self._arrange()
        self.go.clicked.connect(self._search_or_cancel)
        self.range.changed.connect(self._show)
        self.scale.moved.connect(self.search.look_at)
        self.back.clicked.connect(lambda _: bench.case.set_still(None))
        self.search.changed.connect(self._show)
        self.search.progress_changed.connect(self._show_progress)
        bench.case.preview_changed.connect(self._show_there)
        bench.case.outcome_changed.connect(self._show_there)
        self._show()

    def _arrange(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(MEDIUM, SMALL, MEDIUM, SMALL)
        column.setSpacing(SMALL)
        column.addLayout(_line(self.range, self.go, self.smallest, self.state))
        column.addWidget(self.progress)
        column.addLayout(_line(self.there, self.back))
        column.addWidget(self.scale)
        column.addWidget(self.made_by)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        block = QVBoxLayout(self)
        block.setContentsMargins(0, 0, 0, 0)
        block.addWidget(scroll)

    def _show(self) -> None:
        search, outcome = self.search, self.search.outcome
        if search.norm != self._norm and search.norm in HIGHEST:
            self._norm = search.norm
            self.range.set_values({"highest": HIGHEST[search.norm]})
        reason = search.why_not()
        self.go.setText(self.tr("Cancel") if search.running else self.tr("Find the smallest"))
        self.go.setEnabled(search.running or (not reason and self.range.is_valid()))
        self.go.setToolTip(reason or self.tr("Bisect the budget of the attack as it is set"))
        self.range.setEnabled(not search.running)
        self.progress.setVisible(search.running)
        if not search.running:
            self.progress.setRange(0, 1)
            self.progress.setValue(0)
        self.state.setText(self._state(reason) if outcome is None else "")
        self.made_by.setText(self._made_by(outcome) if outcome is not None else "")
        if outcome is not self._shown:
            self._shown = outcome
            self.scale.show_outcome(outcome)
            if outcome is not None:
                search.look_at(self.scale.epsilon)
        self.state.setVisible(outcome is None)
        for widget in (self.smallest, self.scale, self.there, self.made_by):
            widget.setVisible(outcome is not None)
        self.smallest.setText(self._sentence(outcome) if outcome is not None else "")
        self._show_there()

    def _state(self, reason: str) -> str:
        if reason or not self.range.is_valid():
            return reason
        return self.tr(
            "Tries up to {0} budgets, each as an attack of its own, for the smallest at which {1} "
            "reaches its goal on this image"
        ).format(self._wanted().halvings + 1, translated(self._case.attack.title))

    def _wanted(self) -> SearchRange:
        wanted = self.range.value()
        assert isinstance(wanted, SearchRange)
        return wanted

    def _made_by(self, outcome: BudgetSearchOutcome) -> str:
        request, case = outcome.request, self._case
        said = self.tr("{0} in {1}: {2} budgets tried in {3} s.").format(
            translated(request.attack.title),
            SPOKEN[request.attack.norm],
            len(outcome.tries),
            number(outcome.seconds, 1),
        )
        mine = case.attack.model_dump(exclude={"epsilon"})
        same = request.attack.name == case.attack.name and (
            request.attack.model_dump(exclude={"epsilon"}) == mine
            and (request.objective, request.labels) == (case.objective, case.labels)
        )
        return said if same else said + " " + self.tr("The settings are others now.")

    def _sentence(self, outcome: BudgetSearchOutcome) -> str:
        norm = outcome.request.attack.norm
        if outcome.smallest is None:
            return self.tr("Not even {0} is enough: this attack does not reach its goal").format(
                budget_text(outcome.request.highest, norm)
            )
        if outcome.smallest == 0:
            return self.tr("Nothing is needed: the clean image reaches the goal already")
        if norm == "linf":
            return self.tr("Smallest budget: ε = {0}, {1} grey levels of 255 (grid of {2})").format(
                budget_text(outcome.smallest),
                number(outcome.smallest * 255, 2),
                number(outcome.step * 255, 2),
            )
        return self.tr("Smallest budget: ε = {0} in {1} (grid of {2})").format(
            budget_text(outcome.smallest, norm), SPOKEN[norm], budget_text(outcome.step, norm)
        )

    def _show_there(self) -> None:
        outcome, still = self.search.outcome, self._case.still
        tried = still.tried if still is not None else None
        self.back.setVisible(tried is not None)
        if outcome is None:
            self.there.setText("")
        elif tried is not None:
            self.there.setText(self._told(outcome, tried))
        else:
            self.there.setText(self.tr("Move the slider to see what a budget does"))

    def _told(self, outcome: BudgetSearchOutcome, tried: BudgetTry) -> str:
        norm = outcome.request.attack.norm
        parts = (
            self.tr("ε = {0}").format(budget_text(self.scale.epsilon, norm)),
            tried_headline(tried, outcome.clean),
            self.tr("tried at {0}").format(budget_text(tried.epsilon, norm)),
            f"‖δ‖∞ {amount_255(tried.linf)}",
            f"‖δ‖₂ {number(tried.l2)}",
        )
        return " · ".join(parts)

    def _show_progress(self, done: float, total: float) -> None:
        self.progress.setRange(0, max(round(total), 1))
        self.progress.setValue(round(done))

    def begin(self) -> None:
        """Search, with the range that is set; nothing where that, or something else, forbids it."""
        if self.range.is_valid():
            self.search.start(self._wanted().highest, self._wanted().halvings)

    def _search_or_cancel(self) -> None:
        if self.search.running:
            self.search.cancel()
        else:
            self.begin()


def _line(*parts: QWidget) -> QHBoxLayout:
    """Side by side, what is text the widest."""
    line = QHBoxLayout()
    line.setSpacing(MEDIUM)
    for part in parts:
        line.addWidget(part, 1 if isinstance(part, QLabel) else 0)
    return line


def _wrapped(role: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
