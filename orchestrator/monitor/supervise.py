"""A server of ours, Prometheus or Alertmanager: started, watched, given its edited configuration, stopped with us."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from orchestrator.errors import OrchestratorError
from orchestrator.monitor.configure import spelled
from orchestrator.monitor.daemon import running

log = logging.getLogger(__name__)

SEARCHED = ("/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/prometheus")
LOOK_S = 2.0  # for edits of the configuration
WELL_AFTER_S = 60.0
LONGEST_PAUSE_S = 60.0


class NotStarted(OrchestratorError, RuntimeError):
    """A server of ours does not run; `where` is its address."""

    exit_status: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of a server and of the tool of the same release that checks its configuration."""

    server: Path
    tool: Path


def installed(server: Iterable[str], tool: str) -> Programs | None:
    """The programs that this machine has, from a package or by hand; None without both. `server` are its names."""
    places = os.pathsep.join((os.environ.get("PATH", ""), *SEARCHED))
    found = next(filter(None, (shutil.which(name, path=places) for name in server)), None)
    checker = shutil.which(tool, path=places)
    return Programs(Path(found).resolve(), Path(checker).resolve()) if found and checker else None


def release_of(tool: Path) -> tuple[int, ...]:
    """Of ``promtool, version 2.42.0+ds (...``, the first two numbers; nothing when it does not say."""
    try:
        told = subprocess.run([tool, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ()
    version = re.search(r"version ([0-9]+)\.([0-9]+)", told.stdout + told.stderr)
    return tuple(map(int, version.groups())) if version else ()


class Supervised(ABC):
    """Keeps a server running on `listen`, with its log in `data`. What is its own each of them says by itself."""

    name: ClassVar[str]
    settings: ClassVar[tuple[str, str]]
    """The setting that names one of somebody else's, and the one that moves ours."""

    def __init__(self, data: Path, listen: tuple[str, int], *, first_pause: float = 1.0) -> None:
        self.data = data
        self.listen = listen
        self._first_pause = first_pause
        self.problem = ""
        """Why it does not run, in one line; empty while it does."""

    @abstractmethod
    async def prepare(self) -> tuple[str, ...]:
        """Find the programs and put the configuration in force; returns what to start.

        Raises the OrchestratorError that says why it cannot be.
        """

    @abstractmethod
    def stamp(self) -> Hashable:
        """Something that changes when somebody edits the configuration."""

    @abstractmethod
    async def adopt(self) -> None:
        """Put the edited configuration in force, or keep the one before. May raise OrchestratorError."""

    @property
    def log_file(self) -> Path:
        """What it prints."""
        return self.data / f"{self.name.lower()}.log"

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
                self.problem = f"{self.name} cannot be started: {error}"
            if time.monotonic() - began > WELL_AFTER_S:
                pause, told = self._first_pause, ""
            if self.problem != told:
                log.warning("%s", self.problem)
            told, pause = self.problem, min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _once(self) -> str:
        """Run it until it ends; returns what that was like."""
        self._refuse_if_taken()
        seen = self.stamp()
        argv = await self.prepare()
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with running(argv, self.log_file) as process:
            self.problem = ""
            log.info("%s runs on %s", self.name, spelled(self.listen))
            following = asyncio.create_task(self._follow(process, seen))
            try:
                status = await process.wait()
            finally:
                following.cancel()
                await asyncio.wait([following])
        return f"{self.name} ended with status {status}; {self.log_file} says why. It is started again"

    async def _follow(self, process: asyncio.subprocess.Process, seen: Hashable) -> None:
        """Let a good edit of the configuration take effect."""
        while True:
            await asyncio.sleep(LOOK_S)
            if (now := self.stamp()) == seen:
                continue
            seen = now
            try:
                await self.adopt()
            except (OrchestratorError, OSError) as error:
                log.error("%s", error)
            else:
                with suppress(ProcessLookupError):  # it has just ended
                    process.send_signal(signal.SIGHUP)

    def _refuse_if_taken(self) -> None:
        """The server would say so, too, but only in its log."""
        family = socket.AF_INET6 if ":" in self.listen[0] else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(self.listen)
            except OSError as error:
                address, (theirs, ours) = spelled(self.listen), self.settings
                raise NotStarted(
                    f"{self.name} cannot listen here: {error.strerror}",
                    where=address,
                    remedy=f"If that is one of yours, set {theirs}=http://{address}, "
                    f"else free the port or set {ours} to another",
                ) from None


def stamp_of(path: Path) -> Hashable:
    """Changes when a file is edited, replaced, made or removed."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
