"""Prometheus and Alertmanager as the settings have them: run by us, or somebody's of which we say what it lacks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from orchestrator.alerts.alertmanager import Alertmanager, AlertmanagerError
from orchestrator.alerts.token import NAME as TOKEN
from orchestrator.alerts.watchdog import Fault, Part
from orchestrator.errors import StoreError
from orchestrator.home import Home
from orchestrator.inventory import HostSet
from orchestrator.monitor.alerting import alerting, receiver
from orchestrator.monitor.alertmanager import OwnAlertmanager, installed_alertmanager
from orchestrator.monitor.client import PrometheusError
from orchestrator.monitor.configure import direct_snippet, snippet, spelled
from orchestrator.monitor.direct import DirectScraping
from orchestrator.monitor.prometheus import OwnPrometheus, installed_prometheus
from orchestrator.monitor.query import Absence, Metrics
from orchestrator.monitor.rules import FOLDER, RuleFiles
from orchestrator.monitor.supervise import Programs
from orchestrator.settings import Settings
from orchestrator.shipped import shipped
from orchestrator.store import Outbox

log = logging.getLogger(__name__)

ASK_AGAIN_S = 60.0

T = TypeVar("T")


def alertmanager_url(settings: Settings) -> str:
    """Where Alertmanager is."""
    return settings.alertmanager_url or f"http://{spelled(settings.alertmanager_listen)}"


def own_prometheus(home: Home, settings: Settings, outbox: Outbox) -> OwnPrometheus | None:
    """The one that we are to run; None where PROMETHEUS_URL names somebody's."""
    if settings.prometheus_url:
        return None
    return OwnPrometheus(
        home.path / "prometheus",
        home.state / "prometheus",
        listen=settings.prometheus_listen,
        scraped=settings.listen,
        alertmanager=alertmanager_url(settings),
        rules=shipped("prometheus") / "rules",
        direct=DirectScraping(home.exporters),
        find=_finding(home, "prometheus", "promtool", installed_prometheus),
        tell=Verdicts(outbox, "rules").tell,
    )


def own_alertmanager(home: Home, settings: Settings, outbox: Outbox) -> OwnAlertmanager | None:
    """The one that we are to run; None where ALERTMANAGER_URL names somebody's."""
    if settings.alertmanager_url:
        return None
    return OwnAlertmanager(
        home.path / "prometheus",
        home.state / "alertmanager",
        listen=settings.alertmanager_listen,
        told=settings.listen,
        token=home.state.absolute() / TOKEN,
        find=_finding(home, "alertmanager", "amtool", installed_alertmanager),
        tell=Verdicts(outbox, "alertmanager").tell,
    )


@dataclass(frozen=True, slots=True)
class Servers:
    """The two, None where somebody else runs one."""

    prometheus: OwnPrometheus | None
    alertmanager: OwnAlertmanager | None

    def fault(self) -> Fault | None:
        """Why one that is ours does not run; None while they do."""
        if self.prometheus and self.prometheus.problem:
            return Fault(Part.PROMETHEUS, self.prometheus.problem)
        if self.alertmanager and self.alertmanager.problem:
            return Fault(Part.ALERTMANAGER, self.alertmanager.problem)
        return None


async def judge_prometheus(metrics: Metrics, home: Home, settings: Settings, hosts: HostSet) -> None:
    """Say what to add to somebody's own Prometheus when it scrapes none of our hosts, or goes by none of our rules,
    which are written where they can be named.
    """
    rules = RuleFiles(home.path / "prometheus", shipped("prometheus") / "rules")
    try:
        await asyncio.to_thread(rules.provide)
    except (OSError, UnicodeDecodeError) as error:
        log.error("the rules for %s cannot be written: %s", metrics.address, error)
    absences = await _answered(lambda: metrics.absence(hosts.names))
    if hosts and all(absence is Absence.NEVER for absence in absences.values()):
        jobs = snippet(settings.listen)
        if any(host.direct for host in hosts):
            jobs += await asyncio.to_thread(_direct_job, home, settings)
        log.warning("%s scrapes none of our hosts. Add to its scrape_configs:\n%s", metrics.address, jobs)
    if not await _answered(metrics.judges):
        await asyncio.sleep(ASK_AGAIN_S)  # it may have started with us
        if not await _answered(metrics.judges):
            to = alerting(alertmanager_url(settings), Path("A-FILE-WITH-THE-PASSWORD"))
            lacking = f"rule_files:\n  - {rules.folder / FOLDER}/*.yml\n{to}"
            log.warning("%s goes by none of our rules, so nothing alerts. Add to it:\n%s", metrics.address, lacking)


def _direct_job(home: Home, settings: Settings) -> str:
    """The job with the files that it names, which are there then, if they can be."""
    direct = DirectScraping(home.exporters)
    try:
        direct.prepare()
    except OSError as error:
        log.error("hosts cannot be scraped directly: %s", error)
    return direct_snippet(settings.listen, direct)


async def judge_alertmanager(alertmanager: Alertmanager, home: Home, settings: Settings) -> None:
    """Say what to add to somebody's own Alertmanager when it does not tell us what fires."""
    configuration = await _answered(alertmanager.configuration)
    if f"//{spelled(settings.listen)}/alerts" not in configuration:
        lacking = receiver(settings.listen, home.state.absolute() / TOKEN)
        log.warning(
            "%s does not tell us what fires. Route alerts to this receiver, or another with the same webhook:\n%s",
            alertmanager.address,
            lacking,
        )


async def _answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What one of them says once it answers; why it does not is logged when that is something new."""
    said = ""
    while True:
        try:
            return await ask()
        except (PrometheusError, AlertmanagerError) as error:
            if str(error) != said:
                said = str(error)
                log.warning("%s", said)
        await asyncio.sleep(ASK_AGAIN_S)


class Verdicts:
    """Tells when an edit of the configuration `what` cannot be used, and when the next one can.

    By letters of the kinds ``WHAT.broken``, ``{"problem": text}``, and ``WHAT.mended``, ``{}``.
    """

    def __init__(self, outbox: Outbox, what: str) -> None:
        self._outbox = outbox
        self._what = what
        self._problem = ""
        self._thread = ""

    async def tell(self, problem: str) -> None:
        """`problem` is what is wrong with the configuration, "" when nothing is."""
        if problem == self._problem:
            return
        kind, payload = ("broken", {"problem": problem}) if problem else ("mended", {})
        key = f"{self._what}.{kind} {time.time_ns()}"
        self._thread = self._thread or key  # one message: what is mended is not to be read as broken
        try:
            await self._outbox.add(f"{self._what}.{kind}", payload, key=key, thread=self._thread)
        except StoreError as error:
            log.error("the verdict on a configuration cannot be told: %s", error)
        self._problem = problem
        self._thread = self._thread if problem else ""


def _finding(
    home: Home, server: str, tool: str, installed: Callable[[], Programs | None]
) -> Callable[[], Awaitable[Programs]]:
    """Programs of this machine, else of the pinned release."""

    async def find() -> Programs:
        from orchestrator.monitor.releases import Releases

        if found := await asyncio.to_thread(installed):
            return found
        folder = await Releases(home.state / "downloads").unpacked(server)
        return Programs(folder / server, folder / tool)

    return find
