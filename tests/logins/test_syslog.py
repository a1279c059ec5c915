"""The heads of lines: every form of syslog names its host, program and process."""

from __future__ import annotations

import json
from datetime import UTC

import pytest

from orchestrator.logins.event import LoginEvent
from orchestrator.logins.parse import LONGEST, parse_line

NOW = 1_795_370_400.0  # 2026-11-22 18:00 UTC
SAID = "Accepted password for alice from 192.0.2.7 port 5 ssh2"


def read(line: bytes | str, host: str = "") -> LoginEvent | None:
    raw = line.encode() if isinstance(line, str) else line
    return parse_line(raw, host=host, source="auth.log", now=NOW, zone=UTC)


@pytest.mark.parametrize(
    ("head", "host", "pid"),
    [
        ("Nov 22 17:59:00 web1 sshd[731]: ", "web1", 731),
        ("Nov 22 17:59:00 web1 sshd: ", "web1", None),
        ("Nov 22 17:59:00\tweb1\tsshd[731]:\t", "web1", 731),
        ("\ufeffNov 22 17:59:00 web1 sshd[731]: ", "web1", 731),
        ("<38>Nov 22 17:59:00 web1 sshd[731]: ", "web1", 731),
        ("Nov 22 17:59:00 fe80::1 sshd[731]: ", "fe80::1", 731),
        ("Nov 22 17:59:00 alpine auth.info sshd[731]: ", "alpine", 731),  # busybox
        ("Nov 22 17:59:00 auth.info sshd[731]: ", "", 731),  # busybox -S
        ("Sun Nov 22 17:59:00 2026 authpriv.info sshd[731]: ", "", 731),  # OpenWrt's logread
        ("Nov 22 17:59:00 sshd[731]: ", "", 731),
        ("2026-11-22T17:59:00.123456+00:00 web1 sshd[731]: ", "web1", 731),
        ("2026-11-22T17:59:00+0000 web1 sshd[731]: ", "web1", 731),  # journalctl -o short-iso
        ("<38>1 2026-11-22T17:59:00.123Z web1 sshd 731 - - ", "web1", 731),
        ("<38>1 2026-11-22T17:59:00.123Z - sshd - ID47 - ", "", None),
        ('<38>1 2026-11-22T17:59:00Z web1 sshd 731 - [a@1 b="c]\\"d"][e f="g"] ', "web1", 731),
        ('<38>1 2026-11-22T17:59:00Z web1 sshd 731 - [a@1 b="c"] \ufeff', "web1", 731),
    ],
)
def test_each_form_of_a_line_is_taken_apart(head: str, host: str, pid: int | None) -> None:
    event = read(head + SAID)
    assert event is not None
    assert (event.host, event.pid, event.program, event.user, event.address) == (
        host,
        pid,
        "sshd",
        "alice",
        "192.0.2.7",
    )
    assert not event.verified
    assert event.source == "auth.log"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0\n", b""])
def test_the_end_of_a_line_is_no_part_of_it(end: bytes) -> None:
    event = read(f"Nov 22 17:59:00 web1 sshd[1]: {SAID}".encode() + end)
    assert event is not None
    assert event.line == f"Nov 22 17:59:00 web1 sshd[1]: {SAID}"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        SAID,
        f"sshd[1]: {SAID}",
        f"Nov 22 web1 sshd[1]: {SAID}",
        f"Nov 22 17:59:00 web1 CRON[1]: {SAID}",
        f"Nov 22 17:59:00 web1 sshdx[1]: {SAID}",
        f"Nov 22 17:59:00 web1 {SAID}",
        f"Nov 22 17:59:00 web1 cron[1]: sshd[1]: {SAID}",
        f'<38>1 2026-11-22T17:59:00Z web1 sshd 731 - [a b="c] {SAID}',
        "Nov 22 17:59:00 web1 sshd[1]: Server listening on 0.0.0.0 port 22.",
        "Nov 22 17:59:00 web1 sshd[1]: x Accepted password for alice from 192.0.2.7 port 5 ssh2",
        "Nov 22 17:59:00 web1 sshd[1]: Accepted password for alice from 192.0.2.7 port 5 ssh2 ",
        "Nov 22 17:59:00 web1 sshd[1]: accepted password for alice from 192.0.2.7 port 5 ssh2",
        "Nov 22 17:59:00 web1 sudo: Accepted password for alice from 192.0.2.7 port 5 ssh2",
    ],
)
def test_what_is_no_line_about_logins_is_no_event(line: str) -> None:
    assert read(line) is None


def test_the_inventory_names_the_host_and_not_the_line() -> None:
    event = read(f"Nov 22 17:59:00 liar sshd[1]: {SAID}", host="web1")
    assert event is not None
    assert event.host == "web1"


def test_of_a_line_that_was_cut_the_end_is_not_believed() -> None:
    name = "x" * LONGEST
    event = read(f"Nov 22 17:59:00 web1 sshd[1]: Invalid user {name} from 192.0.2.7 port 5")
    assert event is None
    # The cut falls where a lie seems to be the end
    lie = "from 192.0.2.66 port 6"
    head = "Nov 22 17:59:00 web1 sshd[1]: Invalid user "
    name = "x" * (LONGEST - len(head) - len(lie) - 1) + " " + lie
    event = read(f"{head}{name} from 192.0.2.7 port 5")
    assert event is not None
    assert (event.user, event.address, event.port, event.detail) == ("", "", None, "ambiguous")


def test_the_json_is_as_promised_and_goes_on_with_more() -> None:
    event = read(f"2026-11-22T17:59:00.5+00:00 web1 sshd[731]: {SAID}")
    assert event is not None
    assert json.loads(json.dumps(event.to_json())) == {
        "time": "2026-11-22T17:59:00.500000+00:00",
        "host": "web1",
        "kind": "login",
        "user": "alice",
        "address": "192.0.2.7",
        "port": 5,
        "method": "password",
        "session": "",
        "source": "auth.log",
        "verified": False,
        "count": 1,
        "line": f"2026-11-22T17:59:00.5+00:00 web1 sshd[731]: {SAID}",
        "key": "",
        "program": "sshd",
        "pid": 731,
        "target": "",
        "ok": True,
        "detail": "",
        "pattern": "sshd.accepted",
        "stamp": None,
    }
    promised = "time host kind user address port method session source verified count line"
    assert list(event.to_json())[:12] == promised.split()
