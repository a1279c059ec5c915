"""Which cases stand for which modules and keywords: read out of the playbooks themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from orchestrator.playbook.load.keywords import KEYWORDS
from orchestrator.playbook.modules import MODULES, canonical
from tests.conformance.cases import all_cases

_STEPS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")


class _Loose(yaml.SafeLoader):
    """Reads vaulted values as anything."""


def _anything(*_: Any) -> None:
    """A tagged value, a vaulted one say."""


_Loose.add_multi_constructor("!", _anything)


def covered() -> dict[str, list[str]]:
    """Modules by full name, keywords and ``with_`` loops, each with the names of the cases that use it."""
    found: dict[str, set[str]] = {}
    for case in all_cases():
        for used in _in(yaml.load(case.playbook.read_text(), _Loose)):
            found.setdefault(used, set()).add(case.playbook.stem)
    return {name: sorted(cases) for name, cases in sorted(found.items())}


def wanted() -> set[str]:
    """Every module there is and every keyword that is not refused."""
    return set(MODULES) | {name for name, keyword in KEYWORDS.items() if keyword.about}


def _in(steps: Any) -> Iterator[str]:
    """What plays, blocks and tasks use."""
    for step in steps or []:
        for key, value in step.items():
            if key in KEYWORDS or key.startswith("with_") or key == "import_playbook":
                yield key
            elif full := canonical(key):
                yield full
            if key in _STEPS:
                yield from _in(value)
