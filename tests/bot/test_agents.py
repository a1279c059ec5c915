"""/agents: all hosts at once, then their numbers; pages; problems."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from orchestrator.bot.commands.agents import Agents
from orchestrator.bot.conversation import Request
from orchestrator.fleet import Fleet
from orchestrator.inventory import Host
from orchestrator.monitor.query import Metrics
from orchestrator.readings import Readings
from orchestrator.ssh import Command, Result
from tests import sshd
from tests.bot.conftest import Node, inventory_of
from tests.monitor.endpoint import node_exporter
from tests.monitor.prometheus import LOOPBACK, answers, prometheus, static

ALIVE = ("🟢", "🟡")  # a machine that tests may itself be short of something


def alive(text: str) -> int:
    return sum(text.count(mark) for mark in ALIVE)


async def test_every_host_with_its_numbers(node: Node) -> None:
    person = node.person()
    answer = await person.say("/agents")
    rows = answer.text.splitlines()
    assert rows[0].startswith("🖥 5 hosts · ")
    assert " · 1 down" in rows[0]
    assert rows[1].split() == ["cpu", "mem", "disk", "since"]
    assert [row.split()[1] for row in rows[2:7]] == ["Server", "web1", "web2", "web3", "db1"]
    assert all(row.startswith(ALIVE) and row.count("%") == 3 for row in rows[2:6])
    assert rows[6].startswith("🔴 db1")
    assert "connection refused" in " ".join(rows[6:8])
    assert rows[-1].startswith("as of ")
    assert rows[-1].endswith("+08")
    assert answer.labels == ["↻", "Problems only", "Card"]


async def test_known_states_come_first(node: Node) -> None:
    answer = await node.person().say("/agents")
    first = answer.states[0].html
    assert "5 hosts" in first
    assert "asking …" in first
    assert first.count("⚪") == 5  # nobody has answered yet


async def test_what_prometheus_knows_is_not_asked_again(node: Node, tmp_path: Path) -> None:
    asked: list[str] = []

    async def run(host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:
        asked.append(host.name)
        return await node.pool.run(host, command, stop=stop)

    with node_exporter(LOOPBACK) as port:
        (tmp_path / "prometheus").mkdir()
        (tmp_path / "prometheus" / "prometheus.yml").write_text(
            static({"web1": port, "web2": sshd.free_port(LOOPBACK)})
        )
        async with prometheus(tmp_path) as (_, client):
            await answers(client, 'rate(node_cpu_seconds_total{host="web1"}[2m])')
            await answers(client, 'up{host="web2"} == 0')
            node.metrics, node.fleet = Metrics(client), Fleet(run)
            node.restart()
            first = await node.person().say("/agents")
            assert {"web1", "web2", "web3", "db1"} <= set(asked), "nobody is connected yet"
            asked.clear()
            second = await node.person(1002).say("/agents")
            assert sorted(asked) == ["Server", "db1", "web2", "web3"]
    for answer in (first, second):
        assert [row.split()[1] for row in answer.text.splitlines()[2:7]] == ["Server", "web1", "web2", "web3", "db1"]
        assert alive(answer.text) == 4
    web1 = second.text.splitlines()[3]
    assert web1.count("%") >= 2


async def test_problems_only_and_refresh_stay_in_place(node: Node) -> None:
    person = node.person()
    answer = await person.say("/agents")
    asked = len(await node.audit.latest(100))
    await person.tap("Problems only")
    assert person.last is answer
    assert "🟢" not in answer.text
    assert "🔴 db1" in answer.text
    assert answer.labels == ["↻", "All hosts", "Card"]
    assert len(await node.audit.latest(100)) == asked  # nobody was asked again
    await person.tap("↻")
    assert person.last is answer
    assert answer.labels == ["↻", "All hosts", "Card"]
    assert len(await node.audit.latest(100)) == asked + 2
    await person.tap("All hosts")
    assert answer.text.count("%") == 12


async def test_more_than_twenty_hosts_are_paged(node: Node) -> None:
    host = node.inventory.hosts["web1"]
    node.inventory = inventory_of([replace(host, name=f"web{number}") for number in range(1, 22)])
    person = node.person()
    answer = await person.say("/agents")
    assert answer.first_line.startswith("🖥 22 hosts · ")
    assert alive(answer.text) == 20
    assert answer.labels == ["↻", "Problems only", "2/2 ▸", "Card"]
    await person.tap("2/2")
    assert answer.labels == ["↻", "Problems only", "◂ 1/2", "Card"]
    assert alive(answer.text) == 2
    assert " web21 " in answer.text


async def test_slow_host_does_not_hold_up_the_list(node: Node, tarpit: Host) -> None:
    """The connect bound is 2 s here; the list must not wait longer than its own bound for it."""
    node.inventory = inventory_of([node.inventory.hosts["web1"], tarpit])
    agents = Agents(
        lambda: node.inventory,
        node.pool.state,
        node.fleet,
        node.door,
        node.catalogues,
        readings=Readings(node.metrics, node.fleet, node.pool.state),
        retry=node.pool.retry,
        wait=1.0,
    )
    person = node.person()
    began = time.monotonic()
    await agents.agents(Request(person.actor, person.chat, "en", "agents"))
    assert time.monotonic() - began < 15
    assert alive(person.last.text) == 2
    assert "🔴 slow" in person.last.text
    assert "no answer within 1 s" in person.last.text


async def test_two_people_at_once(node: Node) -> None:
    ann, mei = node.person(1001), node.person(1002, "zh_TW")
    await asyncio.gather(ann.say("/agents"), mei.say("/agents"))
    assert "🖥 5 hosts · " in ann.last.text
    assert "🖥 5 台主機 · " in mei.last.text
    assert "1 斷線" in mei.last.first_line


async def test_empty_inventory_still_has_the_server(node: Node) -> None:
    node.inventory = inventory_of([])
    person = node.person()
    assert (await person.say("/agents")).first_line.startswith("🖥 1 host · ")
    assert "the inventory has no hosts yet" in (await person.say("/broadcast id")).text
    assert "There are no hosts yet." in (await person.say("/start")).text


async def test_a_refused_host_is_tried_again_when_a_person_says_so(node: Node, tmp_path: Path) -> None:
    with sshd.fleet(tmp_path / "refusing") as servers:
        server, accepted = servers.add(), servers.keys / "authorized_keys"
        refused = replace(server.host("web9", key=servers.keys / "id_ed25519"), fingerprint=server.fingerprint)
        node.inventory = inventory_of([refused])
        accepted.rename(servers.keys / "away")
        person = node.person()
        answer = await person.say("/agents")
        assert "🔴 web9" in answer.text
        assert "Try 1 refused host again" in answer.labels
        (servers.keys / "away").rename(accepted)
        assert "🔴 web9" in (await person.say("/agents")).text, "nothing tries again by itself"
        answer = person.last
        await person.tap("Try 1 refused host again")
        assert "🔴" not in answer.text
        assert "Try 1 refused host again" not in answer.labels
        assert server.log.count("Failed publickey") <= 1
