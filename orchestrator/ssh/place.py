"""A place for something long-lived on the way to a host, and how one comes by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from orchestrator.ssh.exchange import Spawner
from orchestrator.ssh.result import Status

T = TypeVar("T")


class Refusal(Exception):
    """There was no way to start anything: `status` and `detail` as in a Result, `said` what the host had to say."""

    def __init__(self, status: Status, detail: str, said: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.said = said


class Place(Protocol):
    """What is held while something runs on a host."""

    @property
    def reserve(self) -> Spawner:
        """Starts the programs that end what runs here."""

    def leave(self) -> None:
        """Give the place back."""

    def rest(self, leave: Callable[[], None]) -> None:
        """Until `wake` the holder can do without: `leave` is called, perhaps at once, when somebody else needs it."""

    def wake(self, leave: Callable[[], None]) -> None:
        """The holder needs its place again, which it still has."""

    def spoil(self) -> None:
        """Something was left behind on the way: use it for nothing new."""


class Way(Protocol):
    """Starts things on one host."""

    def renew(self) -> None:
        """What starts from now on goes over a fresh connection, also after the host refused one."""

    async def start(self, begin: Callable[[Spawner], Awaitable[T]], stop: asyncio.Event | None) -> tuple[T, Place]:
        """What `begin` gave, and the place it holds from now on. Raises Refusal.

        `begin` may be called again after it raised NotStarted.
        """
