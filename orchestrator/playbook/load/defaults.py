"""``module_defaults``: arguments for modules where tasks give none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.errors import Unsupported
from orchestrator.playbook.load.values import mapping, nearest, say
from orchestrator.playbook.modules import MODULES, canonical
from orchestrator.playbook.text import Position, Text


def read(value: Any, name: str, at: Position) -> dict[str, Mapping[str, Any]]:
    """Arguments by the full name of the module. Raises PlaybookError."""
    found: dict[str, Mapping[str, Any]] = {}
    for entry in value if isinstance(value, list) else [value]:
        for key, arguments in mapping(entry, name, at).items():
            place = str(key.at if isinstance(key, Text) else at)
            full = canonical(key)
            if full is None or full not in MODULES:
                short = sorted(each.rpartition(".")[2] for each in MODULES)
                raise Unsupported(f"module_defaults for {key} are not supported{nearest(key, short)}", where=place)
            if arguments is not None and not isinstance(arguments, dict):
                raise Unsupported(f"module_defaults for {key} take a mapping, not {say(arguments)}", where=place)
            found[full] = arguments or {}
    return found
