"""The sliding window: nobody waits for the slow, nothing is lost, nothing goes on unasked."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from orchestrator.errors import KeyFileError, UsageError
from orchestrator.fleet import FanOut
from orchestrator.inventory import HostSet
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Command, Result, Status
from tests.fleet.processes import ShellRun

TRUE = Command("true")


def hosts(count: int) -> HostSet:
    return HostSet(Host(f"web{number}", "192.0.2.1") for number in range(1, count + 1))


class Runs:
    """A run whose hosts answer when the test lets them; counts who is at work."""

    def __init__(self, answer: Callable[[str], Status] = lambda _: Status.OK) -> None:
        self.answer = answer
        self.gates: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.working = 0
        self.most = 0

    def hold(self, *names: str) -> None:
        self.gates.update({name: asyncio.Event() for name in names})

    async def __call__(self, host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:  # noqa: ARG002 - a Run
        self.begun.append(host.name)
        self.working += 1
        self.most = max(self.most, self.working)
        try:
            await asyncio.sleep(0)
            if host.name in self.gates:
                await self.gates[host.name].wait()
            return Result(host.name, self.answer(host.name))
        except asyncio.CancelledError:
            self.cancelled.append(host.name)
            raise
        finally:
            self.working -= 1


async def names(run: Runs, count: int, **options: Any) -> list[str]:
    return [
        result.host
        async for result in FanOut(run, window=options.pop("window", 256)).stream(hosts(count), TRUE, **options)
    ]


async def test_every_host_answers_once() -> None:
    run = Runs()
    assert sorted(await names(run, 1000, window=10)) == sorted(hosts(1000).names)
    assert run.most == 10


async def test_no_hosts_no_results() -> None:
    assert await names(Runs(), 0) == []


async def test_a_hanging_host_delays_no_other() -> None:
    run = Runs()
    run.hold("web1", "web2")
    async with aclosing(FanOut(run, window=3).stream(hosts(50), TRUE)) as results:
        first = [(await anext(results)).host for _ in range(48)]
        assert not {"web1", "web2"} & set(first)
        run.gates["web2"].set()
        assert (await anext(results)).host == "web2"
        run.gates["web1"].set()
        assert [result.host async for result in results] == ["web1"]


async def test_results_come_as_hosts_finish() -> None:
    run = Runs()
    run.hold("web1", "web2", "web3")
    async with aclosing(FanOut(run).stream(hosts(3), TRUE)) as results:
        for name in ("web3", "web1", "web2"):
            run.gates[name].set()
            assert (await anext(results)).host == name


async def test_serial_is_a_sliding_window_too() -> None:
    run = Runs()
    run.hold("web1")
    async with aclosing(FanOut(run).stream(hosts(10), TRUE, serial=2)) as results:
        assert [(await anext(results)).host for _ in range(9)] == [f"web{number}" for number in range(2, 11)]
        assert run.most == 2
        run.gates["web1"].set()
        assert [result.host async for result in results] == ["web1"]


@pytest.mark.parametrize(("max_fail", "begun"), [(0, 1), (1, 2), (3, 4)])
async def test_max_fail_stops_a_rolling_run(max_fail: int, begun: int) -> None:
    run = Runs(lambda _: Status.FAILED)
    results = [result async for result in FanOut(run).stream(hosts(10), TRUE, serial=1, max_fail=max_fail)]
    assert run.begun == [f"web{number}" for number in range(1, begun + 1)]
    assert Counter(result.status for result in results) == {Status.FAILED: begun, Status.CANCELLED: 10 - begun}
    assert {result.detail for result in results[begun:]} == {f"not started: {begun} failed, more than {max_fail}"}
    assert not any(result.may_be_alive for result in results)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_whatever_is_not_ok_counts_as_failed(status: Status) -> None:
    run = Runs(lambda _: status)
    await names(run, 5, serial=1, max_fail=0)
    assert run.begun == ["web1"]


async def test_those_at_work_when_max_fail_is_passed_end_by_themselves() -> None:
    run = Runs(lambda name: Status.FAILED if name == "web2" else Status.OK)
    run.hold("web1")
    async with aclosing(FanOut(run).stream(hosts(9), TRUE, serial=2, max_fail=0)) as results:
        assert (await anext(results)).status is Status.FAILED
        run.gates["web1"].set()
        rest = [result async for result in results]
    assert rest[0] == Result("web1", Status.OK)
    assert {result.status for result in rest[1:]} == {Status.CANCELLED}
    assert run.begun == ["web1", "web2"]


async def test_stop_begins_no_further_host() -> None:
    run, stop = Runs(), asyncio.Event()
    seen = []
    async for result in FanOut(run).stream(hosts(20), TRUE, serial=1, stop=stop):
        seen.append(result)
        stop.set()
    assert len(seen) == 20
    left = [result for result in seen if result.status is Status.CANCELLED]
    assert len(left) == 20 - len(run.begun)
    assert len(run.begun) <= 3
    assert {result.detail for result in left} == {"not started: stopped"}


async def test_stop_before_the_first_host() -> None:
    run, stop = Runs(), asyncio.Event()
    stop.set()
    results = [result async for result in FanOut(run).stream(hosts(3), TRUE, stop=stop)]
    assert [result.status for result in results] == [Status.CANCELLED] * 3
    assert run.begun == []


async def test_closing_the_iterator_cancels_the_rest() -> None:
    run = Runs()
    run.hold("web2", "web3")
    async with aclosing(FanOut(run, window=3).stream(hosts(100), TRUE)) as results:
        assert (await anext(results)).host == "web1"
    assert run.working == 0
    assert {"web2", "web3"} <= set(run.cancelled)
    assert len(run.begun) < 20


async def test_cancelling_the_reader_cancels_the_rest() -> None:
    run = Runs()
    run.hold(*hosts(5).names)
    reader = asyncio.create_task(names(run, 5))
    while run.working < 5:  # noqa: ASYNC110 - the other side has no event to give
        await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert sorted(run.cancelled) == sorted(hosts(5).names)
    assert len(asyncio.all_tasks()) == 1


async def test_a_fault_of_ours_on_one_host_loses_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def run(host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:  # noqa: ARG001 - a Run
        if host.name == "web2":
            raise ZeroDivisionError("secret")
        if host.name == "web3":
            raise KeyFileError("keys/id_web3 can be read by others", remedy="chmod 600 keys/id_web3")
        return Result(host.name, Status.OK)

    with caplog.at_level(logging.ERROR):
        results = {result.host: result async for result in FanOut(run).stream(hosts(5), TRUE)}
    assert [results[f"web{number}"].status for number in (1, 4, 5)] == [Status.OK] * 3
    assert results["web2"].status is Status.LOST
    assert results["web2"].may_be_alive
    assert results["web2"].detail == "internal error: ZeroDivisionError, see the log"
    assert results["web3"].status is Status.UNREACHABLE
    assert "chmod 600" in results["web3"].detail
    assert "web2" in caplog.text


@pytest.mark.parametrize("options", [{"serial": 0}, {"serial": -1}, {"max_fail": -1}])
async def test_misuse(options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        await names(Runs(), 1, **options)


async def test_a_slow_reader_holds_the_fleet_back() -> None:
    """Instead of filling the memory with the outputs of thousands of hosts."""
    run = Runs()
    async with aclosing(FanOut(run, window=5).stream(hosts(1000), TRUE)) as results:
        await anext(results)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert len(run.begun) <= 12
        assert len(asyncio.all_tasks()) <= 6


async def test_thousands_of_hosts_cost_no_more_tasks_than_the_window() -> None:
    run = Runs()
    began = time.monotonic()
    most = 0
    async for _ in FanOut(run, window=100).stream(hosts(5000), TRUE):
        most = max(most, len(asyncio.all_tasks()))
    assert most <= 101
    assert time.monotonic() - began < 20


async def test_random_delays_and_failures_lose_nothing() -> None:
    chance = random.Random(3)

    async def run(host: Host, command: Command, *, stop: asyncio.Event | None = None) -> Result:  # noqa: ARG001 - a Run
        for _ in range(chance.randrange(20)):
            await asyncio.sleep(0)
        return Result(host.name, chance.choice(list(Status)))

    for _ in range(20):
        window = chance.randrange(1, 20)
        seen = [result.host async for result in FanOut(run, window=window).stream(hosts(60), TRUE, max_fail=20)]
        assert sorted(seen) == sorted(hosts(60).names)


async def test_with_real_commands() -> None:
    command = Command('[ "$PPID" -gt 1 ] && echo hello; exit 3')
    results = [result async for result in FanOut(ShellRun(), window=4).stream(hosts(8), command)]
    assert [(result.status, result.exit_code, result.out) for result in results] == [(Status.FAILED, 3, "hello\n")] * 8
