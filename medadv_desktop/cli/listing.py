"""What can be run: `attacks`."""

from __future__ import annotations

import json
from typing import Any

from medadv_desktop.cli.options import Json, app
from medadv_desktop.settings import Field, allowed, fields_of

_GROUPS = {
    "budget": "best change within a budget",
    "smallest": "smallest change",
    "prepared": "prepared beforehand",
    "spatial": "shifts, patches, single pixels",
    "floor": "floor that every attack must beat",
}


@app.command()
def attacks(as_json: Json = False) -> None:
    """Every attack, goal and preset, with their fields."""
    from medadv_desktop.attacks.presets import PRESETS
    from medadv_desktop.attacks.registry import ATTACKS, OBJECTIVES
    from medadv_desktop.attacks.threat import GROUPS, group_of, norms_of

    if as_json:
        told: dict[str, Any] = {
            "attacks": [
                {
                    "name": kind.name,
                    "title": kind.title,
                    "summary": kind.summary,
                    "reference": kind.reference,
                    "group": group_of(kind),
                    "knowledge": kind.knowledge,
                    "norms": list(norms_of(kind)),
                    "tasks": list(kind.tasks),
                    "fields": described_fields(kind),
                }
                for kind in ATTACKS.values()
            ],
            "goals": [
                {
                    "name": kind.name,
                    "title": kind.title,
                    "tasks": list(kind.tasks),
                    "fields": described_fields(kind),
                }
                for kind in OBJECTIVES.values()
            ],
            "presets": [
                {
                    "name": preset.name,
                    "title": preset.title,
                    "sentence": preset.sentence,
                    "attack": preset.attack,
                    "values": dict(preset.values),
                }
                for preset in PRESETS
            ],
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for group in GROUPS:
        print(f"\n{_GROUPS[group]}")
        for kind in ATTACKS.values():
            if group_of(kind) != group:
                continue
            norms = ", ".join(norms_of(kind)) or "any"
            print(f"  {kind.name:12} {kind.summary}")
            print(f"  {'':12} sees: {kind.knowledge}; norm: {norms}; {kind.reference}")
            _print_fields(fields_of(kind))
    print("\ngoals (--goal)")
    for goal in OBJECTIVES.values():
        print(f"  {goal.name:20} {goal.title}; {' and '.join(goal.tasks)}")
        _print_fields(fields_of(goal))
    print("\npresets (--preset)")
    for preset in PRESETS:
        print(f"  {preset.name:15} {preset.sentence}")


def _print_fields(fields: tuple[Field, ...]) -> None:
    for field in fields:
        default = "automatic" if field.default is None else field.default
        given = "must be given" if field.default is ... else f"default {default}"
        unit = f" {field.unit}" if field.unit else ""
        print(f"      {field.name}: {allowed(field)}{unit}; {given}. {field.help}")


def described_fields(kind: type[Any]) -> list[dict[str, Any]]:
    """The fields of a settings class, ready for JSON."""
    return [
        {
            "name": field.name,
            "label": field.label,
            "kind": field.kind,
            "unit": field.unit,
            "minimum": field.minimum,
            "maximum": field.maximum,
            "choices": list(field.choices),
            "optional": field.optional,
            "required": field.default is ...,
            "default": None if field.default is ... else field.default,
            "help": field.help,
        }
        for field in fields_of(kind)
    ]
