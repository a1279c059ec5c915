"""The parts that the commands are made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.alerts.alertmanager import Alertmanager
from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.thresholds import Thresholds
from orchestrator.alerts.watchdog import Watchdog
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Catalogues
from orchestrator.bot.loginsources import LoginSources
from orchestrator.bot.render.health import SelfReport
from orchestrator.bot.runs import Runs
from orchestrator.bot.summarytelling import SummaryTelling
from orchestrator.control import Door
from orchestrator.fleet import Fleet
from orchestrator.inventory import Host, Inventory
from orchestrator.inventory.edit import Editor
from orchestrator.monitor.grafana import Grafana
from orchestrator.readings import Readings
from orchestrator.ssh import HostKey, Trust
from orchestrator.ssh.state import HostState
from orchestrator.store import Buttons, Dialogues, Preferences
from orchestrator.summary import Summaries

if TYPE_CHECKING:
    from orchestrator.bootstrap import Bootstrap, Credentials
    from orchestrator.playbook.playbooks import Playbooks


@dataclass(frozen=True, slots=True)
class Services:
    """What `build_router` needs.

    `inventory` gives the inventory as it stands, `refresh` puts an edit of its files into force at once, `state` gives
    a host's connection, `scan` the key that a host shows, and `retry` tries a parked host again.
    """

    inventory: Callable[[], Inventory]
    editor: Editor
    refresh: Callable[[], Awaitable[None]]
    trust: Trust
    scan: Callable[[Host], Awaitable[HostKey]]
    dialogues: Dialogues
    state: Callable[[Host], HostState]
    retry: Callable[[Host], Awaitable[None]]
    fleet: Fleet
    alerts: AlertBook
    alertmanager: Alertmanager
    watchdog: Watchdog
    thresholds: Thresholds
    logins: LoginSources
    readings: Readings
    easel: Easel
    grafana: Grafana | None
    summaries: Summaries
    telling: SummaryTelling
    playbooks: Callable[[], Playbooks]
    bootstrap: Callable[[Credentials], Bootstrap]
    door: Door
    buttons: Buttons
    preferences: Preferences
    catalogues: Catalogues
    runs: Runs
    self_report: Callable[[], Awaitable[SelfReport]]
