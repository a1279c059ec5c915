"""A Bot API on loopback with people who talk to the bot: everything over real HTTP, everything recorded.

    async with Telegram() as tg:
        ...start a bot with `tg.url` and `tg.token`...
        await tg.say(ANN, "/agents")
        shown = await tg.expect(lambda message: "web1" in message.text)
        await tg.tap(shown, "↻")

It refuses what Telegram refuses: bad markup, too long texts, button data over 64 bytes, edits that change nothing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from lo_bot_api_emulator import ApiRefusal, LoBotApiEmulator
from lo_bot_api_emulator import updates as emulated_updates

from tests.telegram.markup import visible
from tests.telegram.proxy import Proxy

TOKEN = "7:AAExampleExampleExampleExampleExample"
BOT_NAME = "fleet_bot"

# As it comes it takes only these; Telegram delivers more, and we must ignore them.
emulated_updates.KINDS.update({"edited_message", "channel_post", "my_chat_member", "chosen_inline_result"})
NOT_MODELLED = ("parse_mode", "link_preview_options", "message_thread_id", "disable_notification", "reply_parameters")


@dataclass(frozen=True)
class User:
    """Somebody with a Telegram account."""

    id: int
    name: str
    language: str | None = "en"


ANN = User(1001, "Ann")
MEI = User(1002, "小美", "zh-hant")
EVE = User(6666, "Eve")


@dataclass(frozen=True)
class Call:
    """One request to the Bot API: `at` is monotonic, `files` are names and bytes, `refusal` is why it failed."""

    at: float
    method: str
    fields: dict[str, Any]
    files: dict[str, tuple[str, bytes]]
    refusal: str


@dataclass
class Shown:
    """A message of the bot as it is now. `buttons` are (label, callback_data), row by row."""

    chat_id: int
    message_id: int
    text: str = ""
    html: str = ""
    buttons: list[list[tuple[str, str]]] = field(default_factory=list)
    keyboard: list[list[str]] = field(default_factory=list)
    topic_id: int | None = None
    silent: bool = False
    document: tuple[str, bytes] | None = None
    picture: bytes | None = None
    reply_to: int | None = None
    versions: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The labels of all inline buttons."""
        return [label for row in self.buttons for label, _ in row]


@dataclass
class _Script:
    method: str
    times: int
    refusal: Callable[[], Exception]
    matches: Callable[[dict[str, Any]], bool]


class Telegram(LoBotApiEmulator):  # type: ignore[misc]  # the emulator has no types
    """The Bot API, its users, and the network in front of it (`proxy`)."""

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__(max_assets=10_000, max_history=100_000)
        self.token = token
        self.calls: list[Call] = []
        self.shown: dict[tuple[int, int], Shown] = {}
        self.too_old: set[str] = set()
        self._scripts: list[_Script] = []
        self._numbers = iter(range(500_000, 10**9))

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.proxy = Proxy(port)
        await self.proxy.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.proxy.down()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """What to set as TELEGRAM_API_URL."""
        return f"http://127.0.0.1:{self.proxy.port}"

    # What people do.

    async def say(self, user: User, text: str, *, chat: int | None = None, age: float = 0.0, **more: Any) -> int:
        """Write to the bot, in private or in the group `chat` (negative), `age` seconds ago; returns the update id.

        `more` are further fields of the Bot API's Message, such as ``forward_origin``.
        """
        return await self.update({"message": self.message(user, text, chat=chat, age=age, **more)})

    def message(
        self, user: User, text: str, *, chat: int | None = None, age: float = 0.0, **more: Any
    ) -> dict[str, Any]:
        """A Message of the Bot API as somebody writes it."""
        place = (
            {"id": user.id, "type": "private"} if chat is None else {"id": chat, "type": "supergroup", "title": "Ops"}
        )
        return {
            "message_id": next(self._numbers),
            "date": int(time.time() - age),
            "chat": place,
            "from": as_json(user),
            "text": text,
            **more,
        }

    async def update(self, update: dict[str, Any]) -> int:
        """Queue an update as it is (with or without an update_id)."""
        update_id = await self.enqueue_update(update, token=self.token)
        assert isinstance(update_id, int)
        return update_id

    async def repeat(self, update: dict[str, Any]) -> None:
        """Queue an update with an id that was given out before, as Telegram does when it was not confirmed."""
        inbox = self._update_queues._state(self.token)
        async with inbox.condition:
            inbox.updates.append(update)
            inbox.condition.notify_all()

    async def tap(self, shown: Shown, label: str, *, user: User = ANN, too_old: bool = False) -> str:
        """Tap the button of a message whose label contains `label`; returns the id of the tap."""
        matching = [data for row in shown.buttons for text, data in row if label in text]
        assert matching, f"no button {label!r} among {shown.labels}"
        return await self.tap_data(shown, matching[0], user=user, too_old=too_old)

    async def tap_data(self, shown: Shown, data: str, *, user: User = ANN, too_old: bool = False) -> str:
        """Send a tap with any data, as a modified app could."""
        query_id = str(next(self._numbers))
        if too_old:
            self.too_old.add(query_id)
        private = shown.chat_id > 0
        chat = {"id": shown.chat_id, "type": "private" if private else "supergroup", "title": "Ops"}
        message = {"message_id": shown.message_id, "date": int(time.time()), "chat": chat, "text": shown.text}
        if shown.topic_id:
            message |= {"message_thread_id": shown.topic_id, "is_topic_message": True}
        await self.update(
            {
                "callback_query": {
                    "id": query_id,
                    "from": as_json(user),
                    "chat_instance": "1",
                    "data": data,
                    "message": message,
                }
            }
        )
        return query_id

    # What can be seen.

    async def expect(self, wanted: Callable[[Shown], bool], *, within: float = 40.0, after: int = 0) -> Shown:
        """The newest message that fits, waiting for it; `after` ignores messages up to that id.

        Fails with everything that is shown.
        """

        def find() -> Shown | None:
            fitting = [item for item in self.shown.values() if item.message_id > after and wanted(item)]
            return fitting[-1] if fitting else None

        await self._until(lambda: find() is not None, within, "no such message")
        found = find()
        assert found is not None
        return found

    async def answered(self, query_id: str, *, within: float = 40.0) -> str:
        """The notice that a tap was answered with, waiting for it."""
        await self._until(lambda: query_id in self._answers(), within, "the tap was not answered")
        return self._answers()[query_id]

    async def called(self, method: str, count: int = 1, *, within: float = 40.0) -> list[Call]:
        """The calls of a method, refused ones too, waiting until there are `count`."""
        await self._until(lambda: len(self.of(method)) >= count, within, f"{count} calls of {method}")
        return self.of(method)

    async def drained(self, *, within: float = 40.0) -> None:
        """Wait until the bot has taken (and by asking for later ones, confirmed) every update."""
        inbox = self._update_queues._state(self.token)
        await self._until(lambda: not inbox.updates, within, "updates are left")

    def of(self, method: str) -> list[Call]:
        """The calls of a method so far."""
        return [call for call in self.calls if call.method == method]

    def in_chat(self, chat_id: int) -> list[Shown]:
        """The bot's messages in a chat, oldest first."""
        return [item for item in self.shown.values() if item.chat_id == chat_id]

    def refuse(
        self,
        method: str,
        status: int,
        description: str,
        *,
        times: int = 1,
        retry_after: int | None = None,
        matches: Callable[[dict[str, Any]], bool] = lambda fields: True,  # noqa: ARG005 - any
        **parameters: Any,
    ) -> None:
        """Answer the next calls of a method so, as far as their fields match."""
        if retry_after is not None:
            parameters["retry_after"] = retry_after
        refusal = partial(ApiRefusal, description, status, parameters or None)
        self._scripts.append(_Script(method, times, refusal, matches))

    def break_down(
        self,
        method: str,
        *,
        times: int = 1,
        page: type[web.HTTPException] = web.HTTPBadGateway,
        text: str = "<html><body>nginx</body></html>",
    ) -> None:
        """Answer the next calls with a page that is not the Bot API's, as a gateway in front of it does."""
        broken = partial(page, text=text, content_type="text/html")
        self._scripts.append(_Script(method, times, broken, lambda _: True))

    # The Bot API's side.

    def validate(self, method: str, fields: dict[str, Any], uploads: dict[str, Any]) -> Any:
        """Answer a call; the emulator does the HTTP, the polling and the checks that it has."""
        try:
            result = self._judge(method, dict(fields), dict(uploads))
        except (ApiRefusal, web.HTTPException) as refusal:
            self._record_call(method, fields, uploads, str(getattr(refusal, "description", refusal)))
            raise
        self._record_call(method, fields, uploads, "")
        return result

    def _judge(self, method: str, fields: dict[str, Any], uploads: dict[str, Any]) -> Any:
        for script in self._scripts:
            if script.method == method and script.times > 0 and script.matches(fields):
                script.times -= 1
                raise script.refusal()
        if method == "answerCallbackQuery" and fields["callback_query_id"] in self.too_old:
            raise ApiRefusal("Bad Request: query is too old and response timeout expired or query ID is invalid")
        if method == "editMessageMedia":
            return self._change_picture(fields, uploads)
        captioned = method in ("sendPhoto", "sendDocument")
        text = fields.get("caption" if captioned else "text")
        if method in ("sendMessage", "editMessageText") and fields.get("parse_mode") == "HTML":
            fields["text"] = visible(str(text))
        if captioned and text:
            fields["caption"] = self._caption(str(text), fields.get("parse_mode"))
        if method == "editMessageText":
            self._judge_edit(fields, str(text))
            if self.shown[int(fields["chat_id"]), int(fields["message_id"])].picture:
                raise ApiRefusal("Bad Request: there is no text in the message to edit")
        known = {name: value for name, value in fields.items() if name not in NOT_MODELLED}
        result = super().validate(method, known, uploads)
        if method == "getMe":
            return result | {"username": BOT_NAME}
        if isinstance(result, dict) and "message_id" in result:
            self._show(result, fields, str(text or ""), uploads)
        return result

    def _caption(self, html: str, mode: str | None) -> str:
        text = visible(html) if mode == "HTML" else html
        if len(text.encode("utf-16-le")) // 2 > 1024:
            raise ApiRefusal("Bad Request: message caption is too long")
        return text

    def _change_picture(self, fields: dict[str, Any], uploads: dict[str, Any]) -> dict[str, Any]:
        """The emulator has no editMessageMedia; this is as much of it as photos need."""
        media = _decoded(fields["media"])
        item = self.shown.get((int(fields["chat_id"]), int(fields["message_id"])))
        if item is None:
            raise ApiRefusal("Bad Request: message to edit not found")
        assert media["type"] == "photo"
        content = uploads[media["media"].removeprefix("attach://")]["data"]
        html = str(media.get("caption", ""))
        if (item.picture, item.html, item.buttons) == (content, html, _inline(fields)):
            raise ApiRefusal("Bad Request: message is not modified")
        item.text, item.html = self._caption(html, media.get("parse_mode")), html
        item.buttons, item.picture = _inline(fields), content
        item.versions.append(item.text)
        private = item.chat_id > 0
        chat = {"id": item.chat_id, "type": "private" if private else "supergroup", "title": "Ops"}
        return {"message_id": item.message_id, "date": int(time.time()), "chat": chat, "caption": item.text}

    def _judge_edit(self, fields: dict[str, Any], html: str) -> None:
        item = self.shown.get((int(fields["chat_id"]), int(fields["message_id"])))
        if item is None:
            raise ApiRefusal("Bad Request: message to edit not found")
        if (item.html, item.buttons) == (html, _inline(fields)):
            raise ApiRefusal(
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message"
            )

    def _show(self, result: dict[str, Any], fields: dict[str, Any], html: str, uploads: dict[str, Any]) -> None:
        chat_id, message_id = int(fields["chat_id"]), int(result["message_id"])
        item = self.shown.setdefault((chat_id, message_id), Shown(chat_id, message_id))
        item.text = str(fields.get("caption" if {"photo", "document"} & result.keys() else "text", ""))
        item.html, item.buttons = html, _inline(fields)
        item.versions.append(item.text)
        if "message_id" in fields:
            return
        item.keyboard = [
            [_label(key) for key in row] for row in _decoded(fields.get("reply_markup")).get("keyboard", [])
        ]
        item.topic_id = int(fields["message_thread_id"]) if "message_thread_id" in fields else None
        item.silent = str(fields.get("disable_notification", "")).lower() == "true"
        item.reply_to = _decoded(fields.get("reply_parameters")).get("message_id")
        for upload in uploads.values():
            if "photo" in result:
                item.picture = upload["data"]
                continue
            item.document = upload["filename"], upload["data"]

    def _record_call(self, method: str, fields: dict[str, Any], uploads: dict[str, Any], refusal: str) -> None:
        files = {name: (upload["filename"], upload["data"]) for name, upload in uploads.items()}
        self.calls.append(Call(time.monotonic(), method, dict(fields), files, refusal))

    async def _until(self, true: Callable[[], bool], within: float, what: str) -> None:
        try:
            async with asyncio.timeout(within):
                while not true():  # noqa: ASYNC110 - what it waits for is also changed inside the emulator
                    await asyncio.sleep(0.01)
        except TimeoutError:
            shown = "\n".join(f"  [{i.chat_id}/{i.message_id}] {i.text!r} {i.labels}" for i in self.shown.values())
            last = "\n".join(f"  {call.method} {call.fields} {call.refusal}" for call in self.calls[-8:])
            raise AssertionError(f"{what} within {within} s; shown:\n{shown}\nlast calls:\n{last}") from None

    def _answers(self) -> dict[str, str]:
        calls = self.of("answerCallbackQuery")
        return {str(call.fields["callback_query_id"]): str(call.fields.get("text", "")) for call in calls}


def as_json(user: User) -> dict[str, Any]:
    """A User of the Bot API."""
    person = {"id": user.id, "is_bot": False, "first_name": user.name}
    return person | ({"language_code": user.language} if user.language else {})


def _decoded(value: Any) -> dict[str, Any]:
    decoded = json.loads(value) if isinstance(value, str) else value
    return decoded or {}


def _inline(fields: dict[str, Any]) -> list[list[tuple[str, str]]]:
    rows = _decoded(fields.get("reply_markup")).get("inline_keyboard", [])
    return [[(key["text"], key["callback_data"]) for key in row] for row in rows]


def _label(key: Any) -> str:
    return str(key["text"] if isinstance(key, dict) else key)
