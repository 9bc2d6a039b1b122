"""The step "Card": the values of the card, why they stand, and the editors to change them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from medadv_desktop.gui.theme import LARGE, MEDIUM, SMALL, Theme, font
from medadv_desktop.gui.wizards.model_import.blocks import Block, Choice, Line, Whole
from medadv_desktop.gui.wizards.model_import.classes_pane import ClassesPane
from medadv_desktop.gui.wizards.model_import.draft import Mode, ModelDraft
from medadv_desktop.gui.wizards.model_import.fields import NORMALISATIONS, SIDES, numbers_text, tr
from medadv_desktop.gui.wizards.steps import Callout, StepPage
from medadv_desktop.models.architectures import ARCHITECTURES
from medadv_desktop.models.card import AS_IN_FILE

_ORDER = {"error": -1, "guess": 0, "yours": 1, "likely": 2, "certain": 3, "": 4}


class CardPage(StepPage):
    """What the network is given on the left, what it answers on the right."""

    def __init__(self, draft: ModelDraft, theme: Theme) -> None:
        super().__init__()
        self._draft = draft
        self.title = tr("Card")
        self.heading = tr("What the weights do not say")
        self.explanation = tr(
            "Worked out from the file, the least certain first. A wrong normalisation or a swapped "
            "class order is the commonest way to a meaningless audit: compare with the code that "
            "trained the network."
        )
        if draft.mode is not Mode.IMPORT:
            self.heading = tr("The model card")
            self.explanation = tr("What is changed here holds when the card is saved.")
        self.callout = Callout(theme)
        self.notes = Callout(theme)
        self._show: list[Callable[[], None]] = []
        self.inputs = (
            self._normalisation(theme),
            self._size(theme),
            self._window(theme),
            self._channels(theme),
            self._outputs(theme),
            self._architecture(theme),
        )
        self.about = self._about(theme)
        self.classes = ClassesPane(draft, theme)
        self.blocks = (*self.inputs, *self.about, self.classes.task_block, self.classes.block)
        self._arrange()
        draft.card_changed.connect(self._refresh)
        draft.proposed.connect(self._put_in_order)
        self._refresh()

    def blocked(self) -> str:
        return self._first_error()

    def show_field(self, name: str) -> None:
        """Bring a field into sight."""
        block = next(b for b in self.blocks if name in b.names)
        if block not in (self.classes.block, self.classes.task_block):
            self.scroll.ensureWidgetVisible(block)
        target = self.classes.table if block is self.classes.block else block.focus
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    # ------------------------------------------------------------------ making

    def _normalisation(self, theme: Theme) -> Block:
        draft, block = self._draft, Block(theme, tr("Mean and standard deviation"), ("mean", "std"))
        own = object()
        options = [(own, tr("Own numbers"), tr("As they stand in the two fields"))]
        for usual in NORMALISATIONS:
            mean, std = usual.of(3)
            tip = f"{numbers_text(mean)}; {numbers_text(std)}"
            options.append((usual, tr(usual.title), tip))
        self.usual = Choice(tr("Usual normalisation"), options)
        tip = tr("One number, or one for each channel, for values from 0 to 1; 1/255 is a number")
        self.mean = Line(tr("Mean"), tip)
        self.std = Line(tr("Standard deviation"), tip)
        block.focus = self.mean
        block.add(self.usual)
        block.add(tr("Mean"), self.mean, tr("Std"), self.std)

        def pick(usual: object) -> None:
            if usual is not own:
                mean, std = usual.of(draft.values["channels"])
                draft.set(mean=numbers_text(mean), std=numbers_text(std))

        def show() -> None:
            self.mean.show_value(draft.values["mean"])
            self.std.show_value(draft.values["std"])
            stands = (draft.values["mean"], draft.values["std"])
            found = own
            for usual in NORMALISATIONS:
                if tuple(map(numbers_text, usual.of(draft.values["channels"]))) == stands:
                    found = usual
            self.usual.show_value(found)

        self.usual.picked.connect(pick)
        self.mean.typed.connect(lambda text: draft.set(mean=text))
        self.std.typed.connect(lambda text: draft.set(std=text))
        self._show.append(show)
        return block

    def _size(self, theme: Theme) -> Block:
        draft = self._draft
        block = Block(theme, tr("Size of the input"), ("height", "width", "resize", "resize_side"))
        self.height_ = Whole(tr("Height"), *SIDES, tr("In pixels"))
        self.width_ = Whole(tr("Width"), *SIDES, tr("In pixels"))
        self.resize_ = Choice(
            tr("Resizing"),
            (
                ("stretch", tr("Stretch both sides"), tr("Proportions are not kept")),
                ("crop", tr("Shorter side, then crop"), tr("The rim of the image is lost")),
                ("pad", tr("Longer side, then black borders"), tr("The whole image is seen")),
            ),
        )
        tip = tr("The shorter side before the crop, in pixels; empty: that of the input")
        self.side = Line(tr("Shorter side before the crop"), tip, tr("as the input"))
        block.focus = self.height_
        block.add(tr("Height"), self.height_, tr("Width"), self.width_)
        block.add(self.resize_)
        side = block.add(tr("Shorter side before the crop"), self.side)

        def show() -> None:
            values = draft.values
            self.height_.show_value(values["height"])
            self.width_.show_value(values["width"])
            self.resize_.show_value(values["resize"])
            self.side.show_value(values["resize_side"])
            side.setVisible(values["resize"] == "crop")

        self.height_.typed.connect(lambda number: draft.set(height=number))
        self.width_.typed.connect(lambda number: draft.set(width=number))
        self.resize_.picked.connect(lambda value: draft.set(resize=value))
        self.side.typed.connect(lambda text: draft.set(resize_side=text))
        self._show.append(show)
        return block

    def _window(self, theme: Theme) -> Block:
        draft, block = self._draft, Block(theme, tr("Grey scale"), ("window", "low", "high"))
        self.window_ = Choice(
            tr("Grey scale"),
            (
                (
                    "full-range",
                    tr("All that the encoding can hold"),
                    tr("0 to 255 of 8 bits, 0 to 4095 of 12 bits, ... become 0 to 1"),
                ),
                ("file", tr("The file's own window"), tr("As the file asks to be displayed")),
                ("fixed", tr("Fixed modality values"), tr("For CT: Hounsfield units")),
                ("percentile", tr("Percentiles of the image"), tr("Of each image by itself")),
            ),
        )
        self.low = Line(tr("Becomes 0"), tr("The value, or percentile, that becomes 0"))
        self.high = Line(tr("Becomes 1"), tr("The value, or percentile, that becomes 1"))
        block.focus = self.window_
        block.add(self.window_)
        bounds = block.add(tr("From"), self.low, tr("to"), self.high)

        def show() -> None:
            values = draft.values
            self.window_.show_value(values["window"])
            self.low.show_value(values["low"])
            self.high.show_value(values["high"])
            bounds.setVisible(values["window"] in ("fixed", "percentile"))

        self.window_.picked.connect(lambda value: draft.set(window=value))
        self.low.typed.connect(lambda text: draft.set(low=text))
        self.high.typed.connect(lambda text: draft.set(high=text))
        self._show.append(show)
        return block

    def _channels(self, theme: Theme) -> Block:
        options = (
            (3, tr("3: RGB"), tr("Grey images are repeated")),
            (1, tr("1: grey"), tr("Colour is reduced to luma")),
        )
        return self._chosen(theme, tr("Channels"), "channels", options)

    def _outputs(self, theme: Theme) -> Block:
        options = (
            ("recognise", tr("As recognised"), tr("Told from the last operation of the network")),
            ("logits", tr("Logits"), tr("Numbers before sigmoid or softmax")),
            ("sigmoid", tr("Probabilities by sigmoid"), tr("Undone to logits")),
            ("softmax", tr("Probabilities by softmax"), tr("Undone to logits")),
        )
        return self._chosen(theme, tr("What the network gives"), "outputs", options)

    def _architecture(self, theme: Theme) -> Block:
        options = [(name, name, "") for name in ARCHITECTURES]
        options.insert(0, (AS_IN_FILE, tr("As in the file"), tr("The file holds the network")))
        block = self._chosen(theme, tr("Architecture"), "architecture", options)

        def show() -> None:  # a network in the file is no choice, nor is it for mere weights
            block.focus.setEnabled(self._draft.values["architecture"] != AS_IN_FILE)

        self._show.append(show)
        return block

    def _chosen(self, theme: Theme, title: str, name: str, options: object) -> Block:
        draft, block = self._draft, Block(theme, title, (name,))
        choice = Choice(title, options)
        block.focus = choice
        block.add(choice)
        choice.picked.connect(lambda value: draft.set(**{name: value}))
        self._show.append(lambda: choice.show_value(draft.values[name]))
        return block

    def _about(self, theme: Theme) -> tuple[Block, ...]:
        return tuple(
            self._text(theme, name, title, tip, placeholder)
            for name, title, tip, placeholder in (
                ("name", tr("Name"), tr("As it stands in lists"), ""),
                ("id", tr("Id"), tr("Names the model in plans, results and commands"), ""),
                ("summary", tr("Summary"), tr("One line: what it is for"), ""),
                ("domain", tr("Images"), tr("What it was made for"), tr("chest radiographs, …")),
                (
                    "provenance",
                    tr("Provenance"),
                    tr("Paper, site, person, date"),
                    tr("paper, site, person, date"),
                ),
                ("training", tr("Training"), tr("Command or commit that trained it"), ""),
            )
        )

    def _text(self, theme: Theme, name: str, title: str, tip: str, placeholder: str) -> Block:
        draft, block = self._draft, Block(theme, title, (name,))
        line = Line(title, tip, placeholder)
        block.focus = line
        block.add(line)
        if name == "id" and draft.mode is not Mode.IMPORT:
            line.setEnabled(False)
            line.setToolTip(tr("The id stays: plans and results name the model by it"))
        line.typed.connect(lambda text: draft.set(**{name: text}))
        self._show.append(lambda: line.show_value(draft.values[name]))
        return block

    def _arrange(self) -> None:
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, MEDIUM, MEDIUM)
        self._column.setSpacing(LARGE)
        self._given = _heading(tr("What the network is given"))
        self._column.addWidget(self._given)
        for block in self.inputs:
            self._column.addWidget(block)
        self._column.addWidget(_heading(tr("About the model")))
        for block in self.about:
            self._column.addWidget(block)
        self._column.addStretch(1)
        self.scroll = QScrollArea()
        self.scroll.setWidget(inside)
        self.scroll.setWidgetResizable(True)
        self.scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll.setAccessibleName(tr("Fields of the model card"))
        answers = QVBoxLayout()
        answers.setSpacing(LARGE)
        answers.addWidget(_heading(tr("What it answers")))
        answers.addWidget(self.classes, 1)
        across = QHBoxLayout()
        across.setSpacing(2 * LARGE)
        across.addWidget(self.scroll, 5)
        across.addLayout(answers, 4)
        page = QVBoxLayout(self)
        page.setContentsMargins(LARGE + SMALL, SMALL, LARGE + SMALL, MEDIUM)
        page.setSpacing(MEDIUM)
        page.addWidget(self.callout)
        page.addWidget(self.notes)
        page.addLayout(across, 1)

    # ------------------------------------------------------------------ showing

    def _refresh(self) -> None:
        draft = self._draft
        if not draft.values:
            return
        for show in self._show:
            show()
        self.classes.show_draft()
        self.inputs[4].setVisible(draft.values["architecture"] == AS_IN_FILE)
        for block in self.blocks:
            self._tell(block)
        shown = {name for block in self.blocks for name in block.names}
        other = next((text for name, text in draft.errors.items() if name not in shown), "")
        self.callout.say("error", other)
        notes = ". ".join(_sentence(text) for text in draft.notes)
        self.notes.say("info", notes and notes + ".")
        self.changed.emit()

    def _tell(self, block: Block) -> None:
        draft = self._draft
        error = next((draft.errors[n] for n in block.names if n in draft.errors), "")
        guess = next((g for n in block.names if (g := draft.guess_of(n)) is not None), None)
        yours = draft.edited.intersection(block.names)
        kind = "yours" if yours else guess.confidence if guess else ""
        block.tell("" if guess is None or yours else _sentence(guess.reason), kind, error)

    def _put_in_order(self) -> None:
        """The least certain first; only when a card comes, for nothing jumps while one types."""
        ordered = sorted(self.inputs, key=lambda b: (_ORDER[b.chip.kind], self.inputs.index(b)))
        first = self._column.indexOf(self._given) + 1
        for place, block in enumerate(ordered):
            self._column.removeWidget(block)
            self._column.insertWidget(first + place, block)
        self.scroll.verticalScrollBar().setValue(0)

    def _first_error(self) -> str:
        errors = self._draft.errors
        for block in self.blocks:
            for name in block.names:
                if name in errors:
                    return f"{block.title.text()}: {errors[name]}"
        return next(iter(errors.values()), "")


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(font("title"))
    return label


def _sentence(text: str) -> str:
    text = QCoreApplication.translate("Settings", text)
    return text[:1].upper() + text[1:]
