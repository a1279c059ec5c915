"""[Trust key]: the key that a host shows, compared by a person, and pinned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues
from orchestrator.bot.live import show
from orchestrator.bot.render import trusting as render
from orchestrator.control import Door, TrustKey
from orchestrator.errors import Refused, UsageError
from orchestrator.inventory import Host, Inventory
from orchestrator.ssh import HostKey, Trust
from orchestrator.ssh.trust import known_name


class Trusting:
    """Pins host keys for the chat. `scan` gives the key that a host shows, `retry` tries a parked host again."""

    def __init__(
        self,
        *,
        inventory: Callable[[], Inventory],
        trust: Trust,
        scan: Callable[[Host], Awaitable[HostKey]],
        retry: Callable[[Host], Awaitable[None]],
        door: Door,
        catalogues: Catalogues,
    ) -> None:
        self._inventory = inventory
        self._trust = trust
        self._scan = scan
        self._retry = retry
        self._door = door
        self._catalogues = catalogues

    async def ask(self, request: Request) -> None:
        """[Trust key]: show the fingerprint and ask. Raises NoConnection, and Refused when another key is pinned."""
        locale = self._catalogues.locale(request.language)
        host = self._inventory().host((request.args or {})["host"])
        if host.local:
            raise UsageError("it is this machine, reached without SSH: it needs no key", where=host.name)
        key = await self._scan(host)
        if self._pinned(host, key):
            await request.chat.send(render.trusted(host, key, locale))
            return
        await request.chat.send(render.question(host, key, locale))

    async def pin(self, request: Request) -> None:
        """[It is the same]: pin exactly the key that was shown, for exactly that address."""
        args = request.args or {}
        host = self._inventory().host(args["host"])
        key = HostKey(args["algorithm"], args["fingerprint"], args["line"])
        if known_name(host) != args["place"]:
            raise Refused("its address was changed after the key was shown", where=host.name, remedy="Ask again.")
        if not self._pinned(host, key):
            async with self._door.open(request.actor, TrustKey(host, key.fingerprint), confirmed=True) as passage:
                await asyncio.to_thread(self._trust.pin, host, key)
                passage.record({"status": "ok"})
            await self._retry(host)
        message = render.trusted(host, key, self._catalogues.locale(request.language))
        await show(request.chat, message, request.message_id)

    async def refuse(self, request: Request) -> None:
        """[No]."""
        name = (request.args or {})["host"]
        await show(request.chat, render.refused(name, self._catalogues.locale(request.language)), request.message_id)

    def _pinned(self, host: Host, key: HostKey) -> bool:
        """True when this very key is pinned; Refused when another one is, or when the inventory promises another."""
        pins = self._trust.lookup(host)
        if key in pins.keys:
            return True
        if key in pins.revoked:
            raise Refused("this host key is revoked", where=host.name, remedy="Nothing was pinned.")
        if pins.keys:
            raise Refused(
                "the host key has changed",
                where=host.name,
                remedy=f"If the host was reinstalled, first run: orchestrator keys forget {host.name}",
            )
        if host.fingerprint and host.fingerprint != key.fingerprint.rstrip("="):
            raise Refused("its key is not the one that the inventory names", where=host.name, remedy="Find out why.")
        return False
