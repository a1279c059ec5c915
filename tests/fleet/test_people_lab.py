"""Who is on booted hosts, ending a session, blocking an address: real logins from a second address of this machine."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.fleet import BlockOutcome, BlockState, Fleet, KickState, Session, WhoAnswer, parse_network
from orchestrator.ssh import Keys, Pool, Trust
from orchestrator.ssh.result import Command, Status
from tests.fleet.processes import until
from tests.fleet.test_lab import OverSsh
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

STRANGER = "203.0.113.9"
OTHERS_RULES = """\
table ip filter {
  set seen {
    type ipv4_addr
    flags interval
    elements = { 198.51.100.0/24 }
  }
  chain DOCKER {
    ip saddr @seen counter packets 7 bytes 420 drop
  }
  chain FORWARD {
    type filter hook forward priority 0; policy drop
    jump DOCKER
  }
}
table inet firewalld {
  chain raw {
    type filter hook prerouting priority -300; policy accept
    tcp dport 9999 drop
  }
}
"""
BUSY = r"""
import ctypes, os, signal, sys, time
if len(sys.argv) == 1:
    os.execv("/usr/bin/python3", [b"evil\n\033]0;x\007end\tdb\302\233", sys.argv[0], "again"])
ctypes.CDLL(None).prctl(15, b"a\n1 (b) R \033[2J", 0, 0, 0)
for _ in range(2000):
    if os.fork() == 0:
        signal.pause()
print("ready", flush=True)
end = time.monotonic() + 30
while time.monotonic() < end:
    pass
"""


class Visited(OverSsh):
    """A host that we ask from one address of this machine while somebody logs in from another."""

    def __init__(self, lab: Lab, index: int, user: str = "root", sudo: str = "") -> None:
        super().__init__(lab, lab.hosts[index], user, sudo)
        network = ipaddress.ip_network(f"{self.machine.address}/24", strict=False)
        self.us, self.visitor = str(network[1]), str(network[2])
        if self.visitor not in _run("ip", "address", "show", "dev", lab.identity):
            _run("ip", "address", "add", f"{self.visitor}/24", "dev", lab.identity)

    def ssh(self, *words: str) -> list[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5")
        given = [f"-o{option}" for option in options]
        return ["ssh", "-F", "none", "-i", str(self.lab.key), "-b", self.visitor, *given, *words]

    @contextmanager
    def visit(self, *words: str, user: str = "ops") -> Iterator[subprocess.Popen[str]]:
        """Somebody from the other address, with these words for ssh after the host."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        flags = [word for word in words if word.startswith("-")]
        command = [word for word in words if not word.startswith("-")]
        argv = self.ssh(*flags, f"{user}@{self.machine.address}", *command)
        with subprocess.Popen(argv, text=True, **pipes) as client:  # type: ignore[call-overload] # keywords in a dict
            try:
                yield client
            finally:
                client.kill()

    async def who(self) -> WhoAnswer:
        (answer,) = [answer async for answer in self.fleet.who([self.host])]
        assert answer.status is Status.OK, answer.detail
        return answer

    async def seen(self, wanted: Callable[[list[Session]], bool]) -> list[Session]:
        """The visitor's sessions, once they are as wanted."""
        for _ in range(100):
            visiting = [each for each in (await self.who()).sessions if each.address == self.visitor]
            if wanted(visiting):
                return visiting
        raise AssertionError(f"never so: {visiting}")

    async def block(self, address: str, seconds: int | None, **more: object) -> BlockOutcome:
        stream = self.fleet.block([self.host], parse_network(address), seconds, **more)  # type: ignore[arg-type] # behind
        (outcome,) = [outcome async for outcome in stream]
        return outcome

    async def unblock(self, address: str) -> BlockOutcome:
        (outcome,) = [outcome async for outcome in self.fleet.unblock([self.host], parse_network(address))]
        return outcome

    async def blocked(self) -> dict[str, bool]:
        """The addresses that are blocked, and whether for good."""
        (answer,) = [answer async for answer in self.fleet.blocks([self.host])]
        assert answer.status is Status.OK, answer.detail
        return {block.address: block.permanent for block in answer.blocks}

    @contextmanager
    def hindered(self, program: str, *, meanwhile: str = "echo out of memory >&2; exit 1") -> Iterator[None]:
        """While the block lasts, `program` does this instead of changing anything."""
        path = self.machine.run(f"command -v {program}").stdout.strip()
        stub = f'#!/bin/sh\ncase {program}:$1 in *-restore:* | nft:-f) {meanwhile} ;; esac\nexec {path}.able "$@"\n'
        self.machine.run(f"mv {path} {path}.able && cat >{path} <<'END'\n{stub}END\nchmod 755 {path}")
        try:
            yield
        finally:
            self.machine.run(f"mv {path}.able {path}")

    def lets_in(self, seconds: float = 5) -> bool:
        """Whether the visitor's address gets as far as the greeting."""
        try:
            with socket.create_connection((self.machine.address, 22), seconds, (self.visitor, 0)) as link:
                link.settimeout(seconds)
                return link.recv(4) == b"SSH-"
        except OSError:
            return False

    def rules(self) -> str:
        return self.machine.run("nft list ruleset").stdout


def _ticks(host: Visited, pid: int) -> int:
    return int(host.machine.run(f"cat /proc/{pid}/stat").stdout.rpartition(")")[2].split()[19])


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


@pytest.fixture(params=[0, 1, 2], ids=["bullseye", "bookworm", "trixie"])
def host(request: pytest.FixtureRequest, lab_releases: Lab) -> Iterator[Visited]:
    visited = Visited(lab_releases, request.param)
    yield visited
    visited.machine.run(
        "nft flush ruleset; rm -rf /var/lib/orchestrator /etc/systemd/system/orchestrator-blocks.service"
    )


@pytest.fixture
def one(lab_releases: Lab) -> Iterator[Visited]:
    """For what does not depend on the release."""
    visited = Visited(lab_releases, 1)
    yield visited
    visited.machine.run("nft flush ruleset")


async def test_who_is_on_and_one_of_them_is_ended(host: Visited) -> None:
    with (
        host.visit("-tt", "sleep 601") as typing,
        host.visit("nohup sleep 602 >/dev/null 2>&1 & exec sleep 603") as working,
        host.visit("-N") as forwarding,
        host.visit("-s", "sftp", user="root") as copying,
        socket.create_connection((host.machine.address, 22), 5, (host.visitor, 0)),  # has not logged in
    ):
        sessions = await host.seen(lambda found: len(found) == 4 and sum(bool(each.runs) for each in found) == 3)
        assert [each.ours for each in sessions] == [""] * 4
        by_command = {each.runs.command.strip() if each.runs else "": each for each in sessions}
        typed, worked = by_command["sleep 601"], by_command["sleep 603"]
        assert typed.terminal.startswith("pts/")
        assert typed.idle is not None
        assert {each.user for each in sessions} == {"ops", "root"}
        assert by_command[""].user == "ops"
        assert worked.terminal == ""

        other = await host.fleet.kick(host.host, replace(typed, ticks=typed.ticks + 1))
        assert other.state is KickState.GONE  # the PID is another process's now
        by_pid = await host.fleet.kick(host.host, replace(typed, leader=1, ticks=_ticks(host, 1)))
        assert (by_pid.state, by_pid.detail) == (KickState.CHANGED, "what led it leads no session any more")

        assert (await host.fleet.kick(host.host, typed)).state is KickState.ENDED
        assert typing.wait(10) != 0
        assert (await host.fleet.kick(host.host, typed)).state is KickState.GONE
        assert (await host.fleet.kick(host.host, worked)).state is KickState.ENDED
        assert working.wait(10) != 0
        left = host.machine.run("pgrep -fa 'sleep 60[0-9]'", check=False).stdout
        assert "sleep 601" not in left
        assert "sleep 603" not in left
        assert (forwarding.poll(), copying.poll()) == (None, None)
        assert len(await host.seen(lambda found: len(found) == 2)) == 2


async def test_our_own_connections_stay(host: Visited, tmp_path: Path) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(host.lab.known_hosts())
    known_hosts.chmod(0o600)
    target = replace(host.host, user="root", key=str(host.lab.key))
    async with (
        Pool(trust=Trust(known_hosts), keys=Keys(tmp_path)) as pool,
        Pool(trust=Trust(known_hosts), keys=Keys(tmp_path)) as other,
    ):
        await other.run(target, Command("true"))
        fleet = Fleet(pool.run)
        (answer,) = [answer async for answer in fleet.who([target])]
        ours = [each for each in answer.sessions if each.address == host.us]
        assert {each.ours for each in ours} == {
            "it carries this request",
            "it is a connection of the orchestrator",
        }
        for session in ours:
            outcome = await fleet.kick(target, session)
            assert (outcome.state, outcome.detail) == (KickState.REFUSED, session.ours)
        assert [each.status async for each in fleet.who([target])] == [Status.OK]
        assert (await other.run(target, Command("true"))).status is Status.OK


async def test_a_connection_is_told_from_those_that_it_forwards(one: Visited) -> None:
    """root's server holds both before OpenSSH 9.8: the visitor's own and where it leads."""
    with one.visit("-W127.0.0.1:22", user="root") as forwarding:
        assert forwarding.stdout is not None
        assert forwarding.stdout.readline().startswith("SSH-")
        (session,) = await one.seen(lambda found: len(found) == 1)
        assert (session.user, session.address) == ("root", one.visitor)


async def test_a_session_that_will_not_go_is_killed(one: Visited) -> None:
    with one.visit("-tt", "trap '' HUP TERM; while :; do sleep 0.2; done") as stubborn:
        (session,) = await one.seen(lambda found: len(found) == 1 and bool(found[0].runs))
        outcome = await one.fleet.kick(one.host, session)
        assert (outcome.state, outcome.detail) == (KickState.ENDED, "some of it had to be killed")
        assert stubborn.wait(10) != 0


async def test_a_blocked_address_is_cut_off_and_nothing_else_is_touched(host: Visited) -> None:
    host.machine.run(f"nft -f - <<'END'\n{OTHERS_RULES}END\n")
    before = host.rules()
    with host.visit("cat") as talking:
        assert talking.stdin is not None
        assert talking.stdout is not None
        talking.stdin.write("one\n")
        talking.stdin.flush()
        assert talking.stdout.readline() == "one\n"

        outcome = await host.block(host.visitor, 3600)
        assert (outcome.state, outcome.detail) == (BlockState.DONE, "")
        assert (await host.block(host.visitor, 1800)).state is BlockState.DONE
        assert await host.blocked() == {host.visitor: False}
        assert not host.lets_in(1)
        assert host.rules().startswith(before) or before in host.rules()
        talking.stdin.write("two\n")
        talking.stdin.flush()

        assert (await host.unblock(host.visitor)).state is BlockState.DONE
        assert talking.stdout.readline() == "two\n"  # what was dropped comes again, as TCP has it
    assert (await host.unblock(host.visitor)).state is BlockState.ABSENT
    assert host.lets_in()
    assert host.rules() == before


async def test_the_kernel_lifts_a_block_in_time(one: Visited) -> None:
    assert (await one.block(one.visitor, 2)).state is BlockState.DONE
    assert not one.lets_in(0.5)
    until(lambda: one.lets_in(0.5))
    assert await one.blocked() == {}


async def test_networks_of_both_families(lab_releases: Lab) -> None:
    host = Visited(lab_releases, 0)
    for address in ("203.0.113.128/25", "2001:db8:7::/48", "2001:db8::7"):
        assert (await host.block(address, 60)).state is BlockState.DONE, address
    assert (await host.block("203.0.113.0/24", 60)).detail == (
        "another network that overlaps with it is blocked: unblock that one first"
    )
    assert (await host.unblock("203.0.113.200")).detail == "it is part of 203.0.113.128/25, which is blocked"
    assert set(await host.blocked()) == {"203.0.113.128/25", "2001:db8:7::/48", "2001:db8::7"}
    for address in ("2001:0db8:0007::/48", "203.0.113.128/25", "2001:db8:0:0::7"):
        assert (await host.unblock(address)).state is BlockState.DONE, address
    assert "orchestrator" not in host.rules()


@pytest.mark.parametrize(("index", "sudo"), [(0, ""), (1, "sudo -n"), (2, "")], ids=["oldest", "by sudo", "newest"])
async def test_nobody_locks_himself_out(lab_releases: Lab, index: int, sudo: str) -> None:
    host = Visited(lab_releases, index)
    asked = Visited(lab_releases, index, "ops" if sudo else "root", sudo)
    ours = f"{host.us.rpartition('.')[0]}.0"
    for address in (host.us, f"::ffff:{host.us}", f"{ours}/24", f"{ours}/27", f"{host.us}/31"):
        outcome = await asked.block(address, 60)
        expected = (BlockState.REFUSED, "it is the address that this request comes from")
        assert (outcome.state, outcome.detail) == expected, address
    own = await asked.block(host.machine.address, None)
    assert (own.state, own.detail) == (BlockState.REFUSED, "it is an address of the host itself")
    behind = await asked.block(f"{STRANGER}/30", 60, behind=lambda _: [parse_network(STRANGER)])
    assert (behind.state, behind.detail) == (BlockState.REFUSED, "it is a host that is reached through this one")
    assert await asked.blocked() == {}
    assert "orchestrator" not in host.rules()


async def test_a_gateway_is_kept_and_so_is_who_cannot_be_seen(one: Visited) -> None:
    one.machine.run(f"ip route add 192.0.2.0/24 via {one.visitor}")
    try:
        outcome = await one.block(one.visitor, 60)
    finally:
        one.machine.run("ip route del 192.0.2.0/24")
    assert (outcome.state, outcome.detail) == (BlockState.REFUSED, "it is a gateway of the host")
    apart = Visited(one.lab, one.lab.hosts.index(one.machine), sudo="systemd-run --quiet --pipe --wait --collect")
    unseen = await apart.block(STRANGER, 60)
    assert (unseen.state, unseen.detail) == (BlockState.REFUSED, "where this request comes from cannot be seen")


async def test_without_root_nothing_is_blocked_and_that_is_said(one: Visited) -> None:
    ops = Visited(one.lab, one.lab.hosts.index(one.machine), "ops")
    outcome = await ops.block(STRANGER, 60)
    assert (outcome.state, outcome.detail) == (BlockState.FAILED, "it takes root to see and to change what is blocked")


async def test_for_good_is_beyond_a_reboot_and_a_restart_of_the_firewall(lab_releases: Lab) -> None:
    host = Visited(lab_releases, 1)
    assert (await host.block(STRANGER, None)).state is BlockState.DONE
    assert (await host.block("2001:db8::/48", None)).state is BlockState.DONE
    assert (await host.block("203.0.113.10", 3600)).state is BlockState.DONE
    host.machine.run("systemctl start nftables && systemctl restart nftables")  # which empties every table
    assert await host.blocked() == {STRANGER: True, "2001:db8::/48": True}
    for emptied in ("flush chain inet orchestrator arriving", "flush ruleset"):
        host.machine.run(f"nft {emptied}")
        (answer,) = [answer async for answer in host.fleet.blocks([host.host])]
        assert (answer.blocks, answer.lapsed) == ((), ("203.0.113.9", "2001:db8::/48"))
    for address in (STRANGER, "2001:db8::/48"):
        assert (await host.block(address, None)).state is BlockState.DONE
    with host.hindered("nft"):
        for failed in (await host.block(STRANGER, None), await host.block(STRANGER, 60), await host.unblock(STRANGER)):
            assert (failed.state, failed.detail) == (BlockState.FAILED, "out of memory")
    with host.hindered("nft", meanwhile='"$0.able" "$@"; kill -9 0'):  # the power goes
        assert (await host.block(STRANGER, 60)).state is BlockState.UNKNOWN
    assert await host.blocked() == {STRANGER: True, "2001:db8::/48": True}
    host.machine.reboot()
    assert await host.blocked() == {STRANGER: True, "2001:db8::/48": True}
    assert (await host.unblock(STRANGER)).state is BlockState.DONE
    assert (await host.block("2001:db8::/48", 60)).state is BlockState.DONE  # no longer for good
    assert await host.blocked() == {"2001:db8::/48": False}
    left = host.machine.run(
        "find /etc/systemd /var/lib/orchestrator -name '*block*' -o -name orchestrator", check=False
    )
    assert left.stdout == ""
    assert (await host.unblock("2001:db8::/48")).state is BlockState.DONE
    assert "orchestrator" not in host.rules()


async def test_names_that_lie_and_thousands_of_processes(lab_releases: Lab) -> None:
    host = Visited(lab_releases, 2)
    (host.machine.root / "root/busy.py").write_text(BUSY)
    with host.visit("exec /usr/bin/python3 busy.py", user="root") as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "ready\n"
        (answer,) = [answer async for answer in host.fleet.top([host.host])]
        (session,) = await host.seen(lambda found: len(found) == 1)
        assert session.members > 2000
        assert (await host.fleet.kick(host.host, session)).state is KickState.ENDED
    assert answer.status is Status.OK, answer.detail
    assert answer.total > 2000
    assert len(answer.processes) <= 40
    first = answer.processes[0]
    assert first.name == "a 1 (b) R [2J"
    assert 0 < first.cpu < 1.3
    assert first.command.startswith("evil end dbb") or first.command.startswith("evil")
    assert all(char.isprintable() for char in first.command + first.name)
