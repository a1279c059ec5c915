"""The composition root: builds the parts, hands them to each other, and takes them down in order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.alerts.alertmanager import Alertmanager
from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.pipeline import Pipeline
from orchestrator.alerts.thresholds import Thresholds
from orchestrator.alerts.token import NAME as ALERTS_TOKEN
from orchestrator.alerts.token import webhook_token
from orchestrator.control import Door
from orchestrator.errors import SettingsError, StoreError
from orchestrator.fleet import Fleet
from orchestrator.followups import FollowUps
from orchestrator.home import Home, refuse_open_home
from orchestrator.inventory import Inventory
from orchestrator.inventory.routes import routes
from orchestrator.liveinventory import Broken, LiveInventory, Mended
from orchestrator.logins.book import LoginBook
from orchestrator.logins.dials import noting
from orchestrator.logins.ours import OwnKeys
from orchestrator.logins.rules import scopes_of
from orchestrator.loginwatch import LoginWatch
from orchestrator.monitor.alerting import RECEIVER, WATCHDOG
from orchestrator.monitor.client import PrometheusClient
from orchestrator.monitor.configure import spelled
from orchestrator.monitor.meters import Gauges, Labelled, Meters
from orchestrator.monitor.query import Metrics
from orchestrator.readings import Readings
from orchestrator.servers import (
    Servers,
    alertmanager_url,
    judge_alertmanager,
    judge_prometheus,
    own_alertmanager,
    own_prometheus,
)
from orchestrator.settings import ChatTarget, Settings
from orchestrator.ssh import Authority, Keys, Passphrase, Phase, Pool, Succession, Trust, passphrase_file
from orchestrator.store import AuditLog, Database, Outbox, Preferences
from orchestrator.store.logindials import LoginDials
from orchestrator.store.thresholds import ThresholdTable
from orchestrator.summary import Summaries
from orchestrator.tasks import begin

if TYPE_CHECKING:
    from orchestrator.bootstrap import Bootstrap, Credentials
    from orchestrator.playbook.engine.shells import Opener
    from orchestrator.playbook.playbooks import Playbooks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """Everything that a face needs, built and open."""

    home: Home
    settings: Settings
    live: LiveInventory
    trust: Trust
    keys: Keys
    authority: Authority
    pool: Pool
    fleet: Fleet
    database: Database
    audit: AuditLog
    outbox: Outbox
    door: Door
    meters: Meters
    metrics: Metrics
    thresholds: Thresholds
    alerts: AlertBook
    alertmanager: Alertmanager
    servers: Servers
    pipeline: Pipeline
    summaries: Summaries
    logins: LoginWatch
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    @asynccontextmanager
    async def open(cls, home: Home, *, ask_passphrase: Passphrase, telegram: bool = True) -> AsyncIterator[App]:
        """Build everything for `home`; closed in reverse order when the block ends.

        Nothing is connected yet. `ask_passphrase` gets the path of an encrypted key and gives its passphrase, or None
        when there is nobody to ask. Without `telegram` a wrong bot token does not matter. Raises the
        `OrchestratorError` that names what is wrong.
        """
        refuse_open_home(home)
        settings = Settings.load(home, telegram=telegram)
        live = LiveInventory(home.inventory)
        trust = Trust(home.keys / "known_hosts")
        ask = passphrase_file(settings.ssh_passphrase_file) if settings.ssh_passphrase_file else ask_passphrase
        Succession(home.keys).sweep()
        keys = Keys(home.keys, passphrase=ask, agent=_agent(settings))
        authority = Authority(home.authority, keys)
        client = PrometheusClient(settings.prometheus_url or f"http://{spelled(settings.prometheus_listen)}")
        database = await Database.open(home.state / "orchestrator.db")
        try:
            audit = AuditLog(database)
            private = map(ChatTarget, sorted(settings.allowed_users))
            outbox = Outbox(database, settings.alert_chat_id, private) if settings.telegram else Outbox(database)
            door, meters = Door(audit), Meters()
            thresholds = Thresholds(ThresholdTable(database), lambda: live.current)
            await thresholds.refresh()
            alerts = AlertBook(database, outbox, lambda host, severity: routes(host, live.current).chats.get(severity))
            alertmanager = Alertmanager(alertmanager_url(settings))
            servers = Servers(own_prometheus(home, settings, outbox), own_alertmanager(home, settings, outbox))
            logins = LoginBook(
                database,
                outbox,
                lambda host, severity: routes(host, live.current).chats.get(severity),
                own_keys=OwnKeys(home.keys, home.authority),
                scopes=lambda host: scopes_of(live.current, host),
            )
            noted = noting(LoginDials(database))
            async with Pool(trust=trust, keys=keys, authority=authority, on_dial=noted) as pool:
                fleet = Fleet(meters.measured(pool.run), own_ports={settings.listen[1]})
                yield cls(
                    home=home,
                    settings=settings,
                    live=live,
                    trust=trust,
                    keys=keys,
                    authority=authority,
                    pool=pool,
                    fleet=fleet,
                    database=database,
                    audit=audit,
                    outbox=outbox,
                    door=door,
                    meters=meters,
                    metrics=Metrics(client),
                    thresholds=thresholds,
                    alerts=alerts,
                    alertmanager=alertmanager,
                    servers=servers,
                    pipeline=Pipeline(
                        alerts,
                        alertmanager,
                        outbox,
                        Preferences(database),
                        watchdog=WATCHDOG,
                        receiver=RECEIVER,
                        own_prometheus=servers.prometheus is not None,
                        fault=servers.fault,
                    ),
                    summaries=Summaries(database, outbox, settings.zone),
                    logins=LoginWatch(database, pool, keys, logins, since=settings.logins_since),
                )
        finally:
            await database.close()
            client.close()

    @property
    def inventory(self) -> Inventory:
        """The inventory in force."""
        return self.live.current

    @property
    def playbooks(self) -> Playbooks:
        """The playbooks of the home, for the inventory in force."""
        return self._playbooks_over(self.pool.shell)

    def bootstrap(self, credentials: Credentials, *, check: bool = False) -> Bootstrap:
        """Work on hosts that may not be managed yet, over connections of its own: a context manager, used once.

        With `check` it pins no host key for longer than itself.
        """
        from orchestrator.bootstrap import Bootstrap, Parts
        from orchestrator.bootstrap.publickeys import public_keys_for
        from orchestrator.inventory.edit import Editor
        from orchestrator.monitor.direct import DirectScraping
        from orchestrator.monitor.releases import Releases

        home, trust = self.home, self.trust.rehearsed() if check else self.trust
        releases, noted = Releases(home.state / "downloads"), noting(LoginDials(self.database))
        parts = Parts(
            open_pool=lambda passwords: Pool(
                trust=trust, keys=self.keys.lent(), authority=self.authority, passwords=passwords, on_dial=noted
            ),
            open_playbooks=self._playbooks_over,
            folder=home.playbooks,
            trust=trust,
            public_keys=lambda host: public_keys_for(host, home.keys, self.keys),
            giving_keys=home.giving_keys,
            hosts=lambda: self.inventory.hosts,
            editor=Editor(home.inventory, home.state / "inventory"),
            fetch_exporter=lambda architecture: releases.fetch("node_exporter", architecture),
            authority=self.authority,
            absence=self.metrics.absence,
            direct=DirectScraping(home.exporters),
        )
        return Bootstrap(parts, credentials)

    def _playbooks_over(self, shells: Opener) -> Playbooks:
        from orchestrator.playbook.playbooks import Playbooks  # the engine takes 0.2 s to import

        home, vault = self.home, self.settings.vault_password_file
        return Playbooks(home.playbooks, shells, lambda: self.inventory, home.inventory, vault_password=vault)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Keep a connection to every host, also to those that an edit of the inventory brings, while the block lasts.

        Passphrases are asked for before it begins. New hosts join, removed ones are closed when their work is done.
        """
        for problem in (*await self.authority.unlock(), *await self.keys.unlock(self.inventory.hosts)):
            log.warning("%s", problem)
        self.pool.keep(self.inventory.hosts)
        self.live.subscribe(lambda inventory: self.pool.keep(inventory.hosts))
        self.live.watch(self._tell_of_inventory)
        following = asyncio.create_task(self.live.follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.wait([following])

    @asynccontextmanager
    async def listening(self, gauges: Callable[[], Awaitable[Gauges]]) -> AsyncIterator[None]:
        """Serve the HTTP endpoints on LISTEN while the block lasts; `gauges` are figures to show beside our own.

        Raises SettingsError when LISTEN cannot be had, or the token for alerts cannot.
        """
        from orchestrator.monitor.endpoints import Endpoints
        from orchestrator.monitor.server import serving

        listen = self.settings.listen
        endpoints = Endpoints(
            address=spelled(listen),
            inventory=lambda: self.inventory,
            open_tcp=self.pool.open_tcp,
            state=self.pool.state,
            meters=self.meters,
            gauges=lambda: self._with_hosts(gauges),
            scraped=self.pipeline.presence.seen,
        )
        token = await asyncio.to_thread(webhook_token, self.home.state / ALERTS_TOKEN)
        watching = asyncio.create_task(self.meters.watch_loop())
        try:
            async with serving(listen, [*endpoints.routes, *self.pipeline.routes(token)]):
                yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _with_hosts(self, gauges: Callable[[], Awaitable[Gauges]]) -> Gauges:
        """Further figures, and those that the alert rules need of each host."""
        with suppress(StoreError):  # what was last known holds on
            await self.thresholds.forget_removed()
        inventory = self.inventory
        connected: dict[tuple[str, ...], float] = {(inventory.server.name,): 1.0}
        for host in inventory.hosts:
            connected[host.name,] = float(host.local or self.pool.state(host).phase is Phase.UP)
        thresholds: dict[tuple[str, ...], float] = {
            (host, metric): value for host, metric, value in self.thresholds.differing()
        }
        return {
            **await gauges(),
            **self.logins.gauges,
            "host_connected": (
                "1 while there is a connection to the host",
                Labelled(("host",), connected),
            ),
            "threshold_ratio": (
                "From where a reading of the host is high, where that is not the default",
                Labelled(("host", "metric"), thresholds),
            ),
        }

    @property
    def readings(self) -> Readings:
        """How hosts are and were."""
        return Readings(self.metrics, self.fleet, self.pool.state, self.thresholds.of, self.settings.zone)

    @asynccontextmanager
    async def monitored(self) -> AsyncIterator[None]:
        """Have a Prometheus that scrapes what `listening` serves, and an Alertmanager that tells it what fires, while
        the block lasts: ours, or those that the settings name.

        Without one the block runs all the same; the log says why there is none.
        """
        ours = self.servers
        tasks = [
            begin(
                ours.prometheus.run()
                if ours.prometheus
                else judge_prometheus(self.metrics, self.home, self.settings, self.inventory.hosts),
                "look after Prometheus",
            ),
            begin(
                ours.alertmanager.run()
                if ours.alertmanager
                else judge_alertmanager(self.alertmanager, self.home, self.settings),
                "look after Alertmanager",
            ),
            begin(self.pipeline.run(), "take in alerts"),
            begin(FollowUps(self.outbox, self.fleet, lambda: self.inventory, self._route).run(), "follow up alerts"),
            begin(self.summaries.run(), "tell the daily summary"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def _route(self, host: str, severity: str) -> Sequence[ChatTarget] | None:
        return routes(host, self.inventory).chats.get(severity)

    def followed(self) -> AbstractAsyncContextManager[None]:
        """Follow who logs in to each host while the block lasts; `serve` alone does, as the home is its own."""
        return self.logins.following(self.inventory, self.live.subscribe)

    async def _tell_of_inventory(self, event: Broken | Mended) -> None:
        """Into the outbox with it, once however many processes saw it."""
        if isinstance(event, Broken):
            error = event.error
            told = {"where": error.where, "what": error.what, "remedy": error.remedy, "hosts": event.hosts}
            await self.outbox.add("inventory.broken", told, key=f"inventory.broken {self.live.version}")
        else:
            await self.outbox.add("inventory.mended", event.changes, key=f"inventory.mended {self.live.version}")


def _agent(settings: Settings) -> str | None:
    if not settings.ssh_agent:
        return None
    try:
        return os.environ["SSH_AUTH_SOCK"]
    except KeyError:
        raise SettingsError(
            "is on, but SSH_AUTH_SOCK names no agent", where="SSH_AGENT", remedy="Run: eval $(ssh-agent) && ssh-add"
        ) from None
