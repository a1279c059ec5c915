"""The other half of the composition root: the chat over an open `App`, for Telegram and for the terminal."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from orchestrator.app import App
from orchestrator.bot.commands import SelfReport, Services, build_router
from orchestrator.bot.drawing import Easel
from orchestrator.bot.language import Catalogues, Languages
from orchestrator.bot.letters import Letters
from orchestrator.bot.loginsources import LoginSources, unfollowed
from orchestrator.bot.logintelling import LOGIN_DIGESTS, LoginTelling
from orchestrator.bot.redact import Redactor
from orchestrator.bot.render.health import POLL_LATE_S
from orchestrator.bot.runs import Runs
from orchestrator.bot.summarytelling import SummaryTelling
from orchestrator.bot.telegram import TelegramFace
from orchestrator.bot.telegram.notify import is_refusal
from orchestrator.bot.telling import DIGESTS, AlertTelling
from orchestrator.bot.terminal import Terminal
from orchestrator.control import Actor
from orchestrator.errors import SettingsError, StoreError
from orchestrator.inventory import Inventory
from orchestrator.inventory.edit import Editor
from orchestrator.inventory.routes import all_chats
from orchestrator.monitor.charts import Charts
from orchestrator.monitor.grafana import Grafana
from orchestrator.monitor.meters import Gauges
from orchestrator.store import Backlog, Buttons, Dialogues, Inbox, Preferences
from orchestrator.version import __version__

STUCK_S = 900.0  # a message may wait this long without anything being broken, in a storm
REFUSED_S = 3600.0  # whoever misses the heartbeat knows it by then
UNHEARD_S = 180.0  # the Watchdog comes every minute


class Faces:
    """The chat's commands, built once and shared by the faces.

    Installs the redaction of secrets in all that is logged from here on.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._telegram: TelegramFace | None = None
        self.buttons = Buttons(app.database)
        self.catalogues = Catalogues(app.settings.zone)
        self.runs = Runs()
        self.charts = Charts()
        preferences = Preferences(app.database)
        easel = Easel(self.charts, preferences, self.catalogues)
        logins = LoginSources.of(app.database, app.logins.states)
        summary = SummaryTelling(lambda: app.inventory, app.readings, easel, logins)
        telling = AlertTelling(lambda: app.inventory, app.readings, easel)
        login_telling = LoginTelling(lambda: app.inventory)
        self.letters = Letters(
            {**telling.composers, **login_telling.composers, **summary.composers}, {**DIGESTS, **LOGIN_DIGESTS}
        )
        self.languages = Languages(preferences, app.settings.language)
        self._redactor = Redactor(_passwords(app.inventory))
        if heartbeat := app.settings.heartbeat_url:
            self._redactor.add(heartbeat.get_secret_value())
        self._redactor.install()
        app.live.subscribe(self._hide)
        self.router = build_router(
            Services(
                inventory=lambda: app.inventory,
                editor=Editor(app.home.inventory, app.home.state / "inventory"),
                refresh=app.live.refresh,
                trust=app.trust,
                scan=app.pool.scan,
                dialogues=Dialogues(app.database),
                state=app.pool.state,
                retry=app.pool.retry,
                readings=app.readings,
                easel=easel,
                grafana=self._grafana(),
                summaries=app.summaries,
                telling=summary,
                fleet=app.fleet,
                alerts=app.alerts,
                thresholds=app.thresholds,
                logins=logins,
                alertmanager=app.alertmanager,
                watchdog=app.pipeline.watchdog,
                playbooks=lambda: app.playbooks,
                bootstrap=app.bootstrap,
                door=app.door,
                buttons=self.buttons,
                preferences=preferences,
                catalogues=self.catalogues,
                runs=self.runs,
                self_report=self.report,
            )
        )

    def bot_token(self) -> SecretStr:
        """The token to serve Telegram with. Raises `SettingsError` when there is none."""
        token = self._app.settings.bot_token
        if token is None:
            raise SettingsError(
                "is missing, so there is nothing to serve",
                where="BOT_TOKEN",
                remedy="Set it in .env, or use `orchestrator chat`, the same chat on this terminal",
            )
        return token

    async def serve_telegram(self, stop: asyncio.Event) -> None:
        """Serve Telegram until `stop` is set.

        Raises `SettingsError` when there is no token or Telegram rejects it, and `PollingStuck` when only a new
        process may help.
        """
        settings = self._app.settings
        self._telegram = TelegramFace(
            token=self.bot_token(),
            api_url=settings.telegram_api_url,
            allowed=settings.allowed_users,
            router=self.router,
            languages=self.languages,
            catalogues=self.catalogues,
            inbox=Inbox(self._app.database),
            outbox=self._app.outbox,
            targets=lambda: all_chats(self._app.inventory, self._app.outbox.responsible),
            letters=self.letters,
            buttons=self.buttons,
            redactor=self._redactor,
        )
        await self._telegram.run(stop)

    async def converse(self, actor: Actor, *, script: AsyncGenerator[str | None] | None = None) -> int:
        """Serve `actor` on this terminal until the input ends; with a `script`, those lines instead of the input's."""
        terminal = Terminal(
            router=self.router,
            runs=self.runs,
            buttons=self.buttons,
            languages=self.languages,
            catalogues=self.catalogues,
            outbox=self._app.outbox,
            letters=self.letters,
            inventory=lambda: self._app.inventory,
            actor=actor,
            state=self._app.home.state,
            hint=os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG"),
        )
        return await (terminal.script(script) if script else terminal.run())

    def trouble(self) -> str:
        """What is wrong that a new process would mend; empty when nothing is."""
        if self._app.pipeline.crashed:
            return "nobody watches over alerts any more"
        return "polling Telegram hangs" if self._telegram and self._telegram.hung else ""

    def _grafana(self) -> Grafana | None:
        settings = self._app.settings
        token = settings.grafana_token.get_secret_value() if settings.grafana_token else ""
        if token:
            self._redactor.add(token)
        return Grafana(settings.grafana_url, token) if settings.grafana_url else None

    def _hide(self, inventory: Inventory) -> None:
        for password in _passwords(inventory):
            self._redactor.add(password)

    async def gauges(self) -> Gauges:
        """How we ourselves are, as figures; what is not known is not among them."""
        report = await self.report()
        gauges = {"start_time_seconds": ("When it was started", report.started_at.timestamp())}
        gauges["database_bytes"] = ("Size of the database", report.database)
        gauges["database_usable"] = ("1 while the database answers", 0 if report.trouble else 1)
        gauges["inventory_in_force"] = ("0 while the inventory's files cannot be read", 0 if report.inventory else 1)
        if report.last_poll:
            meaning = "When Telegram last answered getUpdates"
            gauges["telegram_last_poll_timestamp_seconds"] = (meaning, report.last_poll.timestamp())
        if not report.trouble:
            backlog = report.backlog
            waits = (datetime.now(UTC) - backlog.since).total_seconds() if backlog.since else 0
            gauges["outbox_messages"] = ("Messages that wait for Telegram", backlog.waiting)
            gauges["outbox_oldest_age_seconds"] = ("How long the oldest of them has waited", waits)
            gauges["outbox_set_aside"] = ("Messages given up in the last 30 days", backlog.set_aside)
            gauges["audit_unfinished"] = ("Actions whose outcome nobody knows", report.unfinished)
        return gauges

    async def report(self) -> SelfReport:
        """How we ourselves are."""
        app, telegram = self._app, self._telegram
        polled = telegram.last_poll if telegram else None
        trouble, unfinished, backlog = "", 0, Backlog()
        try:
            backlog = await app.outbox.backlog(all_chats(app.inventory, app.outbox.responsible))
            rows = await app.audit.unfinished()
            unfinished = sum(row.at < app.started_at for row in rows)
        except StoreError as error:
            trouble = str(error)
        return SelfReport(
            version=__version__,
            started_at=app.started_at,
            memory=_resident(),
            connections=Counter(app.pool.state(host).phase for host in app.inventory.hosts),
            telegram=telegram is not None,
            last_poll=datetime.fromtimestamp(polled, UTC) if polled else None,
            database=_size(app.database.path),
            trouble=trouble,
            inventory=app.live.problem,
            prometheus=app.servers.prometheus.problem if app.servers.prometheus else "",
            unfinished=unfinished,
            backlog=backlog,
            watched=app.pipeline.running,
            alerts=app.pipeline.watchdog.fault,
            alerts_heard=app.pipeline.watchdog.heard_at,
            unfollowed=unfollowed(app.logins.states()),
            unwatched=app.logins.unwatched(),
        )

    async def ailment(self) -> str:
        """Why an alert would not reach anybody now, on one line; empty while it would."""
        report, now = await self.report(), datetime.now(UTC)
        if report.trouble:
            return report.trouble
        if report.telegram and (report.last_poll is None or (now - report.last_poll).total_seconds() > POLL_LATE_S):
            return "Telegram does not answer"
        if report.backlog.since and (now - report.backlog.since).total_seconds() > STUCK_S:
            return "messages wait for Telegram"
        if await self._refused():
            return "Telegram refuses what is for the chats of alerts"
        if self._app.pipeline.crashed or self._app.pipeline.watchdog.silent_for > UNHEARD_S:
            return "alerts do not arrive"
        return ""

    async def _refused(self) -> bool:
        """Whether each chat of alerts refused the last two letters for it, of late: one may be the letter's own fault,
        and whether a chat would take the next one is not known without one.
        """
        outbox, since = self._app.outbox, time.time() - REFUSED_S
        for target in outbox.targets:
            problems = await outbox.problems(target, since)
            if len(problems) < 2 or not all(map(is_refusal, problems)):
                return False
        return bool(outbox.targets)


def _passwords(inventory: Inventory) -> list[str]:
    return [host.become.password for host in inventory.hosts if host.become and host.become.password]


def _resident() -> int | None:
    """Resident memory in bytes: the second field of /proc/self/statm, in pages (proc_pid_statm(5))."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * resource.getpagesize()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
