"""Keys on booted hosts: appended, in a file that was replaced, of another user; and what users leave in their homes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.fleet.hostctl import HostCtl
from orchestrator.inventory import Host
from orchestrator.logins.book import LoginBook
from orchestrator.logins.keyfiles import Look
from orchestrator.logins.keywatch import KeyWatch, shortfall
from orchestrator.logins.letters import EPISODE
from orchestrator.logins.ours import OwnKeys
from orchestrator.ssh import Keys, Pool, Trust
from orchestrator.store import Database, Outbox
from orchestrator.store.loginrules import LoginRuleTable
from orchestrator.store.thresholds import FLEET
from tests.lab.lab import Lab
from tests.logins.following import until
from tests.logins.test_keyfiles import key, print_of
from tests.ssh.conftest import QUICK

pytestmark = pytest.mark.lab

SOON = HostCtl(
    HostCtl.packaged()
    .script.replace(b"\nLOOK_SECONDS=60", b"\nLOOK_SECONDS=1")
    .replace(b"\nTICK_SECONDS=5", b"\nTICK_SECONDS=1")
)


@dataclass
class Watching:
    """`looks` are the newest of each host."""

    watch: KeyWatch
    outbox: Outbox
    pool: Pool
    hosts: list[Host]
    looks: dict[str, Look]


@contextlib.asynccontextmanager
async def watched(lab: Lab, folder: Path, user: str, database: Database) -> AsyncIterator[Watching]:
    """Look every second, as `user`."""
    (folder / "known_hosts").write_text(lab.known_hosts())
    outbox = Outbox(database, [])
    book = LoginBook(
        database, outbox, lambda *_: None, own_keys=OwnKeys(folder / "ours", folder), scopes=lambda _: (FLEET,)
    )
    hosts = [Host(host.name, host.address, user=user, key=str(lab.key)) for host in lab.hosts]
    async with Pool(trust=Trust(folder / "known_hosts"), keys=Keys(folder), limits=QUICK) as pool:
        pool.keep(hosts)
        looks: dict[str, Look] = {}

        async def looked(name: str, look: Look) -> None:
            await book.looked(name, look)
            looks[name] = look

        watch = KeyWatch(pool, SOON.follow, looked, again=1)
        watch.keep(hosts)
        try:
            yield Watching(watch, outbox, pool, hosts, looks)
        finally:
            await watch.stop()


async def looked(database: Database, scope: str) -> int:
    """How many hosts were looked at."""
    sql = "SELECT count(*) FROM login_key_looks WHERE scope = ?"
    return int(await database.read(lambda tx: tx.execute(sql, (scope,)).fetchone()[0]))


async def told(database: Database) -> set[tuple[str, str, str]]:
    """Host, user and fingerprint, or "root", of all that was told, or would have been, had anybody wanted it."""
    sql = "SELECT host, subject, label.key FROM login_episodes, json_each(names) AS label"
    rows = await database.read(lambda tx: tx.execute(sql).fetchall())
    return {(row[0], row[1], row[2].split("\t")[2] if "\t" in row[2] else row[2]) for row in rows}


HOSTILE = """
useradd -m eve; cd ~eve; mkdir -p .ssh; mkfifo .ssh/authorized_keys
ln -s /root/.ssh/authorized_keys .ssh/authorized_keys2
useradd -m mallory; ln -s /root/.ssh ~mallory/.ssh
useradd -m big; mkdir -p ~big/.ssh; head -c 300000 /dev/zero | tr '\\0' '#' >~big/.ssh/authorized_keys
chown -R big: ~big
useradd -m zero; mkdir -p ~zero/.ssh; ln -s /dev/zero ~zero/.ssh/authorized_keys; chown -hR zero: ~zero
useradd -m linked; mkdir -p ~linked/.ssh; touch /etc/keys-of-linked; cd ~linked/.ssh
ln -s /etc/keys-of-linked authorized_keys; ln -s /root/.ssh/authorized_keys2 .
mkdir -p ~ops/.ssh
"""
UNDO = """
rm -f /root/.ssh/authorized_keys2 /etc/keys-of-linked; chmod 700 ~ops/.ssh; sed -i /^toor:/d /etc/passwd
for u in eve mallory big zero new linked; do userdel -rf $u; done 2>/dev/null; true
"""


async def test_new_keys_are_told_each_once_and_no_other(lab_releases: Lab, tmp_path: Path) -> None:
    lines = [f"{key(number)} comment {number}" for number in range(10)]
    prints = [print_of(line) for line in lines]
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "id.pub").write_text(f"{lines[9]}\n")
    database = await Database.open(tmp_path / "state.db")
    machines = {host.name: host for host in lab_releases.hosts}
    names = list(machines)

    async def all_told(wanted: set[tuple[str, str, str]]) -> None:
        async def there() -> bool:
            return wanted <= await told(database)

        await until(there)
        assert await told(database) == wanted

    try:
        await LoginRuleTable(database).set(FLEET, "tell", "keys", on=True, actor="ann")
        for machine in machines.values():
            await asyncio.to_thread(machine.run, HOSTILE)
        async with watched(lab_releases, tmp_path, "root", database) as watching:

            async def all_looked() -> bool:
                return await looked(database, "all") == len(names)

            await until(all_looked)
            assert await told(database) == set(), "on first contact nothing is new"
            append = f"echo '{lines[0]}' >>~ops/.ssh/authorized_keys; echo '{lines[9]}' >>~ops/.ssh/authorized_keys"
            replaced = f"cd ~ops/.ssh; {{ cat authorized_keys; echo '{lines[1]}'; }} >new;"
            replaced += " chown ops: new; mv new authorized_keys"
            another = (
                f"useradd -m new; mkdir ~new/.ssh; echo 'no-pty {lines[2]}' >~new/.ssh/authorized_keys2;"
                f" chown -R new: ~new; echo '{lines[3]}' >~root/.ssh/authorized_keys2;"
                f" echo '{lines[6]}' >>/etc/keys-of-linked; echo 'toor:x:0:0::/:/bin/sh' >>/etc/passwd"
            )
            for name, how in zip(names, (append, replaced, another), strict=True):
                await asyncio.to_thread(machines[name].run, how)
            wanted = {(names[0], "ops", prints[0]), (names[1], "ops", prints[1])}
            wanted |= {(names[2], "new", prints[2]), (names[2], "root", prints[3])}
            wanted |= {(names[2], "linked", prints[6]), (names[2], "toor", "root")}
            await all_told(wanted)
            letters = [letter for letter in await watching.outbox.since(0) if letter.kind == EPISODE]
            assert {letter.payload["subject"] for letter in letters} == {"ops", "new", "root", "linked"}
            assert dict(watching.watch.problems) == {}
        # While nobody looked; one key goes, and is new when it comes again.
        machines[names[0]].run(f"echo '{lines[4]}' >>~ops/.ssh/authorized_keys")
        machines[names[2]].run("rm ~root/.ssh/authorized_keys2")
        async with watched(lab_releases, tmp_path, "root", database) as watching:
            wanted |= {(names[0], "ops", prints[4])}
            await all_told(wanted)
        # An account that sees less is another beginning.
        async with watched(lab_releases, tmp_path, "ops", database) as watching:

            async def own_looked() -> bool:
                return await looked(database, "ops") == len(names)

            await until(own_looked)
            machines[names[1]].run(f"echo '{lines[5]}' >>~ops/.ssh/authorized_keys")
            wanted |= {(names[1], "ops", prints[5])}
            await all_told(wanted)
            # That nothing of the others is seen is told, with what mends it.
            assert dict(watching.watch.problems) == dict.fromkeys(
                names, "only the keys of ops are looked at; bootstrap the host"
            )
            why = await shortfall(watching.pool, SOON.follow, watching.hosts[0])
            assert why == "only the keys of ops are looked at; bootstrap the host"
            # Nor is what is closed taken for empty.
            machines[names[2]].run("chmod 000 ~ops/.ssh")

            async def closed() -> bool:
                return watching.looks[names[2]].unseen == ("ops",)

            await until(closed)
        assert ("big", "") in await database.read(
            lambda tx: {tuple(row) for row in tx.execute("SELECT user, fingerprint FROM login_keys").fetchall()}
        )
        users = await database.read(
            lambda tx: {row[0] for row in tx.execute("SELECT DISTINCT user FROM login_keys").fetchall()}
        )
        assert users.isdisjoint({"eve", "mallory", "zero"}), "what they link to is not theirs"
    finally:
        for machine in machines.values():
            machine.run(UNDO)
        await database.close()
