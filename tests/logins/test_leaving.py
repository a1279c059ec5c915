"""Hosts that are taken out of the inventory, or called otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory import Host, Inventory, load_file
from orchestrator.inventory.departures import GONE_FOR_S
from orchestrator.logins.book import MOST, Greeting
from orchestrator.logins.leaving import LEFT_FOR_S, Leaving, place_of
from orchestrator.store.logindials import LoginDials
from orchestrator.store.logins import Cursor
from orchestrator.store.loginvantages import LoginVantageTable
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind
from tests.logins.desk import T0, Desk, came

WEB1 = Host("web1", "192.0.2.1")
LEFT = "sshd[731]: pam_unix(sshd:session): session closed for user ann"


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_renamed_host_is_read_on_and_its_open_sessions_are_known_by_the_new_name(desk: Desk) -> None:
    leaving = Leaving(desk.database, desk.book)
    leaving.keep([WEB1])
    await leaving.settle("web1")
    await desk.book.greet("web1", Greeting("10.0.0.1", "SHA256:ours"))
    await desk.read(came("bob", pid=5, port=5))
    await desk.book.abandon("web1")
    await desk.read(came())
    cursor = await desk.log.cursor("web1")
    leaving.keep([Host("front", "192.0.2.1"), Host("db1", "192.0.2.1", port=2222)])
    await leaving.settle("db1")
    assert await desk.log.cursor("db1") is None, "another machine"
    await leaving.settle("front")
    assert (await desk.log.cursor("front"), await desk.log.cursor("web1")) == (cursor, None)
    told = (await desk.logins())[-1]
    assert (told.host, told.user) == ("front", "ann"), "its buttons know it again"
    await desk.book.greet("front", Greeting("10.0.0.2"))
    assert await desk.database.read(lambda tx: LoginVantageTable.addresses(tx, "front")) == {"10.0.0.1", "10.0.0.2"}
    await desk.read(LEFT, host="front")
    (ann,) = await desk.sessions(user="ann")
    assert (ann.host, ann.ended_at or ann.claimed_at) == ("front", T0)
    assert [row.host for row in await desk.sessions(user="bob")] == ["web1"], "what is over stays as it was told"
    await leaving.settle("front", "db1")
    assert await desk.log.cursor("front") == cursor


async def test_a_host_is_renamed_with_its_messages_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    leaving = Leaving(desk.database, desk.book)
    leaving.keep([WEB1])
    await leaving.settle("web1")
    await desk.read(came())
    leaving.keep([Host("front", "192.0.2.1")])
    with monkeypatch.context() as broken, pytest.raises(TypeError):
        broken.setattr(desk.outbox, "put", None)
        await leaving.settle("front")
    assert [row.host for row in await desk.sessions()] == ["web1"]
    await leaving.settle("front")
    assert [row.host for row in await desk.logins()] == ["web1", "front"]


async def test_connections_made_under_the_old_name_are_still_ours(desk: Desk) -> None:
    leaving = Leaving(desk.database, desk.book)
    leaving.keep([WEB1])
    await leaving.settle("web1")
    await desk.read(came())
    await LoginDials(desk.database, lambda: T0).note("web1", "10.0.1.1", 40_000)
    leaving.keep([Host("front", "192.0.2.1")])
    await leaving.settle("front")
    assert await desk.database.read(lambda tx: LoginDials.have(tx, "front", "10.0.1.1", 40_000, T0))


async def test_a_second_name_is_another_log(desk: Desk) -> None:
    leaving = Leaving(desk.database, desk.book)
    leaving.keep([WEB1, Host("alias", "192.0.2.1")])
    await leaving.settle("web1")
    await desk.read(came())
    await leaving.settle("alias")
    assert await desk.log.cursor("alias") is None
    assert await desk.log.cursor("web1") is not None


async def test_a_name_that_was_read_before_goes_on_from_there(desk: Desk) -> None:
    leaving = Leaving(desk.database, desk.book)
    leaving.keep([WEB1])
    await leaving.settle("web1")
    await desk.read(came())
    await desk.log.put("web2", [], Cursor("journal", "there", T0))
    leaving.keep([Host("web2", "192.0.2.1")])
    await leaving.settle("web2")
    cursor = await desk.log.cursor("web2")
    assert cursor is not None
    assert cursor.position == "there"


@pytest.mark.parametrize(
    ("host", "place"),
    [
        (WEB1, "[192.0.2.1]:22"),
        (Host("a", "2001:db8::1", 2222), "[2001:db8::1]:2222"),
        (Host("b", "10.0.0.1", jump=WEB1), "[10.0.0.1]:22 by [192.0.2.1]:22"),
        (Host("Server", "127.0.0.1", local=True), "here"),
    ],
)
def test_a_place(host: Host, place: str) -> None:
    assert place_of(host) == place


async def test_sessions_of_a_host_that_left_are_no_more_told_as_open(desk: Desk) -> None:
    clock = Clock()
    leaving = Leaving(desk.database, desk.book, monotonic=clock)
    await desk.read(came())
    await desk.read(came("bob"), host="web2")
    desk.now += 60
    for hosts, passed in (([], 0.0), ([], LEFT_FOR_S - 1), ([WEB1], 0), ([], 0), ([], LEFT_FOR_S - 1)):
        leaving.keep([*hosts, Host("web2", "192.0.2.2")])
        clock.now += passed
        await leaving.look(Inventory())
    assert (await desk.sessions(user="ann"))[0].ending == ""
    clock.now += 1
    await leaving.look(Inventory())
    await leaving.look(Inventory())
    (ann,), (bob,) = await desk.sessions(user="ann"), await desk.sessions(user="bob")
    assert (ann.ending, ann.ended_at) == ("left", T0 + 60)
    assert (bob.ending, bob.ended_at) == ("", None)
    assert [row.ending for row in await desk.logins()] == ["", "", "left"]


async def test_of_very_many_open_sessions_only_the_newest_are_told_to_have_been_left(desk: Desk) -> None:
    for number in range(MOST + 10):
        await desk.read(came(pid=number + 1, port=number + 1))
        desk.now += 600
    await desk.book.abandon("web1")
    told = [row for row in await desk.logins() if row.ending]
    assert [row.port for row in told] == list(range(11, MOST + 11))
    assert {row.ending for row in await desk.sessions()} == {"left"}


async def test_login_rules_of_what_left_are_forgotten(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, file = Clock(), tmp_path / "hosts.yml"
    file.write_text("web: {hosts: {web1: {address: 192.0.2.1}}}\n")
    inventory = load_file(file)
    leaving = Leaving(desk.database, desk.book, monotonic=clock)
    scopes = [FLEET, Scope(ScopeKind.GROUP, "web"), Scope(ScopeKind.HOST, "web1"), Scope(ScopeKind.HOST, "Server")]
    for scope in scopes:
        await desk.rules.set(scope, "quiet", "backup", on=True, actor="ann")
    for passed, known in ((0.0, inventory), (0, Inventory()), (GONE_FOR_S - 1, Inventory())):
        clock.now += passed
        await leaving.look(known)
    assert len(await desk.rules.rows()) == 4
    clock.now += 1
    await leaving.look(Inventory())
    assert {row.scope for row in await desk.rules.rows()} == {FLEET, Scope(ScopeKind.HOST, "Server")}
    assert "group web, host web1" in caplog.text


async def test_whoever_comes_to_a_place_much_later_is_another(desk: Desk) -> None:
    clock = Clock()
    leaving = Leaving(desk.database, desk.book, monotonic=clock)
    leaving.keep([WEB1])
    await leaving.settle("web1")
    await desk.read(came())
    leaving.keep([])
    for passed in (0.0, GONE_FOR_S):
        clock.now += passed
        await leaving.look(Inventory())
    leaving.keep([Host("web2", "192.0.2.1")])
    await leaving.settle("web2")
    assert await desk.log.cursor("web2") is None
