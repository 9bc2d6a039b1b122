"""What an audit leaves: `report`, `compare` two of them, `verify` that nothing was changed."""

from __future__ import annotations

import getpass
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadv_desktop import NOT_FOR_DIAGNOSIS
from medadv_desktop.cli.options import Json, app
from medadv_desktop.cli.running import DONE, cancellable, complain, progress_line
from medadv_desktop.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from medadv_desktop.audit.comparison import CellComparison, Comparison, Difference
    from medadv_desktop.audit.integrity import Verification
    from medadv_desktop.audit.masking import Naming

CHANGED = 1
"""Exit code of `verify` where something differs."""

PASSPHRASE = "MEDADV_KEY_PASSPHRASE"
"""Environment variable with the passphrase of a key, where nobody can be asked."""

Run = Annotated[Path, typer.Argument(help="Folder of an audit")]
Identifiers = Annotated[
    bool,
    typer.Option(
        "--identifiers",
        help="Call samples, patients and folders by their names; else nobody learns who they are",
    ),
]


@app.command()
def report(
    run: Run,
    formats: Annotated[
        str, typer.Option("--format", help="html, pdf, json, csv; several by commas")
    ] = "html",
    identifiers: Identifiers = False,
    sign: Annotated[
        Path | None,
        typer.Option(
            help="Sign the integrity file with this Ed25519 key (PEM or OpenSSH); its passphrase "
            f"is asked for, or stands in {PASSPHRASE}"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write it there instead of RUN/report")] = None,
) -> None:
    """Write the report of an audit, finished or not, and its integrity file.

    With --out the integrity file is left as it is: nothing in the audit's folder changes.
    """
    from medadv_desktop.audit.integrity import make_integrity
    from medadv_desktop.audit.report.building import build_report

    if sign is not None and out is not None:
        raise SettingsError("signs the audit's own folder, not --out", subject="--sign")
    names: Any = [name.strip() for name in formats.split(",") if name.strip()]
    key = None if sign is None else _key(sign)
    with cancellable() as token, progress_line("report") as emit:
        made = build_report(
            run, formats=names, identifiers=identifiers, out=out, emit=emit, token=token
        )
        if out is None:
            made += (make_integrity(run, key=key, emit=emit, token=token),)
    for path in made:
        print(f"written    {path}")
    print(NOT_FOR_DIAGNOSIS)


@app.command()
def verify(
    run: Run,
    public_key: Annotated[
        Path | None, typer.Option(help="Of whoever should have signed (PEM or OpenSSH)")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find what has changed in an audit since its integrity file was written.

    Exit code 0: nothing; 1: something, or the signature is not right; 2: it cannot be told.
    """
    from medadv_desktop.audit.integrity import load_public_key
    from medadv_desktop.audit.integrity import verify as verified

    key = None if public_key is None else load_public_key(public_key)
    with cancellable() as token, progress_line("verifying") as emit:
        found = verified(run, public_key=key, emit=emit, token=token)
    if as_json:
        described = {name: getattr(found, name) for name in found.__dataclass_fields__}
        print(json.dumps({"intact": found.intact, **described}, indent=2, ensure_ascii=False))
    else:
        _print_verification(found)
    raise typer.Exit(DONE if found.intact else CHANGED)


@app.command()
def compare(
    first: Run,
    second: Run,
    models: Annotated[
        str, typer.Option(help="A model of each, by a comma; else those of the same id")
    ] = "",
    identifiers: Identifiers = False,
    as_json: Json = False,
) -> None:
    """Two audits side by side, or two models of one: differences, and how sure they are.

    A difference is that of the second minus the first. Figures are compared sample by sample where
    both audits looked at the same samples: p is of McNemar's exact test.
    """
    from medadv_desktop.audit.comparison import compare as compared
    from medadv_desktop.audit.comparison import describe_comparison
    from medadv_desktop.audit.masking import Naming

    pair = tuple(name.strip() for name in models.split(",")) if models else None
    if pair is not None and len(pair) != 2:
        raise SettingsError("names two models, by a comma", subject="--models")
    with cancellable() as token:
        found = compared(first, second, models=pair, token=token)
    naming = Naming(identifiers)
    if as_json:
        described = describe_comparison(found, naming)
        print(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        _print_comparison(found, naming)


def _key(path: Path) -> Ed25519PrivateKey:
    """The key; its passphrase from the environment or from whoever sits there."""
    from medadv_desktop.audit.integrity import load_private_key
    from medadv_desktop.errors import AuditError

    given = os.environ.get(PASSPHRASE)
    try:
        return load_private_key(path, given.encode() if given else None)
    except AuditError as error:
        if given or "needs a passphrase" not in error.reason or not sys.stdin.isatty():
            raise
    return load_private_key(path, getpass.getpass(f"Passphrase of {path}: ").encode())


def _print_verification(found: Verification) -> None:
    for title, paths in (
        ("changed", found.changed),
        ("missing", found.missing),
        ("added", found.added),
    ):
        for path in paths:
            print(f"{title:10} {path}")
    told = {
        "none": "not signed: a change on purpose may have been hidden",
        "valid": f"signed by the key given (SHA-256 {found.key})",
        "invalid": "the signature is missing or wrong",
        "other key": f"signed by another key (SHA-256 {found.key})",
        "key not checked": f"signed by a key with SHA-256 {found.key}; --public-key checks whose",
    }
    print(f"signature  {told[found.signature]}")
    print(f"{'intact' if found.intact else 'CHANGED'}     {found.files} files")


def _print_comparison(found: Comparison, naming: Naming) -> None:
    from medadv_desktop.audit.comparison import plan_value

    print(
        f"first      {naming.path(str(found.first))}\nsecond     {naming.path(str(found.second))}"
    )
    for mine, theirs in found.models:
        print(f"models     {mine}" + (f" and {theirs}" if mine != theirs else ""))
    for warning in found.warnings:
        complain(warning)
    for own in found.plan:
        both = (plan_value(own, value, naming) for value in (own.first, own.second))
        one, other = ("–" if value is None else value for value in both)
        print(f"plan       {own.field}: {one} → {other}")
    for cell in found.cells:
        _print_cell(cell)
    for title, cells in (("first", found.only_first), ("second", found.only_second)):
        for only in cells:
            print(f"only in the {title}: {only.model}, {only.dataset}, {only.title}")
    print(NOT_FOR_DIAGNOSIS)


def _print_cell(cell: CellComparison) -> None:
    pairs = "the same samples" if cell.paired else "independent samples"
    print(f"\n{cell.title}, {cell.first.model} and {cell.second.model}: {cell.samples}, {pairs}")
    for title, own in (
        ("clean accuracy", cell.clean),
        ("robust accuracy", cell.robust),
        ("flip probability", cell.flips),
    ):
        if own is not None:
            print(f"  {title:17} {_difference(own)}")
    if len(cell.now_wrong) or len(cell.now_right):
        print(f"  {len(cell.now_wrong)} samples are wrong now, {len(cell.now_right)} right")
    for note in cell.notes:
        print(f"  note: {note}")


def _difference(own: Difference) -> str:
    text = f"{own.first.value:.3f} → {own.second.value:.3f}"
    found = own.difference
    if found is not None:
        text += f", difference {found.value:+.3f}"
        if found.low is not None and found.high is not None:
            text += f" [{found.low:+.3f}, {found.high:+.3f}]"
    return text if own.p is None else f"{text}, p {own.p:.3g}"
