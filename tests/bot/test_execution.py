"""/op_exec and /broadcast on real hosts: what is asked, shown, stopped, repeated, and written down."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from orchestrator.inventory import Host
from tests import sshd
from tests.bot.conftest import Node, inventory_of
from tests.bot.person import until


async def test_one_host_runs_at_once(node: Node) -> None:
    person = node.person()
    answer = await person.say("/op_exec web1 echo it works")
    assert re.fullmatch(r"✔ echo it works · web1 · \d\.\d s", answer.first_line)
    assert "\nit works" in answer.text
    assert answer.labels == ["Again", "As file"]
    assert answer.states[0].html.startswith("<b>▶ echo it works · web1")
    intent, result = reversed(await node.audit.latest(2))
    assert (intent.kind, intent.actor, intent.hosts) == ("intent", "telegram:1001", ("web1",))
    assert intent.summary == "Run on web1: echo it works"
    assert (result.kind, result.outcome["hosts"]["web1"]["status"]) == ("result", "ok")


async def test_exit_status_and_error_output(node: Node) -> None:
    answer = await node.person().say("/op_exec web1 echo out; echo err >&2; exit 3")
    assert answer.first_line.startswith("✖ ")
    assert "exit 3" in answer.first_line
    assert "out\n— error output —\nerr" in answer.text
    assert not answer.now.silent


async def test_what_follows_the_agent_is_passed_as_typed(node: Node) -> None:
    command = "printf '%s|' \"a  b\" 'c'\nfor i in 1 2; do\n  echo \"line  $i\"\ndone"
    answer = await node.person().say(f"/op_exec web1 {command}")
    assert "a  b|c|line  1\nline  2" in answer.text


async def test_silence_is_said(node: Node) -> None:
    answer = await node.person().say("/op_exec web1 true")
    assert answer.text.endswith("no output")


async def test_unreachable_says_why(node: Node) -> None:
    answer = await node.person().say("/op_exec db1 uptime")
    assert answer.first_line.startswith("⛔ uptime · db1 · unreachable")
    assert "connection refused" in answer.text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/op_exec", "/op_exec <agent> <cmd>\nFor example:\n/op_exec web1 uptime"),
        ("/op_exec web2", "/op_exec web2 uptime"),
        ("/broadcast", "/broadcast <cmd>"),
        ("/op_exec wbe1 id", "wbe1 is not in the inventory\nDid you mean web1"),
        ("/op_exec nosuch", "nosuch is not in the inventory"),
    ],
)
async def test_what_is_not_understood_runs_nothing(node: Node, text: str, wanted: str) -> None:
    answer = await node.person().say(text)
    assert wanted in answer.text
    assert await node.audit.latest(1) == []


async def test_many_hosts_are_asked_about_first(node: Node) -> None:
    person = node.person()
    question = await person.say("/broadcast echo hello")
    assert question.first_line == "❔ echo hello · run on 4 hosts?"
    assert "web[1-3] db1" in question.text
    assert question.labels == ["Run on 4 hosts", "Run, don't ask for 10 min", "Cancel"]
    assert all(button.personal and button.once and button.lifetime == 120 for button, _ in question.buttons)
    assert await node.audit.latest(1) == []

    assert await person.tap("Run on 4") == ""
    assert person.last is question  # edited, not sent anew
    assert re.fullmatch(r"⚠ echo hello · 3 of 4 ok · \d\.\d s", question.first_line)
    assert "3 × web[1-3]\nhello" in question.text
    assert question.text.endswith("⛔ unreachable: db1 (connection refused)")
    assert any("0 of 4 answered" in state.html for state in question.states)


async def test_only_the_asker_answers_and_only_once(node: Node) -> None:
    ann, mei = node.person(1001), node.person(1002)
    question = await ann.say("/op_exec web* echo hi")
    [(_, run), (_, waive), (_, cancel)] = question.buttons
    assert await mei.press(run) == "Only the person who asked may press this."
    await asyncio.gather(ann.tap("Run on 3"), ann.press(waive), ann.press(cancel))
    assert await ann.press(run) == "This was already answered."
    assert len(await node.audit.latest(10)) <= 2  # one intent, one result, whichever was first


async def test_cancelled_question_runs_nothing(node: Node) -> None:
    person = node.person()
    question = await person.say("/op_exec web* rm x")
    await person.tap("Cancel")
    assert question.text == "⏹ Not run: rm x"
    assert await node.audit.latest(1) == []


async def test_waiver_is_for_ten_minutes_of_this_actor(node: Node) -> None:
    ann, mei = node.person(1001), node.person(1002)
    await ann.say("/op_exec web* echo 1")
    await ann.tap("don't ask")
    assert "3 of 3 ok" in ann.last.first_line
    assert "3 of 3 ok" in (await ann.say("/op_exec web* echo 2")).first_line
    assert "run on 3 hosts?" in (await mei.say("/op_exec web* echo 3")).first_line


async def test_host_that_left_since_the_question(node: Node) -> None:
    person = node.person()
    await person.say("/op_exec web* echo hi")
    node.inventory = inventory_of([host for host in node.inventory.hosts if host.name != "web2"])
    await person.tap("Run on 3")
    assert person.last.text == "❔ web2 left the inventory meanwhile\nNothing was run. Please ask again."
    assert await node.audit.latest(1) == []


async def test_cancel_button_stops_remote_work(node: Node, tmp_path: Path) -> None:
    person = node.person()
    pidfile = tmp_path / "pid"
    task = person.start(f"/op_exec web1 echo $$ >{pidfile}; exec sleep 600")
    running = await person.sees(lambda shown: shown.labels == ["Cancel"])
    await until(lambda: pidfile.exists() and bool(pidfile.read_text().strip()))
    pid = int(pidfile.read_text())
    assert await node.person(1002).press(running.buttons[0][1]) == "Only the person who asked may press this."
    await person.tap("Cancel")
    await asyncio.wait_for(task, 10)
    assert running.first_line.startswith("⏹ ")
    assert "stopped" in running.first_line
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_lost_connection_is_never_green(node: Node, hosts: sshd.Fleet, tmp_path: Path) -> None:
    person = node.person()
    task = person.start(f"/op_exec web3 touch {tmp_path}/on; sleep 600; echo done")
    await until((tmp_path / "on").exists)
    hosts.servers[2].signal_sessions(signal.SIGKILL)
    await asyncio.wait_for(task, 15)
    assert person.last.first_line.startswith("❓")
    assert "lost" in person.last.first_line
    assert "It may still be running on web3." in person.last.text
    assert not person.last.now.silent


async def test_shutdown_leaves_no_message_that_looks_alive(node: Node) -> None:
    person = node.person()
    task = person.start("/op_exec web1 sleep 600")
    running = await person.sees(lambda shown: shown.labels == ["Cancel"])
    task.cancel()
    await asyncio.wait({task}, timeout=15)
    assert task.cancelled()
    assert running.first_line.startswith("❓")
    assert "interrupted" in running.first_line
    assert "outcome is unknown on: web1" in running.text
    assert running.labels == []
    [result] = await node.audit.latest(1)
    assert result.outcome["status"] == "cancelled"


async def test_edits_come_at_most_once_a_second(node: Node) -> None:
    host = node.inventory.hosts["web1"]
    node.inventory = inventory_of([Host(f"web{n}", host.address, host.port, user=host.user) for n in range(1, 31)])
    person = node.person()
    await person.say("/broadcast sleep 0.$((RANDOM % 9 + 1)) 2>/dev/null || sleep 0.5")
    began = time.monotonic()
    await person.tap("Run on 30")
    seconds = time.monotonic() - began
    assert len(person.last.states) <= seconds + 3  # question, start, one a second, end
    assert "30 of 30 ok" in person.last.first_line


async def test_long_output_is_previewed_and_attached(node: Node) -> None:
    answer = await node.person().say("/op_exec web1 seq 100000")
    assert answer.text.splitlines()[1:3] == ["1", "2"]
    assert answer.text.endswith("100000")
    assert "lines left out" in answer.text
    assert answer.labels == ["Again"]
    assert answer.now.document is not None
    assert answer.now.document.name.endswith(".txt")
    lines = answer.now.document.content.decode().splitlines()
    assert lines[-100000:] == [str(number) for number in range(1, 100001)]


async def test_output_beyond_what_is_kept_is_said(node: Node) -> None:
    answer = await node.person().say("/op_exec web1 head -c 5000000 /dev/zero | tr '\\0' x")
    assert "The host sent 4.8 MiB; the middle is left out." in answer.text


async def test_hostile_output_cannot_break_the_message(node: Node) -> None:
    answer = await node.person().say(
        r"/op_exec web1 printf '</pre><b>x</b>&amp; \033[31mred\033[0m \342\200\256gnp \377\000 \033]0;t\007 & <'"
    )
    assert "</pre><b>x</b>&amp; red gnp" in answer.text
    assert "\x1b" not in answer.now.html


async def test_again_and_as_file(node: Node) -> None:
    person = node.person()
    first = await person.say("/op_exec web1 echo again")
    await person.tap("Again")
    assert person.last is not first
    assert person.last.first_line.startswith("✔ echo again · web1")
    await person.tap("As file", on=first)
    assert person.last.now.document is not None
    assert person.last.now.document.content.decode().endswith("== web1\nagain\n")
    await person.say("/op_exec web* echo many")
    await person.tap("Run on 3")
    await person.tap("Again")
    assert "run on 3 hosts?" in person.last.first_line


async def test_buttons_of_an_earlier_process(node: Node) -> None:
    """What is running and kept lives in memory; what a button means does not."""
    person = node.person()
    answer = await person.say("/op_exec web1 echo x")
    node.restart()
    person.router = node.router
    await person.tap("As file", on=answer)
    assert person.last.text == "❔ This answer is not kept any more\nRun it again to have it as a file."
    await person.tap("Again", on=answer)
    assert person.last.first_line.startswith("✔ echo x")


async def test_long_command_is_asked_about_in_full(node: Node) -> None:
    person = node.person()
    command = "\n".join(f"echo line {number}" for number in range(300))
    question = await person.say(f"/op_exec web* {command}")
    assert question.first_line == "❔ echo line 0 … · run on 3 hosts?"
    assert question.now.document is not None
    assert question.now.document.content.decode() == command


async def test_in_chinese(node: Node) -> None:
    person = node.person(language="zh_TW")
    await person.say("/broadcast echo 你好")
    assert person.last.labels == ["在 4 台主機上執行", "執行，10 分鐘內不再詢問", "取消"]
    await person.tap("在 4 台")
    assert re.fullmatch(r"⚠ echo 你好 · 3/4 成功 · \d\.\d 秒", person.last.first_line)
    assert person.last.text.endswith("⛔ 無法連線: db1 (連線被拒)")
    assert "清單裡沒有 web9" in (await person.say("/op_exec web9 id")).text
