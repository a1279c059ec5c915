"""/top, /who, /kick and /block on booted hosts, with somebody who logs in from elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator.fleet import Fleet
from orchestrator.inventory.model import Host
from orchestrator.ssh import Keys, Pool, Trust
from tests.bot.conftest import Node, inventory_of
from tests.bot.person import Person
from tests.fleet.test_people_lab import Visited
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

STRANGER = "203.0.113.9"


@pytest.fixture
def visited(lab: Lab) -> Iterator[Visited]:
    host = Visited(lab, 0)
    yield host
    host.machine.run("nft flush ruleset")


@pytest.fixture
async def person(node: Node, lab: Lab, tmp_path: Path) -> AsyncIterator[Person]:
    """Somebody who operates the hosts of the lab, called web1, web2, web3."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(lab.known_hosts())
    known_hosts.chmod(0o600)
    hosts = [Host(machine.name, machine.address, user="root", key=str(lab.key)) for machine in lab.hosts]
    async with Pool(trust=Trust(known_hosts), keys=Keys(tmp_path)) as pool:
        node.inventory, node.pool, node.fleet = inventory_of(hosts), pool, Fleet(pool.run)
        node.restart()
        yield node.person()


async def test_the_busiest_processes(person: Person, visited: Visited) -> None:
    with visited.visit("echo ready; while :; do :; done") as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "ready\n"
        answer = await person.say("/top web1")
        assert re.fullmatch(r"⚙ web1 · (ba)?sh \d+%", answer.first_line)
        assert all(len(row) <= 38 for row in answer.text.splitlines())
        assert answer.labels == ["↻", "By memory", "Who is on"]
        await person.tap("By memory")
        assert person.last is answer
        assert re.fullmatch(r"⚙ web1 · \S+ \d+M", answer.first_line)
        assert answer.labels == ["↻", "By CPU", "Who is on"]
        fleet = await person.say("/top web*")
        assert re.fullmatch(r"⚙ web\[1-3\] · (ba)?sh \d+% \(web1\)", fleet.first_line)


async def test_a_session_is_ended_after_a_question(person: Person, visited: Visited, node: Node) -> None:
    with visited.visit("-tt", "sleep 611") as client:
        (session,) = await visited.seen(lambda found: len(found) == 1 and bool(found[0].runs))
        answer = await person.say("/who web1")
        assert answer.first_line == "👤 web1 · 1 session"
        assert f"{session.id}  ops  {visited.visitor}" in answer.text
        assert "(ours)" in answer.text
        assert answer.labels == [f"✖ {session.id} ops", "↻"]
        await person.tap("✖", on=answer)
        question = person.last
        assert question is not answer
        assert question.first_line == f"✖ End session {session.id} of ops on web1?"
        assert "sleep 611" in question.text
        assert all(button.personal and button.once for button, _ in question.buttons)
        await person.tap("Keep")
        assert question.text == f"⏹ Session {session.id} on web1 goes on."
        assert client.poll() is None

        await person.say(f"/kick web1 {session.terminal}")
        await person.tap("End it")
        assert person.last.first_line == f"✔ Session {session.id} on web1 is ended"
        assert client.wait(10) != 0
        results = [entry for entry in await node.audit.latest(6) if entry.outcome.get("state")]
        assert results[0].summary == f"End session {session.id} of ops on web1"
        await person.tap("✖", on=answer)
        assert person.last.first_line == f"✔ Session {session.id} on web1 had ended already"
    nobody = await person.say(f"/kick web1 {session.id}")
    assert nobody.first_line == f"❔ web1: there is no session {session.id}"


async def test_our_own_session_is_not_offered(person: Person) -> None:
    answer = await person.say("/who web2")
    assert answer.first_line == "👤 web2 · nobody but us"
    assert answer.labels == ["↻"]
    own = re.search(r"^(p?\w+)  root  \(ours\)", answer.text, re.MULTILINE)
    assert own is not None
    refused = await person.say(f"/kick web2 {own[1]}")
    assert refused.first_line == f"⛔ Session {own[1]} on web2 is not ended"
    assert "it carries this request" in refused.text
    assert refused.labels == []


async def test_an_address_is_blocked_after_a_question_and_let_in_again(
    person: Person, visited: Visited, node: Node
) -> None:
    question = await person.say(f"/block web1 {visited.visitor}")
    assert question.first_line == f"⛔ Block {visited.visitor} on web1?"
    assert f"⚠ {visited.visitor} is a private address: it may be of your own network." in question.text
    assert question.labels == ["1 h", "24 h", "For good", "Leave it"]
    assert visited.lets_in()
    await person.tap("1 h")
    assert question.first_line == f"✔ {visited.visitor} is blocked on web1"
    assert not visited.lets_in(1)
    result, intent = await node.audit.latest(2)
    assert intent.summary == f"Block {visited.visitor} on web1 for 3600 s"
    assert result.outcome["hosts"]["web1"]["status"] == "done"

    blocked = await person.say("/block web1")
    assert blocked.first_line == "⛔ web1 · 1 address blocked"
    assert blocked.labels == [f"Unblock {visited.visitor}", "↻"]
    await person.tap("Unblock", on=blocked)
    assert person.last.first_line == f"✔ {visited.visitor} is not blocked any more on web1"
    assert visited.lets_in()
    absent = await person.say(f"/unblock web1 {visited.visitor}")
    assert absent.first_line == f"❔ {visited.visitor} is not blocked on web1"


async def test_on_many_hosts_one_that_refuses_is_named(person: Person, lab: Lab) -> None:
    own = lab.hosts[2].address
    question = await person.say(f"/block web* {own} 10m")
    assert "Those are 3 hosts." in question.text
    assert question.labels == ["Block it", "Leave it"]
    await person.tap("Block it")
    assert question.first_line == f"⚠ {own} is blocked on web[1-2]"
    assert "⛔ web3 · refused: it is an address of the host itself" in question.text
    await person.tap("Unblock")
    assert person.last.first_line == f"✔ {own} is not blocked any more on web[1-2]"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/top", "Which host?"),
        ("/who", "Which host?"),
        ("/block", "Which host?"),
        ("/kick", "<agent> <session>"),
        ("/block web1 localhost", "❔ 'localhost' is not an address"),
        ("/block web1 0.0.0.0/0", "0.0.0.0/0 is too much"),
        ("/block web1 203.0.113.9 ever", "❔ 'ever' is not a length of time"),
        ("/block web1 203.0.113.9 1h now", "❔ that is too much"),
        ("/kick web* 1", "A session is ended on one host at a time."),
        ("/unblock web1 127.0.0.1", "127.0.0.1 is no address that others send from"),
    ],
)
async def test_what_cannot_be_done_is_said(node: Node, text: str, wanted: str) -> None:
    assert wanted in (await node.person().say(text)).text


async def test_we_are_not_locked_out(person: Person, visited: Visited) -> None:
    question = await person.say(f"/block web1 ::ffff:{visited.us} permanent")
    await person.tap("Block it")
    assert question.first_line == f"✖ {visited.us} was not blocked on web1"
    assert "it is the address that this request comes from" in question.text


async def test_in_chinese(node: Node) -> None:
    person = node.person(language="zh_TW")
    question = await person.say(f"/block web1 {STRANGER} 24h")
    assert question.first_line == f"⛔ 要在 web1 封鎖 {STRANGER} 嗎？"
    await person.tap("不封鎖")
    assert question.text == f"⏹ web1 未封鎖 {STRANGER}。"
