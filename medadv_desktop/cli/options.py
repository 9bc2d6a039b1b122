"""Arguments that several commands share, and the program that they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS

app = typer.Typer(
    name="medadv",
    help=f"How diagnostic image models break under adversarial attack. {NOT_FOR_DIAGNOSIS}.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Paths = Annotated[
    list[Path],
    typer.Argument(help="Image files, DICOMDIR files, ZIP archives, or folders to search"),
]
ModelName = Annotated[
    str, typer.Option("--model", "-m", help="Id of a model (see `medadv models`), or a path")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda:N")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON")]
