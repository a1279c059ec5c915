"""``hostctl`` from this side: how it is asked, and how the frame of its answer is read.

It is one shell script, kept in parts beside this file: ``hostctl/*.sh``, put together in the order of their names. It
runs from standard input, so a host needs no preparation. Where bootstrap has installed the same script and the account
may run it by sudo, that one answers, as root, in the same single exchange. What comes back was written by a host that
may be hostile or broken: everything here is bounded and either understood entirely or refused.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from orchestrator.errors import OrchestratorError
from orchestrator.fleet.clean import clean_line
from orchestrator.ssh.result import MIB, Command, Result

FORMAT = "1"
ANSWER_BYTES = 4 * MIB
MAX_LINES = 20_000
INSTALLED = "/usr/local/libexec/orchestrator/hostctl"
"""Where bootstrap puts it; playbooks/roles/bootstrap says the same."""

_REQUESTED = re.compile(r"[A-Za-z0-9:,._@\\-]+", re.ASCII)
# `sudo -l` asks whether the rule is there without doing anything: a refusal must not be mistaken for an answer, nor an
# answer for a refusal, as what was done once would then be done again. root itself needs no sudo.
_BY_SUDO = """\
h={installed}
if [ -x "$h" ] && [ "$(id -u)" != 0 ]; then case $(sha256sum "$h" 2>/dev/null) in {version}*)
sudo -n -l "$h" {rule} </dev/null >/dev/null 2>&1 && {{ printf '%s\\n' {request} | sudo -n "$h" {rule}; exit; }};;
esac; fi
"""
_FOR_EVER = 10 * 365 * 86400.0
_INSTALLATION = """\
h={installed}
[ -x "$h" ] || {{ echo none; exit; }}
case $(sha256sum "$h" 2>/dev/null) in {version}*) ;; *) echo other; exit ;; esac
if [ "$(id -u)" = 0 ] || sudo -n -l "$h" request </dev/null >/dev/null 2>&1; then echo current; else echo refused; fi
"""
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


class UnreadableAnswer(OrchestratorError, ValueError):
    """A host's answer is not one that hostctl gives."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot read the answer: {why}")


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole answer: the lines between its first and its last, each a tuple of fields, the first its kind.

    `error` is what the script says it could not do, empty when it did all.
    """

    lines: tuple[tuple[str, ...], ...]
    error: str = ""

    def of(self, kind: str, fields: int) -> Iterable[tuple[str, ...]]:
        """The fields (without the kind) of every line of `kind`; UnreadableAnswer unless each has `fields` of them."""
        for line in self.lines:
            if line[0] == kind:
                if len(line) != fields + 1:
                    raise UnreadableAnswer(f"a line of kind {kind} has {len(line) - 1} fields")
                yield line[1:]

    def only(self, kinds: Iterable[str]) -> None:
        """UnreadableAnswer unless every line is of one of `kinds`."""
        strange = {line[0] for line in self.lines}.difference(kinds)
        if strange:
            raise UnreadableAnswer(f"unknown line {clean_line(min(strange), 20)!r}")


class HostCtl:
    """Builds the commands that ask hostctl something."""

    def __init__(self, script: bytes) -> None:
        self.script = script
        """As it is sent and as it is installed."""
        self.version = hashlib.sha256(script).hexdigest()
        """Of the script: SHA-256 of its content, so that an installed one is either this very script or not used."""

    @classmethod
    def packaged(cls) -> HostCtl:
        """With the script that came with this program: its parts, as playbooks/roles/bootstrap puts them together."""
        parts = sorted(files("orchestrator.fleet").joinpath("hostctl").iterdir(), key=lambda part: part.name)
        return cls(b"\n\n".join(part.read_bytes().rstrip() for part in parts) + b"\n")

    def command(self, verb: str, *arguments: str, timeout: float = 30.0) -> Command:
        """Asks for `verb`; the script goes over standard input, for hosts without it. `timeout` is in seconds."""
        return self._asking("request", [verb, *arguments], timeout)

    @property
    def installation(self) -> Command:
        """Says ``current`` where this very program is installed and we may run it, else ``none``, ``other`` (one of
        another version) or ``refused``.
        """
        return Command(_INSTALLATION.format(installed=INSTALLED, version=self.version), timeout=10.0)

    def follow(self, source: str, known: str, position: str) -> Command:
        """Follows the log of logins, without an end: `source`, or ``auto``; `position` is one in the source `known`.

        A source that is a path is read with the rights of whom we log in as: root would read any file for us.
        """
        if known.startswith("/") and known != source:
            known = "none"  # else the path would keep us from asking root
        return self._asking("follow", ["follow", source, known, position], _FOR_EVER)

    def _asking(self, rule: str, words: list[str], timeout: float) -> Command:
        """By the sudo rule for `rule` where there is one."""
        by_sudo = ""
        if all(map(_REQUESTED.fullmatch, words)):
            request = shlex.quote(" ".join(words))
            by_sudo = _BY_SUDO.format(installed=INSTALLED, version=self.version, request=request, rule=rule)
        asked = shlex.join(["/bin/sh", "-s", "--", *words])
        return Command(f"{by_sudo}exec {asked}", stdin=self.script, timeout=timeout, limit=2 * ANSWER_BYTES)


def started(result: Result) -> bool:
    """True if the script began to answer. It writes its first line before it does anything."""
    return result.stdout.startswith(b"hostctl\t")


def read_frame(result: Result, verb: str) -> Frame:
    """The frame in the output of a `result` that answered.

    Raises UnreadableAnswer for anything but a whole answer to `verb` in our format, of at most `ANSWER_BYTES` bytes and
    `MAX_LINES` lines.
    """
    if not started(result):
        raise UnreadableAnswer(clean_line(result.err) or "the host's shell did not run the script")
    if result.truncated or len(result.stdout) > ANSWER_BYTES or result.stdout.count(b"\n") > MAX_LINES:
        raise UnreadableAnswer(f"it is longer than {MAX_LINES} lines or {ANSWER_BYTES} bytes")
    lines = [tuple(line.split("\t")) for line in result.out.split("\n")]
    if lines[0] != ("hostctl", FORMAT, verb):
        raise UnreadableAnswer(f"it begins with {clean_line(' '.join(lines[0]), 40)!r}")
    if lines[-2:] != [("end",), ("",)]:
        raise UnreadableAnswer("its end is missing")
    body = lines[1:-2]
    errors = [clean_line(" ".join(line[1:])) for line in body if line[0] == "error"]
    return Frame(tuple(line for line in body if line[0] != "error"), "; ".join(errors[:3]))


def number(field: str, largest: int) -> int:
    """A field that holds a plain decimal from 0 to `largest`; UnreadableAnswer for any other."""
    if not _NUMBER.fullmatch(field) or int(field) > largest:
        raise UnreadableAnswer(f"{clean_line(field, 20)!r} is not a number up to {largest}")
    return int(field)
