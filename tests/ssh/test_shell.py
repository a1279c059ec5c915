"""What a prepared shell does, the same over every transport."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.ssh import Call, Library, Shell, Status
from tests.ssh.conftest import SHELLS, TRANSPORTS, Target
from tests.ssh.test_behaviour import mark

TIDY = pytest.mark.parametrize("tidy", [False, True], ids=["apart", "tidy"])
pytestmark = pytest.mark.parametrize("target", [*TRANSPORTS, *SHELLS], indirect=True)
LARGE = 3_000_000


@pytest.fixture
async def shell(target: Target) -> AsyncIterator[Shell]:
    async with target.shell() as shell:
        yield shell


async def pid(shell: Shell) -> bytes:
    """Of the host's shell behind `shell`."""
    return (await shell.call(Call("echo $$"))).result.stdout


def _end(*names: str) -> str:
    """A script that ends the processes whose only argument is one of `names`; not every busybox has pkill."""
    test = " ".join(f"*'sleep {name} ') kill -9 $pid ;;" for name in names)
    return f"""for file in /proc/[0-9]*/cmdline; do
    pid=${{file#/proc/}} pid=${{pid%/cmdline}}
    case $(tr '\\0' ' ' <"$file" 2>/dev/null) in {test} esac
done"""


@TIDY
async def test_outputs_status_and_records(shell: Shell, tidy: bool) -> None:
    script = "echo out; say a 'b=c\n'; printf nolf >&2; say '' \"$(printf '\\303\\050')\"; say a; exit 3"
    for _ in range(3):
        reply = await shell.call(Call(script, tidy=tidy))
        result = reply.result
        assert (result.status, result.exit_code) == (Status.FAILED, 3)
        assert (result.stdout, result.stderr) == (b"out\n", b"nolf")
        assert reply.records == (("a", b"b=c\n"), ("", b"\xc3("), ("a", b""))
        assert (result.truncated, result.may_be_alive, result.detail) == (False, False, "")


async def test_many_calls_are_one_shell_and_each_starts_clean(shell: Shell) -> None:
    first = await pid(shell)
    for number in range(100):
        reply = await shell.call(
            Call(f"echo {number} $# ${{x-}}; x=1; cd /proc; umask 0; set -- a b; trap 'exit 9' EXIT; f() {{ :; }}")
        )
        assert reply.result.out == f"{number} 0\n"
        assert reply.result.exit_code == 9
    assert (await shell.call(Call("f"))).result.exit_code == 127
    assert await pid(shell) == first


async def test_records_from_anywhere_in_the_program(shell: Shell) -> None:
    script = """
    trap 'echo bye' EXIT
    x=$(say inside 1; echo kept)
    echo data | while read -r line; do say piped "$line"; done
    { say redirected 2; echo file; } >/dev/null
    (say nested 3)
    echo "$x"
    """
    reply = await shell.call(Call(script))
    assert reply.records == (("inside", b"1"), ("piped", b"data"), ("redirected", b"2"), ("nested", b"3"))
    assert reply.result.stdout == b"kept\nbye\n"


@TIDY
@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe bad \xc3\x28 utf-8",
        b"a\0b\0",
        b"%s\\n'\"$x`!",
        b"-----BEGIN\n",
        bytes(range(256)) * 128,
        b"\0" * LARGE,
    ],
    ids=["utf-8", "nul", "printf", "option", "all", "large"],
)
async def test_any_bytes_pass_both_ways(shell: Shell, data: bytes, tidy: bool) -> None:
    for _ in range(2):
        reply = await shell.call(Call("tee /dev/fd/2", stdin=data, limit=2 * LARGE, tidy=tidy))
        result = reply.result
        assert (result.status, result.stdout == data, result.stderr == data) == (Status.OK, True, True), result


async def test_any_bytes_in_a_script_and_a_library(shell: Shell) -> None:
    data = (bytes(number for number in range(1, 256) if number != ord("'")) + "檔案系統：磁碟已滿".encode()).decode(
        "utf-8", "surrogateescape"
    )
    library = Library("data", f"data='{data}'\nshow() {{ say {{}} \"$1\"; }}\n".replace("{}", "data"))
    for _ in range(2):
        reply = await shell.call(Call(f"printf %s '{data}'; show \"$data\"", libraries=(library,)))
        assert reply.result.stdout == data.encode("utf-8", "surrogateescape")
        assert reply.records == (("data", reply.result.stdout),)


async def test_libraries_with_the_same_names_inside_do_not_mix(shell: Shell) -> None:
    one, two, other_one = (
        Library("one", "f() { echo 1; }"),
        Library("two", "f() { echo 2; }"),
        Library("one", "g() { echo 3; }"),
    )
    for libraries, script, wanted in (
        ((one,), "f", b"1\n"),
        ((two,), "f", b"2\n"),
        ((one,), "f", b"1\n"),
        ((one, two), "f", b"2\n"),
        ((other_one,), "g; f 2>/dev/null || echo none", b"3\nnone\n"),
    ):
        assert (await shell.call(Call(script, libraries=libraries))).result.stdout == wanted


async def test_library_with_a_mistake_fails_its_calls_only(shell: Shell) -> None:
    reply = await shell.call(Call("echo ran", libraries=(Library("bad", "f() { if"),)))
    assert reply.result.status is Status.FAILED
    assert reply.result.stderr
    assert (await shell.call(Call("echo ran"))).result.out == "ran\n"


@pytest.mark.parametrize("script", ["", "\n\n", "# nothing", "true # \\", "exit 0"])
async def test_script_that_does_nothing(shell: Shell, script: str) -> None:
    result = (await shell.call(Call(script))).result
    assert (result.status, result.exit_code, result.stdout) == (Status.OK, 0, b"")


@pytest.mark.parametrize("script", ["if true; then", "'", ")", "f() {", "}", "exit 2; fi"])
async def test_syntax_error_is_a_failure_of_that_call_only(shell: Shell, script: str) -> None:
    before = await pid(shell)
    assert (await shell.call(Call(script))).result.status is Status.FAILED
    assert await pid(shell) == before


async def test_script_of_a_mebibyte_and_words_of_any_length(shell: Shell) -> None:
    script = f"x='{'é' * 500_000}'\nprintf %s \"$x\" | wc -c\nwc -c\n"
    result = (await shell.call(Call(script, stdin=b"\0" * LARGE))).result
    assert result.stdout.split() == [b"1000000", str(LARGE).encode()]


@TIDY
async def test_input_that_nobody_reads(shell: Shell, tidy: bool) -> None:
    before = await pid(shell)
    for size in (1, 30_000, LARGE):
        result = (await shell.call(Call("echo x; exit 4", stdin=b"y" * size, tidy=tidy))).result
        assert (result.status, result.exit_code, result.stdout) == (Status.FAILED, 4, b"x\n")
        result = (await shell.call(Call("head -c 1", stdin=b"z" * size, tidy=tidy))).result
        assert (result.status, result.stdout) == (Status.OK, b"z")
    assert await pid(shell) == before


async def test_no_input_is_none(shell: Shell) -> None:
    reply = await shell.call(Call("cat; read -r line || echo end; readlink /proc/self/fd/0"))
    assert reply.result.out == "end\n/dev/null\n"


async def test_file_is_streamed_with_progress(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        for number in range(64):
            file.write(bytes([number]) * 262_144)
    sent: list[int] = []
    reply = await shell.call(Call("sha256sum", stdin=path, on_progress=sent.append))
    assert reply.result.out == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  -\n"
    assert sent == sorted(set(sent))
    assert sent[-1] == path.stat().st_size
    assert len(sent) >= 64


async def test_file_that_cannot_be_read(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await shell.call(Call("echo ran", stdin=tmp_path / "none"))
    assert (await shell.call(Call("echo next"))).result.out == "next\n"


@TIDY
async def test_killed_by_a_signal(shell: Shell, tidy: bool) -> None:
    reply = await shell.call(Call("say early 1; sh -c 'kill -9 $PPID'; echo never; :", tidy=tidy))
    assert (reply.result.status, reply.result.exit_code, reply.result.out) == (Status.FAILED, 137, "")
    assert reply.result.stderr == b""
    assert reply.records == (("early", b"1"),)
    reply = await shell.call(Call("sh -c 'kill -15 $$'", tidy=tidy))
    assert reply.result.exit_code == 143


async def test_program_that_kills_the_shell_itself_is_lost(shell: Shell) -> None:
    result = (await shell.call(Call("kill -9 $$", tidy=True))).result
    assert (result.status, result.exit_code) == (Status.LOST, None)
    assert "ended by itself" in result.detail
    assert result.may_be_alive
    assert (await shell.call(Call("echo again"))).result.out == "again\n"


async def test_shell_that_went_away_between_calls_is_started_again(shell: Shell, target: Target) -> None:
    first = await pid(shell)
    async with target.shell() as other:
        await other.call(Call(f"kill -9 {int(first)}; while kill -0 {int(first)} 2>/dev/null; do sleep 0.05; done"))
        await asyncio.sleep(0.2)  # the news travels on another channel
    reply = await shell.call(Call("echo $$"))
    assert reply.result.status is Status.OK
    assert reply.result.stdout != first


@TIDY
async def test_deadline(shell: Shell, target: Target, tidy: bool) -> None:
    await pid(shell)
    name = mark()
    call = Call(f"say a 1; echo begun; sleep {name}; echo never", timeout=1.5, tidy=tidy)
    reply = await shell.call(call)
    result = reply.result
    assert (result.status, result.exit_code, result.stdout) == (Status.TIMEOUT, None, b"begun\n")
    assert reply.records == (("a", b"1"),)
    assert not result.may_be_alive
    assert result.detail == "no end within 1.5 s; nothing of it was seen running any more"
    assert not target.running(name)
    assert (await shell.call(Call("echo again"))).result.out == "again\n"


async def test_deadline_of_the_first_call(shell: Shell, target: Target) -> None:
    name = mark()
    result = (await shell.call(Call(f"trap '' TERM; sleep {name}; sleep {name}", timeout=1.5))).result
    assert (result.status, result.may_be_alive) == (Status.TIMEOUT, False)
    assert not target.running(name)


async def test_deadline_tells_what_left_the_session_and_lets_it_live(shell: Shell, target: Target) -> None:
    before, name = mark(), mark()
    await shell.call(Call(f"setsid sleep {before} >/dev/null 2>&1 9>&- &"))
    result = (await shell.call(Call(f"setsid sleep {name} & wait; sleep 300", timeout=1.5))).result
    try:
        assert (result.status, result.may_be_alive) == (Status.TIMEOUT, True)
        told = re.search(r"what it detached still runs \(pid (\d+)\)", result.detail)
        assert told, result.detail
        arguments = (await shell.call(Call(f"tr '\\0' ' ' </proc/{told[1]}/cmdline"))).result.out
        assert arguments == f"sleep {name} ", "not what an earlier call left"
    finally:
        await shell.call(Call(_end(name, before)))
    await target.until_running(name, wanted=False)


async def test_stop_leaves_nothing_behind(shell: Shell, target: Target) -> None:
    name = mark()
    stop = asyncio.Event()
    running = asyncio.create_task(shell.call(Call(f"sleep {name}; sleep {name}"), stop=stop))
    await target.until_running(name)
    stop.set()
    result = (await asyncio.wait_for(running, 30)).result
    assert (result.status, result.may_be_alive) == (Status.CANCELLED, False)
    assert not target.running(name)
    result = (await shell.call(Call("echo ran"), stop=stop)).result
    assert (result.status, result.stdout) == (Status.CANCELLED, b"")
    assert (await shell.call(Call("echo again"))).result.out == "again\n"


async def test_cancelling_the_task_leaves_nothing_behind(shell: Shell, target: Target) -> None:
    name = mark()
    running = asyncio.create_task(shell.call(Call(f"sleep {name}", stdin=b"x" * LARGE)))
    await target.until_running(name)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 30)
    assert not target.running(name)
    assert (await shell.call(Call("echo again"))).result.out == "again\n"


@pytest.mark.parametrize("how", ["{0} &", "(setsid {0} &)", "({0} &) & wait"])
async def test_late_output_of_what_a_program_left_goes_nowhere(shell: Shell, target: Target, how: str) -> None:
    name = mark()
    loop = f"sh -c 'while sleep 0.05; do echo late; echo late >&2; done; sleep {name}'"
    begun = time.monotonic()
    try:
        result = (await shell.call(Call(f"{how.format(loop)}\necho begun; exit 4"))).result
        assert time.monotonic() - begun < 30
        assert (result.exit_code, result.out.startswith(("begun", "late"))) == (4, True)
        for _ in range(3):
            reply = await shell.call(Call("sleep 0.2; echo mine; echo err >&2"))
            assert (reply.result.stdout, reply.result.stderr) == (b"mine\n", b"err\n")
    finally:
        await shell.call(Call(_end(name)))
    await target.until_running(name, wanted=False)


async def test_daemon_that_let_go_of_its_outputs_costs_nothing(shell: Shell, target: Target) -> None:
    before, name = await pid(shell), mark()
    await shell.call(Call(f"setsid sleep {name} >/dev/null 2>&1 </dev/null 9>&- &"))
    assert await pid(shell) == before
    assert target.running(name)
    await shell.call(Call(_end(name)))
    await target.until_running(name, wanted=False)


async def test_daemon_that_holds_a_streamed_input(shell: Shell, target: Target) -> None:
    name = mark()
    call = Call(f"exec 5<&0; setsid sleep {name} <&5 >/dev/null 2>&1 9>&- 5<&- &\n exit 3", stdin=b"x" * LARGE)
    begun = time.monotonic()
    result = (await shell.call(call)).result
    assert time.monotonic() - begun < 30
    assert (result.status, result.exit_code) == (Status.FAILED, 3)
    assert (await shell.call(Call("echo again"))).result.out == "again\n"
    await shell.call(Call(_end(name)))
    await target.until_running(name, wanted=False)


@TIDY
async def test_output_beyond_the_limit_keeps_head_and_tail(shell: Shell, tidy: bool) -> None:
    call = Call("echo first; head -c 5000000 /dev/zero; echo; echo last; echo e >&2", limit=1000, tidy=tidy)
    result = (await shell.call(call)).result
    assert (result.status, result.truncated, result.stdout_size) == (Status.OK, True, 5_000_012)
    assert result.stdout.startswith(b"first\n")
    assert result.stdout.endswith(b"\nlast\n")
    assert result.stderr == b"e\n"


async def test_output_comes_as_it_is_made(shell: Shell) -> None:
    seen, stop = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        shell.call(Call("echo one; exec sleep 300"), stop=stop, on_output=lambda *_: seen.set())
    )
    await asyncio.wait_for(seen.wait(), 10)
    assert not running.done()
    stop.set()
    assert (await running).result.stdout == b"one\n"


async def test_fault_of_the_listener_is_raised_and_the_program_stopped(shell: Shell, target: Target) -> None:
    name = mark()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await shell.call(Call(f"echo one; sleep {name}"), on_output=fail)
    assert not target.running(name)
    with pytest.raises(ZeroDivisionError):
        await shell.call(Call(f"sleep {name}", stdin=b"x" * LARGE, on_progress=fail))
    assert not target.running(name)
    assert (await shell.call(Call("echo again"))).result.out == "again\n"


async def test_records_without_end_end_the_shell(shell: Shell) -> None:
    result = (await shell.call(Call('x=$(head -c 100000 /dev/zero | tr "\\0" x); while say k "$x"; do :; done'))).result
    assert result.status is Status.LOST
    assert "records of more than 4 MiB" in result.detail
    assert (await shell.call(Call("echo again"))).result.out == "again\n"


async def test_closing_leaves_no_process(target: Target) -> None:
    shell = target.shell()
    own = int(await pid(shell))
    await shell.close()
    async with target.shell() as other:
        script = f"i=0; while kill -0 {own} 2>/dev/null && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done; echo $i"
        assert int((await other.call(Call(script))).result.out) < 50
    assert (await shell.call(Call("echo opened again"))).result.out == "opened again\n"
    await shell.close()


async def test_more_shells_than_places(target: Target) -> None:
    shells = [target.shell() for _ in range(20)]
    for _ in range(2):
        replies = await asyncio.gather(*(shell.call(Call(f"echo {n}")) for n, shell in enumerate(shells)))
        assert [reply.result.out for reply in replies] == [f"{n}\n" for n in range(20)]
    await asyncio.gather(*(shell.close() for shell in shells))


async def test_calls_of_one_shell_wait_for_each_other(shell: Shell) -> None:
    replies = await asyncio.gather(*(shell.call(Call(f"echo {number}")) for number in range(10)))
    assert [reply.result.out for reply in replies] == [f"{number}\n" for number in range(10)]


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan")])
async def test_deadline_that_is_none_is_misuse(shell: Shell, timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        await shell.call(Call("true", timeout=timeout))
    with pytest.raises(UsageError, match="NUL"):
        await shell.call(Call("echo \0"))
