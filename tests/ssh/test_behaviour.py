"""What a command on a host does, the same over every transport."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import replace

import pytest

from orchestrator.errors import UsageError
from orchestrator.inventory.model import Become
from orchestrator.ssh import Command, Status
from tests.ssh.conftest import QUICK, Target


def mark() -> str:
    """An argument for `sleep` that names one test's processes: a number of seconds nobody else uses."""
    return f"3{secrets.randbelow(10**9):09d}"


async def test_output_and_exit_status(target: Target) -> None:
    result = await target.pool.run(target.host, Command("echo out; echo err >&2; exit 3"))
    assert result.status is Status.FAILED
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert (result.stdout_size, result.stderr_size, result.truncated) == (4, 4, False)
    assert result.host == target.host.name
    assert not result.may_be_alive
    assert result.detail == ""
    assert result.started_at is not None
    assert result.started_at.tzinfo is not None
    assert 0 < result.duration < 30


async def test_success(target: Target) -> None:
    result = await target.pool.run(target.host, Command.argv(["printf", "%s", 'it\'s a \\ "b" $HOME `x` !']))
    assert (result.status, result.out, result.stderr) == (Status.OK, 'it\'s a \\ "b" $HOME `x` !', b"")


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe bad \xc3\x28 utf-8", b"a\0b\0", b"\x1b[31mred\x1b[0m\x07\r\n", bytes(range(256)), b""],
    ids=["utf-8", "nul", "ansi", "all", "none"],
)
async def test_any_bytes_pass_both_ways(target: Target, data: bytes) -> None:
    result = await target.pool.run(target.host, Command("tee /dev/stderr", stdin=data))
    assert (result.status, result.stdout, result.stderr) == (Status.OK, data, data)


async def test_any_bytes_in_a_script(target: Target) -> None:
    """Shells use bytes like 0x01, 0x7f and 0x81 to 0x88 for themselves; Chinese text is full of the latter."""
    data = bytes(number for number in range(1, 256) if number != ord("'")) + "檔案系統：磁碟已滿".encode()
    result = await target.pool.run(target.host, Command(f"printf %s '{data.decode('utf-8', 'surrogateescape')}'"))
    assert (result.status, result.stdout) == (Status.OK, data)


async def test_script_of_any_size_with_input_of_any_size(target: Target) -> None:
    script = f"x='{'é' * 150_000}'\nprintf %s \"$x\" | wc -c\nwc -c\n"
    result = await target.pool.run(target.host, Command(script, stdin=b"\0" * 3_000_000))
    assert result.status is Status.OK, result
    assert result.stdout.split() == [b"300000", b"3000000"]


@pytest.mark.parametrize("script", ["", "\n\n", "# nothing", "true # \\"])
async def test_script_that_does_nothing(target: Target, script: str) -> None:
    result = await target.pool.run(target.host, Command(script))
    assert (result.status, result.exit_code, result.stdout) == (Status.OK, 0, b"")


async def test_script_starts_with_a_clean_slate(target: Target) -> None:
    result = await target.pool.run(target.host, Command('echo "$#-$0-${s-unset}-${b-unset}-${r-unset}"'))
    assert result.out == "0-sh-unset-unset-unset\n"


async def test_syntax_error_is_a_failure(target: Target) -> None:
    result = await target.pool.run(target.host, Command("if true; then"))
    assert result.status is Status.FAILED
    assert result.exit_code
    assert result.stderr


async def test_nul_in_a_script_is_misuse(target: Target) -> None:
    with pytest.raises(UsageError, match="NUL"):
        await target.pool.run(target.host, Command("echo \0"))


@pytest.mark.parametrize("code", [124, 137, 143, 255])
async def test_own_exit_status_before_the_deadline_is_no_timeout(target: Target, code: int) -> None:
    result = await target.pool.run(target.host, Command(f"exit {code}", timeout=20))
    assert (result.status, result.exit_code) == (Status.FAILED, code)


async def test_killed_by_a_signal(target: Target) -> None:
    result = await target.pool.run(target.host, Command("kill -9 $$"))
    assert (result.status, result.exit_code) == (Status.FAILED, 137)
    assert "KILL" in result.detail


async def test_deadline(target: Target) -> None:
    name = mark()
    begun = time.monotonic()
    result = await target.pool.run(target.host, Command(f"echo begun; sleep {name}; echo never", timeout=2))
    assert time.monotonic() - begun < 2 + QUICK.kill_timeout + 5
    assert (result.status, result.exit_code, result.stdout) == (Status.TIMEOUT, None, b"begun\n")
    assert not result.may_be_alive
    assert result.detail == "no end within 2 s; nothing of it was seen running any more"
    assert not target.running(name)


async def test_deadline_ends_what_ignores_term_or_left_the_group(target: Target) -> None:
    name = mark()
    script = (
        f"trap '' TERM HUP INT; set -m; sh -c 'trap \"\" TERM; sleep {name}; sleep {name}' & sleep {name}; sleep {name}"
    )
    begun = time.monotonic()
    result = await target.pool.run(target.host, Command(script, timeout=2))
    assert time.monotonic() - begun < 2 + QUICK.kill_timeout + 5
    assert result.status is Status.TIMEOUT
    assert not result.may_be_alive
    assert not target.running(name)


async def test_deadline_ends_what_is_stopped(target: Target) -> None:
    name = mark()
    result = await target.pool.run(target.host, Command(f"sleep {name} & kill -STOP $!; kill -STOP $$", timeout=2))
    assert (result.status, result.may_be_alive) == (Status.TIMEOUT, False)
    assert not target.running(name)


@pytest.mark.parametrize("script", ["setsid sleep {0}", "(setsid sleep {0} &); sleep {0}9", "setsid sleep {0} & wait"])
async def test_deadline_tells_what_left_the_session_and_lets_it_live(target: Target, script: str) -> None:
    name = mark()
    result = await target.pool.run(target.host, Command(script.format(name), timeout=2))
    try:
        assert (result.status, result.may_be_alive) == (Status.TIMEOUT, True)
        pattern = r"no end within 2 s; its process group is gone, but what it detached still runs \(pid (\d+)\)"
        told = re.fullmatch(pattern, result.detail)
        assert told, result.detail
        assert target.running(name), "what left the session on purpose is not ours to end"
        assert not target.running(f"{name}9")
        arguments = (await target.pool.run(target.host, Command(f"tr '\\0' ' ' </proc/{told[1]}/cmdline"))).out
        assert arguments == f"sleep {name} "
    finally:
        await target.pool.run(target.host, Command(f"pkill -f 'sleep {name}'"))
    await target.until_running(name, wanted=False)


async def test_stop_leaves_nothing_behind(target: Target) -> None:
    name = mark()
    stop = asyncio.Event()
    running = asyncio.create_task(target.pool.run(target.host, Command(f"sleep {name}; sleep {name}"), stop=stop))
    await target.until_running(name)
    stop.set()
    result = await asyncio.wait_for(running, 30)
    assert (result.status, result.may_be_alive) == (Status.CANCELLED, False)
    assert not target.running(name)
    assert (await target.pool.run(target.host, Command("true"))).status is Status.OK


async def test_stop_before_the_start(target: Target) -> None:
    stop = asyncio.Event()
    stop.set()
    result = await target.pool.run(target.host, Command("echo ran"), stop=stop)
    assert (result.status, result.stdout, result.may_be_alive) == (Status.CANCELLED, b"", False)


async def test_cancelling_the_task_leaves_nothing_behind(target: Target) -> None:
    name = mark()
    running = asyncio.create_task(target.pool.run(target.host, Command(f"sleep {name}")))
    await target.until_running(name)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 30)
    assert not target.running(name)
    assert (await target.pool.run(target.host, Command("true"))).status is Status.OK


async def test_background_child_that_holds_the_output(target: Target) -> None:
    name = mark()
    begun = time.monotonic()
    result = await target.pool.run(target.host, Command(f"sleep {name} & echo begun; exit 4", timeout=30))
    assert time.monotonic() - begun < 25
    assert (result.status, result.exit_code, result.stdout) == (Status.FAILED, 4, b"begun\n")
    assert "background" in result.detail
    assert target.running(name), "what a command left running on purpose is not ours to end"
    await target.pool.run(target.host, Command(f"pkill -f 'sleep {name}'"))
    await target.until_running(name, wanted=False)


async def test_output_beyond_the_limit_keeps_head_and_tail(target: Target) -> None:
    command = Command("echo first; head -c 500000 /dev/zero; echo; echo last; echo e >&2", limit=1000)
    result = await target.pool.run(target.host, command)
    assert result.status is Status.OK
    assert result.truncated
    assert result.stdout_size == 500_012
    assert result.stdout.startswith(b"first\n")
    assert result.stdout.endswith(b"\nlast\n")
    assert b"\n[... 499012 bytes left out ...]\n" in result.stdout
    assert result.stderr == b"e\n"


async def test_output_comes_as_it_is_made(target: Target) -> None:
    pieces: list[tuple[str, bytes]] = []
    seen = asyncio.Event()

    def take(stream: str, data: bytes) -> None:
        pieces.append((stream, data))
        seen.set()

    command = Command("echo one; read line; echo $line >&2", stdin=b"two\n", limit=0)
    result = await target.pool.run(target.host, command, on_output=take)
    assert seen.is_set()
    # Two pipes carry them, so under load either may be read first.
    assert sorted(pieces) == [("stderr", b"two\n"), ("stdout", b"one\n")]
    assert result.stdout_size == 4


async def test_first_output_is_there_before_the_end(target: Target) -> None:
    first = asyncio.Event()
    stop = asyncio.Event()
    running = asyncio.create_task(
        target.pool.run(target.host, Command("echo one; exec sleep 300"), stop=stop, on_output=lambda *_: first.set())
    )
    await asyncio.wait_for(first.wait(), 10)
    assert not running.done()
    stop.set()
    assert (await running).stdout == b"one\n"


async def test_fault_of_the_listener_is_raised_and_the_command_stopped(target: Target) -> None:
    name = mark()

    def fail(_stream: str, _data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await target.pool.run(target.host, Command(f"echo one; sleep {name}"), on_output=fail)
    assert not target.running(name)
    assert (await target.pool.run(target.host, Command("true"))).status is Status.OK


async def test_fifty_at_once_on_one_host(target: Target) -> None:
    results = await asyncio.gather(*(target.pool.run(target.host, Command(f"echo {number}")) for number in range(50)))
    assert [result.out for result in results] == [f"{number}\n" for number in range(50)]
    assert {result.status for result in results} == {Status.OK}


async def test_unsupported_become_is_told_and_nothing_runs(target: Target) -> None:
    host = replace(target.host, become=Become(method="pbrun"))
    result = await target.pool.run(host, Command("echo ran"))
    assert (result.status, result.exit_code, result.stdout) == (Status.FAILED, None, b"")
    assert "pbrun" in result.detail


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan")])
async def test_deadline_that_is_none_is_misuse(target: Target, timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        await target.pool.run(target.host, Command("true", timeout=timeout))


async def test_our_own_environment_stays_ours(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TOKEN", "123:secret")
    result = await target.pool.run(target.host, Command('env; cd; pwd; echo "$HOME"'))
    assert result.status is Status.OK
    if target.host.name != "inprocess":  # that server is our own process and hands on what it has
        assert "secret" not in result.out
    assert result.out.splitlines()[-1] == result.out.splitlines()[-2]
