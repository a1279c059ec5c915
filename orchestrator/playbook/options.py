"""How a playbook is to be played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.playbook.model import NOTHING


@dataclass(frozen=True, slots=True)
class Options:
    """On which hosts of the plays (`limit` is a pattern), only trying (`check`), showing what changes (`diff`).

    `extra_vars` are those of ``-e``. `window` is how many hosts do a task at once. `timeout` is how many seconds one
    exchange with a host may take; a task may ask for less with the keyword of that name.
    """

    limit: str | None = None
    check: bool = False
    diff: bool = False
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    extra_vars: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    window: int = 256
    timeout: float = 3600.0
