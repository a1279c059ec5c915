"""The Telegram face: from updates to requests, and its own life from start to stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from pydantic import SecretStr
from telegram import BotCommand, Update
from telegram.error import BadRequest, InvalidToken, TelegramError

from orchestrator.bot.language import Catalogues, Languages
from orchestrator.bot.letters import Letters
from orchestrator.bot.redact import Redactor
from orchestrator.bot.router import Router
from orchestrator.bot.telegram.chat import Parts, TelegramChat
from orchestrator.bot.telegram.client import Client, brief, seconds_asked
from orchestrator.bot.telegram.deliver import Deliverer
from orchestrator.bot.telegram.gatekeeper import Gatekeeper, Sender
from orchestrator.bot.telegram.notify import Notifier
from orchestrator.bot.telegram.pace import Pace
from orchestrator.bot.telegram.polling import Poller, rejected
from orchestrator.bot.telegram.reception import Reception
from orchestrator.errors import SettingsError
from orchestrator.settings import ChatTarget
from orchestrator.store import Buttons, Inbox, Outbox

log = logging.getLogger(__name__)

MOST_REQUESTS = 256  # tasks; beyond, updates are left with Telegram for the moment
MENUS: Final[Mapping[str, str | None]] = {"en": None, "zh_TW": "zh"}  # our language -> Telegram's; None is the default


class TelegramFace:
    """Serves the people of `allowed` (numeric user ids) over the Bot API.

    `api_url` is the root of a Bot API server, None for Telegram's own. `targets` are the chats to tell what is in the
    outbox, made into messages by `letters`. `now` gives Unix time.
    """

    def __init__(
        self,
        *,
        token: SecretStr,
        api_url: str | None,
        allowed: frozenset[int],
        router: Router,
        languages: Languages,
        catalogues: Catalogues,
        inbox: Inbox,
        outbox: Outbox,
        targets: Callable[[], Iterable[ChatTarget]],
        letters: Letters,
        buttons: Buttons,
        redactor: Redactor,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises `SettingsError` when nobody is allowed."""
        if not allowed:
            raise SettingsError(
                "nobody is allowed to use the bot",
                where="ALLOWED_USERS",
                remedy="Set it to your numeric Telegram id, for example ALLOWED_USERS=123456789",
            )
        redactor.add(token.get_secret_value())
        self._router = router
        self._catalogues = catalogues
        self._inbox = inbox
        self._pace = pace
        self._client = Client(token, api_url, pace)
        self._deliverer = Deliverer(self._client.ping, pace)
        parts = Parts(self._client, self._deliverer, buttons, redactor, pace)
        self._poller = Poller(self._client, self._accept, pace)
        self._gatekeeper = Gatekeeper(allowed, router.command_of)
        self._reception = Reception(
            client=self._client,
            router=router,
            languages=languages,
            catalogues=catalogues,
            open_chat=partial(TelegramChat, parts),
            pace=pace,
            now=now,
        )
        self._notifier = Notifier(
            outbox=outbox,
            targets=targets,
            letters=letters,
            deliverer=self._deliverer,
            open_chat=lambda target: TelegramChat(parts, _owner(target), "", catalogues.locale("en")),
            languages=languages,
            catalogues=catalogues,
            pace=pace,
        )
        self._bot_name = ""
        self._requests: set[asyncio.Task[None]] = set()

    @property
    def last_poll(self) -> float | None:
        """Unix time of the last getUpdates that succeeded; None before the first."""
        return self._poller.last_poll

    @property
    def hung(self) -> bool:
        """Whether polling has come to a halt that only a new process ends; an outage of Telegram is none."""
        return self._poller.hung

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then let requests and answers under way finish within a bound.

        Lives through any outage of Telegram. Raises `SettingsError` when Telegram rejects the token, and
        `PollingStuck` when only a new process may help.
        """
        asked = asyncio.create_task(stop.wait())
        work = asyncio.create_task(self._serve())
        notifying = asyncio.create_task(self._notifier.run())
        try:
            await asyncio.wait({asked, work, notifying}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (work, notifying):
                if ended.done():
                    ended.result()
        finally:
            for task in (asked, work, notifying):
                task.cancel()
            await asyncio.wait({asked, work, notifying})
            await self._drain()

    async def _serve(self) -> None:
        failures = 0
        while trouble := await self._introduce():
            if not failures:
                log.warning("Telegram does not answer, trying again until it does: %s", trouble)
            failures += 1
            await asyncio.sleep(self._pace.pause(failures))
        log.info("serving Telegram as @%s", self._bot_name)
        menus = asyncio.create_task(self._put_up_menus())
        try:
            await self._poller.run()
        finally:
            menus.cancel()
            await asyncio.wait({menus})

    async def _introduce(self) -> str:
        """Learn our name, and make sure that we may poll; why not, while Telegram is away."""
        try:
            async with asyncio.timeout(4 * self._pace.answer):
                me = await self._client.bot.get_me()
                self._bot_name = me.username or ""
                await self._client.bot.delete_webhook()  # else getUpdates is refused
        except InvalidToken:
            raise rejected() from None
        except (TelegramError, TimeoutError) as error:
            await asyncio.sleep(seconds_asked(error))
            return brief(error) or "no answer"
        return ""

    async def _put_up_menus(self) -> None:
        """Tell Telegram the commands; the chat works without, so it only tries again later when that fails."""
        failures = 0
        for language, tag in MENUS.items():
            while not await self._put_up_menu(language, tag):
                failures += 1
                await asyncio.sleep(self._pace.pause(failures))

    async def _put_up_menu(self, language: str, tag: str | None) -> bool:
        try:
            async with asyncio.timeout(4 * self._pace.answer):
                await self._client.bot.set_my_commands(self._menu(language), language_code=tag)
        except BadRequest as error:
            log.error("Telegram does not take the command menu: %s", brief(error))
        except (TelegramError, TimeoutError) as error:
            log.debug("no command menu yet: %s", brief(error))
            await asyncio.sleep(seconds_asked(error))
            return False
        return True

    def _menu(self, language: str) -> list[BotCommand]:
        _ = self._catalogues.locale(language).gettext
        return [BotCommand(command.name, _(command.description)[:256]) for command in self._router.commands]

    async def _accept(self, raw: Mapping[str, Any]) -> None:
        """Take an update at most once: it is written down before anything comes of it."""
        if not await self._inbox.take(int(raw["update_id"])):
            return
        try:
            update = Update.de_json(dict(raw), self._client.bot)
            verdict = self._gatekeeper.judge(update, self._bot_name)
        except Exception:
            log.exception("update %s cannot be read", raw["update_id"])
            return
        while len(self._requests) >= MOST_REQUESTS:
            await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
        await self._reception.hear(verdict)
        task = asyncio.create_task(self._reception.serve(verdict))
        self._requests.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a request failed", exc_info=error)

    async def _drain(self) -> None:
        if self._requests:
            _, late = await asyncio.wait(self._requests, timeout=self._pace.drain)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=self._pace.drain)
        await self._deliverer.close()
        await self._client.close()


def _owner(target: ChatTarget) -> Sender:
    """Nobody asked for what is told to an alert chat: whoever may talk to us may tap its buttons."""
    return Sender(0, "", None, target.chat, target.topic, in_group=target.chat < 0)
