"""A whole control node without a face: real sshd hosts, a real pool, the real store, door and fleet."""

from __future__ import annotations

import gettext
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.alerts.alertmanager import Alertmanager
from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.thresholds import Thresholds
from orchestrator.alerts.watchdog import Fault, Part, Watchdog
from orchestrator.bootstrap import Bootstrap, Credentials
from orchestrator.bot.commands import SelfReport, Services, build_router
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Catalogues, Languages
from orchestrator.bot.loginsources import LoginSources
from orchestrator.bot.router import Router
from orchestrator.bot.runs import Runs
from orchestrator.bot.summarytelling import SummaryTelling
from orchestrator.control import Door
from orchestrator.fleet import Fleet
from orchestrator.inventory import Group, Host, HostSet, Inventory, load
from orchestrator.inventory.edit import Editor
from orchestrator.logins.follow import FollowState
from orchestrator.monitor.charts import Charts
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.grafana import Grafana
from orchestrator.monitor.query import Metrics
from orchestrator.playbook.playbooks import Playbooks
from orchestrator.readings import Readings
from orchestrator.ssh import Keys, Limits, Phase, Pool, Trust
from orchestrator.store import AuditLog, Buttons, Database, Dialogues, Outbox, Preferences
from orchestrator.store.thresholds import ThresholdTable
from orchestrator.summary import Summaries
from tests import sshd
from tests.bot.person import Person

OWN_PORT = 8002


class Misses(gettext.NullTranslations):
    """Texts that were shown in Chinese without being in the catalogue."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def gettext(self, message: str) -> str:
        self.texts.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.texts.add(msgid1)
        return msgid1 if n == 1 else msgid2


LIMITS = Limits(connect_timeout=2.0)


@dataclass
class Node:
    """The parts, and what may be changed of them while a test runs."""

    inventory: Inventory
    trust: Trust
    pool: Pool
    database: Database
    fleet: Fleet
    audit: AuditLog
    outbox: Outbox
    door: Door
    buttons: Buttons
    preferences: Preferences
    catalogues: Catalogues
    runs: Runs
    state: Path
    # Nobody listens there; a test that has a Prometheus puts it here.
    metrics: Metrics = field(default_factory=lambda: Metrics(PrometheusClient("http://127.0.0.1:9", timeout=2)))
    charts: Charts = field(default_factory=Charts)
    grafana: Grafana | None = None
    followed: dict[str, FollowState] = field(default_factory=dict)
    # Nobody listens there either.
    alertmanager: Alertmanager = field(default_factory=lambda: Alertmanager("http://127.0.0.1:9", timeout=2))
    alerts: AlertBook = field(init=False)
    watchdog: Watchdog = field(init=False)
    thresholds: Thresholds = field(init=False)
    router: Router = field(init=False)
    summaries: Summaries = field(init=False)
    report: SelfReport = field(
        default_factory=lambda: SelfReport(
            version="1.2.3",
            started_at=datetime.now(UTC),
            memory=123 << 20,
            connections={Phase.UP: 3, Phase.PARKED: 1},
            telegram=True,
            last_poll=datetime.now(UTC),
            database=40960,
            trouble="",
            unfinished=0,
        )
    )

    def __post_init__(self) -> None:
        self.alerts = AlertBook(self.database, self.outbox, lambda _host, _severity: None)
        self.watchdog = Watchdog(self.outbox, self.preferences, self._diagnose)
        self.thresholds = Thresholds(ThresholdTable(self.database), lambda: self.inventory)
        self._build()

    def restart(self) -> None:
        """As after a restart: what was only in memory is gone, what is in the database is not."""
        self.runs, self.door = Runs(), Door(self.audit)
        self._build()

    def _build(self) -> None:
        readings = Readings(self.metrics, self.fleet, self.pool.state, self.thresholds.of)
        easel = Easel(self.charts, self.preferences, self.catalogues)
        logins = LoginSources.of(self.database, lambda: self.followed)
        self.summaries = Summaries(self.database, self.outbox, ZoneInfo("Asia/Taipei"))
        self.router = build_router(
            Services(
                inventory=lambda: self.inventory,
                editor=Editor(self.folder, self.state / "inventory"),
                refresh=self.refresh,
                trust=self.trust,
                scan=self.pool.scan,
                dialogues=Dialogues(self.database),
                state=self.pool.state,
                retry=self.pool.retry,
                readings=readings,
                easel=easel,
                grafana=self.grafana,
                summaries=self.summaries,
                telling=SummaryTelling(lambda: self.inventory, readings, easel, logins),
                fleet=self.fleet,
                alerts=self.alerts,
                alertmanager=self.alertmanager,
                watchdog=self.watchdog,
                thresholds=self.thresholds,
                logins=logins,
                playbooks=lambda: Playbooks(
                    self.playbooks, self.pool.shell, lambda: self.inventory, self.playbooks.parent / "inventory"
                ),
                bootstrap=self.bootstrap,
                door=self.door,
                buttons=self.buttons,
                preferences=self.preferences,
                catalogues=self.catalogues,
                runs=self.runs,
                self_report=self._self_report,
            )
        )

    async def refresh(self) -> None:
        """Take the inventory from its files."""
        self.inventory = load(self.folder)

    def bootstrap(self, _: Credentials) -> Bootstrap:
        """A piece of bootstrap over the pool's kind of connections."""
        raise AssertionError("no test of these bootstraps")

    async def _diagnose(self) -> Fault:
        return Fault(Part.ALERTMANAGER, "nobody listens there")

    async def _self_report(self) -> SelfReport:
        return self.report

    @property
    def folder(self) -> Path:
        """The folder of the inventory, for the tests that need one."""
        return self.state.parent / "inventory"

    @property
    def playbooks(self) -> Path:
        """The folder of playbooks."""
        return self.state.parent / "playbooks"

    @property
    def languages(self) -> Languages:
        return Languages(self.preferences, None)

    def person(self, number: int = 1001, language: str = "en") -> Person:
        return Person(self.router, self.buttons, number, language)


def inventory_of(hosts: list[Host]) -> Inventory:
    """All of them in a group `all`, those whose name begins with web in `web`."""
    web = HostSet(host for host in hosts if host.name.startswith("web"))
    everything = HostSet(hosts)
    return Inventory(everything, {"all": Group("all", everything, ("web",)), "web": Group("web", web)})


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    """Three hosts that answer: web1, web2, web3."""
    with sshd.fleet(tmp_path_factory.mktemp("hosts"), 3) as fleet:
        yield fleet


@pytest.fixture
async def node(hosts: sshd.Fleet, tmp_path: Path) -> AsyncIterator[Node]:
    """A control node of web1, web2, web3, and db1 where nobody listens."""
    state = tmp_path / "state"
    database = await Database.open(state / "orchestrator.db")
    misses, catalogues = Misses(), Catalogues(ZoneInfo("Asia/Taipei"))
    catalogues.locale("zh_TW").translations.add_fallback(misses)
    trust, keys = Trust(hosts.keys / "known_hosts"), Keys(hosts.keys)
    async with Pool(trust=trust, keys=keys, limits=LIMITS) as pool:
        audit = AuditLog(database)
        dead = Host("db1", "127.0.0.77", port=sshd.free_port("127.0.0.77"))
        yield Node(
            inventory=inventory_of([*hosts.hosts(), dead]),
            trust=trust,
            pool=pool,
            database=database,
            fleet=Fleet(pool.run, own_ports={OWN_PORT}),
            audit=audit,
            outbox=Outbox(database),
            door=Door(audit),
            buttons=Buttons(database),
            preferences=Preferences(database),
            catalogues=catalogues,
            runs=Runs(),
            state=state,
        )
    await database.close()
    assert misses.texts == set()


@pytest.fixture
def tarpit() -> Iterator[Host]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.78", 0)) as server:
        yield Host("slow", "127.0.0.78", port=server.getsockname()[1])
