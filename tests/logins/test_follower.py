"""A follower, where hosts are reached by something that only says what they would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.inventory import load_file
from orchestrator.inventory.model import Host
from orchestrator.logins import follow
from orchestrator.logins.book import LoginBook
from orchestrator.logins.follow import Followers, Following, FollowState
from orchestrator.logins.ours import OwnKeys
from orchestrator.loginwatch import LoginWatch, followed
from orchestrator.ssh import Command, Flow, Result, Status
from orchestrator.store import Database, LoginLog, Outbox

ENTRY = (
    b'{"__CURSOR": "s=1", "_UID": "0", "_COMM": "sshd", "SYSLOG_IDENTIFIER": "sshd", "_PID": "7",'
    b' "__REALTIME_TIMESTAMP": "1795000000000000",'
    b' "MESSAGE": "Accepted password for ann from 192.0.2.7 port 5 ssh2"}'
)


class Says:
    """A host whose log has one login in it, over and over; each way stays open."""

    def __init__(self, *, ends: bool = False) -> None:
        self._ends = ends
        self._said = False

    def subscribe(self, callback: object) -> None:
        """Nothing ever changes."""

    @asynccontextmanager
    async def follow(self, _host: Host, _command: Command) -> AsyncIterator[Flow]:
        self._said = False
        yield cast(Flow, self)

    async def read(self, _patience: float) -> bytes:
        if self._said and self._ends:
            return b""
        if self._said:
            await asyncio.Event().wait()
        self._said = True
        return b"hostctl\t1\tfollow\nsource\tjournal\nfrom\tsince:1\n" + ENTRY + b"\n"


async def test_a_mistake_of_ours_shows_and_it_is_tried_again(tmp_path: Path) -> None:
    calls = 0

    def told(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("no such thing")

    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    log = LoginLog(database, told)
    followers = Followers(cast(Any, Says()), lambda *_: Command("follow"), log, "hostctl")
    try:
        followers.keep([Host("web1", "192.0.2.1")])
        seen: list[FollowState] = []
        async with asyncio.timeout(20):
            while not seen or seen[-1].state is not Following.YES:
                await asyncio.sleep(0.01)
                seen.append(followers.states()["web1"])
        assert "internal error: ValueError" in {state.detail for state in seen if state.state is Following.CANNOT}
        assert calls == 2
        assert await log.cursor("web1") is not None
    finally:
        await followers.stop()
        await database.close()


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        ("[all]\nweb1 ansible_host=192.0.2.1\n", ["web1", "Server"]),
        ("[all]\nhere ansible_connection=local\nweb1 ansible_host=192.0.2.1\n", ["here", "web1"]),
        ("[all]\nServer ansible_connection=local\n", ["Server"]),
    ],
)
def test_this_machine_is_followed_once_whatever_it_is_called(tmp_path: Path, hosts: str, names: list[str]) -> None:
    file = tmp_path / "hosts.ini"
    file.write_text(hosts)
    assert sorted(host.name for host in followed(load_file(file))) == sorted(names)


async def test_a_log_that_ends_again_and_again_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_BACKOFF_FIRST_S", 0.01)
    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    followers = Followers(cast(Any, Says(ends=True)), lambda *_: Command("follow"), LoginLog(database), "hostctl")
    try:
        followers.keep([Host("web1", "192.0.2.1")])
        shown: list[Following] = []
        async with asyncio.timeout(20):
            while Following.CANNOT not in shown:
                await asyncio.sleep(0)
                shown.append(followers.states()["web1"].state)
        assert followers.states()["web1"].detail == "reading journal ends at once, again and again"
    finally:
        await followers.stop()
        await database.close()


class Reached:
    """A pool of such hosts; what each was asked to follow."""

    def __init__(self) -> None:
        self.asked: dict[str, str] = {}

    def subscribe(self, callback: object) -> None:
        """Nothing ever changes."""

    async def run(self, host: Host, _command: Command) -> Result:
        return Result(host.name, Status.UNREACHABLE)

    def method(self, _host: Host) -> None:
        """Nothing is known of how it let us in."""

    def follow(self, host: Host, command: Command) -> AbstractAsyncContextManager[Flow]:
        self.asked[host.name] = command.script
        return Says().follow(host, command)


async def test_a_host_that_was_renamed_while_nothing_ran_is_read_on(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    book = LoginBook(
        database, Outbox(database, []), lambda *_: None, own_keys=OwnKeys(tmp_path, tmp_path), scopes=lambda _: ()
    )
    file, asked = tmp_path / "hosts.ini", dict[str, str]()
    try:
        for name in ("web1", "front"):
            file.write_text(f"[all]\n{name} ansible_host=192.0.2.1\nhere ansible_connection=local\n")
            pool = Reached()
            watch = LoginWatch(database, cast(Any, pool), cast(Any, None), book)
            async with watch.following(load_file(file), lambda _: None), asyncio.timeout(20):
                while not {name, "here"} <= pool.asked.keys() or await watch.log.cursor(name) is None:  # noqa: ASYNC110  the store has no event
                    await asyncio.sleep(0.01)
            asked |= pool.asked
        assert "follow auto none now" in asked["web1"]
        assert "follow auto journal s:1" in asked["front"]
    finally:
        await database.close()
