"""Settings as TOML files (plans, recipes): read with one clear error, written with every default.

No torch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic

import tomli_w
from pydantic import ValidationError

from medadv_desktop.errors import MedAdvError
from medadv_desktop.settings import SettingsT

_LARGEST: Final = 4 << 20


@dataclass(frozen=True)
class TomlKind(Generic[SettingsT]):
    """A kind of file.

    Attributes:
        settings: what it holds; `version` of it is the one this program knows.
        what: it, in the words of an error.
        error: what is raised.
        page: of the documentation, with all fields.
    """

    settings: type[SettingsT]
    version: int
    what: str
    error: type[MedAdvError]
    page: str

    def text(self, path: Path) -> str:
        """The text of a file.

        Raises:
            MedAdvError: `error`: missing, far too large, or no text in UTF-8.
        """
        try:
            if path.stat().st_size > _LARGEST:
                raise self.error(f"is far too large for {self.what}", subject=path)
            return path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise self.error(f"cannot be read ({error.strerror or error})", subject=path) from None
        except UnicodeDecodeError:
            raise self.error("is no text in UTF-8", subject=path) from None

    def values(self, text: str, subject: str) -> dict[str, Any]:
        """The plain values of a text.

        Raises:
            MedAdvError: `error`: it is no TOML.
        """
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise self.error(f"is no TOML: {error}", subject=subject) from None

    def build(self, values: Mapping[str, Any], subject: str) -> SettingsT:
        """The settings of plain values.

        Raises:
            MedAdvError: `error`: another version, or a wrong field, which is named.
        """
        version = values.get("version", self.version)
        if version != self.version:
            newer = isinstance(version, int) and version > self.version
            raise self.error(
                f"has version {version!r}; this program knows version {self.version}",
                subject=subject,
                remedy="Update this program" if newer else f"Write version = {self.version}",
            )
        try:
            return self.settings(**values)
        except ValidationError as error:
            first = error.errors()[0]
            where = _where(first["loc"], values)
            reason = first["msg"].removeprefix("Value error, ").rstrip(".")
            if first["type"] == "extra_forbidden":
                reason = "there is no such field"
            elif first["type"] == "missing":
                reason = "is missing"
            raise self.error(
                f"{where}: {reason[:1].lower()}{reason[1:]}" if where else reason,
                subject=subject,
                remedy=f"See {self.page} for all fields",
            ) from None


def as_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML; what is None is left out."""
    return tomli_w.dumps(_without_none(values))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(v) for v in value]
    return value


def _where(location: tuple[int | str, ...], values: Mapping[str, Any]) -> str:
    """ "attacks[1] (pgd).epsilons[0]": the place of an error, entries with their ids."""
    text, here = "", values
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
        try:
            here = here[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            here = {}
        if isinstance(part, int) and isinstance(here, Mapping):
            name = here.get("id", here.get("kind"))
            text += f" ({name})" if isinstance(name, str) else ""
    return text
