"""Our own Prometheus: found, configured, started, watched, and stopped with us."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from orchestrator.errors import OrchestratorError
from orchestrator.monitor.configure import NAME, put_in_force, spelled
from orchestrator.monitor.daemon import running

log = logging.getLogger(__name__)

KEPT_FOR, KEPT_AT_MOST = "31d", "10GB"
STALE_AFTER = "1m"  # four scrapes; Prometheus's own 5 min would draw a line over minutes of which nothing is known
SEARCHED = ("/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/prometheus")
LOOK_S = 2.0  # for edits of the configuration
WELL_AFTER_S = 60.0
LONGEST_PAUSE_S = 60.0


class NotStarted(OrchestratorError, RuntimeError):
    """Prometheus does not run; `where` is its address."""

    exit_status: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the two programs of one release."""

    prometheus: Path
    promtool: Path


def installed() -> Programs | None:
    """The programs that this machine has, from a package or by hand; None without both."""
    places = os.pathsep.join((os.environ.get("PATH", ""), *SEARCHED))
    prometheus, promtool = (shutil.which(name, path=places) for name in ("prometheus", "promtool"))
    return Programs(Path(prometheus).resolve(), Path(promtool).resolve()) if prometheus and promtool else None


class OwnPrometheus:
    """Keeps a Prometheus running on `listen`, which scrapes what is served on `scraped` (both address and port).

    `folder` has its configuration and `data` its series and log. `find` gives the programs, or raises the
    OrchestratorError that says why there are none.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        *,
        listen: tuple[str, int],
        scraped: tuple[str, int],
        find: Callable[[], Awaitable[Programs]],
        first_pause: float = 1.0,
    ) -> None:
        self._folder = folder
        self._data = data
        self._listen = listen
        self._scraped = scraped
        self._find = find
        self._first_pause = first_pause
        self.problem = ""
        """Why it does not run, in one line; empty while it does."""

    async def run(self) -> None:
        """Keep it running until cancelled. What goes wrong is logged once and tried again, ever more slowly."""
        pause, told = self._first_pause, ""
        while True:
            began = time.monotonic()
            try:
                self.problem = await self._once()
            except OrchestratorError as error:
                self.problem = str(error)
            except OSError as error:
                self.problem = f"Prometheus cannot be started: {error}"
            if time.monotonic() - began > WELL_AFTER_S:
                pause, told = self._first_pause, ""
            if self.problem != told:
                log.warning("%s", self.problem)
            told, pause = self.problem, min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _once(self) -> str:
        """Run it until it ends; returns what that was like."""
        programs = await self._find()
        self._refuse_if_taken()
        configuration = await put_in_force(self._folder, self._scraped, programs.promtool)
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        argv = (
            str(programs.prometheus),
            f"--config.file={configuration}",
            f"--web.listen-address={spelled(self._listen)}",
            f"--storage.tsdb.path={self._data / 'series'}",
            f"--storage.tsdb.retention.time={KEPT_FOR}",
            f"--storage.tsdb.retention.size={KEPT_AT_MOST}",
            f"--query.lookback-delta={STALE_AFTER}",
            "--log.level=warn",
        )
        log_file = self._data / "prometheus.log"
        async with running(argv, log_file) as process:
            self.problem = ""
            log.info("Prometheus runs on %s", spelled(self._listen))
            following = asyncio.create_task(self._follow(process, programs))
            try:
                status = await process.wait()
            finally:
                following.cancel()
                await asyncio.wait([following])
        return f"Prometheus ended with status {status}; {log_file} says why. It is started again"

    async def _follow(self, process: asyncio.subprocess.Process, programs: Programs) -> None:
        """Let a good edit of the configuration take effect."""
        source = self._folder / NAME
        seen = _stamp(source)
        while True:
            await asyncio.sleep(LOOK_S)
            if (now := _stamp(source)) == seen:
                continue
            seen = now
            try:
                await put_in_force(self._folder, self._scraped, programs.promtool)
            except OrchestratorError as error:
                log.error("%s", error)
            else:
                with suppress(ProcessLookupError):  # it has just ended
                    process.send_signal(signal.SIGHUP)
            seen = _stamp(source)

    def _refuse_if_taken(self) -> None:
        """Prometheus would say so, too, but only in its log."""
        family = socket.AF_INET6 if ":" in self._listen[0] else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(self._listen)
            except OSError as error:
                address = spelled(self._listen)
                raise NotStarted(
                    f"Prometheus cannot listen here: {error.strerror}",
                    where=address,
                    remedy=f"If that is a Prometheus of yours, set PROMETHEUS_URL=http://{address}, "
                    "else free the port or set PROMETHEUS_LISTEN to another",
                ) from None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
