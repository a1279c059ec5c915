"""What is wrong with an installation, and what mends it: looked at part by part, side by side, each within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from orchestrator.alerts.alertmanager import AlertmanagerError
from orchestrator.alerts.model import WATCHDOG
from orchestrator.app import App
from orchestrator.errors import KeyFileError, StoreError
from orchestrator.fleet import clean_line
from orchestrator.fleet.fanout import FanOut
from orchestrator.fleet.hostctl import HostCtl
from orchestrator.inventory import Host, HostSet, fold
from orchestrator.logins.keywatch import shortfall
from orchestrator.logins.probe import LogSource, log_source
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.query import Absence
from orchestrator.ssh import Result, Status, Succession, Turn
from orchestrator.store import Backlog

WITHIN_S = 30.0
"""One look, of all hosts."""
STUCK_S = 300.0
"""A message that has waited for longer is no matter of a moment."""

_INSTALLED = {
    "none": "is not managed: owners of ports stay hidden, and logins may",
    "other": "has the hostctl of another version, so it is asked without root",
    "refused": "does not let us run its hostctl",
}


class Verdict(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, how it stands, in words, and what to do about it."""

    subject: str
    verdict: Verdict
    text: str
    remedy: str = ""


Telegram = Callable[[], Awaitable[str]]
"""Asks Telegram who we are: our name there. Raises OSError or ValueError with why not."""


class Checkup:
    """Looks at everything of an open `app`. `telegram` is None where there is no token; `served`: `serve` runs now."""

    def __init__(self, app: App, *, telegram: Telegram | None, served: bool) -> None:
        self._app = app
        self._telegram = telegram
        self._served = served

    async def findings(self, hosts: HostSet) -> AsyncGenerator[Finding]:
        """What was found, in a fixed order; of hosts only `hosts`. Never raises for what it finds."""
        parts: Mapping[str, Coroutine[Any, Any, Sequence[Finding]]] = {
            "inventory": self._inventory(),
            "keys": self._keys(),
            "telegram": self._chat(),
            "outbox": self._outbox(),
            "prometheus": self._prometheus(),
            "alertmanager": self._alertmanager(),
            "hosts": self._hosts(hosts),
        }
        locked = [Finding("keys", Verdict.WARN, str(problem)) for problem in await self._app.keys.unlock(hosts)]
        looks = [asyncio.create_task(_bounded(subject, part)) for subject, part in parts.items()]
        try:
            for finding in locked:
                yield finding
            for look in looks:
                for finding in await look:
                    yield finding
        finally:
            for look in looks:
                look.cancel()

    async def _inventory(self) -> Sequence[Finding]:
        inventory = self._app.inventory
        if not inventory.hosts:
            return [Finding("inventory", Verdict.WARN, "has no hosts", "Run: orchestrator inventory add NAME ADDRESS")]
        doubts = [Finding("inventory", Verdict.WARN, warning) for warning in inventory.warnings]
        return doubts or [Finding("inventory", Verdict.OK, f"hosts: {len(inventory.hosts)}")]

    async def _keys(self) -> Sequence[Finding]:
        try:
            turn = Succession(self._app.home.keys).turn
        except KeyFileError as error:
            return [Finding("keys", Verdict.FAIL, str(error))]
        if turn is not Turn.NONE:
            return [Finding("keys", Verdict.WARN, "a rotation is not finished", "Run: orchestrator keys rotate")]
        return []

    async def _chat(self) -> Sequence[Finding]:
        serve = "Run: orchestrator serve (as a service: orchestrator units)"
        running = (
            Finding("serve", Verdict.OK, "runs")
            if self._served
            else Finding("serve", Verdict.WARN, "does not run: no alerts, no logins", serve)
        )
        if self._telegram is None:
            return [running, Finding("telegram", Verdict.WARN, "there is no BOT_TOKEN", "See README: Telegram")]
        try:
            name = await self._telegram()
        except (OSError, ValueError) as error:
            return [running, Finding("telegram", Verdict.FAIL, clean_line(str(error), 300))]
        return [running, Finding("telegram", Verdict.OK, f"we are @{name}")]

    async def _outbox(self) -> Sequence[Finding]:
        try:
            backlog = await self._app.outbox.backlog()
            unfinished = await self._app.audit.unfinished()
        except StoreError as error:
            return [Finding("database", Verdict.FAIL, str(error))]
        found = [*_undelivered(backlog)]
        if unfinished and not self._served:
            found.append(Finding("audit", Verdict.WARN, f"{len(unfinished)} actions have no known outcome"))
        return found or [Finding("outbox", Verdict.OK, "nothing waits")]

    async def _prometheus(self) -> Sequence[Finding]:
        names = self._app.inventory.hosts.names
        try:
            absences = await self._app.metrics.absence(names)
        except PrometheusError as error:
            return [self._away("prometheus", str(error), ours=self._app.servers.prometheus is not None)]
        whys = {
            Absence.NEVER: "is not scraped",
            Absence.DOWN: "is scraped in vain: it is away, or its exporter is",
        }
        remedy = "Run: orchestrator bootstrap. Without one on purpose: exporter: false in the inventory"
        found = [
            Finding(fold(lacking), Verdict.WARN, text, remedy)
            for absence, text in whys.items()
            if (lacking := [name for name in names if absences[name] is absence])
        ]
        return found or [Finding("prometheus", Verdict.OK, "scrapes every host")]

    async def _alertmanager(self) -> Sequence[Finding]:
        try:
            firing = await self._app.alertmanager.alerts()
        except AlertmanagerError as error:
            return [self._away("alertmanager", str(error), ours=self._app.servers.alertmanager is not None)]
        count = sum(known.alert.name != WATCHDOG for known in firing)
        return [Finding("alertmanager", Verdict.OK, f"answers; alerts that fire: {count}")]

    def _away(self, subject: str, why: str, *, ours: bool) -> Finding:
        if ours and not self._served:
            return Finding(subject, Verdict.WARN, "runs only while `orchestrator serve` does")
        return Finding(subject, Verdict.FAIL, why)

    async def _hosts(self, hosts: HostSet) -> Sequence[Finding]:
        found: dict[str, list[Finding]] = {}
        reached: list[Host] = []
        by_name = {host.name: host for host in hosts}
        hostctl, pool = HostCtl.packaged(), self._app.pool
        async with aclosing(FanOut(pool.run).stream(hosts, hostctl.installation)) as results:
            async for result in results:
                if problem := _host(result, by_name[result.host]):
                    found[result.host] = [problem]
                if result.status is Status.OK:
                    reached.append(by_name[result.host])
        sources, keys = await asyncio.gather(
            asyncio.gather(*(log_source(pool, hostctl.follow, host) for host in reached)),
            self._new_keys(reached, hostctl),
        )
        for host, source in zip(reached, sources, strict=True):
            found.setdefault(host.name, []).extend([_logins(host.name, source), *keys.get(host.name, ())])
        return [finding for name in hosts.names for finding in found.get(name, ())]

    async def _new_keys(self, hosts: Sequence[Host], hostctl: HostCtl) -> Mapping[str, Sequence[Finding]]:
        """Of hosts where a rule wants to hear of new keys: whether they would be noticed."""
        try:
            wanted = await self._app.logins.wanted(hosts)
        except StoreError:  # which is a finding already
            return {}
        whys = await asyncio.gather(*(shortfall(self._app.pool, hostctl.follow, host) for host in wanted))
        return {host.name: [_new_keys(host.name, why)] for host, why in zip(wanted, whys, strict=True)}


async def _bounded(subject: str, part: Coroutine[Any, Any, Sequence[Finding]]) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(WITHIN_S):
            return await part
    except TimeoutError:
        return [Finding(subject, Verdict.FAIL, f"no answer within {WITHIN_S:g} s")]


def _undelivered(backlog: Backlog) -> Iterable[Finding]:
    if backlog.since and (waited := (datetime.now(UTC) - backlog.since).total_seconds()) > STUCK_S:
        text = f"{backlog.waiting} messages wait for Telegram, the oldest for {waited / 60:.0f} min"
        yield Finding("outbox", Verdict.FAIL, text)
    if backlog.set_aside:
        yield Finding("outbox", Verdict.WARN, f"{backlog.set_aside} messages could not be delivered in 30 days")


def _host(result: Result, host: Host) -> Finding | None:
    """What is wrong with a host; None when nothing is."""
    name = host.name
    if result.status is not Status.OK:
        remedies = {
            Status.HOST_KEY_UNKNOWN: f"Look at its key and pin it: orchestrator keys trust {name}",
            Status.HOST_KEY_CHANGED: f"If it was installed anew: orchestrator keys forget {name}, then trust it",
            Status.AUTH_FAILED: f"Give it our key: orchestrator bootstrap {name}",
        }
        text = clean_line(result.detail, 300) or result.status.value.replace("_", " ")
        return Finding(name, Verdict.FAIL, text, remedies.get(result.status, ""))
    if not host.local and (problem := _INSTALLED.get(result.out.strip())):
        return Finding(name, Verdict.WARN, problem, f"Run: orchestrator bootstrap {name}")
    return None


def _new_keys(name: str, why: str) -> Finding:
    if why:
        return Finding(name, Verdict.WARN, f"new keys are not noticed: {why}")
    return Finding(name, Verdict.OK, "new keys are noticed")


def _logins(name: str, source: LogSource) -> Finding:
    if source.name and source.why:
        remedy = "Start systemd-journald; or remove those files, if it is not used any more"
        return Finding(name, Verdict.WARN, f"logins are read from {source.name}: {source.why}", remedy)
    if source.name:
        return Finding(name, Verdict.OK, f"logins are read from {source.name}")
    return Finding(name, Verdict.WARN, f"logins cannot be followed: {source.why}")
