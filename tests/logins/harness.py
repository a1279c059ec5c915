"""Follow one host's log while the follower and the host's sshd are killed at random: what is lost, what comes twice."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import LabHost
from tests.lab.lab import Lab

CHECKOUT = Path(__file__).resolve().parents[2]
_PREPARED = {
    "auth.log": "systemctl stop syslog.socket rsyslog; cd /var/log && rm -f auth.log* auth-* && echo begin >auth.log",
    "journal": "mkdir -p /run/systemd/journald.conf.d; systemctl stop syslog.socket rsyslog;"
    " printf '[Journal]\\nRateLimitBurst=0\\n' >/run/systemd/journald.conf.d/all.conf;"
    " systemctl restart systemd-journald",
}
_NAIVE = {
    "auth.log": "tail -n 0 -F /var/log/auth.log 2>/dev/null",
    "journal": "journalctl --follow --lines=0 --identifier=sshd 2>/dev/null",
}
WRITER = Path(__file__).with_name("writer.py")


@dataclass(frozen=True)
class Plan:
    """How much is written (`pause` is of the writer, in seconds), and how often who is killed."""

    seed: int
    lines: int
    kills: int
    session_kills: int
    pause: float = 0.3
    source: str = "auth.log"
    """Or ``journal``."""


@dataclass(frozen=True)
class Count:
    """Of the lines that were written, how many never came, and how many came again."""

    lost: int
    repeated: int


@dataclass(frozen=True)
class Outcome:
    """What came of it: ours, and of ``ssh HOST tail -F`` (``journalctl -f``) begun again at the same moments."""

    written: int
    rotations: dict[str, int]
    kills: int
    session_kills: int
    ours: Count
    tail: Count
    gaps: int
    seconds: float


def run(lab: Lab, machine: LabHost, folder: Path, plan: Plan) -> Outcome:
    """Carry out `plan`; the host's rsyslog is stopped, and its auth.log may be replaced."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "known_hosts").write_text(lab.known_hosts())
    shutil.copy(WRITER, machine.root / "root/writer.py")
    machine.run(_PREPARED[plan.source])
    chance, begun = random.Random(plan.seed), time.monotonic()
    pair = _Pair(lab, machine, folder, plan.source)
    with ThreadPoolExecutor(1) as pool:
        try:
            pair.begin()
            pair.until_begun()
            command = f"python3 /root/writer.py {plan.seed} {plan.lines} {plan.pause} {plan.source}"
            writing: Future[subprocess.CompletedProcess[str]] = pool.submit(machine.run, command, timeout=7200)
            kills = sessions = 0
            while kills < plan.kills or sessions < plan.session_kills or not writing.done():
                time.sleep(chance.random() * 2)
                left = (plan.kills - kills, plan.session_kills - sessions)
                if chance.randrange(max(1, sum(left))) < left[0]:
                    pair.kill()
                    kills += 1
                    time.sleep(chance.random() / 2)
                    pair.begin()
                elif left[1] > 0:
                    machine.kill_sessions()
                    sessions += 1
                    pair.begin_tail()
            done = json.loads(writing.result().stdout)
            written: int = done["written"]
            pair.until_told(written)
        finally:
            pair.end()
            machine.run(
                "systemctl start rsyslog; rm -f /root/writer.py /root/sshd /run/systemd/journald.conf.d/all.conf"
            )
    return Outcome(
        written, done["rotations"], kills, sessions, pair.told(written), pair.printed(written), pair.gaps(),
        round(time.monotonic() - begun, 1),
    )  # fmt: skip


class _Pair:
    """Our follower in a process of its own, and beside it the way everybody thinks of first."""

    def __init__(self, lab: Lab, machine: LabHost, folder: Path, source: str) -> None:
        self._folder = folder
        self._printed = folder / "tail.out"
        self._ours = [sys.executable, "-m", "tests.logins.reader", str(folder), str(lab.key), machine.name]
        self._ours += [machine.address, source]
        options = ["BatchMode=yes", f"UserKnownHostsFile={folder / 'known_hosts'}", "IdentitiesOnly=yes"]
        flags = [word for option in options for word in ("-o", option)]
        self._tail = ["ssh", "-F", "none", "-n", *flags, "-i", str(lab.key), f"root@{machine.address}"]
        self._tail += [_NAIVE[source]]
        with (folder / "reader.err").open("ab") as complaints:
            self._readers = subprocess.Popen(
                self._ours, cwd=CHECKOUT, stderr=complaints, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self._reader = 0
        self._printing: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        assert self._readers.stdin is not None
        assert self._readers.stdout is not None
        print(file=self._readers.stdin, flush=True)
        self._reader = int(self._readers.stdout.readline())
        self.begin_tail()

    def begin_tail(self) -> None:
        self._end_tail()
        with self._printed.open("ab") as output:
            self._printing = subprocess.Popen(self._tail, stdout=output, stderr=subprocess.DEVNULL)

    def _end_tail(self) -> None:
        if self._printing is not None:
            self._printing.kill()
            self._printing.wait()

    def kill(self) -> None:
        os.kill(self._reader, signal.SIGKILL)
        self._end_tail()

    def end(self) -> None:
        self.kill()
        self._readers.communicate()

    def until_begun(self) -> None:
        self._until(lambda: bool(self._ask("SELECT count(*) FROM login_cursors")))

    def until_told(self, written: int) -> None:
        last = f"SELECT count(*) FROM told WHERE user = 'u{written}'"
        self._until(lambda: bool(self._ask(last)), 60 + written / 1000)

    def told(self, written: int) -> Count:
        seen = self._ask("SELECT count(DISTINCT user) FROM told WHERE user GLOB 'u[0-9]*'")
        return Count(written - seen, self._ask("SELECT sum(count) FROM told WHERE user GLOB 'u[0-9]*'") - seen)

    def gaps(self) -> int:
        return self._ask("SELECT count(*) FROM login_gaps")

    def printed(self, written: int) -> Count:
        lines = re.findall(rb" for (u[0-9]+) ", self._printed.read_bytes())
        return Count(written - len(set(lines)), len(lines) - len(set(lines)))

    def _ask(self, question: str) -> int:
        try:
            with closing(sqlite3.connect(f"file:{self._folder}/state.db?mode=ro", timeout=10, uri=True)) as database:
                return int(database.execute(question).fetchone()[0] or 0)
        except sqlite3.OperationalError:
            return 0

    def _until(self, condition: object, seconds: float = 30) -> None:
        assert callable(condition)
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.1)
