"""Booted hosts whose logs are followed: what is put down, over rotations, reconnects and reboots of the way."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from orchestrator.inventory import Host
from orchestrator.logins.follow import Following
from orchestrator.logins.probe import LogSource, log_source
from orchestrator.store.logins import Cursor
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.logins.following import Watch, followed, hostctl, until, watch
from tests.logins.harness import Count, Plan, run

pytestmark = pytest.mark.lab

LEFT = "pgrep -fc '[j]ournalctl --follow|[t]ail -n 0 -F' || true"


def hosts_of(lab: Lab, user: str = "root") -> list[Host]:
    return [Host(host.name, host.address, user=user, key=str(lab.key)) for host in lab.hosts]


def come_in(lab: Lab, machine: LabHost, user: str) -> int:
    """Log in with the stock client, or fail to; its exit status."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes"]
    flags = [word for option in options for word in ("-o", option)]
    argv = ["ssh", "-F", "none", *flags, "-i", str(lab.key), f"{user}@{machine.address}", "true"]
    return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode


def write(*numbers: int) -> str:
    """A shell line that has syslog write a login of a user for each number."""
    return "".join(
        f"logger -t sshd -i -p authpriv.info 'Accepted publickey for u{n} from 192.0.2.7 port {n + 1} ssh2';"
        for n in numbers
    )


async def test_real_logins_of_each_release_from_its_journal(lab_releases: Lab, tmp_path: Path) -> None:
    names = [host.name for host in lab_releases.hosts]
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts_of(lab_releases)) as watched:
        await followed(watched, *names)
        begun = time.monotonic()
        for machine in lab_releases.hosts:
            assert await asyncio.to_thread(come_in, lab_releases, machine, "ops") == 0
            assert await asyncio.to_thread(come_in, lab_releases, machine, "nobody-here") == 255
        for machine in lab_releases.hosts:
            await until(partial(watched.events, machine.name, kind="login", user="ops"))
            await until(partial(watched.events, machine.name, kind="invalid_user", user="nobody-here"))
            (login,) = await watched.events(machine.name, kind="login", user="ops")
            assert (login.event["verified"], login.event["source"], login.event["method"]) == (
                True,
                "journal",
                "publickey",
            )
            assert login.event["key"].startswith("ED25519 SHA256:")
        assert time.monotonic() - begun < 15
        states = watched.followers.states()
        assert {(states[name].source, states[name].detail) for name in names} == {("journal", "")}
    await until_nothing_is_left(lab_releases)


async def until_nothing_is_left(lab: Lab) -> None:
    async def nothing() -> bool:
        return all(host.run(LEFT).stdout.strip() == "0" for host in lab.hosts)

    await until(nothing)


async def test_what_happened_while_we_were_away_is_there_once(lab_releases: Lab, tmp_path: Path) -> None:
    """The journal, over its rotation and a login that comes twice."""
    machine, hosts = lab_releases.hosts[1], hosts_of(lab_releases)[1:2]
    for number in range(3):
        async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:
            await followed(watched, machine.name)
            if number:
                await until(lambda: watched.events(machine.name, kind="login", user="ops"))
        await asyncio.to_thread(come_in, lab_releases, machine, "ops")
        machine.run("journalctl --rotate")
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:

        async def three() -> bool:
            return len(await watched.events(machine.name, kind="login", user="ops")) >= 3

        await until(three)
        assert (await watched.users(machine.name))["ops"] == 3
        assert await watched.log.gaps(0) == []


async def test_a_journal_that_forgot_is_a_gap(lab_releases: Lab, tmp_path: Path) -> None:
    machine, hosts = lab_releases.hosts[2], hosts_of(lab_releases)[2:]
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:
        await followed(watched, machine.name)
        await asyncio.to_thread(come_in, lab_releases, machine, "ops")
        await until(lambda: watched.events(machine.name, kind="login", user="ops"))
    machine.run("sleep 1; journalctl --rotate && journalctl --vacuum-time=1s")
    before = time.time()
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:
        await followed(watched, machine.name)
        await asyncio.to_thread(come_in, lab_releases, machine, "ops")
        await until(lambda: watched.log.gaps(0))
        (gap,) = await watched.log.gaps(0)
        assert (gap.host, gap.source) == (machine.name, "journal")
        assert before - 30 < gap.since < before < gap.until


ROTATIONS = {
    "dated and compressed": "mv auth.log auth.log-20251122; LATE pkill -HUP rsyslogd;"
    " sleep 0.5; gzip auth.log-20251122;",
    "deleted": "rm auth.log; pkill -HUP rsyslogd;",
    "symlink": "n=$(ls auth-*.log | wc -l);"
    " [ $n != 0 ] || { mv auth.log auth-1.log; ln -s auth-1.log auth.log; n=1; };"
    " NEXT : >auth-$((n + 1)).log; ln -sfn auth-$((n + 1)).log auth.log; pkill -HUP rsyslogd;",
}
CLEAN = "cd /var/log; rm -f auth*.log* auth.log*; install -m 640 /dev/null auth.log; pkill -HUP rsyslogd; sleep 0.3"


@pytest.fixture
def syslog(lab_releases: Lab) -> LabHost:
    """A host whose rsyslog writes an auth.log."""
    machine = lab_releases.hosts[0]
    machine.run(CLEAN)
    return machine


async def test_a_rotated_file_is_read_to_its_end(lab_releases: Lab, tmp_path: Path) -> None:
    """While it is followed, and while nobody follows; each way on a host of its own."""
    async with asyncio.TaskGroup() as group:
        for machine, host, how in zip(lab_releases.hosts, hosts_of(lab_releases), ROTATIONS, strict=True):
            group.create_task(rotated(machine, host, how, tmp_path / host.name, lab_releases.known_hosts()))
    for machine in lab_releases.hosts:
        machine.run(CLEAN)  # what a shell made there may be read by anybody


async def rotated(machine: LabHost, host: Host, how: str, folder: Path, known_hosts: str) -> None:
    written: list[int] = []

    def rotate(first: int) -> None:
        script = f"cd /var/log; {write(first)} sleep 0.5; {ROTATIONS[how]}"
        script = script.replace("LATE", write(first + 1)).replace("NEXT", write(first + 2))
        machine.run(f"{script} sleep 0.5; {write(first + 3)}")
        numbers = {first, first + 3}
        numbers |= {first + 1} if "LATE" in ROTATIONS[how] else set()
        numbers |= {first + 2} if "NEXT" in ROTATIONS[how] else set()
        written.extend(sorted(numbers))

    async def all_there(watched: Watch) -> None:
        wanted = Counter(f"u{number}" for number in written)

        async def there() -> bool:
            users = await watched.users(machine.name)
            return all(users[user] for user in wanted)

        try:
            await until(there)
        finally:
            users = await watched.users(machine.name)
            assert {user: count for user, count in users.items() if user.startswith("u")} == wanted, how

    await asyncio.to_thread(machine.run, CLEAN)
    async with watch(folder, known_hosts, [host], source="auth.log") as watched:
        await followed(watched, machine.name)
        await asyncio.to_thread(rotate, 100)
        await all_there(watched)
        gaps = await watched.log.gaps(0)
    await asyncio.to_thread(machine.run, f"{write(200)} sleep 0.5")
    written.append(200)
    if how != "deleted":
        await asyncio.to_thread(rotate, 300)
    async with watch(folder, known_hosts, [host], source="auth.log") as watched:
        await all_there(watched)
        assert await watched.log.gaps(0) == gaps == [], how


async def test_two_rotations_while_nobody_followed_are_read_in_order(
    lab_releases: Lab, syslog: LabHost, tmp_path: Path
) -> None:
    hosts = hosts_of(lab_releases)[:1]
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts, source="auth.log") as watched:
        await followed(watched, syslog.name)
        syslog.run(write(1))
        await until(lambda: watched.events(syslog.name, kind="login", user="u1"))
    rotate = (
        "cd /var/log; [ ! -e auth.log.2.gz ] || mv auth.log.2.gz auth.log.3.gz;"
        "[ ! -e auth.log.1 ] || { gzip auth.log.1 && mv auth.log.1.gz auth.log.2.gz; };"
        "mv auth.log auth.log.1; pkill -HUP rsyslogd; sleep 0.3;"
    )
    syslog.run("".join(f"{write(number)} sleep 0.3; {rotate}" for number in (2, 3, 4)) + write(5))
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts, source="auth.log") as watched:
        await until(lambda: watched.events(syslog.name, kind="login", user="u5"))
        found = await watched.events(syslog.name, kind="login")
        assert [event.user for event in found if event.user.startswith("u")] == ["u1", "u2", "u3", "u4", "u5"]
        assert await watched.log.gaps(0) == []


@pytest.mark.parametrize("source", ["journal", "auth.log"])
async def test_on_first_contact_it_begins_as_long_ago_as_it_is_told(
    lab_releases: Lab, syslog: LabHost, tmp_path: Path, source: str
) -> None:
    """Over a rotation, past what is older; once, however often it is begun."""
    hosts = hosts_of(lab_releases)[:1]
    old = "$(date -d '3 hours ago' '+%b %e %T') lab sshd[7]: Accepted password for old from 192.0.2.7 port 7 ssh2"
    syslog.run(f'cd /var/log; echo "{old}" >auth.log; sleep 2')
    begun = time.time()
    await asyncio.to_thread(come_in, lab_releases, syslog, "ops")
    syslog.run("sleep 0.3; cd /var/log; mv auth.log auth.log.1; pkill -HUP rsyslogd; journalctl --rotate")
    for number in (2, 3):
        await asyncio.to_thread(come_in, lab_releases, syslog, "ops")
        since = time.time() - begun + 1 if source == "journal" else 7200

        async def all_there(watched: Watch, number: int = number) -> bool:
            return (await watched.users(syslog.name))["ops"] >= number

        async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts, source=source, since=since) as watched:
            await until(partial(all_there, watched))
            users = await watched.users(syslog.name)
            assert (users["old"], users["ops"]) == (0, number)
            assert await watched.log.gaps(0) == []


async def test_a_year_is_not_taken_from_when_we_went_away(lab_releases: Lab, syslog: LabHost, tmp_path: Path) -> None:
    """A stamp without one, of a file whose last reader was gone for days."""
    hosts = hosts_of(lab_releases)[:1]
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts, source="auth.log") as watched:
        await followed(watched, syslog.name)
        syslog.run(write(80))
        await until(lambda: watched.events(syslog.name, kind="login", user="u80"))
        cursor = await watched.log.cursor(syslog.name)
        assert cursor is not None
    position, _, at = cursor.position.rpartition(":")
    long_ago = Cursor(cursor.source, f"{position}:{int(at) - 5 * 86400}", cursor.at)
    async with watch(tmp_path / "b", lab_releases.known_hosts(), []) as watched:
        await watched.log.put(syslog.name, [], long_ago)
    line = "$(date -d '1 hour ago' '+%b %e %T') lab sshd[7]: Accepted password for u81 from 192.0.2.7 port 7 ssh2"
    syslog.run(f'echo "{line}" >>/var/log/auth.log')
    async with watch(tmp_path / "b", lab_releases.known_hosts(), hosts, source="auth.log") as watched:
        await until(lambda: watched.events(syslog.name, kind="login", user="u81"))
        (event,) = await watched.events(syslog.name, kind="login", user="u81")
        assert abs(event.time - (time.time() - 3600)) < 120


async def test_who_may_not_read_the_log_is_told_what_to_do(lab_releases: Lab, tmp_path: Path) -> None:
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts_of(lab_releases, "ops")) as watched:

        async def all_refused() -> bool:
            return all(state.state is Following.CANNOT for state in watched.followers.states().values())

        await until(all_refused)
        for machine in lab_releases.hosts:
            detail = watched.followers.states()[machine.name].detail
            assert detail.startswith("ops may not read /var/log/journal/")
            assert "usermod -aG adm,systemd-journal ops" in detail


@pytest.mark.parametrize("place", ["since:{ahead}", "s:0{zeros},i:1,b:0{zeros},m:1,t:{hex},x:1"])
async def test_a_place_in_times_to_come_is_a_gap_and_no_silence(lab_releases: Lab, tmp_path: Path, place: str) -> None:
    """The host's clock was set back since; journalctl would show nothing until then."""
    machine, hosts = lab_releases.hosts[0], hosts_of(lab_releases)[:1]
    ahead, before = int(time.time()) + 400 * 86400, time.time()
    position = place.format(ahead=ahead, zeros="0" * 31, hex=f"{ahead * 1_000_000:x}")
    async with watch(tmp_path / "a", lab_releases.known_hosts(), []) as watched:
        await watched.log.put(machine.name, [], Cursor("journal", position, before - 60))
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:
        await until(lambda: watched.log.gaps(0))
        (gap,) = await watched.log.gaps(0)
        assert gap.since == pytest.approx(before - 60)
        await asyncio.to_thread(come_in, lab_releases, machine, "ops")
        await until(lambda: watched.events(machine.name, kind="login", user="ops"))


async def test_when_journald_is_gone_another_log_is_followed_and_doctor_says_why(
    lab_releases: Lab, tmp_path: Path
) -> None:
    machine, hosts = lab_releases.hosts[2], hosts_of(lab_releases)[2:]
    units = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service"

    async def follows(watched: Watch, source: str) -> None:
        async def it_does() -> bool:
            return watched.followers.states()[machine.name].source == source

        await until(it_does)

    machine.run(CLEAN)
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:
        await follows(watched, "journal")
        try:
            machine.run(f"systemctl stop {units}")
            await follows(watched, "auth.log")
            chosen = await log_source(watched.pool, hostctl(), hosts[0])
        finally:
            machine.run(f"systemctl start {units}; systemctl restart rsyslog")
        assert chosen.name == "auth.log"
        assert chosen.why.startswith("nobody writes /")
        assert await log_source(watched.pool, hostctl(), hosts[0]) == LogSource("journal")


async def test_a_way_that_breaks_loses_and_repeats_nothing(lab_releases: Lab, tmp_path: Path) -> None:
    machine, hosts = lab_releases.hosts[1], hosts_of(lab_releases)[1:2]
    async with watch(tmp_path / "a", lab_releases.known_hosts(), hosts) as watched:
        await followed(watched, machine.name)
        for _ in range(3):
            await asyncio.to_thread(come_in, lab_releases, machine, "ops")
            await asyncio.to_thread(machine.kill_sessions)
            await asyncio.to_thread(come_in, lab_releases, machine, "ops")

        async def six() -> bool:
            return (await watched.users(machine.name))["ops"] >= 6

        await until(six)
        assert (await watched.users(machine.name))["ops"] == 6
    await until_nothing_is_left(lab_releases)


@pytest.mark.parametrize("source", ["auth.log", "journal"])
async def test_killed_over_and_over_it_loses_and_repeats_nothing(
    lab_releases: Lab, tmp_path: Path, source: str
) -> None:
    """Renamed, copied and truncated, compressed; rotated and vacuumed; a short form of benchmarks/follow.py."""
    plan = Plan(seed=3, lines=4_000, kills=3, session_kills=1, pause=0.2, source=source)
    outcome = await asyncio.to_thread(run, lab_releases, lab_releases.hosts[1], tmp_path / "home", plan)
    assert outcome.written >= plan.lines
    assert (outcome.ours, outcome.gaps) == (Count(lost=0, repeated=0), 0)
    assert sum(outcome.rotations.values()) > 0
    assert outcome.tail.lost > 0, "what everybody thinks of first does lose some"


def resident() -> float:
    """MiB of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


async def test_a_flood_is_counted_and_neither_delays_anybody_nor_fills_memory(
    lab_releases: Lab, tmp_path: Path
) -> None:
    """A host that logs as fast as it can, 100 MB and more than can be read, beside one where somebody comes in."""
    flooded, quiet = lab_releases.hosts[:2]
    count = 10_000
    async with watch(
        tmp_path / "a", lab_releases.known_hosts(), hosts_of(lab_releases)[:2], source="auth.log"
    ) as watched:
        await followed(watched, flooded.name, quiet.name)
        line = "Nov 22 18:00:00 lab sshd[7]: Failed password for root from 192.0.2.9 port 7 ssh2"
        flooded.run(f"yes '{line}' | head -n {count} >>/var/log/auth.log")

        async def counted() -> bool:
            return (await watched.users(flooded.name, "failed"))["root"] >= count

        await until(counted, 90)
        assert (await watched.users(flooded.name, "failed"))["root"] == count
        assert len(await watched.events(flooded.name, kind="failed")) < count / 100

        before = most = resident()
        flooded.run(f"yes 'Nov 22 18:00:00 lab kernel: {'x' * 960}' | head -n 100000 >>/var/log/auth.log")
        for number in (1, 2):
            begun = time.monotonic()
            quiet.run(write(number))
            while not await watched.events(quiet.name, kind="login", user=f"u{number}"):
                assert time.monotonic() - begun < 5
                most = max(most, resident())
                await asyncio.sleep(0.03)
        assert watched.followers.states()[flooded.name].lines > count
    assert most - before < 40
