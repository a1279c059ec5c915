"""What becomes of lines of a log: sessions, episodes, letters; all of it in SQLite."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from orchestrator.logins.book import Greeting, LoginBook
from orchestrator.logins.event import LoginEvent
from orchestrator.logins.journal import parse_journal
from orchestrator.logins.keyfiles import AccountKey, Look
from orchestrator.logins.letters import EPISODE, LOGIN
from orchestrator.logins.ours import OwnKeys
from orchestrator.logins.parse import parse_line
from orchestrator.store import Priority
from orchestrator.store.loginboots import Boot
from orchestrator.store.logindials import KEPT_S, LoginDials
from orchestrator.store.logins import Cursor
from orchestrator.store.loginvantages import LoginVantageTable
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind
from tests.logins.desk import KEY, T0, Desk, came, failed


async def test_a_session_begins_and_ends(desk: Desk) -> None:
    await desk.read(came(), "sshd[731]: pam_unix(sshd:session): session opened for user ann(uid=1000) by ann(uid=0)")
    desk.now += 754
    await desk.read("sshd[731]: pam_unix(sshd:session): session closed for user ann")
    began, ended = await desk.logins()
    assert (began.user, began.address, began.method, began.key, began.first) == (
        "ann",
        "192.0.2.7",
        "publickey",
        KEY,
        "network",
    )
    assert (ended.id, ended.ended_at, ended.claimed_at) == (began.id, None, T0 + 754)
    first, second = await desk.letters(LOGIN)
    assert first.thread == second.thread != ""
    assert first.priority is Priority.WARNING


@pytest.mark.parametrize(
    "end",
    [
        "sshd[799]: Disconnected from user ann 192.0.2.7 port 52144",
        "sshd[799]: Connection closed by user ann 192.0.2.7 port 52144",
        "sshd[731]: pam_unix(sshd:session): session closed for user ann",
    ],
)
async def test_each_line_that_ends_a_session(desk: Desk, end: str) -> None:
    await desk.read(came(), came("bob", port=52145, pid=732))
    await desk.read(end, end)
    (session,) = await desk.sessions(user="ann")
    assert (session.ending, session.claimed_at) == ("", T0), "as anybody can write to a file"
    (other,) = await desk.sessions(user="bob")
    assert other.claimed_at is None
    assert len(await desk.logins()) == 3, "an end is told once"


@pytest.mark.parametrize(
    "line",
    [
        "sshd[799]: Disconnected from authenticating user ann 192.0.2.7 port 52146 [preauth]",
        "sshd[799]: Disconnected from user bob 192.0.2.7 port 52144",
        "su[731]: pam_unix(su:session): session closed for user ann",
        "sshd[730]: pam_unix(sshd:session): session closed for user ann",
    ],
)
async def test_what_ends_another_session_or_none(desk: Desk, line: str) -> None:
    await desk.read(came(), line)
    (session,) = await desk.sessions()
    assert (session.ended_at, session.claimed_at) == (None, None)


JOURNAL = {"__REALTIME_TIMESTAMP": str(int(T0 * 1e6)), "_COMM": "sshd", "SYSLOG_IDENTIFIER": "sshd"}


def entry(message: str, *, user: int = 0, pid: int = 731, **fields: str) -> LoginEvent:
    """What sshd wrote into the journal, or somebody who calls himself so."""
    said = {**JOURNAL, "_UID": str(user), "_PID": str(pid), "MESSAGE": message, **fields}
    event = parse_journal(json.dumps({name: value for name, value in said.items() if value}).encode(), host="web1")
    assert event is not None
    return event


async def test_who_is_on_can_be_hidden_by_nobody(desk: Desk) -> None:
    accepted = came().partition(": ")[2]
    left = "Disconnected from user ann 192.0.2.7 port 52144"
    await desk.heard(entry(accepted), entry(left, user=1001, pid=4000))
    (session,) = await desk.sessions()
    assert (session.verified, session.ended_at, session.claimed_at) == (True, None, T0)
    for never in (entry(left, user=1001, pid=4000), entry(left, pid=4000, _COMM="")):
        desk.now += 60
        await desk.heard(never)
    assert len(await desk.logins()) == 1, "it is told once, here with the login"
    desk.now += 3600
    gone_too_soon_to_be_named = entry("pam_unix(sshd:session): session closed for user ann", _COMM="")
    await desk.heard(gone_too_soon_to_be_named)
    (session,) = await desk.sessions()
    assert (session.ending, session.ended_at) == ("closed", T0 + 3720)


async def test_in_a_file_a_process_that_came_again_claims_no_more_than_that(desk: Desk) -> None:
    await desk.read(came())
    for pid in (731, 731):
        await desk.read(came("bob", port=5, pid=pid))
    ann = (await desk.sessions(user="ann"))[0]
    assert (ann.ended_at, ann.claimed_at) == (None, T0)


async def test_a_process_that_came_again_and_a_host_that_started_again(desk: Desk) -> None:
    await desk.book.greet("web1", Greeting(boot=Boot("one", "7")))
    await desk.heard(entry(came().partition(": ")[2]))
    desk.now += 60
    await desk.heard(entry(came("bob", port=5).partition(": ")[2]))
    desk.now += 60
    await desk.book.greet("web1", Greeting(boot=Boot("two", "7", desk.now - 30)))
    await desk.book.settle("web1")
    await desk.book.settle("web1")
    bob, ann = await desk.sessions()
    assert (ann.ending, ann.ended_at) == ("unknown", T0 + 60)
    assert (bob.ending, bob.ended_at) == ("unknown", T0 + 90)
    assert len(await desk.logins()) == 4


async def test_what_is_new_of_a_login(desk: Desk) -> None:
    addresses = ["192.0.2.7", "192.0.2.7", "192.0.2.8", "2001:db8:1:2::7", "2001:db8:1:3::7", "2001:db8:2::1"]
    for number, address in enumerate(addresses):
        await desk.read(came(address=address, pid=number + 1, port=number + 1), host=f"web{number}")
    await desk.read(came("bob", pid=99, port=99))
    assert [row.first for row in await desk.logins()] == [
        "network", "", "address", "network", "address", "network", "user",
    ]  # fmt: skip


async def test_failures_count_up_in_one_message_at_a_bearable_pace(desk: Desk) -> None:
    for _ in range(90):
        await desk.read(failed(), failed("admin"))
        desk.now += 1
        await desk.book.flush()
    told = [each["count"] for each in await desk.episodes()]
    assert told[0] == 2
    assert len(told) == 4, "after 10 s, 30 s and 70 s"
    desk.now += 130
    await desk.book.flush()
    await desk.book.flush()
    *_, last = await desk.episodes()
    assert (last["count"], last["names"]) == (180, {"root": 90, "admin": 90})
    assert len({letter.thread for letter in await desk.letters(EPISODE)}) == 1

    desk.now += 1800
    await desk.read(failed())
    *_, another = await desk.episodes()
    assert another["count"] == 1, "after half an hour of quiet"


async def test_a_pause_is_told_exactly_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    await desk.read(failed())
    await desk.read(failed(), failed())
    again = LoginBook(
        desk.database,
        desk.outbox,
        lambda *_: None,
        own_keys=OwnKeys(tmp_path, tmp_path),
        scopes=lambda _: (FLEET,),
        now=lambda: T0 + 11,
    )
    await again.flush()
    assert [each["count"] for each in await desk.episodes()] == [1, 3]


async def test_what_waits_is_told_when_our_clock_was_set_back(desk: Desk) -> None:
    await desk.read(failed())
    await desk.read(failed(), failed())
    desk.now -= 3600
    await desk.book.flush()
    await desk.book.flush()
    assert [each["count"] for each in await desk.episodes()] == [1, 3]


async def test_a_crowd_shares_a_message(desk: Desk) -> None:
    for number in range(1, 31):
        await desk.read(*[failed(address=f"198.51.100.{number}")] * number)
    desk.now += 200
    await desk.book.flush()
    threads = {letter.thread for letter in await desk.letters(EPISODE)}
    assert len(threads) == 8 + 1
    crowd = [each for each in await desk.episodes() if each["kind"] == "crowd"][-1]
    assert (crowd["addresses"], crowd["count"]) == (22, sum(range(9, 31)))
    assert crowd["worst"][0] == ["198.51.100.30", 30]
    (alone,) = await desk.kept(address="198.51.100.20")
    assert alone.count == 20, "each is counted all the same"


async def test_names_beyond_some_are_counted_and_connections_are_no_failures(desk: Desk) -> None:
    for number in range(60):
        await desk.read(
            f"sshd[9]: Invalid user u{number} from 198.51.100.9 port 4022", failed(f"invalid user u{number}")
        )
    (row,) = await desk.kept()
    assert (row.count, row.unknown, len(row.names), row.others) == (60, 60, 50, 20)
    assert sum(row.names.values()) == 50


async def test_who_gets_in_after_failures_is_an_alarm(desk: Desk) -> None:
    await desk.read(came(address="198.51.100.9"), host="web1")
    await desk.read(failed(), failed(), host="web1")
    await desk.read(came(address="198.51.100.9", pid=5), host="web1")
    await desk.read(failed(), host="web2")
    desk.now += 60
    await desk.read(came(address="198.51.100.9", pid=6), host="web3")
    desk.now += 3600
    await desk.read(came(address="198.51.100.9", pid=7), host="web3")
    rows = await desk.logins()
    assert [(row.alarm, row.failures) for row in rows] == [("", 0), ("", 2), ("failures", 3), ("", 0)]
    priorities = [letter.priority for letter in await desk.letters(LOGIN)]
    assert priorities == [Priority.WARNING, Priority.WARNING, Priority.CRITICAL, Priority.WARNING]


async def test_one_failure_is_enough_where_the_user_never_came_from(desk: Desk) -> None:
    await desk.read(came("ann", "198.51.100.9"))
    desk.now += 60
    await desk.read(failed(), failed(address="192.0.2.7"))
    came_later = (("ann", "198.51.100.9"), ("bob", "198.51.100.9"), ("ann", "192.0.2.7"))
    await desk.read(*(came(*who, pid=number) for number, who in enumerate(came_later, 5)))
    rows = await desk.logins()
    assert [(row.user, row.address[:3], row.alarm) for row in rows] == [
        ("ann", "198", ""),
        ("ann", "198", ""),
        ("bob", "198", "failures"),
        ("ann", "192", "failures"),
    ]


async def test_our_own_and_our_key_from_elsewhere(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA us\n"
    )
    own = f"ED25519 {fingerprint(tmp_path / 'id.pub')}"
    await desk.book.greet("web1", Greeting("10.0.0.1", "SHA256:agent"))
    await desk.read(
        came("root", "10.0.0.1", 1, 1, own),
        came("root", "10.0.0.1", 2, 2, "ED25519 SHA256:agent"),
        came("root", "10.0.0.2", 3, 3, own),
        came("root", "10.0.0.2", 4, 4, "ED25519 SHA256:agent"),
    )
    assert [(row.port, row.alarm) for row in await desk.logins()] == [(3, "key"), (4, "")]
    assert [row.ours for row in await desk.sessions(ours=True)] == [False, False, True, True]


async def test_our_own_by_another_address_of_ours(desk: Desk, tmp_path: Path) -> None:
    """As a command has it that takes another way out of this machine than `serve` did."""
    (tmp_path / "id.pub").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA us\n"
    )
    own = f"ED25519 {fingerprint(tmp_path / 'id.pub')}"
    await desk.book.greet("web1", Greeting("10.0.0.1"))
    now = [T0 - 86400.0 * 2]
    dials = LoginDials(desk.database, lambda: now[0])
    await dials.note("web1", "10.0.1.9", 40_000)
    now[0] = T0 - 1
    await asyncio.gather(*(dials.note("web1", "10.0.1.1", port) for port in range(40_000, 40_200)))
    await desk.read(
        came("root", "10.0.1.1", 1, 40_199, own),
        came("root", "10.0.1.1", 2, 40_200, own),
        came("root", "10.0.1.9", 3, 40_000, own),
        came("ann", "10.0.1.1", 4, 40_000, "ED25519 SHA256:anns"),
    )
    await desk.read(came("root", "10.0.1.1", 5, 40_000, own), host="web2")
    assert [(row.pid, row.alarm) for row in await desk.logins()] == [(2, "key"), (3, "key"), (4, ""), (5, "")]
    assert [row.pid for row in await desk.sessions(ours=True) if row.ours] == [1]


async def test_that_we_were_refused_is_not_told(desk: Desk) -> None:
    """As when a rotation of keys looks whether the old one is."""
    dials = LoginDials(desk.database, lambda: T0)
    line = "sshd[9]: Failed publickey for root from 10.0.1.1 port {port} ssh2: ED25519 SHA256:old"
    for port in range(1, 5):
        await dials.note("web1", "10.0.1.1", port)
        await desk.read(line.format(port=port))
    await desk.read(came(address="10.0.1.1"))
    assert [row.alarm for row in await desk.logins()] == [""]
    assert not await desk.episodes()
    await desk.read(line.format(port=4021), line.format(port=4022))
    await desk.read(line.format(port=1), host="web2")
    await desk.read(came(address="10.0.1.1", pid=5))
    assert [(row.alarm, row.failures) for row in await desk.logins()][1:] == [("failures", 3)]
    assert sum(row.count for row in await desk.kept()) == 3


async def test_connections_of_ours_are_forgotten_in_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.store.logindials.MOST", 10)
    now = [T0]
    dials = LoginDials(desk.database, lambda: now[0])

    async def kept() -> list[int]:
        rows = await desk.database.read(lambda tx: tx.execute("SELECT port FROM login_dials ORDER BY at").fetchall())
        return [row["port"] for row in rows]

    for port in range(1, 31):
        now[0] += 1
        await dials.note("web1", "10.0.0.1", port)
    assert await kept() == list(range(21, 31))
    now[0] += KEPT_S + 1
    await dials.note("web1", "10.0.0.1", 99)
    assert await kept() == [99]


def fingerprint(path: Path) -> str:
    """What ssh-keygen says of a key."""
    listed = subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True)
    return listed.stdout.split()[1]


async def test_known_networks_are_quiet_but_for_alarms(desk: Desk) -> None:
    await desk.rules.set(FLEET, "known", "198.51.100.0/24", on=True, actor="ann")
    await desk.read(came(address="198.51.100.9"))
    await desk.read(failed(), failed(), failed())
    assert await desk.logins() == []
    assert await desk.episodes() == []
    await desk.read(came(address="198.51.100.9", pid=5))
    assert [row.alarm for row in await desk.logins()] == ["failures"]
    assert len(await desk.sessions()) == 2
    (row,) = await desk.kept()
    assert row.count == 3, "counted, not told"


async def test_sudo_is_told_where_somebody_wants_it(desk: Desk) -> None:
    sudo = "sudo[5]: ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id"
    await desk.read(sudo)
    assert await desk.episodes() == []
    desk.now += 1801
    await desk.rules.set(Scope(ScopeKind.HOST, "web1"), "tell", "sudo", on=True, actor="ann")
    await desk.read(sudo, sudo)
    await desk.read(sudo, host="web2")
    (told,) = await desk.episodes()
    assert (told["host"], told["kind"], told["subject"], told["names"], told["count"]) == (
        "web1",
        "sudo",
        "ann",
        {"root": 2},
        2,
    )


async def test_who_was_not_let_did_not_use_sudo(desk: Desk) -> None:
    for choice in ("sudo", "su"):
        await desk.rules.set(FLEET, "tell", choice, on=True, actor="ann")
    tail = "TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/id"
    await desk.read(
        f"sudo[5]: bob : 3 incorrect password attempts ; {tail}",
        f"sudo[6]: bob : user NOT in sudoers ; {tail}",
        "doas: command not permitted for eve: id",
        f"sudo[7]: ann : {tail}",
        "sudo[8]: ann : TTY=pts/0 ; PWD=/ ; USER=postgres ; COMMAND=/usr/bin/psql",
        "su[9]: FAILED SU (to root) bob on pts/0",
        "su[9]: (to postgres) ann on pts/0",
    )
    told = {(row["kind"], row["subject"]): (row["names"], row["count"]) for row in await desk.episodes()}
    assert told == {
        ("sudo-refused", "bob"): ({"root": 4}, 4),
        ("sudo-refused", "eve"): ({"": 1}, 1),
        ("sudo", "ann"): ({"root": 1}, 1),
        ("su-refused", "bob"): ({"root": 1}, 1),
        ("su", "ann"): ({"postgres": 1}, 1),
    }


async def test_a_gap_is_told_once(desk: Desk) -> None:
    await desk.read(came(), gaps=[T0 - 600])
    await desk.read(came(pid=2, port=2), gaps=[T0 - 600])
    (gap,) = await desk.episodes()
    assert (gap["kind"], gap["host"], gap["names"], gap["count"]) == ("gaps", "web1", {"auth.log": 1}, 1)
    assert (gap["first_at"], gap["last_at"]) == (T0 - 600, T0)


async def test_details_come_later(desk: Desk) -> None:
    await desk.read(came())
    (row,) = await desk.sessions()
    await desk.book.describe(row, reverse="laptop.example")
    await desk.book.describe(row, comment="ann's laptop")
    await desk.book.describe(replace(row, host="db1"), reverse="another.example")  # one that was taken back
    *_, told = await desk.logins()
    assert (told.reverse, told.comment) == ("laptop.example", "ann's laptop")


async def test_what_logind_says_beside_a_login_is_kept_with_it(desk: Desk) -> None:
    events = [
        parse_line(f"2025-01-01T00:00:00Z web1 {line}".encode(), host="web1", source="journal", now=T0, zone=UTC)
        for line in (came(), "systemd-logind[731]: New session 12 of user ann.")  # of the journal, whose leader it is
    ]
    await desk.log.put("web1", [desk.of(event) for event in events if event], Cursor("journal", "1", T0))
    assert [row.logind for row in await desk.sessions()] == ["12"]


async def test_however_many_sessions_a_host_leaves_open_one_more_costs_the_same(desk: Desk) -> None:
    steps = itertools.count()

    async def cost(*lines: str) -> int:
        before = next(steps)
        await desk.read(*lines)
        return next(steps) - before

    await desk.database.read(lambda tx: tx.set_progress_handler(lambda: next(steps) * 0, 10))
    await desk.read(came(pid=1))  # with that the tables are tidied up
    first = await cost(came(pid=2, port=2))
    await desk.read(*(came(pid=number, port=number) for number in range(3, 503)))
    assert await cost(came(pid=1000, port=1000)) < 2 * first


async def test_where_we_came_from_last_holds_for_as_long_as_that_connection(desk: Desk) -> None:
    await desk.book.greet("web1", Greeting("192.0.2.1"))
    desk.now += 86400
    await desk.book.greet("web1", Greeting("192.0.2.2"))
    desk.now += 30 * 86400
    await desk.read(*(f"sudo[9]: ann : PWD=/ ; USER=root ; COMMAND=/bin/{n}" for n in range(1000)))
    assert await desk.database.read(lambda tx: LoginVantageTable.addresses(tx, "web1")) == {"192.0.2.2"}


def look(*keys: AccountKey, scope: str = "all") -> Look:
    return Look(scope, keys)


async def test_new_keys_are_told_where_somebody_wants_it(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA us\n"
    )
    ours = AccountKey("ops", "ssh-ed25519", fingerprint(tmp_path / "id.pub"))
    first, laptop, signer = (AccountKey("ann", "ssh-rsa", f"SHA256:{n}", f"comment {n}") for n in range(3))
    await desk.rules.set(FLEET, "tell", "keys", on=True, actor="ann")
    await desk.rules.set(FLEET, "quiet", "backup", on=True, actor="ann")
    assert desk.book.wants_keys(await desk.rules.rows(), "web1")
    await desk.book.looked("web1", look(first))
    await desk.book.looked("web1", look(first, ours))
    await desk.book.looked("web1", look(first, ours, replace(laptop, user="backup")))
    assert await desk.episodes() == [], "what was there, our own, whom nobody wants to hear of"
    await desk.book.greet("web1", Greeting("10.0.0.1", "SHA256:1"))
    await desk.book.looked("web1", look(first, laptop))
    await desk.book.looked("web1", look(first, laptop))
    await desk.book.looked("web1", look(first))
    (told,) = await desk.episodes()
    assert (told["kind"], told["subject"], told["count"]) == ("keys", "ann", 1)
    assert told["names"] == {"ours\tssh-rsa\tSHA256:1\tcomment 1": 1}
    desk.now += 11
    await desk.book.looked("web1", look(replace(first, authority=True), laptop, signer))
    *_, told = await desk.episodes()
    assert told["count"] == 4, "it went and came again, it opens the account for others now, and one more"
    await desk.book.looked("web1", look(signer, scope="ann"))
    await desk.book.looked("web2", look(signer))
    assert await desk.episodes() == [*_, told], "another beginning, another host"


async def test_new_keys_are_remembered_where_nobody_wants_to_hear_of_them(desk: Desk) -> None:
    key = AccountKey("ann", "ssh-rsa", "SHA256:1")
    assert not desk.book.wants_keys(await desk.rules.rows(), "web1")
    await desk.book.looked("web1", look())
    await desk.book.looked("web1", look(key))
    await desk.rules.set(FLEET, "tell", "keys", on=True, actor="ann")
    await desk.book.looked("web1", look(key))
    assert await desk.episodes() == []
