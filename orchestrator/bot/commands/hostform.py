"""A host put together in a conversation: asked for piece by piece, each judged at once, kept over a restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace

from orchestrator.bot.commands.hostwriting import HostWriter
from orchestrator.bot.conversation import Request
from orchestrator.bot.hostchange import HostChange, refuse_name
from orchestrator.bot.language import Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.message import Message
from orchestrator.bot.render import hostform as render
from orchestrator.errors import UsageError
from orchestrator.inventory import Inventory
from orchestrator.store import Dialogue, Dialogues, Place

KIND = "host"


class HostForm:
    """The conversation of ``/host_add`` and ``/host_set``; `writer` makes the change in the end."""

    def __init__(
        self, inventory: Callable[[], Inventory], writer: HostWriter, dialogues: Dialogues, catalogues: Catalogues
    ) -> None:
        self._inventory = inventory
        self._writer = writer
        self._dialogues = dialogues
        self._catalogues = catalogues
        self._alone = asyncio.Lock()

    async def begin(self, request: Request, change: HostChange) -> None:
        """Ask for what is missing of `change`, in place of any conversation here before."""
        async with self._alone:
            asking = "name" if not change.name else "address" if change.verb == "add" else ""
            await self._ask(request, change, asking)

    async def begin_set(self, request: Request) -> None:
        """[a host] of those that may be changed."""
        host = self._inventory().host((request.args or {})["host"])
        await self.begin(request, HostChange("set", host.name))

    async def talk(self, request: Request) -> bool:
        """Words that are no command: True when they were an answer to us. Raises what is wrong with the answer."""
        async with self._alone:
            dialogue = await self._dialogues.get(_place(request))
            if dialogue is None or dialogue.kind != KIND:
                return False
            change, asking = _restored(dialogue)
            await self._answered(request, change, asking, request.text.strip())
            return True

    async def ask(self, request: Request) -> None:
        """[Address], [Port] ...: ask for one field, or with no field show the form."""
        async with self._alone:
            change, _ = await self._under_way(request)
            await self._ask(request, change, (request.args or {}).get("field", ""))

    async def put(self, request: Request) -> None:
        """A value that was offered."""
        args = request.args or {}
        async with self._alone:
            change, _ = await self._under_way(request)
            await self._answered(request, change, args["field"], args["value"])

    async def group(self, request: Request) -> None:
        """[a group]: in or out."""
        name = (request.args or {})["value"]
        async with self._alone:
            change, _ = await self._under_way(request)
            groups = tuple(group for group in change.groups if group != name)
            change = replace(change, groups=groups if name in change.groups else (*groups, name))
            await self._ask(request, change, "groups")

    async def write(self, request: Request) -> None:
        """[Add], [Save]."""
        async with self._alone:
            change, _ = await self._under_way(request)
            if change.verb == "add":
                refuse_name(change.name, self._inventory())
            await self._writer.carry_out(request, change)
            await self._dialogues.end(_place(request))

    async def cancel(self, request: Request) -> None:
        """[Cancel]."""
        async with self._alone:
            change, _ = await self._under_way(request)
            await self._dialogues.end(_place(request))
            locale = self._catalogues.locale(request.language)
            await show(request.chat, render.cancelled(change, locale), request.message_id)

    async def _answered(self, request: Request, change: HostChange, field: str, text: str) -> None:
        """Take an answer if it is sound, and ask on; else it is said why, and the question stays."""
        words = text.split()
        if words and all("=" in word for word in words):
            change, next_ = change.with_words(words), "" if change.name else "name"
        elif field == "name":
            refuse_name(text, self._inventory())
            change, next_ = replace(change, name=text), "address"
        elif field == "groups":
            change, next_ = replace(change, groups=tuple(dict.fromkeys((*change.groups, *_words(text))))), "groups"
        elif field:
            change, next_ = change.with_value(field, text), ""
        else:
            raise UsageError("tap a button, or write it like port=2222", remedy="Cancel ends this.")
        await self._ask(request, change, next_)

    async def _ask(self, request: Request, change: HostChange, asking: str) -> None:
        locale = self._catalogues.locale(request.language)
        inventory = self._inventory()
        host = None
        if change.name:  # judged before it is remembered
            edit = await self._writer.work_out(change)
            host = edit.inventory.host(change.name)
        dialogue = Dialogue(KIND, secrets.token_urlsafe(6), _state(change, asking))
        await self._dialogues.put(_place(request), dialogue)
        form = render.Form(change, host, inventory, dialogue.id, request.chat_id < 0, locale)
        await show(request.chat, self._drawn(form, asking), request.message_id)

    def _drawn(self, form: render.Form, asking: str) -> Message:
        if form.host is None or asking == "name":
            return render.ask_name(form)
        return render.ask_field(form, asking) if asking else render.summary(form)

    async def _under_way(self, request: Request) -> tuple[HostChange, str]:
        """The conversation that a tapped button belongs to; UsageError when it has gone on, or is over."""
        dialogue = await self._dialogues.get(_place(request))
        if dialogue is None or dialogue.kind != KIND or dialogue.id != (request.args or {}).get("id"):
            raise UsageError("this question is over", remedy="Begin again: /host_add, /host_set")
        return _restored(dialogue)


def _place(request: Request) -> Place:
    return Place(request.actor.id, request.chat_id, request.topic_id or 0)


def _state(change: HostChange, asking: str) -> dict[str, object]:
    return {
        "verb": change.verb,
        "name": change.name,
        "variables": dict(change.variables),
        "groups": list(change.groups),
        "asking": asking,
    }


def _restored(dialogue: Dialogue) -> tuple[HostChange, str]:
    state = dialogue.state
    change = HostChange(state["verb"], state["name"], state["variables"], tuple(state["groups"]))
    return change, str(state["asking"])


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
