"""From a login on a booted host to a message, and to its end: `serve`, killed in between, and strangers."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.inventory.model import Become, Host
from orchestrator.logins.greeting import greet
from orchestrator.ssh import Keys, Pool, Trust
from orchestrator.store import Database
from orchestrator.store.loginbook import LoginBookReader, SessionQuery
from orchestrator.store.loginrules import LoginRuleTable
from orchestrator.store.loginsessions import SessionRow
from orchestrator.store.thresholds import FLEET
from tests.fleet.test_people_lab import Visited
from tests.lab.lab import Lab
from tests.telegram.emulator import Shown, Telegram
from tests.telegram.served import Served, served

pytestmark = pytest.mark.lab

HOSTS = "web: {{hosts: {{web1: {{address: {address}, user: root}}}}}}\n"
STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
SOON_S = 5.0  # benchmarks/logins_told.py measures it on a machine that has nothing else to do


@dataclass
class Watched:
    """A host of the lab that `serve` follows; somebody comes in from another address than ours."""

    tg: Telegram
    running: Served
    visited: Visited
    key: Path

    def argv(self, user: str, *command: str, key: Path | None = None, source: str = "", options: str = "") -> list[str]:
        given = f"StrictHostKeyChecking=no UserKnownHostsFile=/dev/null LogLevel=ERROR IdentitiesOnly=yes {options}"
        flags = [f"-o{option}" for option in given.split()]
        source = source or self.visited.visitor
        address = self.visited.machine.address
        return ["ssh", "-F", "none", "-i", str(key or self.key), "-b", source, *flags, f"{user}@{address}", *command]

    @contextmanager
    def visit(self, user: str = "ops", **how: str) -> Iterator[float]:
        """Somebody is in while the block lasts; since when he is."""
        with subprocess.Popen(
            self.argv(user, "echo in; sleep 600", **how),  # type: ignore[arg-type]
            stdout=subprocess.PIPE,
        ) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == b"in\n"
            try:
                yield time.monotonic()
            finally:
                client.kill()

    async def fail(self, user: str, *, key: Path, options: str = "BatchMode=yes") -> None:
        done = await asyncio.to_thread(
            subprocess.run, self.argv(user, "true", key=key, options=options), check=False, timeout=30
        )
        assert done.returncode == 255

    async def password(self, folder: Path, word: str) -> int:
        """Try to log in by a password, as often as ssh asks."""
        answer = folder / "answer"
        answer.write_text(f"#!/bin/sh\necho {word}\n")
        answer.chmod(0o700)
        environment = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
        options = "PubkeyAuthentication=no PreferredAuthentications=password"
        argv = self.argv("ops", "true", options=options)
        done = await asyncio.to_thread(
            subprocess.run, argv, env=environment, check=False, timeout=30, stdin=subprocess.DEVNULL
        )
        return done.returncode

    async def sessions(self) -> list[SessionRow]:
        """What was put down, ours too, the newest first."""
        database = await Database.open(self.running.home / "state" / "orchestrator.db")
        try:
            return await LoginBookReader(database).sessions(SessionQuery(ours=True))
        finally:
            await database.close()

    async def looked(self) -> None:
        """Wait until it is known which keys open the accounts of web1."""
        database = await Database.open(self.running.home / "state" / "orchestrator.db")
        sql = "SELECT 1 FROM login_key_looks WHERE host = 'web1'"
        try:
            async with asyncio.timeout(20):
                while not await database.read(lambda tx: tx.execute(sql).fetchone()):  # noqa: ASYNC110  another process
                    await asyncio.sleep(0.05)
        finally:
            await database.close()

    async def newest(self, user: str) -> SessionRow:
        """The newest session, once it is of `user`."""
        async with asyncio.timeout(20):
            while (found := await self.sessions())[0].user != user:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.05)
        return found[0]


async def is_followed(running: Served) -> None:
    """Wait until the log of web1 is read."""
    async with asyncio.timeout(40):
        while b'orchestrator_logins_followed{host="web1"} 1' not in await metrics(running.port):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def metrics(port: int) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    writer.write(f"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def watching(tg: Telegram, lab: Lab, folder: Path) -> AsyncIterator[Watched]:
    """`serve` follows the first host of the lab, which somebody may log in to with a key, or as ops with a password."""
    home, visited = folder / "home", Visited(lab, 0)
    for part in ("inventory", "state", "keys"):
        (home / part).mkdir(parents=True, mode=0o700)
    shutil.copy(lab.key, home / "keys" / "id_ed25519")
    shutil.copy(f"{lab.key}.pub", home / "keys" / "id_ed25519.pub")
    known = home / "keys" / "known_hosts"
    known.write_text(lab.known_hosts())
    known.chmod(0o600)
    (home / "inventory" / "hosts.yml").write_text(HOSTS.format(address=visited.machine.address))
    key = folder / "laptop"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "ann's laptop", "-f", str(key)], check=True)
    public = Path(f"{key}.pub").read_text().strip()
    keys = "tee -a ~ops/.ssh/authorized_keys >>~root/.ssh/authorized_keys"
    visited.machine.run(f'echo "{public}" | {keys}; echo ops:sesame | chpasswd')
    database = await Database.open(home / "state" / "orchestrator.db")
    await LoginRuleTable(database).set(FLEET, "tell", "keys", on=True, actor="ann")
    await database.close()
    async with served(tg, home) as running:
        await is_followed(running)
        yield Watched(tg, running, visited, key)


@pytest.fixture
async def watched(tg: Telegram, lab: Lab, tmp_path: Path) -> AsyncIterator[Watched]:
    async with watching(tg, lab, tmp_path) as each:
        yield each


def first_lines(tg: Telegram) -> list[str]:
    return [item.text.partition("\n")[0] for item in tg.shown.values()]


async def one(tg: Telegram, text: str, within: float = 40.0, after: int = 0) -> Shown:
    return await tg.expect(lambda item: text in item.text, within=within, after=after)


async def test_a_login_is_told_at_once_and_its_end_by_an_edit(watched: Watched, tmp_path: Path) -> None:
    tg = watched.tg
    with watched.visit() as since:
        told = await one(tg, "🔑 ops logged in to web1")
        assert time.monotonic() - since < SOON_S
        visitor = watched.visited.visitor
        head, origin, how = told.text.splitlines()[:3]
        assert head == "🔑 ops logged in to web1"
        assert origin == f"from {visitor} · new network"
        assert how.startswith("publickey SHA256:")
        assert not told.silent
        assert told.labels == ["Who is on", "Last logins", "✖ End session", "⛔ Block address"]
        await one(tg, "“ann's laptop”")
        await tg.tap(told, "✖ End session")
        question = await one(tg, "✖ End session ")
        assert visitor in question.text
        await tg.tap(question, "End it")
        await one(tg, "is ended")
    ended = await one(tg, "⏹ session ended after ")
    assert ended.message_id == told.message_id
    assert ended.labels == ["Who is on", "Last logins", "⛔ Block address"]

    # Our own connections, from our own address, are put down and not told.
    lab_key = watched.visited.lab.key
    subprocess.run(watched.argv("root", "true", key=lab_key, source=watched.visited.us), check=True, timeout=30)
    own = await watched.newest("root")
    assert (own.ours, own.told) == (True, False)
    # So are those of a command that takes another way out of this machine.
    host, lab = watched.visited.machine.address, watched.visited.lab.identity
    subprocess.run(["ip", "route", "add", host, "dev", lab, "src", visitor], check=True)
    try:
        command = [sys.executable, "-m", "orchestrator", "--home", str(watched.running.home), "exec", "web1", "true"]
        await asyncio.to_thread(subprocess.run, command, check=True, timeout=30, stdout=subprocess.DEVNULL)
    finally:
        subprocess.run(["ip", "route", "del", host, "dev", lab], check=True)
    async with asyncio.timeout(20):
        while (own := await watched.newest("root")).address != visitor:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)
    assert (own.ours, own.told) == (True, False)
    # The same key from elsewhere is an alarm.
    subprocess.run(watched.argv("ops", "true", key=lab_key), check=True, timeout=30)
    alarm = await one(tg, "🔴 Our key was used from elsewhere: ops on web1")
    assert alarm.labels[-3:] == ["⛔ Block 1 h", "24 h", "For good"]

    # Failures of an address count up in one message; who gets in after them is an alarm.
    await watched.fail("nobody-here", key=watched.visited.lab.wrong_key)
    failures = await one(tg, f"🚪 web1: 1 try as an unknown user from {visitor}")
    assert "users nobody-here" in failures.text
    assert await watched.password(tmp_path, "wrong") == 255
    assert await watched.password(tmp_path, "sesame") == 0
    alarm = await one(tg, "🔴 ops logged in to web1 after 3 failures")
    assert "password" in alarm.text
    counted = await one(tg, f"🚪 web1: 3 failed logins from {visitor}", within=45)
    assert counted.message_id == failures.message_id
    assert "users ops(3) nobody-here" in counted.text
    assert "1 connection named an unknown user" in counted.text
    assert len([line for line in first_lines(tg) if line[0] in "🔑🔴🚪"]) == 4, "each once"


async def test_over_a_crash_nothing_is_told_twice_or_never(watched: Watched) -> None:
    tg = watched.tg
    with watched.visit():
        before = await one(tg, "“ann's laptop”")  # an edit: that the message arrived is written down
        await watched.looked()
        watched.running.process.kill()
        await watched.running.process.wait()
        with watched.visit("root"):
            pass
        watched.visited.machine.run(f"echo '{STRANGER} by hand' >>~ops/.ssh/authorized_keys")
    await watched.running.crash()
    root = await one(tg, "🔑 root logged in to web1", within=30)
    assert "session ended after" in (await one(tg, "🔑 root logged in to web1\n")).text
    assert not root.silent
    await tg.expect(lambda item: item.message_id == before.message_id and "session ended after" in item.text)
    added = await one(tg, "🗝 New key for ops on web1")
    assert "“by hand”" in added.text
    assert sorted(first_lines(tg)) == [
        "🔑 ops logged in to web1",
        "🔑 root logged in to web1",
        added.text.splitlines()[0],
    ]


@pytest.mark.parametrize("become", [None, Become()], ids=["", "sudo"])
async def test_each_host_says_where_we_come_from(lab: Lab, tmp_path: Path, become: Become | None) -> None:
    """Also behind sudo, which hides what sshd said of it."""
    (tmp_path / "known_hosts").write_text(lab.known_hosts())
    (tmp_path / "known_hosts").chmod(0o600)
    machine = lab.hosts[0]
    host = Host(machine.name, machine.address, user="ops", key=str(lab.key), become=become)
    async with Pool(trust=Trust(tmp_path / "known_hosts"), keys=Keys(tmp_path)) as pool:
        told = await greet(host, pool.run, pool.method)
    assert told.address == Visited(lab, 0).us
    listed = subprocess.run(["ssh-keygen", "-lf", f"{lab.key}.pub"], check=True, capture_output=True, text=True)
    assert told.key == listed.stdout.split()[1]
    assert told.boot.up is not None
    assert 0 < time.time() - told.boot.up < 3600, "of the host, not of the machine that it is a container on"
