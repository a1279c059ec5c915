"""/host_add, /host_set and /host_remove on real files: in one line, and as a conversation that survives a restart."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest

from orchestrator.bot.letters import Letters
from orchestrator.bot.terminal import Terminal
from orchestrator.control import Actor, Face
from orchestrator.inventory import load
from orchestrator.store import Place
from orchestrator.store.dialogues import KEPT_S, Dialogues
from tests import sshd
from tests.bot.conftest import Node
from tests.bot.person import Person, Shown, until

WRITTEN = """\
# my fleet
all:
  vars: {{user: {user}}}  # everywhere
  children:
    web:
      hosts:
        web1: {{address: {address}, port: {port}}}
        web2: {{address: 10.0.0.2}}
    db:
      hosts:
        db1: {{address: 10.0.0.3}}
"""


@pytest.fixture
async def folder(node: Node, hosts: sshd.Fleet, tmp_path: Path) -> Path:
    """An inventory in a file, of which web1 answers; its key is trusted."""
    trusted = tmp_path / "keys" / "known_hosts"
    trusted.parent.mkdir(mode=0o700)
    shutil.copy(hosts.keys / "known_hosts", trusted)
    node.trust._path = trusted
    web1 = hosts.hosts()[0]
    node.folder.mkdir()
    text = WRITTEN.format(user=web1.user, address=web1.address, port=web1.port)
    (node.folder / "hosts.yml").write_text(text)
    await node.refresh()
    return node.folder


@pytest.fixture
def ann(node: Node, folder: Path) -> Person:  # noqa: ARG001 - the files come first
    return node.person()


def text_of(folder: Path) -> str:
    return (folder / "hosts.yml").read_text()


async def audited(node: Node) -> list[str]:
    """What the audit has of the inventory and of keys, oldest first."""
    rows = [row for row in await node.audit.latest(50) if row.kind == "intent"]
    return [row.summary for row in reversed(rows)]


async def talk(person: Person, text: str) -> Shown:
    """Write words that are no command; a conversation must take them."""
    assert await person.talk(text)
    return person.last


async def test_a_host_in_one_line(ann: Person, node: Node, folder: Path) -> None:
    shown = await ann.say("/host_add web9 10.0.0.9:2222 user=ops groups=web,new become=yes")
    assert shown.first_line == "✔ web9 is in the inventory"
    assert shown.labels == ["Trust key", "Bootstrap"]
    host = node.inventory.host("web9")
    assert (host.address, host.port, host.user, host.groups) == ("10.0.0.9", 2222, "ops", ("new", "web"))
    assert host.become is not None
    assert "# my fleet" in text_of(folder)
    assert "# everywhere" in text_of(folder)
    summary = "Add web9 to the inventory (address=10.0.0.9 port=2222 user=ops become=True groups=web,new)"
    assert await audited(node) == [summary]
    assert [path.name for path in (node.state / "inventory").glob("hosts.yml.*")], "the old version is kept"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("web1 10.0.0.9", "❔ web1 is in the inventory already"),
        ("web 10.0.0.9", "❔ web is in the inventory already"),
        ("Server 10.0.0.9", "❔ Server is in the inventory already"),
        ("$(reboot) 10.0.0.9", "❔ '$(reboot)' cannot be the name of a host"),
        ("<b>x</b> 10.0.0.9", "❔ '<b>x</b>' cannot be the name of a host"),
        ("web[1:9] 10.0.0.9", "❔ 'web[1:9]' cannot be the name of a host"),
        (f"{'a' * 65} 10.0.0.9", f"❔ '{'a' * 64}' cannot be the name of a host"),
        ("../../etc 10.0.0.9", "❔ '../../etc' cannot be the name of a host"),
        ("web9 'x y'", "❔ address 'x y' of web9 is not a host name or an IP address"),
        ("web9 10.0.0.9 port=70000", "❔ port 70000 of web9 is not a port: 1 to 65535"),
        ("web9 10.0.0.9 user=$(x)", "❔ user '$(x)' of web9 is not the name of a user"),
        ("web9 10.0.0.9 'user=x\n  y: z'", "❔ user 'x\\n  y: z' of web9 is not the name of a user"),
        ("web9 {{lookup('pipe','id')}}", "❔ "),
        ("web9 10.0.0.9 groups=-x", "❔ '-x' cannot be the name of a group"),
        ("web9 10.0.0.9 jump=web9", "⛔ hosts.yml"),
        ("web9 10.0.0.9 ansible_become_password=x", "⛔ a chat keeps what is written into it, so no passwords here"),
        ("web9 10.0.0.9 nonsense", "❔ 'nonsense' is not NAME=VALUE"),
        ("web9 'x", "❔ a quote is not closed"),
    ],
)
async def test_what_cannot_be_meant_changes_nothing(ann: Person, node: Node, folder: Path, line: str, why: str) -> None:
    before = text_of(folder)
    shown = await ann.say(f"/host_add {line}")
    assert shown.first_line.startswith(why)
    assert text_of(folder) == before
    assert await audited(node) == []


async def test_a_conversation_from_the_name_to_the_file(ann: Person, node: Node, folder: Path) -> None:
    question = await ann.say("/host_add")
    assert question.first_line == "➕ A new host: what shall it be called?"
    assert (await talk(ann, "web1")).first_line == "❔ web1 is in the inventory already"
    assert (await talk(ann, "web9")).first_line == "➕ New host web9"
    assert (await talk(ann, "not an address")).first_line.startswith("❔ address 'not an address' of web9 is not")
    form = await talk(ann, "10.0.0.9:2200")
    assert re.search(r"address +10\.0\.0\.9\nport +2200\nuser +\w+\ngroups +–\njump host +–", form.text)
    await ann.tap("Port")
    assert (await talk(ann, "x")).first_line == "❔ port 'x' of web9 is not a port"
    form = await talk(ann, "22")
    await ann.tap("Groups")
    assert form.labels == ["☐ web", "☐ db", "Done", "Cancel"]
    await ann.tap("web")
    assert form.labels == ["☑ web", "☐ db", "Done", "Cancel"]
    form = await talk(ann, "edge")
    assert form.labels == ["☑ web", "☐ db", "☑ edge", "Done", "Cancel"]
    await ann.tap("Done")
    await ann.tap("Jump")
    await ann.tap("web1")
    await ann.tap("User")
    form = await talk(ann, "ops")
    assert text_of(folder).count("web9") == 0, "nothing is written before the yes"
    await ann.tap("✔ Add it")
    assert form.first_line == "✔ web9 is in the inventory"
    host = load(folder).host("web9")
    assert (host.address, host.port, host.user, host.jump and host.jump.name) == ("10.0.0.9", 22, "ops", "web1")
    assert set(host.groups) == {"web", "edge"}
    assert len(await audited(node)) == 1
    assert not await ann.talk("more"), "the conversation is over"


async def test_a_restart_in_the_middle(ann: Person, node: Node, folder: Path) -> None:
    await ann.say("/host_add web9")
    node.restart()
    again = node.person()
    form = await talk(again, "10.0.0.9")
    node.restart()
    again.router = node.router
    await again.tap("Add it", on=form)
    assert "web9" in load(folder).hosts


async def test_buttons_of_a_question_that_is_over(ann: Person, node: Node, folder: Path) -> None:
    await ann.say("/host_add web9")
    first = await talk(ann, "10.0.0.9")
    second = await talk(ann, "port=2222")
    await ann.tap("Add it", on=first)
    assert ann.last.first_line == "❔ this question is over"
    assert "web9" not in load(folder).hosts
    await ann.tap("Add it", on=second)
    assert load(folder).host("web9").port == 2222
    assert await ann.tap("Cancel", on=first) == "This was already answered."
    assert len(await audited(node)) == 1


async def test_nobody_else_goes_on_with_it(ann: Person, node: Node, folder: Path) -> None:
    await ann.say("/host_add web9")
    form = await talk(ann, "10.0.0.9")
    mei = node.person(1002)
    assert not await mei.talk("10.6.6.6")
    button = next(id_ for button, id_ in form.buttons if "Add it" in button.label)
    assert await mei.press(button) == "Only the person who asked may press this."
    assert "web9" not in load(folder).hosts


async def test_cancelled_expired_and_begun_anew(ann: Person, node: Node, folder: Path) -> None:
    await ann.say("/host_add web8")
    await ann.say("/host_add web9")
    form = await talk(ann, "10.0.0.9")
    await ann.tap("Cancel", on=form)
    assert form.first_line == "⏹ No host was added."
    await ann.say("/host_add web9")
    await node.database.write(lambda tx: tx.execute("UPDATE dialogues SET at = at - ?", (KEPT_S,)))
    assert not await ann.talk("10.0.0.9")
    assert await Dialogues(node.database).get(Place(ann.actor.id, ann.number)) is None
    assert "web9" not in load(folder).hosts


async def test_a_form_for_a_host_that_somebody_else_added_meanwhile(ann: Person, node: Node, folder: Path) -> None:
    await ann.say("/host_add web9")
    form = await talk(ann, "10.0.0.9")
    await node.person(1002).say("/host_add web9 10.0.0.8")
    await ann.tap("Add it", on=form)
    assert ann.last.first_line == "❔ web9 is in the inventory already"
    assert load(folder).host("web9").address == "10.0.0.8"


async def test_a_host_is_changed(ann: Person, node: Node, folder: Path) -> None:
    shown = await ann.say("/host_set web2 port=2222 user=ops")
    assert shown.first_line == "✔ web2 was changed"
    assert "+        web2: {address: 10.0.0.2, port: 2222, user: ops}" in shown.text
    assert (await ann.say("/host_set web2 port=2222")).first_line == "✔ web2 is so already"
    assert (await ann.say("/host_set web7 port=22")).first_line == "❔ web7 is not in the inventory"
    assert (await ann.say("/host_set web2 groups=db")).first_line == "❔ groups are changed in the file"
    await ann.say("/host_set web2 user=")
    assert "web2: {address: 10.0.0.2, port: 2222}" in text_of(folder)
    await ann.say("/host_set")
    await ann.tap("db1")
    form = ann.last
    assert form.labels == ["Address", "Port", "User", "Jump host", "Cancel"]
    await ann.tap("Address")
    form = await talk(ann, "db.example.org")
    await ann.tap("Save")
    assert load(folder).host("db1").address == "db.example.org"
    assert (await audited(node))[-1] == "Set db1 in the inventory (address=db.example.org)"


async def test_removal_asks_and_says_what_is_lost(ann: Person, node: Node, folder: Path) -> None:
    node.pool.keep([node.inventory.host("web1")])
    await until(lambda: node.pool.state(node.inventory.host("web1")).phase == "up")
    await ann.say("/host_remove")
    await ann.tap("web1")
    question = ann.last
    assert question.text.splitlines()[:4] == [
        "➖ Remove web1 from the inventory?",
        "· It leaves web.",
        "· Its connection is closed when its work is done.",
        "· 1 pinned host key is forgotten.",
    ]
    assert "web1" in load(folder).hosts
    host = node.inventory.host("web1")
    await ann.tap("Remove it")
    assert question.text == "✔ web1 was removed from the inventory\n1 pinned key was forgotten."
    assert "web1" not in load(folder).hosts
    assert not node.trust.lookup(host)
    assert [line.partition(" ")[0] for line in await audited(node)] == ["Remove", "Forget"]
    await ann.say("/host_remove web2")
    await ann.tap("Keep")
    assert "web2" in load(folder).hosts


async def test_a_key_is_shown_compared_and_trusted(ann: Person, node: Node, hosts: sshd.Fleet) -> None:
    there = hosts.hosts()[1]
    node.trust.forget(there)
    shown = await ann.say(f"/host_add new {there.address}:{there.port} groups=web")
    assert "🔑 Its host key is not known yet, so nothing is sent to it." in shown.text
    await ann.tap("Trust key", on=shown)
    question = ann.last
    key = await node.pool.scan(node.inventory.host("new"))
    assert question.first_line == "🔑 new shows this host key"
    assert key.fingerprint in question.text
    mei = node.person(1002)
    button = next(id_ for button, id_ in question.buttons if "trust it" in button.label)
    assert await mei.press(button) == "Only the person who asked may press this."
    await ann.tap("trust it")
    assert question.first_line == "✔ new: its key is trusted"
    assert node.trust.lookup(node.inventory.host("new")).keys == (key,)
    assert (await audited(node))[-1] == f"Trust host key {key.fingerprint} of new"


async def test_a_key_is_trusted_for_the_address_that_was_shown(ann: Person, node: Node, hosts: sshd.Fleet) -> None:
    there = hosts.hosts()[1]
    node.trust.forget(there)
    shown = await ann.say(f"/host_add new {there.address}:{there.port}")
    await ann.tap("Trust key", on=shown)
    await node.person(1002).say("/host_set new address=10.6.6.6")
    await ann.tap("trust it")
    assert ann.last.first_line == "⛔ new: its address was changed after the key was shown"
    assert not node.trust.lookup(node.inventory.host("new"))


async def test_a_changed_key_is_not_offered(ann: Person, node: Node, hosts: sshd.Fleet) -> None:
    one, other, *_ = hosts.hosts()
    key = await node.pool.scan(one)
    node.trust.forget(other)
    shown = await ann.say(f"/host_add new {other.address}:{other.port}")
    node.trust.pin(other, key)
    await ann.tap("Trust key", on=shown)
    assert ann.last.first_line == "⛔ new: the host key has changed"


async def test_in_chinese(node: Node, folder: Path) -> None:
    mei = node.person(1002, "zh_TW")
    await mei.say("/host_add")
    await talk(mei, "web9")
    await talk(mei, "10.0.0.9")
    for field in ("連接埠", "使用者", "群組", "跳板主機"):
        await mei.tap(field)
        assert re.search("[\u4e00-\u9fff]", mei.last.first_line)
        await mei.tap("完成" if field == "群組" else "返回")
    await mei.tap("✔")
    await mei.say("/host_add web1 x")
    assert mei.last.first_line == "❔ web1 已在主機清單中"
    await mei.say("/host_set web9 port=x")
    assert mei.last.first_line == "❔ web9 的 port 'x' 不是連接埠"
    await mei.say("/host_remove web9")
    await mei.tap("移除")
    assert "web9" not in load(folder).hosts


async def test_on_the_terminal_a_number_without_a_button_is_an_answer(node: Node, folder: Path, tmp_path: Path) -> None:
    out, actor = io.StringIO(), Actor("local:tester", "tester", Face.TERMINAL)
    terminal = Terminal(
        router=node.router,
        runs=node.runs,
        buttons=node.buttons,
        languages=node.languages,
        catalogues=node.catalogues,
        outbox=node.outbox,
        letters=Letters({}, {}),
        inventory=lambda: node.inventory,
        actor=actor,
        state=tmp_path,
    )
    assert await terminal.script(["/host_add", "web9", "10.0.0.9", "6", "2200", "hello?", "21"], out) == 0
    said = out.getvalue()
    assert "[5] Address" in said
    assert "[6] Port" in said
    assert "❔ tap a button, or write it like port=2222" in said
    assert "[21] ✔ Add it" in said
    assert said.rstrip().endswith("[23] Trust key  [24] Bootstrap")
    host = load(folder).host("web9")
    assert (host.address, host.port) == ("10.0.0.9", 2200)
