"""What labelled sets hold: `dataset info`."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadv_desktop.cli.options import Json, app
from medadv_desktop.cli.running import cancellable, complain, progress_line
from medadv_desktop.datasets.options import DatasetOptions
from medadv_desktop.settings import Field, allowed, fields_of, parse

if TYPE_CHECKING:
    from medadv_desktop.audit.evaluation import LeftOut
    from medadv_desktop.datasets.dataset import Dataset
    from medadv_desktop.jobs import CancelToken, Emit

_COMPLAINTS = 10

dataset_app = typer.Typer(help="Labelled sets.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(dataset_app, name="dataset")

DatasetPath = Annotated[
    Path, typer.Argument(help="A folder, a table (CSV, TSV, XLSX, XLS) or an .npz archive")
]


def with_dataset_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of `DatasetOptions`; it takes them as `options`."""
    fields = fields_of(DatasetOptions)

    @functools.wraps(command)
    def run(**values: Any) -> None:
        chosen = {f.name: values.pop(f.name) for f in fields}
        command(options=parse(DatasetOptions, chosen), **values)

    given = inspect.signature(command, eval_str=True).parameters.values()
    own = [parameter for parameter in given if parameter.name != "options"]
    added = [_option(field) for field in fields]
    required = [p for p in own if p.default is inspect.Parameter.empty]
    optional = [p for p in own if p.default is not inspect.Parameter.empty]
    run.__signature__ = inspect.Signature([*required, *optional, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *added)}
    return run


def opened_part(
    path: Path,
    options: DatasetOptions,
    token: CancelToken,
    emit: Emit,
    *,
    seed: int,
    **part: object,
) -> Dataset:
    """Open a labelled set, and take the part of it that fields of `Subset` describe.

    Raises:
        DatasetError: no data set, or nothing of it is left.
        SettingsError: a field is refused.
    """
    from medadv_desktop.datasets.opening import open_dataset
    from medadv_desktop.datasets.subset import Subset

    dataset = open_dataset(path, options, token, emit)
    return parse(Subset, part | {"seed": seed}).apply(dataset) if any(part.values()) else dataset


def tell_left_out(left_out: Sequence[LeftOut]) -> None:
    """The first samples that could not be used, on standard error."""
    for entry in left_out[:_COMPLAINTS]:
        complain(f"{entry.path}: left out: {entry.reason}")
    if len(left_out) > _COMPLAINTS:
        complain(f"{len(left_out) - _COMPLAINTS} more samples are left out")


def _option(field: Field) -> inspect.Parameter:
    text = f"{field.help}: {allowed(field)}" if field.choices else field.help
    name = f"--{field.name.replace('_', '-')}"
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=str(field.default),
        annotation=Annotated[str, typer.Option(name, help=text, rich_help_panel="Data set")],
    )


@dataset_app.command("info")
@with_dataset_options
def info(
    path: DatasetPath,
    *,
    options: DatasetOptions,
    images: Annotated[str, typer.Option(help="Open all, a sample or none of the images")] = "all",
    sample_size: Annotated[int, typer.Option(help="Images that are opened of a sample")] = 500,
    decode: Annotated[
        bool, typer.Option(help="Decode every pixel, or look at headers alone")
    ] = True,
    duplicates: Annotated[
        bool, typer.Option(help="Compare the contents of files, and take the fingerprint")
    ] = True,
    as_json: Json = False,
) -> None:
    """What a labelled set holds, and everything that is wrong with it, before it is used."""
    from medadv_desktop.datasets.fingerprint import fingerprint
    from medadv_desktop.datasets.inspection import InspectionSettings
    from medadv_desktop.datasets.inspection import inspect as look
    from medadv_desktop.datasets.opening import open_dataset

    settings = parse(
        InspectionSettings,
        {
            "images": images,
            "sample_size": sample_size,
            "decode": decode,
            "duplicates": duplicates,
        },
    )
    with cancellable() as token, progress_line("looking over") as emit:
        dataset = open_dataset(path, options, token, emit)
        report = look(dataset, token, emit, settings)
        named = fingerprint(dataset, token, emit) if duplicates else None
    if as_json:
        content = report.as_json()
        content["fingerprint"] = (
            None
            if named is None
            else {"sha256": named.sha256, "samples": named.samples, "missing": named.missing}
        )
        print(json.dumps(content, indent=2, ensure_ascii=False))
        return
    for line in report.lines():
        print(line)
    print(f"Fingerprint: {named or 'not taken'}")
