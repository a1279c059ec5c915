"""Entries of the journal: whom to believe, bytes that are no text, and the fields that nobody can choose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.logins.event import Kind, LoginEvent
from orchestrator.logins.journal import parse_journal

SAID = "Accepted password for root from 192.0.2.7 port 5 ssh2"
LEFT = "Disconnected from user alice 192.0.2.7 port 5"


def read(message: Any = SAID, identifier: str = "sshd", **fields: Any) -> LoginEvent | None:
    entry = {
        "MESSAGE": message,
        "SYSLOG_IDENTIFIER": identifier,
        "SYSLOG_PID": "666",
        "__REALTIME_TIMESTAMP": "1795370400500000",
        "_SOURCE_REALTIME_TIMESTAMP": "1795370400123456",
        "_HOSTNAME": "web1",
        "_PID": "731",
        "_UID": "0",
        "_COMM": identifier,
    }
    entry |= fields
    return parse_journal(json.dumps({k: v for k, v in entry.items() if v is not None}).encode(), host="")


def test_an_entry_of_root_is_verified() -> None:
    event = read()
    assert event is not None
    assert event.verified
    assert (event.time, event.host, event.source, event.pid) == (1795370400.123456, "web1", "journal", 731)
    assert event.line == f"sshd[731]: {SAID}"


@pytest.mark.parametrize(
    "fields",
    [
        {"_UID": "1000", "_COMM": "logger"},
        {"_UID": "1000"},  # a program of theirs that is called sshd
        {"_UID": "1000", "_COMM": None},
        {"_UID": "1000", "_EXE": "/usr/sbin/sshd"},  # their own sshd, or one that journald found in its place
        {"_UID": None},
        {"_UID": None, "UID": "0"},
        {"_UID": ["0", "1000"]},
        {"_UID": 0},
        {"_UID": "00"},
        {"_UID": " 0"},
        {"_UID": "0", "_COMM": "dockerd"},  # root's, but a container chose the identifier
        {"_UID": "0", "_COMM": "logger"},
        {"_UID": "0", "_COMM": "sudo"},
        {"_UID": "0", "_COMM": "ssh"},
    ],
)
def test_nobody_else_can_say_that_somebody_came_in(fields: dict[str, Any]) -> None:
    assert read(**fields) is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.DISCONNECTED])
def test_a_user_under_the_name_of_sshd_can_only_leave(kind: Kind) -> None:
    told = {
        Kind.LOGIN: SAID,
        Kind.FAILED: "Failed password for root from 192.0.2.7 port 5 ssh2",
        Kind.INVALID_USER: "Invalid user x from 192.0.2.7 port 5",
        Kind.SESSION_OPENED: "pam_unix(sshd:session): session opened for user root by (uid=0)",
        Kind.SESSION_CLOSED: "pam_unix(sshd:session): session closed for user root",
        Kind.PROBE: "Did not receive identification string from 192.0.2.7 port 5",
        Kind.THROTTLED: "beginning MaxStartups throttling",
        Kind.OTHER: "Partial publickey for root from 192.0.2.7 port 5 ssh2",
    }
    if kind in told:
        by_root = read(told[kind])
        assert by_root is not None
        assert by_root.kind is kind
        assert read(told[kind], _UID="1000") is None
    left = read(LEFT, _UID="1000")
    assert left is not None
    assert not left.verified


def test_root_whose_process_was_gone_is_told_and_not_verified() -> None:
    event = read(_COMM=None)
    assert event is not None
    assert not event.verified


@pytest.mark.parametrize(
    ("identifier", "message", "kind"),
    [
        ("sudo", "   bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/id", Kind.SUDO),
        ("su", "(to root) bob on pts/0", Kind.SU),
    ],
)
def test_what_runs_for_its_user_is_told_and_not_verified(identifier: str, message: str, kind: Kind) -> None:
    event = read(message, identifier, _UID="1000")
    assert event is not None
    assert (event.kind, event.verified) == (kind, False)
    assert read(message, identifier, _UID="1000", _COMM="logger") is None


@pytest.mark.parametrize("identifier", ["sudo", "su", "doas", "pkexec", "passwd"])
def test_what_runs_for_its_user_cannot_say_that_another_tried(identifier: str) -> None:
    told = (
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root"
    )
    assert read(told, identifier) is not None
    assert read(told, identifier, _UID="1000") is None


def test_accounts_are_made_by_root_only() -> None:
    told = "new user: name=mallory, UID=1002, GID=1002, home=/, shell=/bin/sh, from=none"
    assert read(told, "useradd") is not None
    assert read(told, "useradd", _UID="1000") is None


def test_bytes_that_are_no_text_are_read() -> None:
    event = read(list(b"Invalid user \xff\xfe from 192.0.2.7 port 5"))
    assert event is not None
    assert (event.user, event.address) == ("��", "192.0.2.7")


def test_of_logind_the_leader_is_told_so_that_a_session_finds_its_login() -> None:
    event = read("New session 5 of user alice.", "systemd-logind", LEADER="812", _PID="90")
    assert event is not None
    assert (event.pid, event.session, event.user, event.count) == (812, "5", "alice", 0)


def test_lost_messages_are_counted() -> None:
    event = read("Suppressed 5180 messages from ssh.service", "systemd-journald", _COMM="systemd-journal")
    assert event is not None
    assert (event.kind, event.count, event.detail, event.verified) == (Kind.OTHER, 5180, "ssh.service", True)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"MESSAGE": ' + b"[" * 100_000,
        b'{"a": ' + b"9" * 100_000 + b"}",
        b'{"a": "' + b"x" * 2_000_000 + b'"}',
    ],
    ids=range(12),
)
def test_what_is_no_entry_is_no_event(entry: bytes) -> None:
    assert parse_journal(entry, host="web1") is None


@pytest.mark.parametrize("message", [None, 1, {}, [], [256], [-1], ["a"], [[1]], True, ""])
def test_a_message_that_is_none_is_no_event(message: Any) -> None:
    assert read(message) is None


@pytest.mark.parametrize("stamp", ["", "x", "-1", "1" * 17, "١٢", 1795370400000000, None])
def test_an_entry_without_a_time_is_no_event(stamp: Any) -> None:
    assert read(_SOURCE_REALTIME_TIMESTAMP=stamp, __REALTIME_TIMESTAMP=None) is None


@pytest.mark.parametrize("comm", ["sshd", None])
def test_only_root_can_say_that_somebody_gave_up(comm: str | None) -> None:
    """Where nothing else is said of a refused key, that counts as a try (`logins.unsaid`)."""
    message = "Connection closed by authenticating user root 203.0.113.9 port 5 [preauth]"
    assert read(message, _UID="1000", _COMM=comm) is None
    event = read(message, _COMM=comm)
    assert event is not None
    assert (event.kind, event.address) == (Kind.DISCONNECTED, "203.0.113.9")
