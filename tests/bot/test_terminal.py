"""The chat on a terminal: a transcript in a pipe, a drawn screen at a prompt, buttons as numbers."""

from __future__ import annotations

import asyncio
import io
import os
import re
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document as Typed
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from orchestrator.bot.letters import Letters
from orchestrator.bot.message import Document, Message
from orchestrator.bot.render.markup import Html
from orchestrator.bot.telling import DIGESTS
from orchestrator.bot.terminal import Terminal
from orchestrator.bot.terminal.completion import Words
from orchestrator.bot.terminal.screen import Drawn, Transcript
from orchestrator.bot.terminal.text import as_text, buttons, rows
from orchestrator.control import Actor, Face
from tests.bot.conftest import Node
from tests.bot.person import until
from tests.bot.test_alerts import fire

ACTOR = Actor("local:tester", "tester", Face.TERMINAL)


@pytest.fixture
def terminal(node: Node) -> Terminal:
    return Terminal(
        router=node.router,
        runs=node.runs,
        buttons=node.buttons,
        languages=node.languages,
        catalogues=node.catalogues,
        outbox=node.outbox,
        letters=Letters({}, DIGESTS),
        inventory=lambda: node.inventory,
        actor=ACTOR,
        state=node.state,
        hint="C.UTF-8",
    )


async def script(terminal: Terminal, *commands: str) -> list[str]:
    """The exchange, one block for each line and message."""
    out = io.StringIO()
    assert await terminal.script(commands, out) == 0
    assert "\x1b" not in out.getvalue()
    return out.getvalue().rstrip("\n").split("\n\n")


async def test_transcript_of_commands(terminal: Terminal) -> None:
    asked, answer = await script(terminal, "/op_exec web1 echo hello")
    assert asked == "› /op_exec web1 echo hello"
    assert re.fullmatch(r"✔ echo hello · web1 · \d\.\d s\n  hello\n\[1\] Again  \[2\] As file", answer)


async def test_buttons_are_numbers_that_stay(terminal: Terminal, node: Node) -> None:
    blocks = await script(terminal, "/broadcast echo hi", "/op_exec web1 true", "1", "1", "4", "99")
    assert blocks[1].splitlines() == [
        "❔ echo hi · run on 4 hosts?",
        "web[1-3] db1",
        "  echo hi",
        "Only you can press, once, within 120 s.",
        "[1] Run on 4 hosts",
        "[2] Run, don't ask for 10 min",
        "[3] Cancel",
    ]
    assert blocks[3].endswith("[4] Again  [5] As file")
    assert blocks[5].startswith("⚠ echo hi · 3 of 4 ok")
    assert blocks[7] == "This was already answered."
    assert blocks[9].startswith("✔ true · web1")
    assert blocks[11] == "❔ There is no button 99."
    assert (await node.audit.latest(1))[0].actor == "local:tester"


async def test_documents_become_files(terminal: Terminal, node: Node) -> None:
    blocks = await script(terminal, "/op_exec web1 seq 1000", "/op_exec web1 seq 1000")
    paths = [re.findall(r"📄 (\S+)", block)[0] for block in blocks if "📄" in block]
    assert len(set(paths)) == 2
    for path in paths:
        assert path.startswith(str(node.state / "files"))
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert Path(path).read_text().endswith("\n1000\n")


async def test_names_of_documents_stay_in_the_folder(terminal: Terminal, node: Node) -> None:
    out = io.StringIO()
    chat = terminal._chat(Transcript(out))
    await chat.send(Message("x", document=Document("../../etc/x y.txt", b"1")))
    await chat.settle()
    assert out.getvalue() == f"x\n📄 {node.state}/files/_.._etc_x_y.txt\n\n"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("hello", "❔ Commands begin with a slash: /help lists them."),
        ("/", "❔ Commands begin with a slash: /help lists them."),
        ("/nonsense", "❔ There is no command /nonsense\n/help lists all."),
        ("/MORE_INFO_GitHub", "See Servers Health Plus"),
        ("🖥 主機", "🖥 5 hosts"),
        ("/id", "🪪 local:tester\nYou are on the terminal."),
    ],
)
async def test_lines(terminal: Terminal, line: str, wanted: str) -> None:
    assert (await script(terminal, line))[1].startswith(wanted)


async def test_language_of_the_terminal(terminal: Terminal) -> None:
    blocks = await script(terminal, "/language", "2", "/op_exec")
    assert blocks[1] == "🌐 Language: English\n[1] English  [2] 繁體中文"
    assert "🌐 已切換為繁體中文" in blocks
    assert blocks[-1].startswith("❔ /op_exec <主機> <指令>\n例如：")


async def test_a_pipe_is_read_to_its_end(terminal: Terminal) -> None:
    out = io.StringIO()
    assert await terminal.run(io.StringIO("/id\n\n/op_exec web1 echo piped\n"), out) == 0
    assert "🪪 local:tester" in out.getvalue()
    assert "\n  piped\n" in out.getvalue()


async def test_a_real_pipe_and_no_thread_that_waits_for_it(terminal: Terminal) -> None:
    reading, writing = os.pipe()
    out = io.StringIO()
    with open(reading, encoding="utf-8") as stdin, open(writing, "w", encoding="utf-8") as typing:  # noqa: PTH123, ASYNC230
        task = asyncio.create_task(terminal.run(stdin, out))
        typing.write("/id\n")
        typing.flush()
        await until(lambda: "🪪 local:tester" in out.getvalue())
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        assert not any("asyncio_" in thread.name for thread in threading.enumerate())


async def test_a_broken_store_is_said(terminal: Terminal, node: Node) -> None:
    await node.database.write(lambda tx: tx.execute("DROP TABLE preferences"))
    await node.database.write(lambda tx: tx.execute("DROP TABLE audit"))
    said = await script(terminal, "/op_exec web1 true", "/id")
    assert said[1].startswith("⛔ "), "no audit, no action"
    assert "local:tester" in said[-1], "what needs no database still answers"


# -- at a prompt


@dataclass
class Prompted:
    """A person at a terminal of 80 columns and 40 rows."""

    keys: PipeInput
    out: io.StringIO
    task: asyncio.Task[int]

    def type(self, text: str) -> None:
        self.keys.send_text(text)

    @property
    def screen(self) -> str:
        """Everything written, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*m", "", self.out.getvalue())

    async def sees(self, pattern: str) -> None:
        found: Callable[[], bool] = lambda: bool(re.search(pattern, self.screen))  # noqa: E731
        await until(found)


@asynccontextmanager
async def prompted(terminal: Terminal) -> AsyncIterator[Prompted]:
    out = io.StringIO()
    output = Vt100_Output(out, lambda: Size(rows=40, columns=80), enable_cpr=False)
    with create_pipe_input() as keys:
        task = asyncio.create_task(terminal.converse(keys, output))
        yield Prompted(keys, out, task)
        if not task.done():
            keys.send_text("\x04")
        assert await asyncio.wait_for(task, 20) == 0


async def test_prompt_runs_draws_over_and_leaves(terminal: Terminal) -> None:
    async with prompted(terminal) as person:
        person.type("/op_exec web1 sleep 1; echo done\r")
        await person.sees(r"▶ sleep 1; echo done · web1")
        await person.sees(r"✔ sleep 1; echo done · web1")
        # The running message was three rows and an empty one: they are drawn over, not repeated.
        assert re.search(r"▶ (.|\n)*\x1b\[3F\x1b\[J(.|\n)*✔ ", person.screen)


async def test_number_taps_and_completion(terminal: Terminal) -> None:
    async with prompted(terminal) as person:
        person.type("/op_e\t")
        await person.sees("/op_exec|xec")
        person.type(" web2 echo hi\r")
        await person.sees(r"✔ echo hi · web2")
        await person.sees(r"\[2\] Again  \[3\] As file")  # 1 was Cancel, and is nothing else now
        person.type("3\r")
        await person.sees(r"📄 ")


async def test_ctrl_c_stops_what_runs_on_the_host(terminal: Terminal) -> None:
    async with prompted(terminal) as person:
        person.type("/op_exec web1 sleep 600\r")
        await person.sees(r"\[1\] Cancel")
        person.type("\x03")
        await person.sees(r"⏹ sleep 600 · web1 · stopped")
        person.type("half a line\x03")
        person.type("/id\r")
        await person.sees(r"🪪 local:tester")


async def test_ctrl_d_leaves_and_stops_what_runs(terminal: Terminal, node: Node) -> None:
    async with prompted(terminal) as person:
        person.type("/op_exec web1 sleep 600\r")
        await person.sees(r"\[1\] Cancel")
    assert (await node.audit.latest(1))[0].outcome["hosts"]["web1"]["status"] == "cancelled"


async def test_history_is_kept_for_its_owner_only(terminal: Terminal, node: Node) -> None:
    async with prompted(terminal) as person:
        person.type("/id\r")
        await person.sees(r"🪪 local:tester")
    history = node.state / "chat_history"
    assert "/id" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_completion_of_commands_hosts_and_groups(node: Node) -> None:
    words = Words(node.router.commands, lambda: node.inventory)

    def completions(text: str) -> list[str]:
        return [each.text for each in words.get_completions(Typed(text), CompleteEvent())]

    assert completions("/op_p") == ["/op_port"]
    assert completions("/op_port w") == ["web1", "web2", "web3", "web"]
    assert completions("/op_exec S") == ["Server"]
    assert completions("/op_exec web1 u") == []
    assert completions("/broadcast w") == []
    assert completions("hello") == []


# -- text


def test_markup_as_text() -> None:
    markup = Html(
        "<b>head</b>\n<pre>a &lt;b&gt;\n  c</pre>\ntail <code>x</code>\n<blockquote expandable>q\nr</blockquote>"
    )
    assert as_text(markup, colour=False) == "head\n  a <b>\n    c\ntail x\n│ q\n│ r"
    assert as_text(markup, colour=True).startswith("\x1b[1mhead\x1b[0m\n  a <b>")


def test_rows_of_a_terminal() -> None:
    assert rows("a\n\nb", 80) == 3
    assert rows("x" * 81, 80) == 2
    assert rows("中" * 41, 80) == 2


def test_rows_of_buttons_are_aligned() -> None:
    assert buttons([[(1, "a"), (2, "bb")], [(10, "c")]]) == "[1] a   [2] bb\n[10] c"
    assert buttons([[(1, "a"), (2, "bb")]]) == "[1] a  [2] bb"
    assert buttons([]) == ""


async def test_message_further_up_is_written_again_once() -> None:
    out = io.StringIO()
    output = Vt100_Output(out, lambda: Size(rows=40, columns=80), enable_cpr=False)

    async def in_terminal(draw: Callable[[], None]) -> None:
        draw()

    screen = Drawn(output, in_terminal)
    await screen.show(1, Html("first"), "")
    await screen.show(2, Html("second"), "")
    await screen.show(1, Html("first again"), "")
    await screen.show(1, Html("first at last"), "")
    assert "first again" not in out.getvalue()
    await screen.settle()
    await screen.settle()
    assert out.getvalue().count("first at last") == 1
    assert "\x1b[2F" not in out.getvalue()


async def test_what_comes_into_the_outbox_is_shown(terminal: Terminal, node: Node) -> None:
    broken = {"where": "hosts.yml:3", "what": "<b>port</b> 'x' of web1 is not a port", "remedy": "", "hosts": 4}
    async with prompted(terminal) as person:
        person.type("/id\r")
        await person.sees("🪪 local:tester")
        await node.outbox.add("inventory.broken", broken, key="1")
        await person.sees(r"⚠ The inventory is broken: hosts\.yml:3")
        await person.sees(r"<b>port</b> 'x' of web1(.|\n)*The old one stays in force, with 4 hosts\.")


async def test_many_alerts_are_shown_as_one_message(terminal: Terminal, node: Node) -> None:
    async with prompted(terminal) as person:
        person.type("/id\r")
        await person.sees("🪪 local:tester")
        await node.alerts.receive(fire(host=f"web{n}") for n in range(1, 31))
        await person.sees(r"🟡 30 alerts · 30 hosts")
        await person.sees(r"🟡 30 × AgentHighCPU · web\[1-30\]")
