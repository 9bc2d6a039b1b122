"""The `medadv` command: every job without a screen, and the door to the window.

Exit codes: 0 done, 2 bad input or usage, 130 cancelled. Errors are one line each on standard error.
Adding a command: a function with `@app.command()` in a file of its group, imported here.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from medadv_desktop import __version__
from medadv_desktop.cli import (
    analyzing,
    attacking,
    auditing,
    corrupting,
    datasets,
    evaluating,
    explaining,
    files,
    generators,
    importing,
    listing,
    predicting,
    reporting,
    searching,
    showing,
    training,
)
from medadv_desktop.cli.options import app
from medadv_desktop.cli.running import BAD_INPUT, CANCELLED, DONE, complain
from medadv_desktop.errors import MedAdvError
from medadv_desktop.jobs import JobCancelled

__all__ = [
    "BAD_INPUT",
    "CANCELLED",
    "DONE",
    "analyzing",
    "app",
    "attacking",
    "auditing",
    "corrupting",
    "datasets",
    "evaluating",
    "explaining",
    "files",
    "generators",
    "importing",
    "listing",
    "main",
    "predicting",
    "reporting",
    "run",
    "searching",
    "showing",
    "training",
]

# typer brings its own copy of click in newer releases; its exceptions are found through a subclass.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


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
        showing.gui([])


def main() -> None:
    """Run the command and end the process with its exit code."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; errors become one line on standard error."""
    # Threads that spin while they wait starve everybody else on a machine of few cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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


def _said(error: BaseException) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    return str(text)
