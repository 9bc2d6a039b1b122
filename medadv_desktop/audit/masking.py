"""What an audit calls samples, files and groups where nobody may learn who a patient is. No torch.

Names of files and folders, ids of samples and whatever a reader quotes of a file may name a
patient, and no rule can tell such a name from any other. So, unless identifiers are asked for:

- a sample is called by its place in the data set, "sample 17";
- a data set's folder by its name in the plan, any other file by its own name without its folders;
- conditions on ids and patients in a plan, and what messages quote, are replaced by dots;
- values of a column that tells patients apart are numbered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final

from medadv_desktop.audit.plan.schema import AuditPlan
from medadv_desktop.imaging.phi import MASKED, mask_text

_CONDITION: Final = re.compile(r"\b(id|path|patient)\s*(!=|<=|>=|=|<|>|~)\s*[^;|]*", re.IGNORECASE)
_PATH: Final = re.compile(r"(?<![\w\"'./\\])(?:/[^\s/:\"'][^\n:;,\"']*|[A-Za-z]:\\[^\n:;,\"']+)")


@dataclass(frozen=True)
class Naming:
    """How things are called.

    Attributes:
        identifiers: by their own names; else nobody may learn who a patient is.
    """

    identifiers: bool = False

    def sample(self, place: int, name: str) -> str:
        """A sample, by its place in the data set, from 0."""
        return name if self.identifiers else f"sample {place + 1}"

    def text(self, text: str, *names: str) -> str:
        """A message; `names` are what it must not say besides."""
        if self.identifiers:
            return text
        for name in sorted(filter(None, names), key=len, reverse=True):
            text = text.replace(name, MASKED)
        text = _CONDITION.sub(lambda found: f"{found[1]}{found[2]}{MASKED}", mask_text(text))
        return _PATH.sub(lambda found: self.path(found[0]), text)

    def path(self, text: str) -> str:
        """A file or folder; anything but an absolute path is left."""
        if self.identifiers or not _is_absolute(text):
            return text
        return (PureWindowsPath(text) if "\\" in text else PurePosixPath(text)).name

    def groups(self, column: str, names: Sequence[str], samples: int) -> tuple[str, ...]:
        """Values of a column of `samples` samples, numbered where they tell patients apart."""
        telling = column.strip().lower() in ("patient", "id", "name") or 2 * len(names) > samples
        if self.identifiers or not telling:
            return tuple(names)
        return tuple(f"group {k + 1}" if name else "" for k, name in enumerate(names))

    def plan(self, plan: AuditPlan) -> dict[str, Any]:
        """A plan as plain values."""
        values: dict[str, Any] = plan.model_dump(mode="json")
        if self.identifiers:
            return values
        for dataset in values["datasets"]:
            dataset["path"] = f"‹{dataset['id']}›"
        masked: dict[str, Any] = self._inside(values)
        return masked

    def _inside(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: self.text(v) if k == "filter" else self._inside(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._inside(v) for v in value]
        return self.path(value) if isinstance(value, str) else value


def _is_absolute(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
