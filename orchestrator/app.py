"""The composition root: builds the parts, hands them to each other, and takes them down in order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.control import Door
from orchestrator.errors import SettingsError
from orchestrator.fleet import Fleet
from orchestrator.home import Home, refuse_open_home
from orchestrator.inventory import Inventory
from orchestrator.liveinventory import Broken, LiveInventory, Mended
from orchestrator.monitor.client import PrometheusClient, PrometheusError
from orchestrator.monitor.configure import snippet, spelled
from orchestrator.monitor.meters import Gauges, Meters
from orchestrator.monitor.query import Absence, Metrics
from orchestrator.monitor.supervise import OwnPrometheus, Programs, installed
from orchestrator.readings import Readings
from orchestrator.settings import Settings
from orchestrator.ssh import Authority, Keys, Passphrase, Pool, Succession, Trust, passphrase_file
from orchestrator.store import AuditLog, Database, Outbox

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
    prometheus: OwnPrometheus | None
    """The one that we run; None where PROMETHEUS_URL names somebody's."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    @asynccontextmanager
    async def open(cls, home: Home, *, ask_passphrase: Passphrase) -> AsyncIterator[App]:
        """Build everything for `home`; closed in reverse order when the block ends.

        Nothing is connected yet. `ask_passphrase` gets the path of an encrypted key and gives its passphrase, or None
        when there is nobody to ask. Raises the `OrchestratorError` that names what is wrong.
        """
        refuse_open_home(home)
        settings = Settings.load(home)
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
            outbox = Outbox(database, settings.alert_chat_id if settings.bot_token else ())
            door, meters = Door(audit), Meters()
            async with Pool(trust=trust, keys=keys, authority=authority) as pool:
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
                    prometheus=None if settings.prometheus_url else _prometheus(home, settings),
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
        from orchestrator.monitor.releases import Releases

        home, trust = self.home, self.trust.rehearsed() if check else self.trust
        releases = Releases(home.state / "downloads")
        parts = Parts(
            open_pool=lambda passwords: Pool(
                trust=trust, keys=self.keys.lent(), authority=self.authority, passwords=passwords
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

        Raises SettingsError when LISTEN cannot be had.
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
            gauges=gauges,
        )
        watching = asyncio.create_task(self.meters.watch_loop())
        try:
            async with serving(listen, endpoints.routes):
                yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    @property
    def readings(self) -> Readings:
        """How hosts are and were."""
        return Readings(self.metrics, self.fleet, self.pool.state)

    @asynccontextmanager
    async def monitored(self) -> AsyncIterator[None]:
        """Have a Prometheus that scrapes what `listening` serves while the block lasts: ours, or PROMETHEUS_URL's.

        Without one the block runs all the same; the log says why there is none.
        """
        task = asyncio.create_task(self.prometheus.run() if self.prometheus else self._judge_prometheus())
        task.add_done_callback(_told)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _judge_prometheus(self) -> None:
        """Say what to add to somebody's own Prometheus when it does not scrape through us."""
        names = self.inventory.hosts.names
        try:
            absences = await self.metrics.absence(names)
        except PrometheusError as error:
            log.warning("%s", error)
            return
        if names and all(absence is Absence.NEVER for absence in absences.values()):
            address, listen = self.metrics.address, self.settings.listen
            log.warning("%s scrapes none of our hosts. Add to its scrape_configs:\n%s", address, snippet(listen))

    async def _tell_of_inventory(self, event: Broken | Mended) -> None:
        """Into the outbox with it, once however many processes saw it."""
        if isinstance(event, Broken):
            error = event.error
            told = {"where": error.where, "what": error.what, "remedy": error.remedy, "hosts": event.hosts}
            await self.outbox.add("inventory.broken", told, key=f"inventory.broken {self.live.version}")
        else:
            await self.outbox.add("inventory.mended", event.changes, key=f"inventory.mended {self.live.version}")


def _prometheus(home: Home, settings: Settings) -> OwnPrometheus:
    async def find() -> Programs:
        from orchestrator.monitor.releases import Releases

        if found := installed():
            return found
        folder = await Releases(home.state / "downloads").unpacked("prometheus")
        return Programs(folder / "prometheus", folder / "promtool")

    return OwnPrometheus(
        home.path / "prometheus",
        home.state / "prometheus",
        listen=settings.prometheus_listen,
        scraped=settings.listen,
        find=find,
    )


def _told(task: asyncio.Task[None]) -> None:
    """Nobody waits for it, so what it fails of must be said here."""
    if not task.cancelled() and (error := task.exception()):
        log.error("nobody looks after Prometheus any more", exc_info=error)


def _agent(settings: Settings) -> str | None:
    if not settings.ssh_agent:
        return None
    try:
        return os.environ["SSH_AUTH_SOCK"]
    except KeyError:
        raise SettingsError(
            "is on, but SSH_AUTH_SOCK names no agent", where="SSH_AGENT", remedy="Run: eval $(ssh-agent) && ssh-add"
        ) from None
