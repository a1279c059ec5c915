"""node_exporter for the machines of a run: one release an architecture, fetched by the control node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.monitor.releases import ARCHITECTURES

Fetch = Callable[[str], Awaitable[Path]]
"""Gives the verified archive for an architecture as releases call it; raises OrchestratorError."""


async def fetch_for(machines: Iterable[str], fetch: Fetch) -> tuple[Path | None, dict[str, str]]:
    """The folder with releases for `machines` (as uname(1) calls them), None without any; and why a machine has none.

    A machine without a release is no error: the host's distribution may have a package.
    """
    folder, missing = None, {}
    for machine in sorted(set(machines)):
        try:
            folder = (await fetch(ARCHITECTURES.get(machine, machine))).parent
        except OrchestratorError as error:
            missing[machine] = str(error)
    return folder, missing
