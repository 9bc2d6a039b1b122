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
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run the model's Python file. It may do anything that you may do on this computer: "
        "read it first",
    ),
]
Budget = Annotated[
    str, typer.Option("--eps", help="Budget ε, like 4/255 or 0.0157; else the attack's own")
]
AttackSettings = Annotated[
    list[str] | None,
    typer.Option("--set", help="A field of the attack: --set steps=20 (repeatable)"),
]
Preset = Annotated[
    str,
    typer.Option(
        help="Settings ready made, instead of --attack (see `medadv attacks`); --eps and --set "
        "change them"
    ),
]
Goal = Annotated[
    str,
    typer.Option(
        help="One class each: untargeted, targeted, least-likely, out-of-top-k; findings: "
        "untargeted, flip-all, flip, hide, insert, out-of-top-findings"
    ),
]
GoalClasses = Annotated[
    list[str] | None,
    typer.Option(
        "--to", help="The class (targeted) or finding (flip, hide, insert), by name or index"
    ),
]
GoalSettings = Annotated[
    list[str] | None,
    typer.Option("--goal-set", help="Another field of the goal: --goal-set k=3 (repeatable)"),
]
AttackName = Annotated[str, typer.Option("--attack", help="Name of the attack")]
Split = Annotated[str, typer.Option(help="Splits, separated by |; else all samples")]
OnlyClasses = Annotated[str, typer.Option(help="Samples of these classes alone, separated by |")]
OnlyWhere = Annotated[
    str, typer.Option("--filter", help="Conditions such as id=ISIC_00* or patient!=17, by ;")
]
PerClass = Annotated[
    int | None, typer.Option(help="At most so many of each class, drawn by the seed", min=1)
]
Limit = Annotated[
    int | None, typer.Option(help="At most so many samples, drawn by the seed", min=1)
]
MatchOrder = Annotated[
    bool, typer.Option("--match-order", help="The set's classes stand in the model's order")
]
BatchSize = Annotated[int, typer.Option(help="Images at a time", min=1)]
Seed = Annotated[int, typer.Option(help="Of the attack and of the draw", min=0)]
Workers = Annotated[
    int | None, typer.Option(help="Threads that decode; else what suits the machine", min=1)
]
SearchPrecision = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Of the search: exact, float32 (a faster copy) or mixed (bfloat16 where the hardware "
        "has it, then float32); the model itself judges",
    ),
]
EvaluationFile = Annotated[
    Path | None,
    typer.Option("--out", help="Write everything to this .json, or the rows to this .csv"),
]
