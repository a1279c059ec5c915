"""A run that is stopped, cancelled or has run out of time: nothing begins any more, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from orchestrator.playbook.events import Ended, Outcome
from orchestrator.playbook.options import Options
from orchestrator.playbook.transcript import recap_lines
from tests.playbook.run.play import Stage
from tests.ssh.conftest import here

_SLEEPING = """
- hosts: all
  gather_facts: false
  tasks:
    - name: long
      command: sleep {length}
    - name: after
      command: "true"
"""


def _mark(number: int) -> str:
    """Seconds to sleep that no other process sleeps."""
    return f"333.{os.getpid()}{number}"


async def _gone(mark: str) -> None:
    async with asyncio.timeout(40):
        while here(mark):  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.05)


async def _running(mark: str) -> None:
    async with asyncio.timeout(40):
        while len(here(mark)) < 3:  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.05)


async def test_a_stop_ends_what_runs_and_begins_nothing(stage: Stage) -> None:
    run = asyncio.create_task(stage.play(_SLEEPING.format(length=_mark(1))))
    await _running(_mark(1))
    begun = time.monotonic()
    stage.stop.set()
    ended = await run
    assert time.monotonic() - begun < 30
    assert ended.stopped
    assert ended.may_be_running == {}
    assert stage.started == ["long"]
    assert {result.outcome for result in stage.results("long").values()} == {Outcome.FAILED}
    assert all("stopped on request" in result.message for result in stage.results("long").values())
    await _gone(_mark(1))


async def test_a_stop_ends_a_long_loop_that_waits_for_nothing(stage: Stage) -> None:
    playbook = """
    - hosts: one
      gather_facts: false
      tasks:
        - name: long
          debug: msg=x
          loop: "{{ range(20000) | list }}"
    """
    run = asyncio.create_task(stage.play(playbook))
    await stage.until("long")
    stage.stop.set()
    ended = await run
    assert ended.stopped
    assert ended.recap["one"].failed == 1
    assert len(stage.results("long")["one"].result["results"]) < 20_000


async def test_a_stop_does_not_wait_for_a_pause(stage: Stage) -> None:
    playbook = """
    - hosts: all
      gather_facts: false
      tasks:
        - name: wait
          pause: {minutes: 5}
        - name: after
          command: "true"
    """
    run = asyncio.create_task(stage.play(playbook))
    await stage.until("wait")
    stage.stop.set()
    async with asyncio.timeout(30):
        ended = await run
    assert ended.stopped
    assert stage.started == ["wait"]


async def test_a_stop_interrupts_waiting_for_the_next_try(stage: Stage) -> None:
    playbook = """
    - hosts: one
      gather_facts: false
      tasks:
        - name: try
          command: "false"
          retries: 3
          delay: 600
    """
    run = asyncio.create_task(stage.play(playbook))
    async with asyncio.timeout(40):
        while not any("retrying" in str(event) for event in stage.events):  # noqa: ASYNC110  see Stage.until
            await asyncio.sleep(0.01)
    stage.stop.set()
    async with asyncio.timeout(30):
        ended = await run
    assert ended.stopped
    assert ended.recap["one"].failed == 1


async def test_a_stop_before_the_beginning_touches_no_host(stage: Stage) -> None:
    stage.stop.set()
    ended = await stage.play(_SLEEPING.format(length="1"))
    assert ended == Ended(recap={}, stopped=True, not_begun=("one", "two", "three"))
    assert stage.events == [ended]


async def test_cancelling_leaves_nothing_behind(stage: Stage) -> None:
    run = asyncio.create_task(stage.play(_SLEEPING.format(length=_mark(2))))
    await _running(_mark(2))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await _gone(_mark(2))


async def test_the_keyword_timeout_fails_the_task_and_ends_it(stage: Stage) -> None:
    playbook = f"""
    - hosts: one
      gather_facts: false
      tasks:
        - name: long
          command: sleep {_mark(3)}
          timeout: 1
          ignore_errors: true
        - name: after
          command: "true"
    """
    ended = await stage.play(playbook)
    assert "within 1 s" in stage.results("long")["one"].message
    assert ended.recap["one"].ignored == 1
    assert stage.results("after")["one"].outcome is Outcome.CHANGED
    await _gone(_mark(3))


async def test_a_stop_names_the_hosts_on_which_nothing_was_begun(stage: Stage) -> None:
    playbook = f"""
    - hosts: one:two
      serial: 1
      gather_facts: false
      tasks:
        - name: long
          command: sleep {_mark(4)}
    - hosts: all
      gather_facts: false
      tasks:
        - name: after
          command: "true"
    """
    run = asyncio.create_task(stage.play(playbook))
    await stage.until("long")
    stage.stop.set()
    ended = await run
    assert ended.stopped
    assert ended.not_begun == ("two", "three")
    assert [line.text for line in recap_lines(ended)][-1] == "Nothing was begun on: two three"
    await _gone(_mark(4))


async def test_a_run_that_ends_early_by_itself_names_them_too(stage: Stage) -> None:
    playbook = """
    - hosts: all
      serial: 1
      gather_facts: false
      any_errors_fatal: true
      tasks:
        - fail: {msg: no}
    """
    ended = await stage.play(playbook)
    assert ended.aborted
    assert ended.not_begun == ("two", "three")


async def test_a_run_to_the_end_names_nobody(stage: Stage) -> None:
    ended = await stage.play(_SLEEPING.format(length="0"), options=Options(limit="one:two"))
    assert ended.not_begun == ()
    assert list(ended.recap) == ["one", "two"]
