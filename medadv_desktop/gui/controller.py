"""From wishes to requests, and from answers to what the window knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QSettings, QTimer, Signal

from medadv_desktop.attacks.attack import AttackPreview
from medadv_desktop.attacks.objectives import Untargeted
from medadv_desktop.audit.requests import (
    AttackOutcome,
    AttackRequest,
    EngineReady,
    FeatureRequest,
    FeatureResult,
    LoadedModel,
    LoadRequest,
    PredictRequest,
    PredictResult,
    Request,
    WarmUp,
)
from medadv_desktop.errors import MedAdvError
from medadv_desktop.gui.background import Urgency
from medadv_desktop.gui.bridge import ComputeBridge
from medadv_desktop.gui.desk import Audience, JobDesk
from medadv_desktop.gui.exporting import Exporter
from medadv_desktop.gui.file_names import FileNames, named
from medadv_desktop.gui.labelled.librarian import Librarian
from medadv_desktop.gui.messages import Notices
from medadv_desktop.gui.opener import Opener
from medadv_desktop.gui.prefetch import Prefetcher
from medadv_desktop.gui.recent import RecentPaths
from medadv_desktop.gui.running import Failure
from medadv_desktop.gui.state.case import Case
from medadv_desktop.gui.state.engine import EngineStage, EngineState
from medadv_desktop.gui.state.jobs import JobList
from medadv_desktop.gui.state.log import Level, LogLines
from medadv_desktop.gui.state.model_library import ModelLibrary
from medadv_desktop.gui.state.privacy import Privacy
from medadv_desktop.gui.state.studies import Position, StudyList
from medadv_desktop.gui.state.view import ViewState
from medadv_desktop.gui.tag_reading import TagReader
from medadv_desktop.imaging.frame import Frame, Instance
from medadv_desktop.models.library import BrokenEntry, LibraryEntry, find, library

if TYPE_CHECKING:
    from medadv_desktop.audit.demo import DemoImage
    from medadv_desktop.models.card import ModelCard


_SETTLING_MS = 100
"""A frame that comes before the last one was predicted waits so long for a further one."""


class Controller(QObject):
    """Everything the window can ask for. Lives on the GUI thread and never blocks it.

    Signals:
        engine_changed: `engine` is another.
        models_changed: `models` are others.
        ready_to_attack_changed: `why_not_attack` may answer otherwise.
        action_wanted: a panel asks for an action by its id.
        menu_wanted: a panel asks for the menu of a context ("study", ...) at a point of the screen.
        stopped: after `stop`: both bridges have come to rest.

    Attributes:
        notices: messages for the strip on top of the window.
        recent: what was opened lately.
        background: the threads for files; thumbnails use it too.
        prefetcher: keeps frames within a bound, and reads those that will be wanted.
        imports: what became of every file that was looked at.
        privacy: whether patient data is in sight.
        names: what files are called, by that.
        tags: the elements of the file at hand.
        exporter: writes what is looked at.
        model_library: what is known of the models, and whose code may run.
        librarian: keeps the data sets, and the true labels of samples opened from them.
        settings: what is remembered between sessions.
    """

    engine_changed = Signal()
    models_changed = Signal()
    ready_to_attack_changed = Signal()
    action_wanted = Signal(str)
    menu_wanted = Signal(str, QPoint)
    stopped = Signal()

    def __init__(
        self,
        studies: StudyList,
        case: Case,
        view: ViewState,
        jobs: JobList,
        log: LogLines,
        settings: QSettings,
        bridge: ComputeBridge | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._studies, self._case, self._view = studies, case, view
        self._log = log
        self.settings = settings
        self.notices = Notices(self)
        self.notices.added.connect(lambda n: log.add(n.text, n.level, n.details))
        self.recent = RecentPaths(settings, self)
        self._desk = JobDesk(jobs, log, self.notices, bridge or ComputeBridge(), self)
        self._desk.stopped.connect(self.stopped)
        self.background = self._desk.background
        self.privacy = Privacy(settings, self)
        self.prefetcher = Prefetcher(studies, case, self.background, settings, self)
        self._opener = Opener(studies, self._desk, log, self.notices, self.recent, self)
        self._opener.found_first.connect(self.select)
        self.imports = self._opener.imports
        self.names = FileNames(self.privacy, studies, self.imports, self)
        self.tags = TagReader(studies, self.privacy, self._desk, self)
        self.exporter = Exporter(case, self.privacy, self._desk, self.notices, self._compute, self)
        self.engine = EngineState()
        self.models: tuple[LibraryEntry | BrokenEntry, ...] = ()
        self.model_library = ModelLibrary(self, case, self._desk, self._compute)
        self.librarian = Librarian(self, case, self._desk, self._compute)
        self._frame_job: int | None = None
        self._attack_job: int | None = None
        self._feature_job: int | None = None
        self._engine_job: int | None = None
        self._predict_jobs: set[int] = set()
        self._demo: dict[Path, DemoImage] = {}
        self._attack_first: Path | None = None
        self._opened_models: set[Path] = set()
        self._settings_error = ""
        self._settling = QTimer(self, singleShot=True)
        self._settling.timeout.connect(self._predict)
        self._settling.timeout.connect(self._predict_second)
        view.frame_step.connect(self.step_frame)
        for changed in (case.frame_changed, case.model_changed, case.attack_changed):
            changed.connect(self.ready_to_attack_changed)

    # ------------------------------------------------------------------ engine and models

    @property
    def device(self) -> str:
        """What was chosen: "auto", "cpu" or "cuda:N"."""
        return self._desk.bridge.device

    def warm_up(self) -> None:
        """Load the engine, and find out which models there are. Once the window is on screen."""
        self._load_engine(self.tr("Load the engine"))
        self.reload_models()
        self.librarian.load()

    def choose_device(self, device: str) -> None:
        """Compute elsewhere from now on."""
        if device == self._desk.bridge.device:
            return
        self.cancel_attack()
        self._desk.bridge.device = device
        title = self.tr("Load the engine for {device}").format(device=device)
        self._load_engine(title)
        for model in filter(self.model_library.allows, (self._case.model, self._case.second_model)):
            self._load(model)  # the new engine knows of no agreement

    def reload_models(self) -> None:
        """Look for models in the shipped and the user's folder."""
        doing = self.tr("Looking for models")
        self._desk.read(lambda *_: library(), Urgency.SCAN, Audience(doing, self._models_found))

    def open_model(self, path: Path) -> None:
        """Choose a model by its card or weights file."""
        doing = self.tr("Opening a model")

        def found(entry: LibraryEntry) -> None:
            if all(m.path != entry.path for m in self.models):
                self._opened_models.add(entry.path)
                self.models = (*self.models, entry)
                self.models_changed.emit()
            self.choose_model(self.reference(entry))

        self._desk.read(lambda *_: find(path), Urgency.FRAME, Audience(doing, found))

    def reference(self, entry: LibraryEntry) -> str:
        """What a model is chosen by: its id, or its path if it is in no folder of models."""
        return str(entry.path) if entry.path in self._opened_models else entry.card.id

    def card(self, model: str) -> ModelCard | None:
        """The card of a model by the name it is chosen by, None where it is not known (yet)."""
        for loaded in (self._case.loaded, self._case.second_loaded):
            if loaded is not None and loaded.model == model:
                return loaded.card
        for entry in self.models:
            if isinstance(entry, LibraryEntry) and model in (entry.card.id, str(entry.path)):
                return entry.card
        return None

    def choose_model(self, model: str) -> None:
        """Choose the model to be attacked by id or path, "" for none, and let it predict."""
        if model == self._case.model:
            return
        if self.model_library.asks(model, lambda: self.choose_model(model)):
            return
        self._choose(model)
        self._predict()

    def choose_second_model(self, model: str) -> None:
        """Choose the model that judges the same images, "" for none, and let it predict."""
        if model == self._case.second_model:
            return
        if self.model_library.asks(model, lambda: self.choose_second_model(model)):
            return
        self.cancel_attack()
        self._case.set_second_model(model)
        if model:
            self._load(model)
        self._predict_second()

    # ------------------------------------------------------------------ studies and frames

    def open_paths(
        self,
        paths: Sequence[Path | str],
        labels: Mapping[Path, tuple[int, ...]] | None = None,
        remember: bool = True,
    ) -> None:
        """Scan files and folders, list what can be opened, and show the first of it.

        Args:
            labels: true labels by path, where they are known.
            remember: put the paths among the recent ones.
        """
        absolute = tuple(Path(p).absolute() for p in paths)
        if labels:
            self._studies.add_labels({Path(p).absolute(): v for p, v in labels.items()})
        if absolute:
            self._opener.open(absolute, remember)

    def open_demo(self, folder: Path | None = None, attack: bool = False) -> None:
        """Write the demo study and open it.

        Args:
            folder: where to; None takes the cache of the program.
            attack: run the attack on its first image.
        """
        doing = self.tr("Making the demo study")

        def write(*_: object) -> tuple[DemoImage, ...]:
            import platformdirs

            from medadv_desktop.audit.demo import write_demo_study

            cache = Path(platformdirs.user_cache_dir("MedAdv Desktop", appauthor=False))
            return write_demo_study(folder or cache / "demo")

        def written(images: tuple[DemoImage, ...]) -> None:
            self.open_demo_images(images, attack)

        self._desk.read(write, Urgency.SCAN, Audience(doing, written), listed=True)

    def open_demo_images(self, images: Sequence[DemoImage], attack: bool = False) -> None:
        """Open a written demo study, whose images bring their model, goal and true labels."""
        self._demo |= {image.path.absolute(): image for image in images}
        self._attack_first = images[0].path.absolute() if attack else None
        self.open_paths([image.path for image in images], remember=False)

    def select(self, instance: Instance, frame: int = 0) -> None:
        """Look at a frame: read it, show it, predict it."""
        position = Position(instance, frame)
        current = self._studies.current
        if position == current and (self._frame_job is not None or self._case.frame is not None):
            return
        self._studies.set_current(position)
        self._drop(self._frame_job)
        self.cancel_attack()
        frames, path = self.prefetcher.cache, instance.path
        if (at_hand := frames.get(path, frame)) is not None:
            self._frame_job = None
            self._show(instance, at_hand)
            return
        doing = self.tr("Reading {file}").format(file=named(instance.path))

        def ended() -> None:
            if self._frame_job == job_id:
                self._frame_job = None

        def failed(failure: Failure) -> None:
            self._case.set_frame(instance, None)
            self.notices.add(failure.text, Level.ERROR, failure.details)

        def shown(pixels: Frame) -> None:
            self._show(instance, pixels)

        audience = Audience(doing, shown, failed=failed, ended=ended)
        job_id = self._desk.read(lambda *_: frames.read(path, frame), Urgency.FRAME, audience)
        self._frame_job = job_id

    def step_frame(self, step: int) -> None:
        """Look at the frame so many further on in the series."""
        target = self._studies.neighbour(step)
        if target is not None:
            self.select(target.instance, target.frame)

    def close_study(self) -> None:
        """Close the study that is looked at."""
        current = self._studies.current
        if study := current and self._studies.study_of(current.instance):
            self._leave_frame()
            self._studies.close(study)

    def close_all(self) -> None:
        """Close everything that is open, and what is being opened."""
        self._opener.stop()
        self._leave_frame()
        self._studies.clear()
        self.imports.clear()

    # ------------------------------------------------------------------ attack and features

    @property
    def attacking(self) -> bool:
        return self._attack_job is not None

    def set_settings_error(self, error: str) -> None:
        """Tell what is wrong with the settings that stand in the form; "" for nothing."""
        if error != self._settings_error:
            self._settings_error = error
            self.ready_to_attack_changed.emit()

    def why_not_attack(self) -> str:
        """Why an attack cannot be run now, in words; "" if it can."""
        if self._case.frame is None:
            return self.tr("Open an image first")
        if not self._case.model:
            return self.tr("Choose a model first")
        if self.attacking:
            return self.tr("An attack is running")
        if self._settings_error:
            return self.tr("Mend the settings first: {error}").format(error=self._settings_error)
        if self.engine.stage is EngineStage.FAILED:
            return self.tr("The engine could not be loaded")
        return ""

    def run_attack(self) -> None:
        """Attack the frame with the settings as they are."""
        case, frame = self._case, self._case.frame
        reason = self.why_not_attack()
        if reason or frame is None:
            self.notices.add(reason, Level.WARNING)
            return
        request = AttackRequest(
            model=case.model,
            frame=frame,
            attack=case.attack,
            objective=case.objective,
            labels=case.labels,
            second_model=case.second_model,
            seed=case.seed,
        )
        title = self.tr("{attack} on {file}").format(
            attack=case.attack.title, file=named(frame.provenance.path)
        )

        def done(outcome: AttackOutcome) -> None:
            if self._holds(outcome.request):
                case.set_outcome(outcome)
                self._log.add(self._told(outcome))

        def preview(value: object) -> None:
            if isinstance(value, AttackPreview) and self._attack_job == job_id:
                case.set_preview(value)

        def ended() -> None:
            if self._attack_job == job_id:
                self._attack_job = None
                if case.preview is not None:
                    case.set_preview(None)
                self.ready_to_attack_changed.emit()

        case.begin_attack()
        job_id = self._compute(request, Audience(title, done, partial=preview, ended=ended))
        self._attack_job = job_id
        self.ready_to_attack_changed.emit()

    def cancel_attack(self) -> None:
        """Stop the attack, if one runs."""
        if self._attack_job is not None:
            self.cancel(self._attack_job)
            # What it still has to say concerns nobody any more.
            self._attack_job = None
            if self._case.preview is not None:
                self._case.set_preview(None)
            self.ready_to_attack_changed.emit()

    def request_features(self, layer: str, channels: int = 8) -> None:
        """Ask for the feature maps of a layer: of the outcome, else of the clean image."""
        case = self._case
        case.set_layer(layer)
        self._drop(self._feature_job)
        self._feature_job = None
        outcome, prediction = case.outcome, case.prediction
        if not layer or (outcome is None and prediction is None):
            return
        original = outcome.original if outcome else prediction.image
        adversarial = outcome.adversarial if outcome else None
        request = FeatureRequest(case.model, layer, original, adversarial, channels)
        title = self.tr("Feature maps of {layer}").format(layer=layer)

        def done(result: FeatureResult) -> None:
            holds = case.outcome is outcome and (outcome or case.prediction is prediction)
            if holds and result.request.layer == case.layer:
                case.set_features(result)

        self._feature_job = self._compute(request, Audience(title, done))

    # ------------------------------------------------------------------ jobs

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop. Takes effect within a step of it."""
        self._desk.cancel(job_id)

    def cancel_running(self) -> None:
        """Stop the attack; without one, everything that is listed but the start of the engine."""
        if self._attack_job is not None:
            self.cancel(self._attack_job)
            return
        self._desk.cancel_listed(self._engine_job)

    def stop(self) -> None:
        """Stop everything for good. Returns at once; `stopped` follows."""
        self._settling.stop()
        self.model_library.stop()
        self._opener.forget_wishes()
        self._desk.stop()

    def wait(self, milliseconds: int) -> bool:
        """Block until the threads have ended, at most so long. For the end of the program only."""
        return self._desk.wait(milliseconds)

    # ------------------------------------------------------------------ inside

    def _compute(self, request: Request, audience: Audience) -> int:
        ready = self.engine.ready
        return self._desk.compute(request, audience, ready.device if ready else self.device)

    def _drop(self, job_id: int | None) -> None:
        if job_id is not None:
            self.cancel(job_id)

    def _load_engine(self, title: str) -> None:
        self._set_engine(EngineState(EngineStage.LOADING))

        def ended() -> None:
            # Only a cancel leaves it at that; the next request loads the engine all the same.
            self._set_engine(EngineState())

        audience = Audience(title, self._engine_ready, failed=self._engine_failed, ended=ended)
        self._engine_job = self._compute(WarmUp(), audience)

    def _set_engine(self, state: EngineState) -> None:
        self.engine = state
        self.engine_changed.emit()
        self.ready_to_attack_changed.emit()

    def _engine_ready(self, ready: EngineReady) -> None:
        self._set_engine(EngineState(EngineStage.READY, ready))
        text = self.tr("Engine ready: {device}").format(device=ready.device_title)
        self._log.add(text, details="\n".join(f"{n} {v}" for n, v in ready.versions))

    def _engine_failed(self, failure: Failure) -> None:
        self._set_engine(EngineState(EngineStage.FAILED, reason=failure.text))
        self.notices.add_failure(self.tr("Loading the engine"), failure)

    def _models_found(self, models: tuple[LibraryEntry | BrokenEntry, ...]) -> None:
        known = {m.reason for m in self.models if isinstance(m, BrokenEntry)}
        opened = (m for m in self.models if m.path in self._opened_models)
        self.models = (*models, *opened)
        broken = [m.reason for m in models if isinstance(m, BrokenEntry) and m.reason not in known]
        summary = self.tr("%n model(s) cannot be used", None, len(broken))
        self.notices.add_list(summary, broken, Level.WARNING)
        self.models_changed.emit()

    def _choose(self, model: str) -> None:
        self.cancel_attack()
        self._case.set_model(model)
        if model:
            self._load(model)
        self._fit_to_model()

    def _load(self, model: str) -> None:
        title = self.tr("Load model {model}").format(model=Path(model).name)

        def loaded(answer: LoadedModel) -> None:
            self._case.set_loaded(answer)
            if answer.model == self._case.model:
                self._fit_to_model()

        request = LoadRequest(model, allow_code=self.model_library.allows(model))
        self._compute(request, Audience(title, loaded))

    def _fit_to_model(self) -> None:
        """Labels and objective of another model mean nothing to this one."""
        case = self._case
        card = self.card(case.model)
        if case.instance is not None:
            case.set_labels(self._labels_of(case.instance, case.frame))
        if card is None:
            return
        try:
            case.objective.check(card)
        except MedAdvError:
            case.set_attack(case.attack, Untargeted(), case.seed)

    def _labels_of(self, instance: Instance, frame: Frame | None) -> tuple[int, ...] | None:
        demo = self._demo.get(instance.path)
        if demo is not None:
            return demo.labels if demo.model == self._case.model else None
        card, named = self.card(self._case.model), self.librarian.labels
        return named.of(instance.path, frame, card) or self._studies.labels.get(instance.path)

    def _show(self, instance: Instance, frame: Frame) -> None:
        demo = self._demo.get(instance.path)
        if demo is not None:
            self._prepare(demo)
        self._case.set_frame(instance, frame, self._labels_of(instance, frame))
        for note in frame.notes:
            self._log.add(f"{named(instance.path)}: {note}")
        hurried = bool(self._predict_jobs) or self._settling.isActive()
        self._cancel_predictions()
        self._settling.start(_SETTLING_MS if hurried else 0)

    def _prepare(self, demo: DemoImage) -> None:
        """Put model and attack of a demo image in place."""
        from medadv_desktop.audit.demo import DEMO_ATTACK

        if self._case.model != demo.model:
            self._choose(demo.model)
        self._case.set_attack(DEMO_ATTACK, demo.objective, self._case.seed)

    def _leave_frame(self) -> None:
        self._drop(self._frame_job)
        self._frame_job = None
        self.cancel_attack()
        self._settling.stop()
        self._cancel_predictions()
        self._studies.set_current(None)
        self._case.set_frame(None, None)

    def _predict(self) -> None:
        """Let both queues forget older frames, then ask for this one."""
        self._cancel_predictions()
        if self._case.model and self._case.frame is not None:
            self._ask(self._case.model, self._case.frame, self._predicted)

    def _predict_second(self) -> None:
        if self._case.second_model and self._case.frame is not None:
            self._ask(self._case.second_model, self._case.frame, self._second_predicted)

    def _ask(self, model: str, frame: Frame, done: Callable[[PredictResult], None]) -> None:
        file = named(frame.provenance.path)
        title = self.tr("Predict {file} by {model}").format(file=file, model=Path(model).name)

        def ended() -> None:
            self._predict_jobs.discard(job_id)

        job_id = self._compute(PredictRequest(model, frame), Audience(title, done, ended=ended))
        self._predict_jobs.add(job_id)

    def _predicted(self, result: PredictResult) -> None:
        request = result.request
        if request.frame is self._case.frame and request.model == self._case.model:
            self._case.set_prediction(result)
            if self._attack_first == request.frame.provenance.path:
                self._attack_first = None
                self.run_attack()

    def _second_predicted(self, result: PredictResult) -> None:
        request = result.request
        if request.frame is self._case.frame and request.model == self._case.second_model:
            self._case.set_second_prediction(result)

    def _cancel_predictions(self) -> None:
        for job_id in tuple(self._predict_jobs):
            self.cancel(job_id)

    def _holds(self, request: AttackRequest) -> bool:
        case = self._case
        chosen = (case.model, case.second_model)
        return request.frame is case.frame and (request.model, request.second_model) == chosen

    def _told(self, outcome: AttackOutcome) -> str:
        verdict = self.tr("achieved") if outcome.success else self.tr("not achieved")
        return self.tr("{attack}: goal {verdict} after {steps} steps, {seconds} s").format(
            attack=outcome.request.attack.title,
            verdict=verdict,
            steps=outcome.steps,
            seconds=f"{outcome.seconds:.2f}",
        )
