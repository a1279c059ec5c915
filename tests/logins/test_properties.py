"""Whatever comes: never an exception, always within bounds, always what was printed, always in linear time."""

from __future__ import annotations

import json
import time
from datetime import UTC

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.logins.event import LoginEvent
from orchestrator.logins.journal import parse_journal
from orchestrator.logins.parse import LONGEST, parse_line
from orchestrator.logins.patterns import catalogue
from orchestrator.logins.text import LINE, address, safe, unescaped
from tests.logins.strnvis import vis

NOW = 1_795_370_400.0
HEAD = "2026-11-22T18:00:00+00:00 web1 {}[731]: "
_SAMPLES = [sample for pattern in catalogue().patterns for sample in pattern.samples]
_TEXT = st.text(max_size=300)
_NAME = st.text(st.characters(exclude_characters=":\0\n", exclude_categories=["Cs"]), max_size=100)


def read(line: bytes) -> LoginEvent | None:
    return parse_line(line, host="", source="auth.log", now=NOW, zone=UTC)


def check(event: LoginEvent | None) -> None:
    """Whatever an event holds is safe to show and to keep."""
    if event is None:
        return
    for value in event.to_json().values():
        assert not isinstance(value, str) or (value.isprintable() and len(value) <= LINE)
    assert event.port is None or 0 < event.port < 65536
    assert 0 <= event.count <= 1_000_000
    assert json.loads(json.dumps(event.to_json()))["kind"] == event.kind


@given(st.binary(max_size=600))
def test_any_bytes_are_survived(line: bytes) -> None:
    check(read(line))
    check(parse_journal(line, host=""))


@given(st.sampled_from(_SAMPLES), st.integers(0, 400), st.integers(0, 400), _TEXT)
def test_any_change_of_a_real_message_is_survived(sample: dict[str, str], start: int, end: int, new: str) -> None:
    program, message = sample.get("program", "sshd"), sample["message"]
    changed = (HEAD.format(program) + message[:start] + new + message[end:]).encode("utf-8", "replace")
    check(read(changed))


@given(
    st.dictionaries(
        st.sampled_from(["MESSAGE", "_UID", "_COMM", "_PID", "SYSLOG_IDENTIFIER", "__REALTIME_TIMESTAMP", "LEADER"]),
        st.one_of(
            st.none(),
            st.sampled_from(["0", "sshd", "1795370400000000", *(sample["message"] for sample in _SAMPLES)]),
            st.text(max_size=40),
            st.lists(st.integers(0, 300), max_size=20),
            st.integers(),
        ),
    )
)
def test_any_entry_of_the_journal_is_survived(entry: dict[str, object]) -> None:
    check(parse_journal(json.dumps(entry).encode(), host="web1"))


@given(_NAME)
def test_a_name_is_told_as_it_was_asked_for(name: str) -> None:
    once = read((HEAD.format("sshd") + f"Invalid user {vis(name)} from 192.0.2.7 port 5").encode())
    twice = vis(f"Connection closed by invalid user {vis(name)} 192.0.2.7 port 5")
    assume(len(twice) < LINE - 20)  # what was cut is told without names
    relayed = read((HEAD.format("sshd") + f"{twice} [preauth]").encode())
    for event in (once, relayed):
        assert event is not None
        assert (event.user, event.address, event.port) == (safe(name), "192.0.2.7", 5)


@given(_TEXT, st.integers(0, 3))
def test_escapes_are_undone_as_often_as_they_were_made(text: str, times: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    printed = text
    for _ in range(times):
        printed = vis(printed)
    assert unescaped(printed, times) == text


@given(st.ip_addresses())
def test_an_address_is_spelled_in_one_way(peer: object) -> None:
    assert address(address(str(peer))) == address(str(peer)) != ""


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::FFFF:C000:0207]", "192.0.2.7"),
        ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("peer.Example", "peer.example"),
        ("my_host", "my_host"),
        ("UNKNOWN", ""),
        ("", ""),
        ("-", ""),
        ("192.0.2.256", ""),
        ("192.0.2.07", ""),
        ("1.2.3.4.5", ""),
        ("<script>", ""),
        ("fe80::1%\x1b[2J", ""),
        ("fe80::1%" + "x" * 100, ""),
        ("x" * 300, ""),
        ("peer;reboot", ""),
        ("../../etc", ""),
    ],
)
def test_addresses_are_of_one_spelling_or_none(text: str, spelled: str) -> None:
    assert address(text) == spelled


@pytest.mark.parametrize("program", sorted({program.name for program in catalogue().programs.values()}))
def test_the_longest_lines_that_fool_it_longest_cost_milliseconds(program: str) -> None:
    """Each template is fed what makes it go back most: what follows its loose field, again and again.

    Were that quadratic, 8 KiB would take a second and more.
    """
    known = next(each for each in catalogue().programs.values() if each.name == program)
    names = [name for name, each in catalogue().programs.items() if each is known]
    tried = {template.text for pairs in known.patterns.values() for _, template in pairs}
    for text in tried:
        parts = [part for part in text.replace("}", "{").split("{")[0::2] if part]
        for unit in {*parts, "".join(f"{part}1" for part in parts), " ", "a ", "[", "\\1", "1 ", ": ", "(", "\\303"}:
            start = HEAD.format(names[0]) + parts[0]
            for end in ("", "\x01", "".join(parts)):
                room = LONGEST - len(start.encode()) - len(end)
                line = f"{start}{(unit * (room // len(unit.encode()) + 1))[:room]}{end}".encode()
                began = time.thread_time()
                check(read(line))
                assert time.thread_time() - began < 0.25, (text, unit, end)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(['"', "\\", "]", "[", '="', "a ", "\ufeff", "1 ", ":", "<1>", "Nov 22 18:00:00 ", "[a ", '\\"']))
def test_heads_cost_no_more(unit: str) -> None:
    for start in ("", "<38>1 2026-11-22T18:00:00Z h sshd 1 - ", "Nov 22 18:00:00 ", "2026-11-22T18:00:00Z "):
        line = (start + unit * LONGEST)[:LONGEST].encode()
        began = time.thread_time()
        check(read(line))
        assert time.thread_time() - began < 0.25
