"""What real hosts wrote while people came in, failed, became root and lied: told as it was, by every log they have.

The truth was written by who did it (`record.py`), never by a parser.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC
from typing import Any

import pytest

from orchestrator.logins.event import Kind, LoginEvent
from orchestrator.logins.journal import parse_journal
from orchestrator.logins.parse import parse_line
from tests.logins.record import RECORDED

RELEASES = ("bullseye", "bookworm", "trixie")
FORMS = ("journal.json", "short-iso.log", "traditional.log", "iso.log")
LATE_S = 1.5  # from the end of a deed to its line; stamps may be whole seconds
_JUDGED = (Kind.LOGIN, Kind.FAILED, Kind.INVALID_USER, Kind.SUDO, Kind.SU)

Truth = dict[str, Any]


def truths(release: str, form: str) -> list[Truth]:
    told: list[Truth] = json.loads((RECORDED / f"{release}.truth.json").read_text())["told"]
    return [each for each in told if not (each["forged"] and form == "journal.json")]


def events(release: str, form: str) -> list[LoginEvent]:
    began = json.loads((RECORDED / f"{release}.truth.json").read_text())["began"]
    found = []
    for line in (RECORDED / f"{release}.{form}").read_bytes().splitlines():
        if form == "journal.json":
            event = parse_journal(line, host="web1")
        else:
            event = parse_line(line, host="web1", source=form, now=began, zone=UTC)
        found += [event] if event is not None else []
    return found


def as_told(event: LoginEvent) -> tuple[Any, ...]:
    """Of an event, what the truth knows too; the port is not in every line."""
    by = event.method if event.kind in (Kind.LOGIN, Kind.FAILED) else ""
    ok = event.ok if event.kind in (Kind.SUDO, Kind.SU) else None
    return event.kind.value, event.user, by, event.address, event.target, ok, event.key


def as_done(truth: Truth) -> tuple[Any, ...]:
    return tuple(truth[name] for name in ("kind", "user", "method", "address", "target", "ok", "key"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("release", RELEASES)
def test_exactly_what_was_done_is_told(release: str, form: str) -> None:
    told: Counter[tuple[Any, ...]] = Counter()
    for event in events(release, form):
        if event.kind in _JUDGED:
            told[as_told(event)] += event.count
    done: Counter[tuple[Any, ...]] = Counter()
    for truth in truths(release, form):
        done[as_done(truth)] += truth["count"]
    assert +told == done


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("release", RELEASES)
def test_each_deed_is_told_at_its_time_and_with_its_port(release: str, form: str) -> None:
    found = [event for event in events(release, form) if event.count and event.kind in _JUDGED]
    for truth in truths(release, form):
        beside = [
            event
            for event in found
            if as_told(event) == as_done(truth) and int(truth["began"]) <= event.time <= truth["ended"] + LATE_S
        ]
        assert beside, truth
        if truth["port"]:
            assert any(event.port in (None, truth["port"]) for event in beside), truth


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("release", RELEASES)
def test_each_session_is_opened_and_closed_by_the_process_that_let_it_in(release: str, form: str) -> None:
    said = [event for event in events(release, form) if event.count and event.program.startswith("sshd")]
    found = [event for event in said if event.address != "192.0.2.66"]
    logins = [(event.pid, event.user) for event in found if event.kind is Kind.LOGIN]
    for kind in (Kind.SESSION_OPENED, Kind.SESSION_CLOSED):
        assert [(event.pid, event.user) for event in found if event.kind is kind] == logins
    left = {(event.user, event.port) for event in found if event.kind is Kind.DISCONNECTED}
    assert left >= {(event.user, event.port) for event in found if event.kind is Kind.LOGIN}


@pytest.mark.parametrize("release", RELEASES)
def test_only_the_journal_knows_a_lie(release: str) -> None:
    assert not [event for event in events(release, "journal.json") if event.address == "192.0.2.66"]
    assert all(event.verified for event in events(release, "journal.json") if event.kind is Kind.LOGIN)
    for form in FORMS[1:]:
        lies = [event for event in events(release, form) if event.address == "192.0.2.66"]
        assert len(lies) == 2
        assert not any(event.verified for event in events(release, form))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("release", RELEASES)
def test_who_was_turned_away_and_who_never_said_a_name_is_told(release: str, form: str) -> None:
    found = [event for event in events(release, form) if event.address and event.port != 6]
    turned_away = [event for event in found if event.kind is Kind.THROTTLED]
    assert turned_away
    assert {(event.address, event.count) for event in turned_away} == {(turned_away[0].address, 1)}
    probes = {event.pattern for event in found if event.kind is Kind.PROBE and event.count}
    assert probes >= {"sshd.probe", "sshd.probe-closed"}
    said = {event.line.partition("]: ")[2].partition(" ")[0] for event in found if event.pattern == "sshd.probe"}
    # On Linux sshd says nothing of a timeout before 9.8, but in releases that had CVE-2024-6387
    assert said >= ({"banner", "Timeout"} if release == "trixie" else {"banner"})


def test_hosts_wrote_all_there_is_to_try() -> None:
    """The truth itself: nobody cut it down."""
    for release in RELEASES:
        done = {(each["kind"], each["method"]) for each in truths(release, "iso.log")}
        methods = ("password", "keyboard-interactive/pam", "publickey")
        assert done >= {("login", method) for method in methods} | {("failed", method) for method in methods[:2]}
        assert done >= {("invalid_user", ""), ("sudo", ""), ("su", "")}
    assert {each["program"] for each in truths("bookworm", "iso.log")} == {"sshd", "dropbear", "sudo", "su"}
