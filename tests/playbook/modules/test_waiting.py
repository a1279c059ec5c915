"""wait_for, wait_for_connection, reboot, hostname, ping."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import (
    Answer,
    Program,
    Result,
    TaskFailed,
    TaskSkipped,
    Unreachable,
    module,
)
from orchestrator.playbook.modules.wait_for import _spellings
from tests.lab.lab import Lab
from tests.playbook.modules.labhost import LabTarget
from tests.playbook.modules.target import LocalTarget


async def run(name: str, target: LocalTarget, /, **arguments: Any) -> Result:
    what = module(f"ansible.builtin.{name}")
    return await what.run(what.arguments.model_validate(arguments), target)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


async def _looked(target: LocalTarget, times: int) -> None:
    """Wait until so many exchanges have begun."""
    async with asyncio.timeout(20):
        while target.exchanges < times:  # noqa: ASYNC110  the target is plain and has no event
            await asyncio.sleep(0.01)


async def test_a_port_that_is_there_and_then_is_not(target: LocalTarget, listener: socket.socket) -> None:
    port = port_of(listener)
    result = await run("wait_for", target, port=port, timeout=5)
    assert result.keys == {
        "state": "started", "port": port, "path": None, "search_regex": None, "match_groups": [],
        "match_groupdict": {}, "elapsed": 0,
    }  # fmt: skip
    with pytest.raises(TaskFailed, match=rf"^Timeout when waiting for 127\.0\.0\.1:{port} to stop\.$") as failure:
        await run("wait_for", target, port=port, state="stopped", timeout=1)
    assert failure.value.keys["elapsed"] in (1, 2)
    listener.close()
    assert not (await run("wait_for", target, port=port, state="stopped", timeout=5)).changed
    with pytest.raises(TaskFailed, match="^mine$"):
        await run("wait_for", target, port=port, timeout=1, msg="mine")


async def test_a_port_opens_while_waiting(target: LocalTarget) -> None:
    with socket.socket() as later:
        later.bind(("127.0.0.1", 0))
        waiting = asyncio.create_task(run("wait_for", target, port=port_of(later), timeout=20))
        await _looked(target, 1)
        later.listen()
        await waiting
    assert target.exchanges == 1


async def test_what_a_port_says(tmp_path: Path) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        wish = {"port": port, "search_regex": r"^(\d+) (?P<name>\S+)", "timeout": 10}
        result = await run("wait_for", LocalTarget(tmp_path), **wish)
        assert result.keys["search_regex"] == wish["search_regex"]
        assert result.keys["match_groups"] == []  # as Ansible
        with pytest.raises(TaskFailed, match="search string nothing in 127"):
            await run("wait_for", LocalTarget(tmp_path), port=port, search_regex="nothing", timeout=1)


async def test_files(target: LocalTarget) -> None:
    file = target.folder / "a log"
    assert not (await run("wait_for", target, path=str(file), state="absent", timeout=2)).changed
    with pytest.raises(TaskFailed, match="^Timeout when waiting for file .*a log$"):
        await run("wait_for", target, path=str(file), timeout=1)
    file.write_text("started\n")
    assert (await run("wait_for", target, path="~/a log", timeout=2)).keys["path"] == "~/a log"
    with pytest.raises(TaskFailed, match="to be absent"):
        await run("wait_for", target, path=str(file), state="absent", timeout=1)


async def test_what_comes_into_a_file(target: LocalTarget) -> None:
    file = target.folder / "log"
    file.write_bytes(b"x" * (1 << 20) + b"\nread")  # the first part ends in the middle of a line
    waiting = asyncio.create_task(
        run("wait_for", target, path=str(file), search_regex=r"^ready (?P<n>\d+)$", timeout=30, sleep=0)
    )
    await _looked(target, 3)
    with file.open("ab") as more:
        more.write(b"y 42\n")
    found = await waiting
    assert (found.keys["match_groups"], found.keys["match_groupdict"]) == (["42"], {"n": "42"})


async def test_a_file_that_is_rotated_away(target: LocalTarget) -> None:
    file = target.folder / "log"
    file.write_text("old old old old old\n")
    waiting = asyncio.create_task(run("wait_for", target, path=str(file), search_regex="new", timeout=30, sleep=0))
    await _looked(target, 2)
    file.rename(target.folder / "log.1")
    file.write_text("new\n")
    await waiting


async def test_connections_drain(target: LocalTarget, listener: socket.socket) -> None:
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)):
        wish: dict[str, Any] = {"port": port, "state": "drained", "timeout": 1}
        with pytest.raises(TaskFailed, match="to drain$"):
            await run("wait_for", target, **wish)
        await run("wait_for", target, **wish, exclude_hosts=["127.0.0.1"])
        await run("wait_for", target, **wish, active_connection_states=["FIN_WAIT1"])
        await run("wait_for", target, **wish, host="192.0.2.1")
        with pytest.raises(TaskFailed, match="to drain$"):
            await run("wait_for", target, **wish, host="0.0.0.0")


def test_addresses_as_the_kernel_writes_them() -> None:
    assert _spellings("127.0.0.1") == ["0100007F", "0000000000000000FFFF00000100007F"]
    assert _spellings("::1") == ["00000000000000000000000001000000"]


async def test_time_alone(tmp_path: Path) -> None:
    here = LocalTarget(tmp_path)
    assert (await run("wait_for", here, timeout=0)).keys["elapsed"] == 0
    assert here.exchanges == 0
    here.check = True
    with pytest.raises(TaskSkipped):
        await run("wait_for", here, timeout=600)


@pytest.mark.parametrize(
    "arguments",
    [
        {"port": 1, "path": "/x"},
        {"path": "/x", "state": "drained"},
        {"port": 1, "exclude_hosts": "a"},
        {"port": 1, "search_regex": "("},
        {"port": 1, "active_connection_states": "LISTEN"},
        {"state": "drained"},
    ],
)
def test_what_makes_no_sense(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        module("ansible.builtin.wait_for").arguments.model_validate(arguments)


async def test_ping(target: LocalTarget) -> None:
    assert (await run("ping", target)).keys == {"ping": "pong"}
    assert (await run("ping", target, data="hello")).keys == {"ping": "hello"}
    with pytest.raises(TaskFailed, match="boom"):
        await run("ping", target, data="crash")


class Rebooting(LocalTarget):
    """A host that goes away when told, and answers again after `away` tries, as another boot unless `stuck`."""

    def __init__(self, folder: Path, *, away: int = 2, stuck: bool = False, fails: int = 0) -> None:
        super().__init__(folder)
        self.away, self.stuck, self.fails = away, stuck, fails
        self.boots = 0
        self.asked: list[str] = []

    async def sh(self, _program: Program, call: str, /, *_words: str | bytes, **_: Any) -> Answer:
        self.asked.append(call)
        if call == "reboot_now":
            self.boots += 1
            raise Unreachable("connection lost", may_have_run=True)
        if self.away:
            self.away -= 1
            raise Unreachable("no route to host")
        if self.fails:
            self.fails -= 1
            return Answer(1, b"", b"not yet")
        return Answer(0, b"root\n", b"")

    async def reconnect(self, **_timing: float) -> float:
        if self.boots and self.away:
            self.away -= 1
            raise Unreachable("no route to host")
        return 0.0

    async def boot_id(self) -> str:
        return "first" if self.stuck else f"boot {self.boots}"


async def test_a_reboot_outlives_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.playbook.modules.reboot._PAUSE", 0.01)
    host = Rebooting(tmp_path, fails=2)
    result = await run("reboot", host)
    assert (result.changed, result.keys["rebooted"], host.boots) == (True, True, 1)
    assert host.asked == ["reboot_now", "reboot_line", "reboot_line", "reboot_line"]
    host.check = True
    assert (await run("reboot", host)).keys == {"rebooted": True, "elapsed": 0}
    assert host.boots == 1


async def test_a_host_that_never_went_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.playbook.modules.reboot._PAUSE", 0.01)
    with pytest.raises(TaskFailed, match=re.escape("Timed out waiting for last boot time check (timeout=1)")):
        await run("reboot", Rebooting(tmp_path, stuck=True, away=0), reboot_timeout=1)


async def test_the_control_node_is_not_rebooted(tmp_path: Path) -> None:
    here = LocalTarget(tmp_path)
    with pytest.raises(TaskFailed, match="control node"):
        await run("reboot", here, reboot_command="false")
    assert here.exchanges == 0


@pytest.mark.lab
async def test_a_host_gets_another_name(lab: Lab, tmp_path: Path) -> None:
    host = lab.hosts[0]
    target = LabTarget(host, tmp_path, check=True)
    assert (await run("hostname", target, name="renamed.example")).changed
    assert host.run("hostname").stdout.strip() == host.name
    target.check = False
    done = await run("hostname", target, name="renamed.example")
    assert done.changed
    assert done.keys["ansible_facts"]["ansible_hostname"] == "renamed"
    assert (host.root / "etc/hostname").read_text() == "renamed.example\n"
    assert host.run("hostname").stdout == "renamed.example\n"
    assert done.diffs[0].after == "hostname = renamed.example\n"
    assert not (await run("hostname", target, name="renamed.example")).changed
    target.exchanges = 0
    await run("hostname", target, name=host.name)
    assert target.exchanges == 1
