"""Variables from the command line (ansible-core, utils/vars.py, load_extra_vars)."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load import freeform
from orchestrator.playbook.load.source import Source
from orchestrator.playbook.load.values import variables
from orchestrator.playbook.text import Position, Text

_AT = Position("--extra-vars", 1)
_REMEDY = "Write name=value, a mapping in JSON or YAML, or @FILE."


def read(given: str, source: Source) -> dict[str, Any]:
    """The variables of one ``-e``. Raises PlaybookError."""
    if given[:1] in ("{", "["):
        found = source.parse(given, _AT.file)
        if not isinstance(found, dict):
            raise PlaybookError("takes a mapping", where=_AT.file, remedy=_REMEDY)
        return variables(found, "-e", _AT)
    pairs, rest = freeform.parse(Text(given, _AT))
    if rest is not None or not given.strip():
        raise PlaybookError(f"{given!r} gives no variable a value", where=_AT.file, remedy=_REMEDY)
    return variables({Text(name, _AT): value for name, value in pairs.items()}, "-e", _AT)
