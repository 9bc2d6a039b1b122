"""The `medadv` command: every job without a screen, and the door to the window.

Exit codes: 0 done, 2 bad input or usage, 130 cancelled. Errors are one line each on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS, __version__
from medadv_desktop.errors import MedAdvError, SettingsError
from medadv_desktop.jobs import CancelToken, Event, JobCancelled, Message, Progress

DONE, BAD_INPUT, CANCELLED = 0, 2, 130

# typer brings its own copy of click in newer releases; its exceptions are found through a subclass.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="medadv",
    help=f"How diagnostic image models break under adversarial attack. {NOT_FOR_DIAGNOSIS}.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Paths = Annotated[list[Path], typer.Argument(help="Image files, or folders to search")]
ModelName = Annotated[
    str, typer.Option("--model", "-m", help="Id of a model (see `medadv models`), or a path")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda:N")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors")] = False,
) -> None:
    """Without a command: open the window."""
    if debug:
        os.environ["MEDADV_DEBUG"] = "1"
    if show_version:
        print(f"medadv {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        gui([])


@app.command()
def gui(
    paths: Annotated[list[Path] | None, typer.Argument(help="Scans or folders to open")] = None,
    model: ModelName = "",
) -> None:
    """Open the window."""
    from medadv_desktop.gui.application import run_window

    raise typer.Exit(run_window([Path(p) for p in paths or ()], model=model))


@app.command()
def info(paths: Paths, as_json: Json = False) -> None:
    """What files and folders hold, without decoding their pixels."""
    from medadv_desktop.imaging.frame import Unreadable
    from medadv_desktop.imaging.scanning import scan

    with cancellable() as token:
        found = list(scan(paths, token))
    failed = [f for f in found if isinstance(f, Unreadable) and not f.skipped]
    if as_json:
        print(json.dumps([_described(f) for f in found], indent=2, ensure_ascii=False))
    else:
        for entry in found:
            if not isinstance(entry, Unreadable):
                print(_line(entry))
            elif entry.skipped:
                print(f"{entry.path}  skipped: {entry.reason}")
    for failure in failed:
        complain(f"{failure.path}: {failure.reason}")
    raise typer.Exit(BAD_INPUT if failed else DONE)


@app.command()
def models(as_json: Json = False) -> None:
    """The models that can be chosen by name."""
    from medadv_desktop.models.library import BrokenEntry, library

    entries = library()
    good = [e for e in entries if not isinstance(e, BrokenEntry)]
    if as_json:
        cards = [e.card.model_dump(mode="json") | {"path": str(e.path)} for e in good]
        print(json.dumps(cards, indent=2, ensure_ascii=False))
    else:
        for card in (e.card for e in good):
            print(f"{card.id}  {card.task}, {len(card.classes)} classes: {', '.join(card.classes)}")
            print(f"    {card.summary}")
            for figure in card.figures:
                print(f"    {figure.name}: {figure.value:.3f} (n = {figure.samples})")
    for broken in (e for e in entries if isinstance(e, BrokenEntry)):
        complain(broken.reason)


@app.command()
def predict(
    paths: Paths,
    model: ModelName,
    frame: Annotated[int, typer.Option(help="Frame of a multi-frame file, from 0")] = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """What a model says of images."""
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.requests import PredictRequest, PredictResult
    from medadv_desktop.imaging.reading import read_frame

    engine = Engine(device)
    engine.model(model)
    records: list[dict[str, Any]] = []

    def one(path: Path, token: CancelToken) -> None:
        result = engine.run(PredictRequest(model, read_frame(path, frame)), token=token)
        assert isinstance(result, PredictResult)
        prediction = result.prediction
        if as_json:
            scores = dict(
                zip(prediction.card.classes, prediction.probabilities.tolist(), strict=True)
            )
            records.append(
                {
                    "path": str(path),
                    "model": prediction.card.id,
                    "decided": list(prediction.decided),
                    "probabilities": scores,
                    "notes": [*result.request.frame.notes, *result.plan.notes],
                }
            )
        else:
            decided = ", ".join(prediction.decided) or "no finding"
            print(f"{path}  {decided}  ({_scores(prediction)})")

    code = for_each(paths, one)
    if as_json:
        print(json.dumps(records, indent=2, ensure_ascii=False))
    raise typer.Exit(code)


@app.command()
def attack(
    paths: Paths,
    model: ModelName,
    out: Annotated[Path, typer.Option(help="Folder for the results")],
    attack_name: Annotated[str, typer.Option("--attack", help="Name of the attack")] = "pgd",
    eps: Annotated[str, typer.Option(help="Budget ε, like 4/255 or 0.0157")] = "4/255",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the attack: --set steps=20 (repeatable)"),
    ] = None,
    goal: Annotated[
        str, typer.Option(help="untargeted, targeted, flip-all, flip, hide or insert")
    ] = "untargeted",
    to: Annotated[
        list[str] | None,
        typer.Option(help="The class (targeted) or finding (flip, hide, insert), by name or index"),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="True class, or a finding that is present (repeatable; 'none': no finding). "
            "Without it the clean prediction is the reference"
        ),
    ] = None,
    second_model: Annotated[
        str, typer.Option(help="Another model that judges the same images")
    ] = "",
    frame: Annotated[int, typer.Option(help="Frame of a multi-frame file, from 0")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random start", min=0)] = 0,
    device: Device = "auto",
) -> None:
    """Attack images; leave adversarial images, exact arrays and a JSON behind."""
    from medadv_desktop.attacks.registry import make_attack
    from medadv_desktop.models.library import find

    card = find(model).card
    chosen = make_attack(attack_name, {"epsilon": eps, **_assignments(settings or [])})
    objective = _objective(card, goal, to or [])
    objective.check(card)
    labels = _labels(card, label)
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.requests import AttackRequest

    engine = Engine(device)
    engine.model(model)
    if second_model:
        engine.model(second_model)

    def one(path: Path, token: CancelToken) -> None:
        from medadv_desktop.imaging.reading import read_frame

        request = AttackRequest(
            model, read_frame(path, frame), chosen, objective, labels, second_model, seed
        )
        _attack_and_save(engine, request, free_folder(out, path), token)

    raise typer.Exit(for_each(paths, one))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for study and results")] = Path("medadv-demo"),
    window: Annotated[
        bool | None,
        typer.Option(help="In a window, or without; by default as the display allows"),
    ] = None,
    device: Device = "auto",
) -> None:
    """The main job on phantoms: open, predict, attack, look."""
    from medadv_desktop.audit.demo import DEMO_ATTACK, write_demo_study

    images = write_demo_study(out / "study")
    print(f"Demo study: {out / 'study'} ({len(images)} images). {NOT_FOR_DIAGNOSIS}.", flush=True)
    if window if window is not None else display_works():
        from medadv_desktop.gui.application import run_demo_window

        print("Opening the window. `medadv demo --no-window` runs the same job without it.")
        raise typer.Exit(run_demo_window(images, device=device))
    from medadv_desktop.audit.engine import Engine
    from medadv_desktop.audit.requests import AttackRequest
    from medadv_desktop.imaging.reading import read_frame

    engine = Engine(device)
    by_path = {image.path: image for image in images}

    def one(path: Path, token: CancelToken) -> None:
        image = by_path[path]
        request = AttackRequest(
            image.model, read_frame(path), DEMO_ATTACK, image.objective, image.labels
        )
        _attack_and_save(engine, request, out / "results" / path.stem, token)

    code = for_each([image.path for image in images], one)
    if code == DONE:
        screenshot = out / "window.png"
        draw_window_offscreen(out, screenshot)
        print(f"The window, drawn off screen: {screenshot}")
    raise typer.Exit(code)


def main() -> None:
    """Run the command and end the process with its exit code."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; errors become one line on standard error."""
    debug = "--debug" in arguments or bool(os.environ.get("MEDADV_DEBUG"))
    arguments = [a for a in arguments if a != "--debug"]
    try:
        code = app(args=arguments, prog_name="medadv", standalone_mode=False)
    except (JobCancelled, KeyboardInterrupt):
        complain("cancelled")
        return CANCELLED
    except (MedAdvError, _UsageError) as error:
        if debug:
            traceback.print_exc()
        complain(_said(error))
        return BAD_INPUT
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is wrong here.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        return DONE
    return int(code or DONE)


@contextmanager
def cancellable() -> Iterator[CancelToken]:
    """A token that Ctrl+C cancels; a second Ctrl+C interrupts at once."""
    token = CancelToken()

    def stop(_number: int, _stack: object) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        token.cancel()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, previous)


def for_each(paths: list[Path], job: Callable[[Path, CancelToken], None]) -> int:
    """Do a job for every image at the paths; what fails is told and does not stop the rest.

    Returns:
        0, or 2 where a file failed or no image was found.
    """
    from medadv_desktop.imaging.frame import Unreadable
    from medadv_desktop.imaging.scanning import scan

    failures = found_any = 0
    with cancellable() as token:
        for found in scan(paths, token):
            if isinstance(found, Unreadable):
                # In a folder other things than images are no failure; named outright they are.
                if not found.skipped or found.path in paths:
                    complain(f"{found.path}: {found.reason}")
                    failures += 1
                continue
            found_any += 1
            try:
                job(found.path, token)
            except MedAdvError as error:
                text = str(error)
                named = str(found.path) in text
                complain(text if named else f"{found.path}: {text}")
                failures += 1
    if not found_any and not failures:
        complain(f"no image in {', '.join(map(str, paths))}")
        return BAD_INPUT
    return BAD_INPUT if failures else DONE


def complain(text: str) -> None:
    """One line on standard error."""
    print(f"medadv: {' '.join(text.split())}", file=sys.stderr, flush=True)


def free_folder(out: Path, path: Path) -> Path:
    """A folder in `out` named after the file, numbered where the name is taken by another file."""
    folder, number = out / path.stem, 1
    while (folder / "result.json").exists() and not _is_of(folder, path):
        number += 1
        folder = out / f"{path.stem}-{number}"
    return folder


def _is_of(folder: Path, path: Path) -> bool:
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return bool(content["input"]["path"] == str(path))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _attack_and_save(engine: Any, request: Any, folder: Path, token: CancelToken) -> None:
    from medadv_desktop.audit.saving import save_outcome

    path = request.frame.provenance.path
    with progress_line(path.name) as emit:
        outcome = engine.run(request, emit, token)
    save_outcome(outcome, folder)
    before = ", ".join(outcome.clean.decided) or "no finding"
    after = ", ".join(outcome.attacked.decided) or "no finding"
    verdict = "succeeded" if outcome.success else "failed"
    print(
        f"{path}  {before} -> {after}  attack {verdict}, {outcome.steps} steps, "
        f"Linf {outcome.linf * 255:.2f}/255, L2 {outcome.l2:.3f}  {folder}",
        flush=True,
    )


@contextmanager
def progress_line(title: str) -> Iterator[Callable[[Event], None]]:
    """Progress drawn on a terminal; nothing but messages in a pipe."""
    terminal = sys.stderr.isatty()

    def emit(event: Event) -> None:
        if isinstance(event, Message):
            complain(event.text)
        elif terminal and isinstance(event, Progress) and event.total:
            share = event.done / event.total
            bar = "█" * round(share * 20)
            print(f"\r{title}  {bar:░<20} {share:4.0%}", end="", file=sys.stderr, flush=True)

    try:
        yield emit
    finally:
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def display_works() -> bool:
    """Whether a window can be opened here. Asked in a process of its own: Qt aborts where not."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if platform in ("offscreen", "minimal"):
        return False
    unix = sys.platform not in ("win32", "darwin")
    if unix and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    trial = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", trial], capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    if done.returncode != 0:
        complain("a display is set, but no window can be opened on it; going on without")
    return done.returncode == 0


def draw_window_offscreen(folder: Path, screenshot: Path) -> None:
    """Run the demo in a window that is drawn off screen, in a process of its own."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "medadv_desktop.gui.snapshot", str(folder), str(screenshot)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not screenshot.exists():
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MedAdvError(f"the window could not be drawn off screen ({last})", subject=screenshot)


def _assignments(texts: list[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(
                "is not of the form field=value", subject=text, remedy="Write --set steps=20"
            )
        values[name.strip()] = value.strip()
    return values


def _objective(card: Any, goal: str, names: list[str]) -> Any:
    from medadv_desktop.attacks.registry import OBJECTIVES, make_objective

    indices = [_class_index(card, name) for name in names]
    fields = OBJECTIVES[goal].model_fields if goal in OBJECTIVES else {}
    if not fields:
        if names and goal in OBJECTIVES:
            raise SettingsError(f"the goal {goal} takes no class or finding", subject="--to")
        return make_objective(goal, {})
    field = next(iter(fields))
    if field == "findings":
        return make_objective(goal, {field: indices})
    if len(indices) != 1:
        raise SettingsError(f"the goal {goal} takes exactly one", subject="--to")
    return make_objective(goal, {field: indices[0]})


def _labels(card: Any, names: list[str] | None) -> tuple[int, ...] | None:
    if not names:
        return None
    if card.multi_label:
        chosen = set() if names == ["none"] else {_class_index(card, name) for name in names}
        return tuple(int(i in chosen) for i in range(len(card.classes)))
    if len(names) != 1:
        raise SettingsError(f"{card.name} knows one true class per image", subject="--label")
    return (_class_index(card, names[0]),)


def _class_index(card: Any, name: str) -> int:
    if name in card.classes:
        return int(card.classes.index(name))
    if name.isdecimal() and int(name) < len(card.classes):
        return int(name)
    raise SettingsError(
        f"{card.name} has no such class or finding",
        subject=name,
        remedy=f"Name one of: {', '.join(card.classes)}",
    )


def _line(instance: Any) -> str:
    height, width = instance.size
    frames = f", {instance.frames} frames" if instance.frames > 1 else ""
    source = instance.provenance
    kind = f"{source.modality} " if source.modality else ""
    return (
        f"{instance.path}  {kind}{width}×{height}{frames}, {instance.photometric}, "
        f"{instance.bits_stored} bits, {source.transfer_syntax}"
    )


def _described(found: Any) -> dict[str, Any]:
    from medadv_desktop.imaging.frame import Unreadable

    if isinstance(found, Unreadable):
        outcome = "skipped" if found.skipped else "failed"
        return {"path": str(found.path), "outcome": outcome, "reason": found.reason}
    source = found.provenance
    return {
        "path": str(found.path),
        "outcome": "read",
        "modality": source.modality,
        "height": found.size[0],
        "width": found.size[1],
        "frames": found.frames,
        "photometric": found.photometric,
        "bits_stored": found.bits_stored,
        "transfer_syntax": source.transfer_syntax,
        "sop_instance_uid": source.sop_instance_uid,
        "series_instance_uid": source.series_instance_uid,
        "study_instance_uid": source.study_instance_uid,
        "space": found.space.value,
    }


def _scores(prediction: Any) -> str:
    pairs = zip(prediction.card.classes, prediction.probabilities, strict=True)
    return ", ".join(f"{name} {value:.3f}" for name, value in pairs)


def _said(error: BaseException) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    return str(text)
