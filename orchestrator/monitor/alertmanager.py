"""Our own Alertmanager."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path

from orchestrator.monitor.alerting import alertmanager_configuration
from orchestrator.monitor.configure import spelled
from orchestrator.monitor.kept import Kept, judged
from orchestrator.monitor.supervise import Programs, Supervised, installed, release_of, stamp_of

NAME = "alertmanager.yml"
IN_FORCE = ".alertmanager-in-force.yml"
KEPT_FOR = "120h"
"""How long it remembers what was told and silenced."""

OLDEST = (0, 22)
"""The first release that knows ``matchers``, of which our configuration has some."""

log = logging.getLogger(__name__)

Tell = Callable[[str], Awaitable[None]]


def installed_alertmanager() -> Programs | None:
    """Alertmanager, under Debian's name or its own, and amtool of this machine; None without both, and when too old."""
    found = installed(("prometheus-alertmanager", "alertmanager"), "amtool")
    if found is None or release_of(found.tool) >= OLDEST:
        return found
    log.info("%s is older than Alertmanager %d.%d", found.server, *OLDEST)
    return None


class OwnAlertmanager(Supervised):
    """Keeps an Alertmanager running on `listen`, which tells what fires on `told` (both address and port).

    `folder` has its configuration, `data` its silences and log; `token` is the file that holds what it proves itself
    with. `find` gives the programs, or raises the OrchestratorError that says why there are none. `tell` gets each
    verdict on its configuration: what is wrong, or "" once it is good.
    """

    name = "Alertmanager"
    settings = ("ALERTMANAGER_URL", "ALERTMANAGER_LISTEN")

    def __init__(
        self,
        folder: Path,
        data: Path,
        *,
        listen: tuple[str, int],
        told: tuple[str, int],
        token: Path,
        find: Callable[[], Awaitable[Programs]],
        tell: Tell,
        first_pause: float = 1.0,
    ) -> None:
        super().__init__(data, listen, first_pause=first_pause)
        self._source = folder / NAME
        self._in_force = folder / IN_FORCE
        self.body = alertmanager_configuration(told, token)
        """What we write into alertmanager.yml."""
        self._find = find
        self._tell = tell

    async def prepare(self) -> tuple[str, ...]:
        """See Supervised."""
        programs = await self._find()
        await self._put_in_force(programs)
        return (
            str(programs.server),
            f"--config.file={self._in_force}",
            f"--web.listen-address={spelled(self.listen)}",
            "--cluster.listen-address=",  # alone: else it would gossip on every address of this machine
            f"--storage.path={self.data / 'silences'}",
            f"--data.retention={KEPT_FOR}",
            "--log.level=warn",
        )

    def stamp(self) -> Hashable:
        """See Supervised."""
        return stamp_of(self._source)

    async def adopt(self) -> None:
        """See Supervised."""
        await self._put_in_force(await self._find())

    async def _put_in_force(self, programs: Programs) -> None:
        kept = Kept(self._source, self._in_force, lambda source: judged(programs.tool, "check-config", source))
        await self._tell(await kept.put_in_force(self.body))
