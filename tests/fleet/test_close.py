"""`inspect` and `close` against real processes that really die, or must not."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.fleet import CloseOutcome, CloseState, Ending, Fleet, Inspection, Target
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Status
from tests.fleet.conftest import needs_root
from tests.fleet.processes import LISTENER, ShellRun, alive, listening, until
from tests.sshd import free_port


async def inspect(fleet: Fleet, host: Host, port: int) -> Inspection:
    inspection = await fleet.inspect(host, port)
    assert inspection.status is Status.OK, inspection.detail
    return inspection


async def close(fleet: Fleet, host: Host, port: int) -> CloseOutcome:
    return await fleet.close(host, (await inspect(fleet, host, port)).targets)


def altered(target: Target, **process: object) -> Target:
    return dataclasses.replace(target, process=dataclasses.replace(target.process, **process))  # type: ignore[arg-type] # any field, on purpose


def pids_of(parent: int) -> list[str]:
    """A process and its children."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [str(parent), *children.stdout.split()]


@contextmanager
def pid_namespace(*argv: str) -> Iterator[tuple[str, ...]]:
    """A PID namespace whose PID 1 is this program, and the words that enter it."""
    with subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", *argv], stdout=subprocess.DEVNULL) as outer:
        until(lambda: len(pids_of(outer.pid)) == 2)
        leader = pids_of(outer.pid)[1]
        try:
            yield ("nsenter", f"--target={leader}", "--pid", "--mount")
        finally:
            subprocess.run(["kill", "-KILL", leader], check=True)


@pytest.mark.parametrize("arguments", [["127.0.0.1"], ["::1"], ["127.0.0.1", "--udp"], ["::1", "--udp"]])
async def test_a_port_is_freed(any_shell: ShellRun, server: Host, arguments: list[str]) -> None:
    fleet = Fleet(any_shell)
    with listening(*arguments) as listener:
        outcome = await close(fleet, server, listener.port)
        assert listener.process.wait(5) == -15
    assert outcome.state is CloseState.CLOSED, outcome
    assert outcome.endings == (Ending(listener.pid, "gone", "TERM"),)
    assert outcome.now == ()


async def test_inspect_names_what_would_end(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "::1") as listener:
        with socket.create_connection(("127.0.0.1", listener.port)):
            inspection = await inspect(fleet, server, listener.port)
        (target,) = inspection.targets
    assert (target.protocol, target.port, target.process.pid) == ("tcp", listener.port, listener.pid)
    assert target.addresses == ("127.0.0.1", "::1")
    assert len(target.inodes) == 2
    assert "listener.py" in target.process.command
    assert inspection.connections == 1
    assert target.protected == ""


async def test_inspect_tells_protocols_apart(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1") as tcp, listening("127.0.0.1", "--udp", "--port", str(tcp.port)) as udp:
        both = await inspect(fleet, server, tcp.port)
        only = await fleet.inspect(server, tcp.port, "udp")
        outcome = await fleet.close(server, only.targets)
        assert udp.process.wait(5) == -15
        assert alive(tcp.pid)
    assert {target.process.pid for target in both.targets} == {tcp.pid, udp.pid}
    assert [target.process.pid for target in only.targets] == [udp.pid]
    assert outcome.state is CloseState.CLOSED


async def test_what_ignores_term_is_killed_after_five_seconds(any_shell: ShellRun, server: Host) -> None:
    with listening("127.0.0.1", "--term", "ignore") as listener:
        outcome = await close(Fleet(any_shell), server, listener.port)
        assert listener.process.wait(5) == -9
    assert (outcome.state, outcome.endings) == (CloseState.CLOSED, (Ending(listener.pid, "gone", "KILL"),))
    assert 5 <= outcome.duration < 30


async def test_what_lets_go_of_the_port_is_not_killed(fleet: Fleet, server: Host) -> None:
    """As a server that stops listening at once and then serves its last connections to their end."""
    with listening("127.0.0.1", "--term", "release") as listener:
        outcome = await close(fleet, server, listener.port)
        assert alive(listener.pid)
    assert (outcome.state, outcome.endings) == (CloseState.CLOSED, (Ending(listener.pid, "released", "TERM"),))


async def test_processes_that_share_a_socket_all_end(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--children", "4") as listener:
        outcome = await close(fleet, server, listener.port)
        listener.process.wait(5)
        until(lambda: not any(alive(pid) for pid in listener.children))
    assert outcome.state is CloseState.CLOSED
    assert {ending.pid for ending in outcome.endings} == {listener.pid, *listener.children}


async def test_sockets_that_share_a_port_are_all_closed(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--share") as one, listening("127.0.0.1", "--share", "--port", str(one.port)) as two:
        outcome = await close(fleet, server, one.port)
        assert (one.process.wait(5), two.process.wait(5)) == (-15, -15)
    assert outcome.state is CloseState.CLOSED


async def test_what_was_not_shown_is_not_ended(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--share") as shown:
        inspection = await inspect(fleet, server, shown.port)
        with listening("127.0.0.1", "--share", "--port", str(shown.port)) as later:
            outcome = await fleet.close(server, inspection.targets)
            assert shown.process.wait(5) == -15
            assert alive(later.pid)
    assert outcome.state in (CloseState.STILL_OPEN, CloseState.RESTARTED)
    assert f"pid {later.pid}" in outcome.detail


@pytest.mark.parametrize("wrong", ["ticks", "inode", "pid"])
async def test_the_wrong_process_never_dies(any_shell: ShellRun, server: Host, wrong: str) -> None:
    fleet = Fleet(any_shell)
    with listening("127.0.0.1") as listener, listening("127.0.0.1") as innocent:
        target, other = [
            next(each for each in (await inspect(fleet, server, one.port)).targets if each.process.pid == one.pid)
            for one in (listener, innocent)  # on another address the port may be somebody else's
        ]
        stale = {
            "ticks": altered(target, ticks=target.process.ticks - 1),
            "inode": dataclasses.replace(target, inodes=other.inodes),
            "pid": altered(target, pid=innocent.pid),
        }[wrong]
        outcome = await fleet.close(server, [stale])
        assert alive(listener.pid)
        assert alive(innocent.pid)
    assert outcome.state is CloseState.CHANGED
    assert [ending.signal for ending in outcome.endings] == ["none"]
    assert {port.port for port in outcome.now} == {listener.port}


async def test_one_stale_target_leaves_the_others_alone(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--share") as one, listening("127.0.0.1", "--share", "--port", str(one.port)) as two:
        first, second = (await inspect(fleet, server, one.port)).targets
        outcome = await fleet.close(server, [first, dataclasses.replace(second, inodes=(1,))])
        assert alive(one.pid)
        assert alive(two.pid)
    assert outcome.state is CloseState.CHANGED


async def test_a_port_that_is_free_by_now_is_said_to_be(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1") as listener:
        inspection = await inspect(fleet, server, listener.port)
    outcome = await fleet.close(server, inspection.targets)
    assert (outcome.state, outcome.now) == (CloseState.CHANGED, ())
    assert "free already" in outcome.detail


@needs_root
async def test_a_reused_pid_is_another_process(server: Host) -> None:
    """In a PID namespace of our own, where the next PID can be chosen (ns_last_pid, CONFIG_CHECKPOINT_RESTORE)."""
    with pid_namespace("sleep", "1000") as enter:
        fleet = Fleet(ShellRun(enter))
        with listening("127.0.0.1", prefix=enter) as first:
            (target,) = (await inspect(fleet, server, first.port)).targets
            assert (await fleet.close(server, [target])).state is CloseState.CLOSED
        born = (
            "sh",
            "-c",
            'echo "$1" >/proc/sys/kernel/ns_last_pid; shift; "$@" & wait',
            "sh",
            f"{target.process.pid - 1}",
        )
        with listening("127.0.0.1", "--port", str(first.port), prefix=(*enter, *born)):
            (second,) = (await inspect(fleet, server, first.port)).targets
            assert second.process.pid == target.process.pid
            # Worst case: even the inode of the old socket has come back. Only the start time tells.
            stale = dataclasses.replace(target, inodes=second.inodes)
            assert (await fleet.close(server, [stale])).state is CloseState.CHANGED
            assert (await inspect(fleet, server, first.port)).targets == (second,)


@needs_root
async def test_pid_1_is_refused(server: Host) -> None:
    with pid_namespace(sys.executable, "-I", "-S", str(LISTENER), "127.0.0.1", "--port", "18999") as enter:
        fleet = Fleet(ShellRun(enter))
        until(lambda: Path("/proc/net/tcp").read_text().count(f":{18999:04X} ") > 0)
        inspection = await inspect(fleet, server, 18999)
        assert [(target.process.pid, target.protected) for target in inspection.targets] == [(1, "it is PID 1")]
        assert (await fleet.close(server, inspection.targets)).state is CloseState.REFUSED


async def test_what_carries_the_request_is_refused(any_shell: ShellRun, server: Host) -> None:
    """The test itself is an ancestor of the script, as sshd is on a host and the orchestrator on its own machine."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        inspection = await inspect(Fleet(any_shell), server, port)
        outcome = await Fleet(any_shell).close(server, inspection.targets)
    assert [target.protected for target in inspection.targets] == ["it carries this request"]
    assert (outcome.state, outcome.detail, outcome.endings) == (CloseState.REFUSED, "it carries this request", ())


async def test_one_protected_process_protects_the_whole_port(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--share") as listener:
        ours = socket.socket()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ours.bind(("127.0.0.1", listener.port))
        ours.listen()
        with ours:
            outcome = await close(fleet, server, listener.port)
        assert alive(listener.pid)
    assert outcome.state is CloseState.REFUSED


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "localhost", "::1"])
async def test_our_own_ports_are_refused_on_this_machine(address: str) -> None:
    with listening("127.0.0.1") as listener:
        fleet = Fleet(ShellRun(), own_ports=(8002, listener.port))
        outcome = await close(fleet, Host("here", address), listener.port)
        assert alive(listener.pid)
    assert (outcome.state, outcome.detail) == (CloseState.REFUSED, "it holds a port of the orchestrator")


async def test_whoever_holds_one_of_our_ports_is_safe_on_all_its_ports(server: Host) -> None:
    with listening("127.0.0.1") as one, listening("127.0.0.1", "--also-udp") as both:
        fleet = Fleet(ShellRun(), own_ports=(one.port, both.port))
        (target,) = (await fleet.inspect(server, both.last_port, "udp")).targets
    assert target.protected == "it holds a port of the orchestrator"


async def test_the_same_port_on_another_machine_is_not_ours() -> None:
    with listening("127.0.0.1") as listener:
        fleet = Fleet(ShellRun(), own_ports=(listener.port,))
        outcome = await close(fleet, Host("web1", "192.0.2.1"), listener.port)
    assert outcome.state is CloseState.CLOSED


async def test_the_port_of_our_own_ssh_connection_is_refused(server: Host) -> None:
    """Also when a restarted sshd, which is no ancestor of ours, has taken over the port."""
    with listening("127.0.0.1") as sshd:
        run = ShellRun(env={"SSH_CONNECTION": f"192.0.2.9 50000 127.0.0.1 {sshd.port}"})
        outcome = await close(Fleet(run), server, sshd.port)
        assert alive(sshd.pid)
    assert outcome.state is CloseState.REFUSED
    assert "connection that carries this request" in outcome.detail


async def test_it_is_refused_without_the_variable_that_sudo_removes(fleet: Fleet, server: Host) -> None:
    """Our ancestor holds a connection that the port accepted, as an sshd session does; the listener is another one."""
    with ExitStack() as stack:
        before = stack.enter_context(socket.socket())
        before.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        before.bind(("127.0.0.1", 0))
        before.listen()
        stack.enter_context(socket.create_connection(before.getsockname()))
        stack.enter_context(before.accept()[0])
        port = before.getsockname()[1]
        before.close()
        sshd = stack.enter_context(listening("127.0.0.1", "--share", "--port", str(port)))
        outcome = await close(fleet, server, port)
        assert alive(sshd.pid)
    assert outcome.state is CloseState.REFUSED
    assert "connection that carries this request" in outcome.detail


async def test_what_a_supervisor_starts_again_is_told(fleet: Fleet, server: Host, tmp_path: Path) -> None:
    """As systemd, runit or a prefork master would; here a shell loop."""
    with ExitStack() as stack:
        loop = f'while [ ! -e {tmp_path}/stop ]; do "$@"; done'
        port = str(free_port("127.0.0.1"))
        listener = stack.enter_context(listening("127.0.0.1", "--port", port, prefix=("sh", "-c", loop, "sh")))
        stack.callback(lambda: subprocess.run(["kill", "-KILL", *pids_of(listener.pid)], check=True))
        stack.callback((tmp_path / "stop").touch)
        outcome = await close(fleet, server, listener.port)
    assert outcome.state is CloseState.RESTARTED, outcome
    assert outcome.detail.startswith("opened again by python")


@needs_root
async def test_without_the_right_to_signal_it_stays_open(server: Host) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with listening("127.0.0.1") as listener:
        seen = (await inspect(Fleet(ShellRun()), server, listener.port)).targets
        blind = await inspect(Fleet(ShellRun(nobody)), server, listener.port)
        outcome = await Fleet(ShellRun(nobody)).close(server, seen)
        assert alive(listener.pid)
    assert blind.targets == ()
    assert blind.ports[0].user == "root"
    assert (outcome.state, outcome.detail) == (CloseState.STILL_OPEN, f"no right to signal pid {listener.pid}")


async def test_nothing_listens(fleet: Fleet, server: Host) -> None:
    inspection = await inspect(fleet, server, 1)
    assert (inspection.ports, inspection.targets) == ((), ())


async def test_misuse_is_an_error_before_any_host_is_asked(fleet: Fleet, server: Host) -> None:
    with pytest.raises(UsageError):
        await fleet.inspect(server, 0)
    with pytest.raises(UsageError):
        await fleet.close(server, [])
    with listening("127.0.0.1") as one, listening("127.0.0.1") as two:
        targets = [*(await inspect(fleet, server, one.port)).targets, *(await inspect(fleet, server, two.port)).targets]
        with pytest.raises(UsageError):
            await fleet.close(server, targets)
