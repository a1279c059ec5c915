"""Ten thousand failed logins in ten minutes in which Telegram is away, with people who log in in between.

A booted host whose sshd is really tried with wrong passwords, `orchestrator serve` as a process of its own, and a Bot
API over HTTP. Needs root, as the lab does.

Usage: python -m benchmarks.logins_storm [FAILURES] [SECONDS] [LOGINS]
"""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import asyncssh

from orchestrator.store import Database, Outbox
from orchestrator.store.loginbook import EpisodeQuery, LoginBookReader
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.telegram.emulator import ANN, Telegram
from tests.telegram.test_logins_told import Watched, watching

FAILURES, SECONDS, LOGINS = 10_000, 600, 50
GUESSERS = 60  # at once: PAM lets two seconds pass after each wrong password
TRIES = 5  # of one connection
MIB = 1 << 20
SETTINGS = f"MaxStartups {2 * GUESSERS}\nPasswordAuthentication yes\n"


class Guesser(asyncssh.SSHClient):
    """Has a wrong password for each time that it is asked."""

    made = 0  # by all of them

    def __init__(self) -> None:
        self._left = TRIES

    def password_auth_requested(self) -> str | None:
        """See asyncssh."""
        self._left -= 1
        if self._left < 0:
            return None
        Guesser.made += 1
        return "wrong"


async def guess(watched: Watched, number: int, wanted: int, seconds: float) -> None:
    """Connect and fail, again and again; with all others together evenly, so often in so many seconds."""
    address, source = watched.visited.machine.address, watched.visited.visitor
    begun = time.monotonic()
    while Guesser.made < wanted and (past := time.monotonic() - begun) < seconds:
        if Guesser.made > wanted * past / seconds:
            await asyncio.sleep(0.2)
            continue
        with suppress(OSError, asyncssh.Error):
            await asyncssh.connect(
                address,
                username=f"guess{number % 7}",
                client_factory=Guesser,
                preferred_auth="password",
                local_addr=(source, 0),
                known_hosts=None,
                client_keys=None,
                agent_path=None,
                config=None,
            )


def failures(host: LabHost) -> int:
    """How often its sshd says that it refused a password."""
    said = host.run("journalctl --quiet --output=cat --unit=ssh | grep -c '^Failed password'", check=False).stdout
    return int(said or 0)


def resident(pid: int) -> float:
    """MiB of memory that a process has (proc_pid_statm(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / MIB


async def blow(watched: Watched, wanted: int, seconds: float, logins: int) -> int:
    """The storm; returns how many came in."""
    end = time.monotonic() + seconds
    guessing = [asyncio.create_task(guess(watched, number, wanted, seconds)) for number in range(GUESSERS)]
    came = 0
    while time.monotonic() < end:
        if came < logins:
            await asyncio.to_thread(subprocess.run, watched.argv("ops", "true"), check=True, timeout=60)
            came += 1
        await asyncio.sleep(min(seconds / logins, max(0.0, end - time.monotonic())))
    await asyncio.gather(*guessing)
    return came


async def delivered(watched: Watched) -> None:
    """Wait until nothing is left to be told."""
    database = await Database.open(watched.running.home / "state" / "orchestrator.db")
    outbox = Outbox(database)
    while (await outbox.backlog()).waiting:  # noqa: ASYNC110  another process
        await asyncio.sleep(1)
    await database.close()


async def counted(watched: Watched) -> int:
    """The failures that were put down."""
    database = await Database.open(watched.running.home / "state" / "orchestrator.db")
    rows = await LoginBookReader(database).episodes(EpisodeQuery(kinds=["failures", "crowd"], limit=1000))
    await database.close()
    return sum(row.count for row in rows if not row.crowd)


def told_of(tg: Telegram) -> int:
    """How many logins of ops were told, one by one or as a line of a file."""
    alone = sum(bool(re.match(r"(🔑|🔴) ops logged in", item.text)) for item in tg.in_chat(ANN.id))
    files = [item.document[1].decode() for item in tg.in_chat(ANN.id) if item.document]
    return alone + sum(len(re.findall(r"\tweb1\tops\t", file)) for file in files)


async def main(wanted: int, seconds: float, logins: int) -> None:
    """Measure and print."""
    with Lab(1, name="logins-storm") as lab, tempfile.TemporaryDirectory() as folder:
        host = lab.hosts[0]
        (host.root / "etc/ssh/sshd_config.d/storm.conf").write_text(SETTINGS)
        host.run("systemctl reload ssh")
        async with Telegram() as tg, watching(tg, lab, Path(folder)) as watched:
            pid, first = watched.running.process.pid, len(tg.in_chat(ANN.id))
            before = resident(pid)
            await tg.proxy.down()
            begun = time.monotonic()
            came = await blow(watched, wanted, seconds, logins)
            most = resident(pid)
            away = time.monotonic() - begun
            await tg.proxy.up()
            back = time.monotonic()
            await asyncio.sleep(35)  # the last counts of a message come half a minute after those before
            await delivered(watched)
            refused = failures(host)
            print(f"Telegram away for {away:.0f} s; all told {time.monotonic() - back:.0f} s after it was back")
            print(f"failures: {refused} by sshd, {await counted(watched)} put down")
            print(f"logins: {came} came in, {told_of(tg)} told, in {len(tg.in_chat(ANN.id)) - first} messages in all")
            print(f"memory of serve: {before:.0f} MiB before, {most:.0f} MiB at the end of the storm")
            for item in tg.in_chat(ANN.id)[first:]:
                print("  " + item.text.splitlines()[0])


if __name__ == "__main__":
    counts = [int(word) for word in sys.argv[1:4]]
    asyncio.run(main(*(counts + [FAILURES, SECONDS, LOGINS][len(counts) :])))
