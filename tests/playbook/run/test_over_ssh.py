"""The engine over real SSH: connections that break, hosts that come back, many tasks in one shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.inventory.load import load_file
from orchestrator.playbook.events import Counts, Outcome
from orchestrator.ssh import Keys, Limits, Phase, Pool, Trust
from tests.playbook.run.play import Stage
from tests.sshd import Fleet, fleet

_QUICK = Limits(connect_timeout=3.0, keepalive=1.0, keepalive_count=2, drain=0.5)


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Fleet]:
    with fleet(tmp_path / "fleet", 2) as servers:
        yield servers


@pytest.fixture
async def remote(tmp_path: Path, servers: Fleet) -> AsyncIterator[Stage]:
    """A stage whose hosts are web1 and web2, each its own sshd."""
    (tmp_path / "remote").mkdir()
    hosts = "".join(
        f"    web{n}: {{ansible_host: {server.address}, ansible_port: {server.port}}}\n"
        for n, server in enumerate(servers.servers, 1)
    )
    trust, keys = Trust(servers.keys / "known_hosts"), Keys(servers.keys)
    async with Pool(trust=trust, keys=keys, limits=_QUICK) as pool:
        yield Stage(tmp_path / "remote", pool, f"all:\n  hosts:\n{hosts}")


async def _pid(file: Path) -> int:
    """The process id that a task writes into `file` when it has begun."""
    async with asyncio.timeout(10):
        while not file.exists() or not file.read_text().strip():  # noqa: ASYNC110  files tell nobody
            await asyncio.sleep(0.02)
    return int(file.read_text())


async def test_a_connection_lost_in_a_task_may_have_run(remote: Stage, servers: Fleet) -> None:
    run = asyncio.create_task(
        remote.play(
            """
            - hosts: all
              gather_facts: false
              tasks:
                - name: long
                  shell: echo $$ >{{ inventory_hostname }}; exec sleep {{ seconds }}
                  args: {chdir: "{{ playbook_dir }}"}
                  vars: {seconds: "{{ 444 if inventory_hostname == 'web1' else 0 }}"}
                - name: after
                  command: "true"
            """
        )
    )
    pid = await _pid(remote.folder / "web1")
    servers.servers[0].signal_sessions(signal.SIGKILL)
    ended = await run
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # nobody else can: the host was not reached again
    result = remote.results("long")["web1"]
    assert result.outcome is Outcome.UNREACHABLE
    assert result.may_have_run
    assert set(remote.results("after")) == {"web2"}
    assert ended.recap["web1"] == Counts(unreachable=1)
    assert ended.recap["web2"] == Counts(ok=2, changed=2)


async def test_a_host_that_was_away_between_tasks_is_reached_again(remote: Stage, servers: Fleet) -> None:
    async def cut(_: str) -> None:
        host = load_file(remote.folder / "hosts.yml").hosts["web1"]
        servers.servers[0].signal_sessions(signal.SIGKILL)
        async with asyncio.timeout(10):
            while remote.pool.state(host).phase is Phase.UP:  # noqa: ASYNC110  until we know of it, too
                await asyncio.sleep(0.01)

    ended = await remote.play(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - command: "true"
            - pause:
            - command: "true"
        """,
        prompt=cut,
    )
    assert ended.recap["web1"].failed == ended.recap["web1"].unreachable == 0


async def test_reconnecting_takes_a_fresh_connection(remote: Stage, servers: Fleet) -> None:
    before: list[list[int]] = []

    async def look(_: str) -> None:
        before.append(servers.servers[0].sessions())

    ended = await remote.play(
        """
        - hosts: web1
          gather_facts: false
          tasks:
            - command: "true"
            - pause:
            - wait_for_connection: {timeout: 20}
            - command: "true"
            - pause:
        """,
        prompt=look,
    )
    assert ended.recap["web1"].failed == ended.recap["web1"].unreachable == 0
    assert not set(before[0]) & set(before[1])


async def test_waiting_for_a_host_that_stays_away_ends(remote: Stage, servers: Fleet) -> None:
    servers.servers[0].stop()
    ended = await remote.play(
        """
        - hosts: web1
          gather_facts: false
          tasks:
            - name: wait
              wait_for_connection: {timeout: 2, sleep: 1}
        """
    )
    assert ended.recap["web1"] == Counts(failed=1)
    assert "connection refused" in remote.results("wait")["web1"].message


async def test_many_hosts_delegate_to_one(remote: Stage) -> None:
    ended = await remote.play(
        """
        - hosts: all
          gather_facts: false
          tasks:
            - name: there
              shell: echo $SSH_CONNECTION
              delegate_to: web2
              loop: [1, 2, 3]
              register: there
            - name: the same place
              assert: {that: "there.results | map(attribute='stdout') | map('split') | map('last') | unique == [port]"}
              vars: {port: "{{ hostvars.web2.ansible_port | string }}"}
        """
    )
    assert {result.delegated_to for result in remote.results("there").values()} == {"web2"}
    assert not any(counts.failed for counts in ended.recap.values())
