"""Which new keys are told and as what: those that we come in with, by whatever way, and strangers' beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.fleet.hostctl import HostCtl
from orchestrator.inventory import Host
from orchestrator.logins.keyfiles import AccountKey, Look
from orchestrator.logins.keywatch import KeyWatch, unseen
from orchestrator.logins.letters import EPISODE
from orchestrator.ssh import Command, Flow, Keys, NoConnection, Status, Succession
from orchestrator.ssh.keymaking import describe, make_key
from orchestrator.store.thresholds import FLEET
from tests.logins.desk import Desk
from tests.logins.following import until


def key(fingerprint: str, *, authority: bool = False) -> AccountKey:
    return AccountKey("ann", "ssh-ed25519", fingerprint, "", authority)


async def wanted(desk: Desk) -> None:
    """On first contact, which is over, nothing is told."""
    await desk.rules.set(FLEET, "tell", "keys", on=True, actor="ann")
    await desk.book.looked("web1", Look("all", ()))


async def told(desk: Desk) -> dict[str, Any]:
    """Flags by fingerprint."""
    labels = [label.split("\t") for row in await desk.episodes() for label in row["names"]]
    return {fingerprint: flags for flags, _, fingerprint, _ in labels}


async def test_a_strangers_key_that_comes_in_the_midst_of_a_rotation(desk: Desk, tmp_path: Path) -> None:
    make_key(tmp_path, "ours", None)
    files = Succession(tmp_path)
    files.begin("ours", None)
    await wanted(desk)
    coming = describe(files.new)
    await desk.book.looked("web1", Look("all", (key(coming.fingerprint), key("SHA256:stranger"))))
    files.promote(coming.public)
    desk.now += 60
    await desk.book.looked("web1", Look("all", (key(coming.fingerprint), key("SHA256:another"))))
    assert set(await told(desk)) == {"SHA256:stranger", "SHA256:another"}


async def test_a_key_that_the_inventory_names_and_one_that_we_only_offer(desk: Desk) -> None:
    await wanted(desk)
    keys = tuple(key(f"SHA256:{name}") for name in ("named", "agent", "stranger"))
    await desk.book.looked("web1", Look("all", keys), mine={"SHA256:named"}, offered={"SHA256:named", "SHA256:agent"})
    assert await told(desk) == {"SHA256:agent": "ours", "SHA256:stranger": ""}


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (Look("all", ()), ""),
        (Look("ops", ()), "only the keys of ops are looked at; bootstrap the host"),
        (Look("all", (), (), ("a", "b", "c", "d", "e")), "the files of a, b, c +2 cannot be read, not even by root"),
    ],
)
async def test_what_is_not_seen_is_said(look: Look, why: str) -> None:
    assert unseen(Host("web1", "192.0.2.1"), look) == why


@dataclass
class Way:
    """A host that says `says`, and then nothing for as long as it is asked."""

    says: bytes | Exception

    @asynccontextmanager
    async def follow(self, _host: Host, _command: Command) -> AsyncIterator[Flow]:
        if isinstance(self.says, Exception):
            raise self.says
        yield cast(Flow, self)

    async def read(self, _patience: float) -> bytes:
        said, self.says = self.says, b""
        if not said:
            await asyncio.Event().wait()
        return cast(bytes, said)

    def subscribe(self, callback: object) -> None:
        """Nothing changes."""


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"hostctl\t1\tfollow\nsource\tkeys\nlook\tall\nlooked\n", ""),
        (b"hostctl\t1\tfollow\nerror\ttimeout is missing\nend\n", "timeout is missing"),
        (b"hostctl\t1\tfollow\nwhat\n", "cannot read what the host sends of its log: 'what'"),
        (NoConnection("web1", Status.LOST, "no sign of it for 30 s"), "no sign of it for 30 s"),
        (ZeroDivisionError("ours"), "internal error: ZeroDivisionError"),
    ],
)
async def test_whatever_keeps_us_from_looking_is_said(says: bytes | Exception, why: str) -> None:
    looked = asyncio.Event()

    async def take(_name: str, _look: Look) -> None:
        looked.set()

    watch = KeyWatch(Way(says), HostCtl.packaged().follow, take)
    watch.keep([Host("web1", "192.0.2.1")])

    async def known() -> bool:
        return bool(watch.problems) or looked.is_set()

    try:
        await until(known)
        assert watch.problems == ({"web1": why} if why else {})
        watch.keep([])
        assert watch.problems == {}, "nobody wants it any more"
    finally:
        await watch.stop()


async def test_this_machine_without_root_needs_another_remedy() -> None:
    here = Host("Server", "127.0.0.1", local=True)
    assert unseen(here, Look("see", ())) == "only the keys of see are looked at; the rest is for root to see"


async def test_what_we_offer_is_known_by_its_fingerprint(tmp_path: Path) -> None:
    named = make_key(tmp_path / "elsewhere", "a person's", None)
    keys = Keys(tmp_path)
    assert await keys.fingerprints(Host("web1", "192.0.2.1", key=str(named.path))) == {named.fingerprint}
    assert await keys.fingerprints(Host("web2", "192.0.2.2")) == frozenset(), "there is none"


async def test_an_account_that_became_root_without_a_word_in_a_log(desk: Desk) -> None:
    await desk.rules.set(FLEET, "tell", "accounts", on=True, actor="ann")
    assert desk.book.wants_keys(await desk.rules.rows(), "web1")
    await desk.book.looked("web1", Look("all", (), roots=("root", "toor")))
    await desk.book.looked("web1", Look("all", (key("SHA256:stranger"),), roots=("root", "toor", "eve")))
    await desk.book.looked("web1", Look("all", (), roots=("root", "toor", "eve")))
    (row,) = await desk.episodes()
    assert (row["kind"], row["subject"], row["names"], row["detail"]) == ("accounts", "eve", {"root": 1}, "UID=0")


async def test_an_account_that_a_log_told_of_is_the_same_message(desk: Desk) -> None:
    await desk.rules.set(FLEET, "tell", "accounts", on=True, actor="ann")
    await desk.book.looked("web1", Look("all", (), roots=("root",)))
    await desk.read("useradd[7]: new user: name=eve, UID=0, GID=1002, home=/home/eve, shell=/bin/sh, from=/dev/pts/0")
    desk.now += 60
    await desk.book.looked("web1", Look("all", (), roots=("root", "eve")))
    assert len({letter.thread for letter in await desk.letters(EPISODE)}) == 1
    assert [row["count"] for row in await desk.episodes()] == [1, 2]
