"""Fuzz the login parser: `python -m tests.logins.fuzz SECONDS [CORPUS]`.

libFuzzer (by atheris) mutates lines that real hosts wrote and lies in the places where programs print them. Found is an
exception, an event that is not safe to keep, one that says what a liar wanted, or a line that takes a second.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["orchestrator.logins"]):
    from orchestrator.logins.event import Kind
    from orchestrator.logins.journal import parse_journal
    from orchestrator.logins.parse import parse_line
    from tests.logins.test_injection import SHAPES, judge, tell
    from tests.logins.test_properties import HEAD, NOW, check

_RECORDED = Path(__file__).with_name("recorded")
_PROGRAMS = ("sshd", "sudo", "su", "login", "dropbear", "systemd-logind", "cockpit-session", "doas", "pkexec")
_PRINTED = 100  # characters of a name that sshd logs


def one(data: bytes) -> None:
    """One try: the first byte chooses what the rest is."""
    choice, rest = data[:1], data[1:]
    if choice < b"\x40":
        check(parse_line(rest, host="", source="auth.log", now=NOW, zone=UTC))
    elif choice < b"\x80":
        program = _PROGRAMS[choice[0] % len(_PROGRAMS)]
        check(parse_line(HEAD.format(program).encode() + rest, host="", source="auth.log", now=NOW, zone=UTC))
    elif choice < b"\xa0":
        check(parse_journal(rest, host="web1"))
    elif choice < b"\xb0":
        pretend(rest)
    else:
        lie = rest.decode("utf-8", "ignore").replace("\n", " ")[:_PRINTED].rstrip("\r\0")  # no part of a line's end
        shape = SHAPES[choice[0] % len(SHAPES)]
        judge(shape, lie, tell(shape, lie))


def pretend(message: bytes) -> None:
    """A user writes to the journal as sshd."""
    fields = {"SYSLOG_IDENTIFIER": "sshd", "_COMM": "sshd", "_UID": "1000", "__REALTIME_TIMESTAMP": "1795370400000000"}
    event = parse_journal(json.dumps({"MESSAGE": message.decode("utf-8", "replace"), **fields}).encode(), host="web1")
    check(event)
    assert event is None or (event.kind is Kind.DISCONNECTED and not event.verified)


def seed(corpus: Path) -> None:
    """Begin with what hosts wrote."""
    for file in sorted(_RECORDED.glob("*")):
        first = b"\x80" if file.name.endswith("journal.json") else b"\x00"
        for number, line in enumerate(file.read_bytes().splitlines() if ".truth." not in file.name else ()):
            (corpus / f"{file.name}.{number}").write_bytes(first + line)
            if first == b"\x00" and b"]: " in line:
                (corpus / f"{file.name}.{number}.said").write_bytes(b"\x48" + line.partition(b"]: ")[2])


def main() -> None:
    """Run for so many seconds; the exit status tells whether something was found."""
    seconds = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="logins-fuzz-") as scratch:
        corpus = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(scratch)
        corpus.mkdir(exist_ok=True)
        seed(corpus)
        options = [
            "-max_len=2048",
            "-len_control=0",
            "-timeout=1",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=1",
        ]
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={seconds}", f"-artifact_prefix={corpus}/", *options, str(corpus)], one
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
