"""A Telegram chat as a command handler sees it: messages that are sent, and edited to their newest state."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    ReplyKeyboardMarkup,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated

from orchestrator.bot.language import Locale
from orchestrator.bot.message import CAPTION_LIMIT, TEXT_LIMIT, Button, Document, Message
from orchestrator.bot.redact import Redactor
from orchestrator.bot.render.markup import Html, cut_units, length, shown, units
from orchestrator.bot.telegram.client import Client
from orchestrator.bot.telegram.deliver import Deliverer
from orchestrator.bot.telegram.gatekeeper import Sender
from orchestrator.bot.telegram.pace import Pace
from orchestrator.errors import StoreError
from orchestrator.store import ButtonRow, Buttons

log = logging.getLogger(__name__)

DOCUMENT_LIMIT = 50_000_000  # bytes (https://core.telegram.org/bots/api#senddocument)
GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)

T = TypeVar("T")
Markup = InlineKeyboardMarkup | ReplyKeyboardMarkup | None


@dataclass(eq=False)
class _Shown:
    """A message: what it should show, and what is known of it in Telegram."""

    wanted: Message
    message_id: int | None = None
    sending: asyncio.Future[int | None] | None = None
    buttons: tuple[tuple[Button, ...], ...] = ()
    markup: InlineKeyboardMarkup | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What every chat of this face is made of."""

    client: Client
    deliverer: Deliverer
    buttons: Buttons
    redactor: Redactor
    pace: Pace


class TelegramChat:
    """One requester's view of a chat, for as long as one request is served (a `conversation.Chat`)."""

    def __init__(self, parts: Parts, sender: Sender, requester: str, locale: Locale) -> None:
        """`requester` is the actor id who alone may tap `personal` buttons."""
        self._client = parts.client
        self._deliverer = parts.deliverer
        self._buttons = parts.buttons
        self._redactor = parts.redactor
        self._patience = parts.pace.shown
        self._sender = sender
        self._chat_id = sender.chat_id
        self._requester = requester
        self._locale = locale
        self._shown: dict[int, _Shown] = {}
        self._stand_ins = itertools.count(1)

    async def send(self, message: Message) -> int:
        """Show a new message; returns its id, or a negative stand-in while Telegram is away.

        An edit of a message that is still waiting to be sent just changes what will be sent.
        """
        item = _Shown(message)
        self._post(item)
        assert item.sending is not None
        await asyncio.wait({item.sending}, timeout=self._patience)
        handle = item.message_id or -next(self._stand_ins)
        self._shown[handle] = item
        return handle

    async def deliver(self, message: Message, *, reply_to: int | None = None) -> int:
        """Send a message, under its document if it has one, as one call to Telegram; returns its id.

        For those who queue it themselves: nothing is retried, what goes wrong is raised. A file or a picture that
        Telegram refuses is left out.
        """
        markup = await self._reply_markup(_Shown(message))
        if document := message.document:
            try:
                return await self._send_document(document, message, markup)
            except BadRequest as error:
                log.warning("a message goes out without its document: %s", error)
        return await self._send(message, markup, reply_to)

    async def revise(self, message_id: int, message: Message) -> bool:
        """Show something else in a message, as one call to Telegram, as `deliver`; False when it is there no more."""
        item = _Shown(message, message_id=message_id)
        return await self._change(item, message_id, await self._reply_markup(item))

    async def edit(self, message_id: int, message: Message) -> None:
        """Show something else in a message; returns before it is shown."""
        item = self._shown.setdefault(message_id, _Shown(message, message_id=message_id))
        item.wanted = message
        if item.message_id is not None:
            self._deliverer.post(self._sender.chat_id, partial(self._update, item), key=item, size=_size(message))
            self._post_document(item)
        elif item.sending is None or item.sending.done():
            self._post(item)
        else:
            self._post_document(item)

    def _post(self, item: _Shown) -> None:
        call = partial(self._create, item)
        item.sending = self._deliverer.post(self._sender.chat_id, call, size=_size(item.wanted))
        self._post_document(item)

    def _post_document(self, item: _Shown) -> None:
        if document := item.wanted.document:
            call = partial(self._attach, document, item)
            self._deliverer.post(self._sender.chat_id, call, size=max(1, len(document.content)))

    async def _create(self, item: _Shown) -> int:
        message = item.wanted
        item.message_id = await self._send(message, await self._reply_markup(item))
        if item.wanted is not message:  # edited while it was under way
            self._deliverer.post(self._sender.chat_id, partial(self._update, item), key=item)
        return item.message_id

    async def _update(self, item: _Shown) -> int:
        message, message_id = item.wanted, item.message_id
        assert message_id is not None
        markup = await self._reply_markup(item)
        if not await self._change(item, message_id, markup):
            item.message_id = await self._send(message, markup)
        return item.message_id or message_id

    async def _change(self, item: _Shown, message_id: int, markup: Markup) -> bool:
        """Bring a message to its newest state; False when it cannot be edited any more."""
        message = item.wanted
        inline = markup if isinstance(markup, InlineKeyboardMarkup) else None

        async def put(text: str, mode: ParseMode | None) -> None:
            await self._client.bot.edit_message_text(
                text, self._chat_id, message_id, parse_mode=mode, reply_markup=inline, link_preview_options=NO_PREVIEW
            )

        async def put_picture(caption: str, mode: ParseMode | None) -> None:
            assert message.picture is not None
            media = InputMediaPhoto(message.picture.content, caption, mode, filename=message.picture.name)
            await self._client.bot.edit_message_media(media, self._chat_id, message_id, reply_markup=inline)

        try:
            if message.picture:
                await self._put(message.html, put_picture, CAPTION_LIMIT)
            else:
                await self._put(message.html, put)
        except BadRequest as error:
            reason = error.message.lower()
            if any(gone in reason for gone in GONE):
                return False
            if "message is not modified" not in reason:
                raise
        return True

    async def _send(self, message: Message, markup: Markup, reply_to: int | None = None) -> int:
        if message.picture is None:
            return await self._send_text(message, markup, reply_to)
        try:
            return await self._send_picture(message, message.picture, markup, reply_to)
        except BadRequest as error:  # the text matters more than the picture
            log.warning("a message goes out without its picture: %s", error)
            return await self._send_text(message, markup, reply_to)

    async def _send_picture(
        self, message: Message, picture: Document, markup: Markup, reply_to: int | None = None
    ) -> int:
        async def put(caption: str, mode: ParseMode | None) -> int:
            sent = await self._client.bot.send_photo(
                self._chat_id,
                picture.content,
                caption,
                parse_mode=mode,
                reply_markup=markup,
                disable_notification=message.silent,
                message_thread_id=self._sender.topic_id,
                reply_parameters=_reply(reply_to),
                filename=picture.name,
            )
            return sent.message_id

        return await self._put(message.html, put, CAPTION_LIMIT)

    async def _send_document(self, document: Document, message: Message, markup: Markup) -> int:
        content = await asyncio.to_thread(self._redactor.content, document.content)

        async def put(caption: str, mode: ParseMode | None) -> int:
            sent = await self._client.bot.send_document(
                self._chat_id,
                content,
                caption,
                parse_mode=mode,
                reply_markup=markup,
                disable_notification=message.silent,
                message_thread_id=self._sender.topic_id,
                filename=document.name,
            )
            return sent.message_id

        return await self._put(message.html, put, CAPTION_LIMIT)

    async def _send_text(self, message: Message, markup: Markup, reply_to: int | None = None) -> int:
        async def put(text: str, mode: ParseMode | None) -> int:
            sent = await self._client.bot.send_message(
                self._chat_id,
                text,
                parse_mode=mode,
                reply_markup=markup,
                disable_notification=message.silent,
                message_thread_id=self._sender.topic_id,
                reply_parameters=_reply(reply_to),
                link_preview_options=NO_PREVIEW,
            )
            return sent.message_id

        return await self._put(message.html, put)

    async def _attach(self, document: Document, item: _Shown) -> int:
        size = len(document.content)
        if size > DOCUMENT_LIMIT:
            _ = self._locale.gettext
            text = _("📄 The file has {size} MB; Telegram takes 50 at most. Nothing was attached.")
            return await self._send_text(Message(text.format(size=size // 1_000_000)), None)
        content = await asyncio.to_thread(self._redactor.content, document.content)
        sent = await self._migrating(
            lambda: self._client.bot.send_document(
                self._chat_id,
                content,
                filename=document.name,
                disable_notification=True,
                message_thread_id=self._sender.topic_id,
                reply_parameters=_reply(item.message_id),
            )
        )
        return sent.message_id

    async def _put(self, html: str, put: Callable[[str, ParseMode | None], Awaitable[T]], limit: int = TEXT_LIMIT) -> T:
        """Put a text up as HTML; as plain text when it is too long, or when Telegram cannot read the markup."""
        markup = Html(self._redactor.text(html).encode("utf-8", "replace").decode())
        if length(markup) <= limit:
            try:
                return await self._migrating(lambda: put(markup, ParseMode.HTML))
            except BadRequest as error:
                if "can't parse" not in error.message.lower():
                    raise
                log.warning("a message goes out without its markup: %s", error)
        return await self._migrating(lambda: put(self._plain(markup, limit), None))

    def _plain(self, markup: Html, limit: int) -> str:
        text = shown(markup)
        if units(text) <= limit:
            return text
        note = "\n" + self._locale.gettext("✂ The rest did not fit into a message.")
        return cut_units(text, limit - units(note)) + note

    async def _migrating(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call; once more when the group has become a supergroup, which has another id."""
        try:
            return await call()
        except ChatMigrated as error:
            self._chat_id = error.new_chat_id
            return await call()

    async def _reply_markup(self, item: _Shown) -> Markup:
        """The keys under a message. The same buttons keep their ids, so that edits do not fill the store."""
        if item.wanted.buttons != item.buttons:
            item.markup = await self._inline(item.wanted.buttons)
            item.buttons = item.wanted.buttons
        if item.markup or not item.wanted.keyboard or self._sender.in_group:
            return item.markup
        return ReplyKeyboardMarkup(item.wanted.keyboard, resize_keyboard=True, is_persistent=True)

    async def _inline(self, rows: tuple[tuple[Button, ...], ...]) -> InlineKeyboardMarkup | None:
        flat = [button for row in rows for button in row]
        try:
            ids = iter(await self._buttons.put([self._row(button) for button in flat]))
        except StoreError as error:
            log.error("a message goes out without its buttons: %s", error)
            return None
        keys = [[InlineKeyboardButton(button.label, callback_data=next(ids)) for button in row] for row in rows if row]
        return InlineKeyboardMarkup(keys) if keys else None

    def _row(self, button: Button) -> ButtonRow:
        requester = self._requester if button.personal else ""
        return ButtonRow(button.verb, button.args, requester, button.lifetime, button.once)


def _reply(message_id: int | None) -> ReplyParameters | None:
    """An answer to a message, which may have been deleted."""
    return ReplyParameters(message_id, allow_sending_without_reply=True) if message_id else None


def _size(message: Message) -> int:
    """Bytes that the call for a message holds; its document has a call of its own."""
    return len(message.picture.content) if message.picture else 0
