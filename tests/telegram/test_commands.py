"""Every command of the chat, end to end: a message over HTTP, the whole program, real sshd hosts, and back."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator.store import AuditLog, Database
from tests import sshd
from tests.telegram.emulator import ANN, EVE, MEI, Shown, Telegram, User
from tests.telegram.served import Served, make_home, served

BOTH = pytest.mark.parametrize("user", [ANN, MEI], ids=["en", "zh"])
CHINESE = re.compile(r"[\u4e00-\u9fff]")
GROUP = -1001234


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    """Two hosts that answer."""
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 2) as hosts:
        yield hosts


@pytest.fixture
async def program(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> AsyncIterator[Served]:
    """The program, serving."""
    async with served(tg, make_home(tmp_path, fleet)) as running:
        yield running


@pytest.fixture
def listener() -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Something that listens on a port of this machine: the port, and its process."""
    program = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={}, bind='127.0.0.1')"
    port = sshd.free_port("127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-c", program.format(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)
    yield port, process
    process.kill()
    process.wait()


def in_language(text: str, user: User) -> bool:
    """True if the words of a message are in the language of `user`."""
    return bool(CHINESE.search(text)) == (user is MEI)


def finished(item: Shown) -> bool:
    """True for the message of a command that has ended."""
    return not item.text.startswith("▶") and bool(item.labels)


@BOTH
@pytest.mark.usefixtures("program")
async def test_getting_to_know_each_other(tg: Telegram, user: User) -> None:
    await tg.say(user, "/start")
    greeting = await tg.expect(lambda item: bool(item.keyboard), within=20)
    assert "web[1-2]" in greeting.text
    assert "3" in greeting.text
    assert in_language(greeting.text, user)
    assert in_language(" ".join(label for row in greeting.keyboard for label in row), user)
    await tg.say(user, "/help")
    help_text = await tg.expect(lambda item: "/op_stop" in item.text)
    for name in ("start", "help", "id", "status", "language", "agents", "op_exec", "broadcast", "op_port"):
        assert f"/{name}" in help_text.text
    assert in_language(help_text.text, user)
    await tg.say(user, "/id")
    assert str(user.id) in (await tg.expect(lambda item: "ALLOWED_USERS" in item.text)).text
    await tg.say(user, "/more_info_GitHub")
    await tg.expect(lambda item: "https://github.com/cyleafish/See_Servers_Health_plus" in item.text)
    before = (await tg.expect(lambda _: True)).message_id
    await tg.say(user, "/status")
    status = await tg.expect(lambda item: "Telegram" in item.text, after=before)
    assert in_language(status.text, user)
    # Every key of the keyboard is a command.
    for label in (label for row in greeting.keyboard for label in row):
        last = (await tg.expect(lambda _: True)).message_id
        await tg.say(user, label)
        answer = await tg.expect(lambda _: True, after=last, within=20)
        assert "/help" not in answer.text or "/op_exec" in answer.text, (label, answer.text)


@pytest.mark.usefixtures("program")
async def test_the_language_is_a_persons_own(tg: Telegram) -> None:
    await tg.say(ANN, "/language")
    choice = await tg.expect(lambda item: item.labels == ["English", "繁體中文"], within=20)
    assert in_language(choice.text, ANN)
    await tg.tap(choice, "繁體中文")
    changed = await tg.expect(lambda item: bool(item.keyboard))
    assert in_language(changed.text, MEI)
    await tg.say(ANN, "/help")
    assert in_language((await tg.expect(lambda item: "/op_stop" in item.text)).text, MEI)
    await tg.say(MEI, "/language")
    theirs = await tg.expect(lambda item: item.chat_id == MEI.id)
    await tg.tap(theirs, "English", user=MEI)
    await tg.expect(lambda item: item.chat_id == MEI.id and bool(item.keyboard))
    await tg.say(MEI, "/help")
    english = await tg.expect(lambda item: item.chat_id == MEI.id and "/op_stop" in item.text)
    assert in_language(english.text, ANN)
    menus = await tg.called("setMyCommands", 2)
    descriptions = [str(menu.fields["commands"]) for menu in menus]
    assert [bool(CHINESE.search(text.encode().decode("unicode_escape"))) for text in descriptions] == [False, True]


@BOTH
@pytest.mark.usefixtures("program")
async def test_agents(tg: Telegram, user: User) -> None:
    await tg.say(user, "/agents")
    # Green or yellow: how busy the machine of the tests is, is not ours to say.
    shown = await tg.expect(lambda item: len(re.findall("🟢|🟡", item.text)) == 3 and "🔴" in item.text, within=30)
    for name in ("Server", "web1", "web2", "db1"):
        assert name in shown.text
    assert in_language(shown.text, user)
    assert "+08" in shown.text
    versions = len(shown.versions)
    await tg.tap(shown, "↻", user=user)
    await tg.expect(lambda item: len(item.versions) > versions)
    assert len(tg.in_chat(user.id)) == 1, "refreshed in place"


@BOTH
async def test_op_exec(tg: Telegram, program: Served, user: User) -> None:
    await tg.say(user, "/op_exec web1 echo 'a  b'; echo \"<b>&\" >&2\nexit 3")
    shown = await tg.expect(lambda item: "a  b" in item.text and finished(item), within=20)
    assert "\n<b>&" in shown.text
    assert "3" in shown.text
    assert "web1" in shown.text
    assert "✔" not in shown.text
    await tg.say(user, "/op_exec Server echo here")
    await tg.expect(lambda item: "here" in item.text and "✔" in item.text)
    await tg.say(user, "/op_exec db1 true")
    dead = await tg.expect(lambda item: "db1" in item.text and finished(item), within=30)
    assert "✔" not in dead.text
    assert in_language(dead.text, user)
    last = dead.message_id
    await tg.say(user, "/op_exec web9 uptime")
    unknown = await tg.expect(lambda item: "web9" in item.text, after=last)
    assert "web1" in unknown.text
    assert in_language(unknown.text, user)
    await tg.say(user, "/op_exec web1")
    await tg.expect(lambda item: "/op_exec web1 uptime" in item.text)
    await program.stop()
    database = await Database.open(program.home / "state" / "orchestrator.db")
    rows = await AuditLog(database).latest(100)
    await database.close()
    results = [row for row in rows if row.kind == "result" and row.action == "exec"]
    assert {row.actor for row in results} == {f"telegram:{user.id}"}
    assert [row.hosts for row in results] == [("db1",), ("Server",), ("web1",)]


@BOTH
@pytest.mark.usefixtures("program")
async def test_broadcast_asks_the_asker_once(tg: Telegram, user: User) -> None:
    other = MEI if user is ANN else ANN
    await tg.say(user, "/broadcast echo over there", chat=GROUP)
    question = await tg.expect(lambda item: len(item.labels) == 3, within=20)
    assert "echo over there" in question.text
    assert in_language(question.text, user)
    run, waive, _cancel = question.labels
    assert "3" in run
    assert "10" in waive
    by_other = await tg.tap(question, run, user=other)
    assert await tg.answered(by_other) != ""
    by_stranger = await tg.tap(question, run, user=EVE)
    assert str(EVE.id) in await tg.answered(by_stranger)
    assert not any("over there\n" in item.text for item in tg.shown.values() if item is not question)
    first = await tg.tap(question, run, user=user)
    second = await tg.tap_data(question, question.buttons[0][0][1], user=user) if question.buttons else first
    done = await tg.expect(lambda item: "web[1-2]" in item.text and "over there" in item.text and "⛔" in item.text)
    assert await tg.answered(first) == ""
    if second != first:
        assert await tg.answered(second) != ""
    assert "db1" in done.text
    assert done.chat_id == GROUP
    assert in_language(done.text, user)


PLAYBOOK = """\
- name: Note
  hosts: all
  gather_facts: false
  tasks:
    - name: leave a note
      ansible.builtin.copy:
        content: "{{{{ inventory_hostname }}}}\\n"
        dest: "{there}/{{{{ inventory_hostname }}}}.txt"
"""


@BOTH
async def test_a_playbook_is_shown_run_by_its_asker_and_recapped(
    tg: Telegram, program: Served, user: User, tmp_path: Path
) -> None:
    other = MEI if user is ANN else ANN
    (program.home / "playbooks").mkdir()
    (program.home / "playbooks" / "note.yml").write_text(PLAYBOOK.format(there=tmp_path))
    await tg.say(user, "/play", chat=GROUP)
    choice = await tg.expect(lambda item: item.labels == ["note"], within=20)
    await tg.tap(choice, "note", user=user)
    question = await tg.expect(lambda item: "leave a note" in item.text and len(item.labels) == 3, within=20)
    assert "web[1-2] db1" in question.text
    assert in_language(question.text, user)
    assert await tg.answered(await tg.tap(question, question.labels[0], user=other)) != ""
    assert not list(tmp_path.glob("*.txt"))
    await tg.tap(question, question.labels[0], user=user)
    done = await tg.expect(lambda item: "⛔ leave a note: db1" in item.text and finished(item), within=40)
    assert in_language(done.text, user)
    assert [(tmp_path / f"web{number}.txt").read_text() for number in (1, 2)] == ["web1\n", "web2\n"]


async def test_an_edit_of_the_inventory_takes_effect_in_the_chat(tg: Telegram, program: Served) -> None:
    file = program.home / "inventory" / "hosts.yml"
    good = file.read_text()
    file.write_text(good + "        db2: {address: 127.0.0.77, port: 9}\n")
    await _until(tg, "/op_exec db2 true", "db2 · ")
    file.write_text(good + "        db3: {port: wrong}\n")
    await _until(tg, "/status", "hosts.yml:")
    await _until(tg, "/op_exec db2 true", "db2 · ")
    file.write_text(good)
    await _until(tg, "/op_exec db2 true", "db2 is not in the inventory")


async def _until(tg: Telegram, command: str, wanted: str, within: float = 60.0) -> None:
    """Ask again and again until the answer is as wanted."""
    async with asyncio.timeout(within):
        while True:
            last = max((item.message_id for item in tg.shown.values()), default=0)
            await tg.say(ANN, command)
            answer = await tg.expect(lambda item: not item.text.startswith("▶"), after=last, within=10)
            if wanted in answer.text:
                return
            await asyncio.sleep(0.2)


async def test_no_more_questions_for_ten_minutes(tg: Telegram, program: Served) -> None:
    await tg.say(ANN, "/op_exec web uptime")
    question = await tg.expect(lambda item: len(item.labels) == 3, within=20)
    await tg.tap(question, question.labels[1])
    done = await tg.expect(lambda item: "load average" in item.text)
    await tg.say(ANN, "/op_exec web echo unasked")
    await tg.expect(lambda item: "unasked" in item.text and "✔" in item.text, after=done.message_id)
    await tg.say(MEI, "/op_exec web echo asked")
    asked = await tg.expect(lambda item: len(item.labels) == 3 and item.chat_id == MEI.id)
    await tg.tap(asked, asked.labels[2], user=MEI)
    await tg.expect(lambda item: item.text.startswith("⏹"))
    assert program.process.returncode is None


@BOTH
@pytest.mark.usefixtures("program")
async def test_cancel_ends_the_remote_command(tg: Telegram, user: User, tmp_path: Path) -> None:
    written = tmp_path / "pid"
    await tg.say(user, f"/op_exec web1 echo $$ > {written}; exec sleep 987654", chat=GROUP)
    running = await tg.expect(lambda item: item.text.startswith("▶"), within=20)
    async with asyncio.timeout(10):
        while not (written.exists() and written.read_text().strip()):  # noqa: ASYNC110 - by the remote command
            await asyncio.sleep(0.05)
    process = Path("/proc", written.read_text().strip())
    by_other = await tg.tap(running, running.labels[0], user=MEI if user is ANN else ANN)
    assert await tg.answered(by_other) != ""
    assert process.exists()
    await tg.tap(running, running.labels[0], user=user)
    stopped = await tg.expect(lambda item: item.message_id == running.message_id and finished(item))
    assert "✔" not in stopped.text
    async with asyncio.timeout(10):
        while process.exists():  # noqa: ASYNC110 - the process's end is what is waited for
            await asyncio.sleep(0.05)


@BOTH
@pytest.mark.usefixtures("program")
async def test_long_output_is_a_file_with_a_preview(tg: Telegram, user: User) -> None:
    await tg.say(user, "/op_exec web1 seq 1 20000; printf '\\033[31mred\\0\\377'")
    document = await tg.expect(lambda item: item.document is not None, within=20)
    assert document.document is not None
    name, content = document.document
    assert name.endswith(".txt")
    assert b"\n20000\n" in content
    preview = await tg.expect(lambda item: item.message_id == document.reply_to)
    assert "1" in preview.text
    await tg.say(user, "/op_exec web1 echo short")
    short = await tg.expect(lambda item: "short" in item.text and len(item.labels) == 2)
    await tg.tap(short, short.labels[1], user=user)
    file = await tg.expect(lambda item: item.document is not None, after=document.message_id)
    assert file.document is not None
    assert b"short" in file.document[1]
    await tg.tap(short, short.labels[0], user=user)
    await tg.expect(lambda item: "short" in item.text and len(item.labels) == 2, after=short.message_id)


@BOTH
@pytest.mark.usefixtures("program")
async def test_ports_and_closing_one(tg: Telegram, user: User, listener: tuple[int, subprocess.Popen[bytes]]) -> None:
    port, process = listener
    await tg.say(user, "/op_port web1")
    ports = await tg.expect(lambda item: "web1" in item.text and bool(item.labels), within=20)
    # Other tests' servers listen on this machine, too: it may be on a later page.
    while not any(str(port) in label for label in ports.labels):
        before = ports.text
        await tg.tap(ports, "▸", user=user)
        ports = await tg.expect(lambda item: "web1" in item.text and item.text != before, within=20)  # noqa: B023
    assert in_language(ports.text, user)
    assert any(str(port) in label for label in ports.labels)
    await tg.tap(ports, str(port), user=user)
    question = await tg.expect(lambda item: f"pid {process.pid}" in item.text, after=ports.message_id)
    assert in_language(question.text, user)
    keep = question.labels[-1]
    by_other = await tg.tap(question, question.labels[0], user=MEI if user is ANN else ANN)
    assert await tg.answered(by_other) != ""
    await tg.tap(question, keep, user=user)
    await tg.expect(lambda item: item.message_id == question.message_id and item.text.startswith("⏹"))
    assert process.poll() is None
    await tg.say(user, f"/op_stop web1 {port}")
    again = await tg.expect(lambda item: f"pid {process.pid}" in item.text, after=question.message_id)
    await tg.tap(again, again.labels[0], user=user)
    closed = await tg.expect(lambda item: item.message_id == again.message_id and item.text.startswith("✔"))
    assert "TERM" in closed.text
    assert process.wait(5) == -signal.SIGTERM
    await tg.say(user, f"/op_stop web1 {port}")
    await tg.expect(lambda item: str(port) in item.text and not item.labels, after=again.message_id)


async def test_a_restart_keeps_buttons_and_repeats_nothing(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> None:
    home, marks = make_home(tmp_path, fleet), tmp_path / "marks"
    async with served(tg, home):
        await tg.say(ANN, f"/op_exec web1 echo ran >> {marks}")
        await tg.expect(lambda item: len(item.labels) == 2, within=20)
        await tg.say(ANN, "/op_exec web true")
        question = await tg.expect(lambda item: len(item.labels) == 3)
    await tg.say(ANN, f"/op_exec web1 echo late >> {marks}", age=100)
    async with served(tg, home):
        await tg.tap(question, question.labels[0])
        await tg.expect(lambda item: "✔" in item.text and "2" in item.text, after=question.message_id - 1, within=20)
        await tg.expect(lambda item: item.text.startswith("⌛"))
    assert marks.read_text() == "ran\n"


async def test_the_program_lives_through_an_outage(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> None:
    await tg.proxy.down()
    async with served(tg, make_home(tmp_path, fleet)) as program:
        async with asyncio.timeout(20):
            while "does not answer" not in program.printed.read_text():  # noqa: ASYNC110 - its log is waited for
                await asyncio.sleep(0.05)
        await tg.proxy.up()
        await tg.say(ANN, "/op_exec web1 sleep 6; echo over")
        await tg.expect(lambda item: item.text.startswith("▶"), within=30)
        await tg.say(ANN, "/id")  # once that is answered, the program knows of the message before it
        await tg.expect(lambda item: str(ANN.id) in item.text)
        await tg.proxy.down()
        await asyncio.sleep(5)  # how long it is away
        await tg.proxy.up()
        await tg.expect(lambda item: "over" in item.text and "✔" in item.text, within=30)
        assert len([item for item in tg.in_chat(ANN.id) if "sleep 6" in item.text]) == 1


async def test_a_wrong_token_ends_the_program_with_the_setting_named(
    tg: Telegram, tmp_path: Path, fleet: sshd.Fleet
) -> None:
    tg.refuse("getMe", 401, "Unauthorized")
    home = make_home(tmp_path, fleet)
    with pytest.raises(AssertionError, match="BOT_TOKEN"):
        async with served(tg, home) as program:
            async with asyncio.timeout(20):
                assert await program.process.wait() == 2
    # In one line, beside what other parts of the program had to say meanwhile.
    others = ("Prometheus", "Alertmanager")
    printed = (home / "printed").read_text().splitlines()
    said = [line for line in printed if not any(other in line for other in others)]
    assert len(said) == 1, said
    assert "BOT_TOKEN" in said[0]
