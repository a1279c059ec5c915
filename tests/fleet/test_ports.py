"""`ports` against real sockets: what the kernel has is what we list, with the right owners."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.fleet import CloseState, Fleet, Ownership, Port, PortsAnswer
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Status
from tests.fleet.conftest import needs_root
from tests.fleet.processes import ShellRun, listening


async def ask(run: ShellRun, host: Host) -> PortsAnswer:
    answers = [answer async for answer in Fleet(run).ports([host])]
    assert len(answers) == 1
    assert answers[0].status is Status.OK, answers[0].detail
    return answers[0]


def on(answer: PortsAnswer, port: int) -> list[Port]:
    return [each for each in answer.ports if each.port == port]


@pytest.mark.parametrize(
    ("arguments", "protocol", "address"),
    [
        (["127.0.0.1"], "tcp", "127.0.0.1"),
        (["0.0.0.0"], "tcp", "0.0.0.0"),
        (["127.1.2.3"], "tcp", "127.1.2.3"),
        (["::1"], "tcp", "::1"),
        (["127.0.0.1", "--udp"], "udp", "127.0.0.1"),
        (["::1", "--udp"], "udp", "::1"),
    ],
)
async def test_a_socket_is_listed_with_its_owner(
    any_shell: ShellRun, server: Host, arguments: list[str], protocol: str, address: str
) -> None:
    with listening(*arguments) as listener:
        (port,) = on(await ask(any_shell, server), listener.port)
    assert (port.protocol, port.address, port.ownership) == (protocol, address, Ownership.KNOWN)
    (process,) = port.processes
    assert process.pid == listener.pid
    assert process.name.startswith("python")
    assert "listener.py" in process.command
    assert process.user == port.user == ("root" if os.geteuid() == 0 else process.user)


async def test_start_time_agrees_with_ps(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1") as listener:
        (port,) = (await fleet.inspect(server, listener.port)).ports
        ps = subprocess.run(
            ["ps", "-o", "etimes=", "-p", str(listener.pid)], capture_output=True, text=True, check=True
        )
        now = subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True)
    started = port.processes[0].started.timestamp()
    assert abs(int(now.stdout) - int(ps.stdout) - started) <= 2


async def test_every_process_that_shares_a_socket_is_named(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--children", "3") as listener:
        (port,) = (await fleet.inspect(server, listener.port)).ports
    assert {process.pid for process in port.processes} == {listener.pid, *listener.children}


async def test_every_socket_that_shares_a_port_is_listed(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--share") as one, listening("127.0.0.1", "--share", "--port", str(one.port)) as two:
        ports = (await fleet.inspect(server, one.port)).ports
    assert {port.processes[0].pid for port in ports} == {one.pid, two.pid}


async def test_connected_sockets_are_not_listed(any_shell: ShellRun, server: Host) -> None:
    with listening("127.0.0.1") as listener, socket.create_connection(("127.0.0.1", listener.port)) as client:
        answer = await ask(any_shell, server)
        assert not on(answer, client.getsockname()[1])


async def test_it_agrees_with_ss(fleet: Fleet, server: Host) -> None:
    """The same sockets as iproute2 lists, which asks the kernel over netlink instead of /proc."""
    with ExitStack() as stack:
        for arguments in (["127.0.0.1"], ["::"], ["0.0.0.0", "--udp"], ["::1", "--udp"]):
            stack.enter_context(listening(*arguments))
        for _ in range(10):  # what other tests open or close between the two looks is in one of them only
            answers = [answer async for answer in fleet.ports([server])]
            ss = subprocess.run(["ss", "-H", "-tuln"], capture_output=True, text=True, check=True).stdout
            ours = {(port.protocol, port.port) for port in answers[0].ports}
            theirs = {(line.split()[0], int(line.split()[4].rpartition(":")[2])) for line in ss.splitlines()}
            if ours == theirs:
                break
    assert ours == theirs


@needs_root
async def test_without_rights_the_owner_is_hidden_not_guessed(any_shell: ShellRun, server: Host) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    run = ShellRun((*any_shell.prefix, *nobody), any_shell.shell) if not any_shell.prefix else ShellRun(nobody)
    with listening("127.0.0.1") as hidden, listening("127.0.0.1", prefix=nobody) as own:
        answer = await ask(run, server)
    (port,) = on(answer, hidden.port)
    assert (port.ownership, port.processes, port.user) == (Ownership.HIDDEN, (), "root")
    assert on(answer, own.port)[0].processes[0].pid == own.pid
    assert answer.hidden >= 1


@needs_root
async def test_among_too_many_sockets_a_port_is_still_found_and_freed(any_shell: ShellRun, server: Host) -> None:
    """`ports` leaves some out and says how many; a question about one port must not depend on which."""
    network = ("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    with listening("127.0.0.1", "--udp", "--crowd", "4500", prefix=network) as crowd:
        enter = ("nsenter", "--net", f"--target={crowd.pid}")
        run = ShellRun((*enter, *any_shell.prefix), any_shell.shell)
        with listening("127.0.0.1", "--udp", prefix=enter) as one:
            answer = await ask(run, server)
            assert (len(answer.ports), answer.more, answer.hidden) == (4096, 4502 - 4096, 0)
            inspection = await Fleet(run).inspect(server, one.port)
            assert [target.process.pid for target in inspection.targets] == [one.pid]
            assert (await Fleet(run).close(server, inspection.targets)).state is CloseState.CLOSED


@needs_root
async def test_with_all_rights_a_socket_without_a_process_is_said_to_have_none(server: Host) -> None:
    """As for the kernel's own sockets: here its holder lives outside of the PID namespace that is looked at."""
    with listening(
        "127.0.0.1", prefix=("unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    ) as outside:
        enter = ("nsenter", "--net", f"--target={outside.pid}", "unshare", "--pid", "--fork", "--mount-proc")
        fleet = Fleet(ShellRun(enter))
        answer = await ask(ShellRun(enter), server)
        inspection = await fleet.inspect(server, outside.port)
    (port,) = answer.ports
    assert (port.port, port.ownership, port.processes) == (outside.port, Ownership.NONE, ())
    assert inspection.ports == (port,)
    assert inspection.targets == ()


async def test_a_process_name_cannot_break_the_answer(any_shell: ShellRun, server: Host) -> None:
    with listening("127.0.0.1", "--name", ") S 1\t\x1b[2Jx\n1") as listener:
        (port,) = on(await ask(any_shell, server), listener.port)
    (process,) = port.processes
    assert process.pid == listener.pid
    assert process.name.isprintable()
    assert process.name.startswith(") S 1")


async def test_a_command_line_cannot_break_the_answer(any_shell: ShellRun, server: Host) -> None:
    with listening(
        "127.0.0.1", "--name", "x", "--hold", "/dev/null", "--hold=/dev/../dev/null", "--name=\n\tend\n\x1b]0;"
    ) as listener:
        (port,) = on(await ask(any_shell, server), listener.port)
    assert port.processes[0].command.isprintable()


async def test_a_long_command_line_is_cut(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", *["--hold=/dev/null"] * 1000) as listener:
        (port,) = (await fleet.inspect(server, listener.port)).ports
    assert 100 < len(port.processes[0].command) <= 256


@pytest.mark.parametrize(
    "forged",
    ["x 3 -> socket:[{inode}]", "x\nlr-x------ 1 0 0 64 Nov 22 07:56 3 -> socket:[{inode}]", "x\n\n/proc/1/fd:"],
)
async def test_an_open_file_name_cannot_forge_an_owner(
    any_shell: ShellRun, server: Host, tmp_path: Path, forged: str
) -> None:
    with listening("127.0.0.1") as victim:
        inode = on(await ask(any_shell, server), victim.port)[0].inode
        # No slash fits into a name, so the forged header needs folders of its own.
        name = tmp_path / forged.format(inode=inode)
        name.parent.mkdir(parents=True, exist_ok=True)
        with listening("127.0.0.1", f"--hold={name}") as forger:
            answer = await ask(any_shell, server)
    assert [process.pid for process in on(answer, victim.port)[0].processes] == [victim.pid]
    assert {process.pid for process in on(answer, forger.port)[0].processes} <= {forger.pid}


async def test_a_port_in_json(fleet: Fleet, server: Host) -> None:
    with listening("127.0.0.1", "--children", "1") as listener:
        answers = [answer async for answer in fleet.ports([server])]
    (entry,) = [entry for entry in answers[0].to_json()["ports"] if entry["port"] == listener.port]
    assert entry["pid"] == listener.pid
    assert entry["pids"] == sorted([listener.pid, *listener.children])
    assert entry["protocol"] == "tcp"
    assert entry["address"] == "127.0.0.1"
    assert entry["unit"] is None or isinstance(entry["unit"], str)
