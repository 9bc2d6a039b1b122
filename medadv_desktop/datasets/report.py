"""What `inspect` found, as a value and as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medadv_desktop.datasets.dataset import ColumnRoles, Task
from medadv_desktop.datasets.problems import Guess, Problems

SHOWN_PER_KIND = 10


@dataclass(frozen=True)
class ClassCount:
    """Samples of a class (or with a finding): in all, and (split, number) for each split."""

    name: str
    samples: int
    by_split: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class SplitCount:
    """Samples and patients of a split; the name "" stands for samples in none."""

    name: str
    samples: int
    patients: int
    unlabelled: int


@dataclass(frozen=True)
class SizeCount:
    """How many of the images looked at have this size in pixels."""

    height: int
    width: int
    color: bool
    images: int


@dataclass(frozen=True)
class DatasetReport:
    """A data set looked over.

    Attributes:
        patients: how many different ones are named.
        sizes: the commonest first.
        looked_at: images that were opened; `decoded` whether to the last pixel.
        compared: whether the contents of all files were compared.
        encodings: (text table, encoding in words).
        guesses, problems: everything concluded, everything wrong.
    """

    name: str
    root: Path
    layout: str
    task: Task
    samples: int
    classes: tuple[ClassCount, ...]
    splits: tuple[SplitCount, ...]
    patients: int
    sizes: tuple[SizeCount, ...]
    looked_at: int
    decoded: bool
    compared: bool
    encodings: tuple[tuple[Path, str], ...] = ()
    roles: ColumnRoles = field(default_factory=ColumnRoles)
    history: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()
    problems: Problems = field(default_factory=Problems)

    def lines(self, shown: int = SHOWN_PER_KIND) -> Iterator[str]:
        """The report as text; of each kind of problem at most `shown` are spelt out."""
        yield f"{self.name}: {self.samples:,} samples, {self.task}, layout {self.layout}"
        yield f"  at {self.root}"
        for step in self.history:
            yield f"  {step}"
        for file, encoding in self.encodings:
            yield f"  {file.name} is {encoding} text"
        yield "Classes" if self.task == "single-label" else "Findings"
        for entry in self.classes:
            parts = ", ".join(f"{split} {count:,}" for split, count in entry.by_split)
            yield f"  {entry.name}: {entry.samples:,}" + (f" ({parts})" if parts else "")
        yield "Splits"
        for part in self.splits:
            unknown = f", {part.unlabelled:,} without label" if part.unlabelled else ""
            people = f", {part.patients:,} patients" if self.patients else ""
            yield f"  {part.name or '(none)'}: {part.samples:,} samples{people}{unknown}"
        yield f"Patients: {self.patients:,}" if self.patients else "Patients: not named"
        how = "decoded" if self.decoded else "looked at by their headers"
        yield f"Images: {self.looked_at:,} of {self.samples:,} {how}; contents " + (
            "compared" if self.compared else "not compared"
        )
        for size in self.sizes[:shown]:
            color = "colour" if size.color else "grey"
            yield f"  {size.width} × {size.height} {color}: {size.images:,}"
        if len(self.sizes) > shown:
            yield f"  and {len(self.sizes) - shown:,} other sizes"
        yield from self._concluded(shown)

    def _concluded(self, shown: int) -> Iterator[str]:
        yield "Guesses" if self.guesses else "Guesses: none"
        for guess in self.guesses:
            yield f"  {guess}"
        yield "Problems" if self.problems else "Problems: none"
        for kind, count in self.problems.counts:
            yield f"  {kind}: {count:,}"
            listed = self.problems.of(kind)[:shown]
            for problem in listed:
                yield f"    {problem}"
            if count > len(listed):
                yield f"    and {count - len(listed):,} more"

    def as_json(self) -> dict[str, Any]:
        """The report as plain values for `json.dumps`; all listed problems are in it."""
        values: dict[str, Any] = _plain(asdict(self))
        return values


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value
