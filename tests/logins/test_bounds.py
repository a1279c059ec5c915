"""What the chat is told when very much happens, or when what happened is read late: few messages, exact counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.logins.book import MOST
from orchestrator.logins.episodes import ALONE
from orchestrator.logins.letters import EPISODE
from orchestrator.store import Priority
from orchestrator.store.loginbook import EpisodeQuery, LoginBookReader
from orchestrator.store.loginepisodes import LoginEpisodeTable
from orchestrator.store.logins import Cursor, Query
from orchestrator.store.loginsessions import LoginSessionTable
from tests.logins.desk import T0, Desk, came, failed


async def test_an_episode_that_ended_within_a_batch_is_kept_and_told(desk: Desk) -> None:
    late = [replace(desk.seen(failed()), time=T0 + at) for at in (0, 10, 3000)]
    await desk.log.put("web1", late, Cursor("auth.log", "1", T0))
    assert sorted(row.count for row in await desk.kept()) == [1, 2]
    assert sorted(each["count"] for each in await desk.episodes()) == [1, 2]


async def test_after_a_clock_was_set_back_failures_are_told_anew(desk: Desk) -> None:
    await desk.read(failed())
    desk.now -= 7200
    await desk.read(failed(), failed())
    assert [row.count for row in sorted(await desk.kept(), key=lambda row: row.first_at)] == [2, 1]


async def test_a_clock_that_goes_back_and_forth_makes_no_more_messages(desk: Desk) -> None:
    for number in range(MOST):
        await desk.read(came(pid=number + 1, port=number + 1))
    for _ in range(30):
        lines = (
            came(pid=500, port=500),
            came(pid=501, port=501),
            *(failed(address=f"198.51.100.{n}") for n in range(12)),
        )
        events = [replace(desk.seen(line), time=at) for line in lines for at in (T0, T0 - 7200)]
        await desk.log.put("web1", events, Cursor("auth.log", "1", T0))
        desk.now += 0.1
    kept = await desk.kept(kinds=("logins", "failures", "crowd"))
    assert len({letter.thread for letter in await desk.letters(EPISODE)}) == len(kept) == 2 + ALONE + 2
    assert sum(row.count for row in kept if row.kind == "logins") == 30 * 2 * 2
    assert sum(row.count for row in kept if row.kind != "logins") == 30 * 2 * 12
    desk.now += 240
    await desk.book.flush()
    told = {each["id"]: each["count"] for each in await desk.episodes()}
    assert told == {row.id: row.count for row in kept}


async def test_a_crowd_that_begins_anew_has_all_addresses_that_go_on(desk: Desk) -> None:
    addresses = [f"198.51.100.{number}" for number in range(12)]
    await desk.read(*map(failed, ["root"] * 12, addresses))
    await desk.database.write(lambda tx: tx.execute("DELETE FROM login_episodes WHERE kind = 'crowd'"))
    await desk.read(*map(failed, ["root"] * 24, addresses * 2))
    (crowd,) = await LoginBookReader(desk.database).episodes(EpisodeQuery(kinds=["crowd"]))
    assert (crowd.count, crowd.addresses) == (8, 4)
    worst = await desk.database.read(lambda tx: LoginEpisodeTable.worst(tx, crowd.id, 5))
    assert [address for address, _ in worst] == sorted(addresses[8:])


async def test_too_many_episodes_push_out_those_that_are_long_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = [f"198.51.100.{number}" for number in range(40)]
    await desk.read(*map(failed, ["root"] * 40, addresses))
    desk.now += 60
    await desk.read(failed(address=addresses[0]), failed(address=addresses[20]))
    monkeypatch.setattr("orchestrator.store.loginepisodes.MOST_EPISODES", 12)
    await desk.database.write(lambda tx: LoginEpisodeTable.forget(tx, desk.now))
    kept = await desk.database.read(lambda tx: tx.execute("SELECT kind, subject FROM login_episodes").fetchall())
    assert len(kept) == 12
    assert {("crowd", ""), ("failures", addresses[0])} <= {tuple(row) for row in kept}


async def test_a_host_that_floods_pushes_out_its_own_only(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.read(came(pid=1, port=1), host="db1")
    for number in range(30):
        await desk.read(came(pid=number + 2, port=number + 2))
    monkeypatch.setattr("orchestrator.store.loginsessions.MOST_SESSIONS", 10)
    monkeypatch.setattr("orchestrator.store.logins.MOST", 10)
    monkeypatch.setattr("orchestrator.store.logins._TIDY_EVERY", 1)
    await desk.read(came(pid=40, port=40))
    await desk.database.write(lambda tx: LoginSessionTable.forget(tx, desk.now))
    left = [row.host for row in await desk.sessions()]
    assert (len(left), "db1" in left) == (10, True)
    events = [event.host for event in await desk.log.find(Query())]
    assert (len(events), "db1" in events) == (10, True)


async def test_a_session_that_was_said_to_have_ended_is_not_open_for_ever(desk: Desk) -> None:
    await desk.read(came(pid=7), "sshd[7]: pam_unix(sshd:session): session closed for user ann")
    for days in (6, 8):
        await desk.database.write(lambda tx, at=desk.now + days * 86400: LoginSessionTable.forget(tx, at))  # type: ignore[misc]
        (row,) = await desk.sessions()
        assert (row.claimed_at is not None, row.ended_at is not None) == (True, days > 7)


async def test_of_very_many_logins_the_first_are_told_and_the_others_counted(desk: Desk) -> None:
    for number in range(MOST + 70):
        address = "192.0.2.7" if number % 2 else "198.51.100.9"
        await desk.read(came(f"u{number % 3}", address, pid=number + 1, port=number + 1))
        desk.now += 1
    await desk.read(f"sshd[{MOST + 70}]: pam_unix(sshd:session): session closed for user u1")
    desk.now += 200
    await desk.book.flush()
    told = await desk.logins()
    assert [row.port for row in told] == list(range(1, MOST + 1))
    *_, last = await desk.episodes()
    assert (last["kind"], last["count"], last["addresses"], last["unknown"]) == ("logins", 70, 2, 0)
    assert sum(last["names"].values()) == 70
    assert last["worst"] == [["192.0.2.7", 35], ["198.51.100.9", 35]]
    letters = await desk.letters(EPISODE)
    assert len(letters) < 7
    assert {(letter.thread, letter.priority) for letter in letters} == {(letters[0].thread, Priority.WARNING)}
    sessions = await desk.sessions(limit=500)
    assert [row.port for row in sessions] == list(range(MOST + 70, 0, -1)), "none is missing from the list"
    await desk.read(came(pid=200, port=200), host="web2")
    desk.now += 400
    await desk.read(came(pid=201, port=201))
    assert [row.port for row in await desk.logins()][-2:] == [200, 201], "another host, and when it is calm again"


async def test_logins_that_never_slow_down_are_one_message(desk: Desk) -> None:
    for number in range(3):
        for _ in range(MOST + 10):
            await desk.read(came(pid=number + 1, port=number + 1))
            desk.now += 5
    assert len({row.id for row in await desk.logins()}) == MOST


async def test_alarms_are_told_beside_other_logins_and_counted_loudly(desk: Desk) -> None:
    for number in range(MOST + 10):
        await desk.read(came(pid=number + 1, port=number + 1))
    await desk.read(failed(), failed(), failed())
    for number in range(MOST + 10, 2 * MOST + 20):
        await desk.read(came(address="198.51.100.9", pid=number + 1, port=number + 1))
    desk.now += 200
    await desk.book.flush()
    assert [row.alarm for row in await desk.logins()] == [""] * MOST + ["failures"] * MOST
    last = {each["kind"]: each for each in await desk.episodes()}
    assert (last["logins"]["count"], last["alarms"]["count"]) == (10, 10)
    priorities = {letter.payload["kind"]: letter.priority for letter in await desk.letters(EPISODE)}
    assert (priorities["alarms"], priorities["logins"]) == (Priority.CRITICAL, Priority.WARNING)
    assert len({row.alarm for row in await desk.sessions(limit=500)}) == 2


async def test_gaps_of_a_host_are_one_message(desk: Desk) -> None:
    for number in range(20):
        await desk.read(came(pid=number + 1, port=number + 1), gaps=[desk.now - 5])
        desk.now += 20
    await desk.read(came(pid=99, port=99), host="web2", gaps=[desk.now - 5])
    desk.now += 200
    await desk.book.flush()
    gaps = [each for each in await desk.episodes() if each["kind"] == "gaps"]
    assert len({each["id"] for each in gaps}) == 2
    last = [each for each in gaps if each["host"] == "web1"][-1]
    assert (last["count"], last["first_at"], last["last_at"]) == (20, T0 - 5, T0 + 380)
    assert last["names"] == {"auth.log": 20}
    assert len(gaps) < 10
