"""Looking at the keys that open the accounts of hosts: one watcher for each host that somebody wants it of.

hostctl that is not installed, or is another version than ours, is asked without root: then one account alone is seen.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.model import Host
from orchestrator.logins.follow import SIGN_S, Ask, Ways
from orchestrator.logins.keyfiles import ALL, Look, Looks
from orchestrator.ssh import NoConnection
from orchestrator.tasks import begin

log = logging.getLogger(__name__)

SOURCE = "keys"
"""What hostctl is asked to follow."""
AGAIN_S = 30.0
"""After it broke off."""
_PATIENCE = 10
"""Times that, where it would break off again after the same work: a host that sends too much, say."""
WITHIN_S = 15.0
"""One look for `shortfall`."""
_NAMED = 3

Looked = Callable[[str, Look], Awaitable[None]]
"""LoginBook.looked."""


class KeyWatch:
    """Hears of the keys of hosts, and hands them on."""

    def __init__(self, ways: Ways, ask: Ask, looked: Looked, *, again: float = AGAIN_S) -> None:
        self._ways = ways
        self._ask = ask
        self._looked = looked
        self._again = again
        self._running: dict[Host, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}

    def keep(self, hosts: Iterable[Host]) -> None:
        """From now on look at exactly these."""
        wanted = set(hosts)
        for host in [host for host in self._running if host not in wanted]:
            self._running.pop(host).cancel()
            self._problems.pop(host.name, None)
        for host in wanted.difference(self._running):
            self._running[host] = begin(self._watch(host), f"watch the keys of {host.name}")

    async def stop(self) -> None:
        """End all of it."""
        tasks = list(self._running.values())
        self._running.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def problems(self) -> Mapping[str, str]:
        """Why new keys of which hosts are not noticed now, or not all; also of those that are away."""
        return self._problems

    async def _watch(self, host: Host) -> None:
        while True:
            pause = self._again
            try:
                async with aclosing(_looks(self._ways, self._ask, host)) as looks:
                    async for look in looks:
                        await self._looked(host.name, look)
                        self._note(host, unseen(host, look))
                self._note(host, "the host ended it")
            except NoConnection as error:
                self._problems[host.name] = error.detail  # no news where the host is away
            except OrchestratorError as error:
                self._note(host, str(error))
                pause *= _PATIENCE
            except Exception as error:  # a mistake of ours: what is shown must not stay as it was
                log.exception("looking at the keys of %s", host.name)
                self._note(host, f"internal error: {type(error).__name__}")
                pause *= _PATIENCE
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  spreads load

    def _note(self, host: Host, problem: str) -> None:
        if not problem:
            self._problems.pop(host.name, None)
        elif self._problems.get(host.name) != problem:
            self._problems[host.name] = problem
            log.warning("new keys on %s are not noticed: %s", host.name, problem)


async def shortfall(ways: Ways, ask: Ask, host: Host) -> str:
    """Look once: why new keys on `host` would not be noticed, or not all; empty if they would. Never raises for it."""
    try:
        async with asyncio.timeout(WITHIN_S), aclosing(_looks(ways, ask, host)) as looks:
            async for look in looks:
                return unseen(host, look)
    except NoConnection as error:
        return error.detail
    except OrchestratorError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {WITHIN_S:g} s"
    return "the host ended it"


async def _looks(ways: Ways, ask: Ask, host: Host) -> AsyncGenerator[Look]:
    """One now, and one after each change. Raises NoConnection, Unreadable, CannotLook."""
    async with ways.follow(host, ask(SOURCE, "none", "now")) as flow:
        looks = Looks()
        while data := await flow.read(SIGN_S):
            for look in looks.feed(data):
                yield look


def unseen(host: Host, look: Look) -> str:
    """What a look did not see, with what mends it; empty if it saw all."""
    if look.scope != ALL:
        mend = "the rest is for root to see" if host.local else "bootstrap the host"
        return f"only the keys of {look.scope} are looked at; {mend}"
    if look.unseen:
        more = len(look.unseen) - _NAMED
        names = ", ".join(look.unseen[:_NAMED]) + (f" +{more}" if more > 0 else "")
        return f"the files of {names} cannot be read, not even by root"
    return ""
