"""Our own Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path

from orchestrator.atomicfile import write_atomically
from orchestrator.monitor.alerting import alerting, password_of
from orchestrator.monitor.configure import NAME, Wiring, put_in_force, spelled
from orchestrator.monitor.direct import DirectScraping
from orchestrator.monitor.rules import RuleFiles
from orchestrator.monitor.supervise import Programs, Supervised, installed, release_of, stamp_of

log = logging.getLogger(__name__)

PASSWORD = "alertmanager-password"  # noqa: S105 - the name of its file
KEPT_FOR, KEPT_AT_MOST = "31d", "10GB"
STALE_AFTER = "1m"  # four scrapes; Prometheus's own 5 min would draw a line over minutes of which nothing is known


OLDEST = (2, 42)
"""The first release that knows ``keep_firing_for``, without which our rules are refused."""

Tell = Callable[[str], Awaitable[None]]


def installed_prometheus() -> Programs | None:
    """Prometheus and promtool of this machine; None without both, and when they are too old for our rules."""
    found = installed(("prometheus",), "promtool")
    if found is None or release_of(found.tool) >= OLDEST:
        return found
    log.info("%s is older than Prometheus %d.%d", found.server, *OLDEST)
    return None


class OwnPrometheus(Supervised):
    """Keeps a Prometheus running on `listen`, which scrapes what is served on `scraped` (both address and port) and
    sends alerts to the Alertmanager at a URL.

    `folder` has its configuration and rules, `data` its series and log; `rules` is the folder of the rules that came
    with us; `direct` is what hosts are scraped directly with. `find` gives the programs, or raises the
    OrchestratorError that says why there are none. `tell` gets each verdict on what people edit: what is wrong, or ""
    once it is good.
    """

    name = "Prometheus"
    settings = ("PROMETHEUS_URL", "PROMETHEUS_LISTEN")

    def __init__(
        self,
        folder: Path,
        data: Path,
        *,
        listen: tuple[str, int],
        scraped: tuple[str, int],
        alertmanager: str,
        rules: Path,
        direct: DirectScraping | None = None,
        find: Callable[[], Awaitable[Programs]],
        tell: Tell,
        first_pause: float = 1.0,
    ) -> None:
        super().__init__(data, listen, first_pause=first_pause)
        self._folder = folder
        self._password = password_of(alertmanager)
        self._password_file = data.absolute() / PASSWORD
        self.wiring = Wiring(listen, scraped, alerting(alertmanager, self._password_file), direct)
        self._rules = RuleFiles(folder, rules)
        self._find = find
        self._tell = tell

    async def prepare(self) -> tuple[str, ...]:
        """See Supervised."""
        programs = await self._find()
        configuration = await self._put_in_force(programs)
        return (
            str(programs.server),
            f"--config.file={configuration}",
            f"--web.listen-address={spelled(self.listen)}",
            f"--storage.tsdb.path={self.data / 'series'}",
            f"--storage.tsdb.retention.time={KEPT_FOR}",
            f"--storage.tsdb.retention.size={KEPT_AT_MOST}",
            f"--query.lookback-delta={STALE_AFTER}",
            "--log.level=warn",
        )

    def stamp(self) -> Hashable:
        """See Supervised."""
        return stamp_of(self._folder / NAME), self._rules.stamp()

    async def adopt(self) -> None:
        """See Supervised."""
        await self._put_in_force(await self._find())

    async def _put_in_force(self, programs: Programs) -> Path:
        if self.wiring.direct:
            await asyncio.to_thread(self.wiring.direct.prepare)
        if self._password:
            await asyncio.to_thread(self._keep_password)
        in_force, problem = await put_in_force(self._folder, self.wiring, self._rules, programs.tool)
        await self._tell(problem)
        return in_force

    def _keep_password(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self._password_file, self._password.encode())
