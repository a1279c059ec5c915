"""/op_port and /op_stop against real listeners: shown, asked about, closed, looked at again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from orchestrator.bot.language import Catalogues
from orchestrator.bot.render.markup import Html, shown
from orchestrator.bot.render.ports import ports_of_many
from orchestrator.fleet import Fleet, Ownership, Port, PortsAnswer
from orchestrator.ssh.result import Status
from tests.bot.conftest import OWN_PORT, Node, inventory_of
from tests.bot.person import Person, Shown, until
from tests.fleet.processes import ShellRun

PROGRAM = """
import signal, socket, sys
kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
sockets = []
for word in sys.argv[1:]:
    if word == "ignore-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        continue
    protocol, port = word.split(":")
    one = socket.socket(type=kind[protocol])
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", int(port)))
    if protocol == "tcp":
        one.listen()
    sockets.append(one)
print("ready", flush=True)
while True:
    signal.pause()
"""


@dataclass
class Listener:
    process: subprocess.Popen[bytes]
    port: int

    def alive(self) -> bool:
        return self.process.poll() is None


def free_port() -> int:
    """Below those that the system gives out, so that it stays on the first page, whoever comes and goes beside us."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(10000, 30000)))
            return int(probe.getsockname()[1])


def listen(*protocols: str, port: int | None = None, ignore_term: bool = False) -> Listener:
    port = port or free_port()
    words = [f"{protocol}:{port}" for protocol in protocols] + ["ignore-term"] * ignore_term
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return Listener(process, port)


def end(listener: Listener) -> None:
    listener.process.kill()
    listener.process.wait()
    assert listener.process.stdout is not None
    listener.process.stdout.close()


async def page_with(person: Person, answer: Shown, wanted: str) -> str:
    """Turn the pages (the machine may have many ports) until `wanted` is shown; returns its line."""
    while wanted not in answer.text:
        await person.tap("▸", on=answer)
    return next(row for row in answer.text.splitlines() if wanted in row)


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = listen("tcp")
    yield one
    end(one)


async def test_ports_with_owners_and_close_buttons(node: Node, listener: Listener) -> None:
    person = node.person()
    answer = await person.say("/op_port web1")
    assert re.fullmatch(r"🔌 web1 · \d+ listening", answer.first_line)
    row = await page_with(person, answer, f" {listener.port} lo")
    assert re.match(rf"tcp +{listener.port} lo +python", row)
    assert f"pid {listener.process.pid}" in answer.text
    assert f"✖ {listener.port}" in answer.labels
    assert f"✖ {node.inventory.hosts['web1'].port}" not in answer.labels  # the way in
    states = len(answer.states)
    await person.tap("↻")
    assert person.last is answer
    assert len(answer.states) == states + 1
    assert f" {listener.port} lo" in answer.text


async def test_udp_and_both(node: Node) -> None:
    both = listen("tcp", "udp")
    try:
        person = node.person()
        answer = await person.say("/op_port web1")
        for protocol in ("tcp", "udp"):
            await page_with(person, answer, f"{protocol} {both.port} lo")
            assert f"✖ {protocol} {both.port}" in answer.labels
        which = await person.say(f"/op_stop web1 {both.port}")
        assert which.text == "✖ Which one on web1?"
        assert which.labels == [f"tcp {both.port}", f"udp {both.port}"]
        await person.tap("udp", on=which)
        assert person.last.first_line == f"✖ Close udp {both.port} on web1?"
        assert person.last.text == (await person.say(f"/op_stop web1 {both.port}/udp")).text
    finally:
        end(both)


async def test_close_asks_names_and_closes(node: Node, listener: Listener) -> None:
    person = node.person()
    with socket.create_connection(("127.0.0.1", listener.port)):
        question = await person.say(f"/op_stop web1 {listener.port}")
        assert question.first_line == f"✖ Close tcp {listener.port} on web1?"
        assert f"pid {listener.process.pid}, " in question.text
        assert re.search(r"since \d\d:\d\d:\d\d \+08", question.text)
        assert "1 open connection." in question.text
    assert question.labels == ["Close it", "Keep"]
    assert all(button.personal and button.once and button.lifetime == 120 for button, _ in question.buttons)
    assert listener.alive()
    close = question.buttons[0][1]
    assert await node.person(1002).press(close) == "Only the person who asked may press this."
    assert listener.alive()

    await person.tap("Close it")
    assert person.last is question
    assert re.fullmatch(rf"✔ tcp {listener.port} on web1 is free \(TERM, \d\.\d s\)", question.text)
    assert not listener.alive()
    assert await person.press(close) == "This was already answered."
    result, intent = await node.audit.latest(2)
    assert intent.summary == f"Close tcp {listener.port} on web1"
    assert result.outcome["state"] == "closed"


async def test_keep(node: Node, listener: Listener) -> None:
    person = node.person()
    question = await person.say(f"/op_stop web1 {listener.port}")
    await person.tap("Keep")
    assert question.text == f"⏹ tcp {listener.port} on web1 stays open."
    assert listener.alive()


async def test_close_from_the_list(node: Node, listener: Listener) -> None:
    person = node.person()
    ports = await person.say("/op_port web1")
    await page_with(person, ports, f" {listener.port} lo")
    await person.tap(f"✖ {listener.port}")
    assert person.last is not ports
    await person.tap("Close it")
    assert person.last.first_line.startswith(f"✔ tcp {listener.port} on web1 is free")


async def test_another_owner_since_the_question_is_left_alone(node: Node, listener: Listener) -> None:
    person = node.person()
    question = await person.say(f"/op_stop web1 {listener.port}")
    end(listener)
    other = listen("tcp", port=listener.port)
    try:
        await person.tap("Close it")
        assert question.first_line == f"⚠ tcp {listener.port} on web1 has a new owner; nothing was ended"
        assert "what held the port is no longer what was shown" in question.text
        assert other.alive()
        assert question.labels == ["Look again"]
        await person.tap("Look again")
        assert f"pid {other.process.pid}" in person.last.text
    finally:
        end(other)


async def test_shutdown_in_the_middle_says_so(node: Node) -> None:
    stubborn = listen("tcp", ignore_term=True)
    try:
        person = node.person()
        question = await person.say(f"/op_stop web1 {stubborn.port}")
        task = asyncio.create_task(person.tap("Close it"))
        await person.sees(lambda shown: shown.first_line.startswith("▶ Closing"))
        task.cancel()
        await asyncio.wait({task}, timeout=20)
        assert question.first_line == f"❓ tcp {stubborn.port} on web1: the outcome is unknown"
        assert (await node.audit.latest(1))[0].outcome["status"] == "cancelled"
    finally:
        end(stubborn)


async def test_process_that_ignores_term_is_killed_and_that_is_said(node: Node) -> None:
    stubborn = listen("tcp", ignore_term=True)
    try:
        person = node.person()
        await person.say(f"/op_stop web1 {stubborn.port}")
        await person.tap("Close it")
        assert re.search(r"is free \(KILL, \d\.\d s\)", person.last.first_line)
        assert "it ignored TERM" in person.last.text
    finally:
        end(stubborn)


async def test_gone_since_the_question(node: Node, listener: Listener) -> None:
    person = node.person()
    question = await person.say(f"/op_stop web1 {listener.port}")
    end(listener)
    await person.tap("Close it")
    assert "the port is free already" in question.text
    assert not question.first_line.startswith("✔")


async def test_host_that_left_since_the_question(node: Node, listener: Listener) -> None:
    person = node.person()
    await person.say(f"/op_stop web1 {listener.port}")
    node.inventory = inventory_of([node.inventory.hosts["web2"]])
    await person.tap("Close it")
    assert person.last.first_line == "❔ web1 is not in the inventory"
    assert listener.alive()


async def test_our_own_sshd_is_protected(node: Node) -> None:
    host = node.inventory.hosts["web1"]
    answer = await node.person().say(f"/op_stop web1 {host.port}")
    assert answer.first_line == f"⛔ Port {host.port} of web1 cannot be closed"
    assert re.search("it (serves the connection that )?carries this request", answer.text)
    assert answer.labels == []


async def test_our_own_ports_are_protected_on_the_server(node: Node) -> None:
    ours = listen("tcp", port=OWN_PORT)
    try:
        answer = await node.person().say(f"/op_stop Server {OWN_PORT}")
        assert "it holds a port of the orchestrator" in answer.text
        assert ours.alive()
    finally:
        end(ours)


async def test_a_process_of_the_server_itself(node: Node, listener: Listener) -> None:
    person = node.person()
    await person.say(f"/op_stop Server {listener.port}")
    await person.tap("Close it")
    assert person.last.first_line.startswith("✔")
    await until(lambda: not listener.alive())


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/op_port", "Which host?"),
        ("/op_stop", "Which host?"),
        ("/op_port db1", "⛔ db1 · unreachable\nconnection refused"),
        ("/op_port wbe1", "Did you mean web1"),
        ("/op_stop db1 80", "⛔ db1 · unreachable\nconnection refused"),
        ("/op_stop web1 0", "'0' is not a port\nGive a number from 1 to 65535, or 53/udp"),
        ("/op_stop web1 80 extra", "'80 extra' is not a port"),
        ("/op_stop web1 65536", "is not a port"),
        ("/op_stop web1 http", "is not a port"),
        ("/op_stop web* 80", "web* means 3 hosts\nA port is closed on one host at a time."),
        ("/op_stop web1 1", "❔ Nothing listens on port 1 of web1."),
    ],
)
async def test_what_cannot_be_done_is_said(node: Node, text: str, wanted: str) -> None:
    assert wanted in (await node.person().say(text)).text


async def test_picking_a_host(node: Node) -> None:
    person = node.person()
    question = await person.say("/op_port")
    assert question.labels == ["Server", "web1", "web2", "web3", "db1"]
    await person.tap("web2")
    assert question.first_line.startswith("🔌 web2 · ")


async def test_stop_without_a_port_shows_the_ports(node: Node) -> None:
    assert (await node.person().say("/op_stop web1")).first_line.startswith("🔌 web1 · ")


async def test_several_hosts(node: Node) -> None:
    person = node.person()
    answer = await person.say("/op_port all")
    assert answer.first_line == "🔌 Ports of 4 hosts"
    assert "⛔ db1 · unreachable (connection refused)" in answer.text
    assert [label for label in answer.labels if label.startswith("web")] == ["web1", "web2", "web3"]


async def test_hosts_with_too_many_ports_for_one_message_are_a_line_each() -> None:
    """... and who did not answer still says why."""
    many = tuple(Port("tcp", "127.0.0.1", number, 1, "root", Ownership.NONE) for number in range(1000, 1300))
    web, db = PortsAnswer("web1", Status.OK, many), PortsAnswer("db1", Status.UNREACHABLE, detail="connection refused")
    message = ports_of_many([web, db], 0, Catalogues().locale("en"))
    assert shown(Html(message.html)).splitlines()[1:] == [
        "⛔ db1 · unreachable (connection refused)",
        "web1 · 300 listening",
    ]
    assert message.document is not None
    assert b"1299" in message.document.content


async def test_many_ports_are_paged(node: Node) -> None:
    listeners = [listen("tcp") for _ in range(20)]
    try:
        person = node.person()
        answer = await person.say("/op_port web1")
        assert answer.text.count("\ntcp") <= 16
        await person.tap("2/")
        assert person.last is answer
        assert any(label.startswith("◂ 1/") for label in answer.labels)
    finally:
        for one in listeners:
            end(one)


async def test_in_chinese(node: Node, listener: Listener) -> None:
    person = node.person(language="zh_TW")
    await person.say(f"/op_stop web1 {listener.port}")
    assert person.last.first_line == f"✖ 要關閉 web1 的 tcp {listener.port} 嗎？"
    await asyncio.gather(person.tap("關閉"), person.tap("關閉"))
    assert person.last.first_line.startswith(f"✔ web1 的 tcp {listener.port} 已關閉")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
async def test_hidden_owner_is_said_and_not_guessed(node: Node, listener: Listener) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    node.fleet = Fleet(ShellRun(prefix=nobody))
    node.restart()
    person = node.person()
    answer = await person.say("/op_port web1")
    assert "hidden  root" in await page_with(person, answer, f" {listener.port} lo")
    assert "hidden from us: it takes root." in answer.text
    refused = await person.say(f"/op_stop web1 {listener.port}")
    assert refused.first_line == f"⛔ Port {listener.port} of web1 cannot be closed"
    assert "Its owner is hidden from us: it takes root on the host." in refused.text
    assert refused.labels == []
    assert listener.alive()
