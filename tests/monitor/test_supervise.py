"""Our own Prometheus: started, started again, stopped, and never left behind. All of it with the real program."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.monitor.alerting import alerting
from orchestrator.monitor.configure import IN_FORCE, NAME, Wiring, generated
from orchestrator.monitor.prometheus import PASSWORD
from tests import sshd
from tests.monitor.prometheus import LOOPBACK, answers, prometheus, static, until


def pids(folder: Path) -> list[int]:
    """Processes of this machine that keep their series in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                argv = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"--storage.tsdb.path=" + bytes(folder) in argv and b"prctl" not in argv:  # not yet the program
                found.append(int(entry.name))
    return found


async def test_it_runs_comes_back_and_stops(tmp_path: Path) -> None:
    async with prometheus(tmp_path) as (own, client):
        await answers(client)
        (first,) = pids(tmp_path)
        assert own.problem == ""
        os.kill(first, signal.SIGKILL)

        async def another() -> bool:
            return bool(await client.query("vector(1)")) and pids(tmp_path) not in ([], [first])

        await until(another)
        listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
        assert all(LOOPBACK in line for line in listening.splitlines() if f"pid={pids(tmp_path)[0]}," in line)
    assert pids(tmp_path) == []
    log = tmp_path / "state" / "prometheus.log"
    assert log.stat().st_size < 100_000


async def test_a_bad_edit_leaves_the_old_configuration_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "prometheus" / NAME
    async with prometheus(tmp_path, scraped=(LOOPBACK, 8002)) as (own, client):
        await answers(client)
        assert file.read_text() == generated(own.wiring)
        edited = static({"web1": 1})
        file.write_text(edited)
        await answers(client, 'up{host="web1"}')
        assert "does not scrape our hosts" in caplog.text
        assert f"http://{LOOPBACK}:8002/sd" in caplog.text

        file.write_text("scrape_configs: [{job_name: mine, nonsense: 1}]\n")

        async def told() -> bool:
            return "field nonsense not found" in caplog.text

        await until(told)
        assert "stays in force" in caplog.text
        assert (tmp_path / "prometheus" / IN_FORCE).read_text() == edited
        (serving,) = pids(tmp_path)
    # Nor does a start with it change anything.
    async with prometheus(tmp_path) as (_, client):
        await answers(client, 'up{host="web1"}')
        assert pids(tmp_path) != [serving]
        assert "nonsense" in file.read_text()


async def test_our_own_file_follows_the_settings(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / NAME).write_text(generated(Wiring((LOOPBACK, 9090), (LOOPBACK, 8002), alerting("http://127.0.0.1:9093"))))
    async with prometheus(tmp_path, scraped=("::1", 8003)) as (own, client):
        await answers(client)
        assert (folder / NAME).read_text() == generated(own.wiring)
        assert "http://[::1]:8003/sd" in (folder / NAME).read_text()


async def test_a_password_stays_out_of_what_others_read(tmp_path: Path) -> None:
    url = f"http://me:s3%40cret@{LOOPBACK}:1/am"
    async with prometheus(tmp_path, alertmanager=url) as (_, client):
        await answers(client)
        for name in (NAME, IN_FORCE):
            assert "cret" not in (tmp_path / "prometheus" / name).read_text()
        (file,) = (path for path in (tmp_path / "state").iterdir() if path.name == PASSWORD)
        assert file.read_text() == "s3@cret"
        assert file.stat().st_mode & 0o777 == 0o600


async def test_a_port_in_use_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    port = sshd.free_port(LOOPBACK)
    taken = socket.create_server((LOOPBACK, port))
    async with prometheus(tmp_path, port=port) as (own, client):

        async def told() -> bool:
            return "PROMETHEUS_URL" in own.problem

        await until(told)
        assert pids(tmp_path) == []
        taken.close()
        await answers(client)
        assert own.problem == ""
    assert caplog.text.count("cannot listen") == 1


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.monitor.prometheus import prometheus, answers

async def main():
    async with prometheus(Path(sys.argv[1])) as (_, client):
        await answers(client)
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_nothing_is_left_of_it_when_we_are_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as stdout:
        assert stdout.readline() == b"up\n"
    assert len(pids(tmp_path)) == 1
    process.kill()
    process.wait()
    soon_gone(tmp_path)


def soon_gone(folder: Path) -> None:
    """What was killed is seen for as long as the system takes to put it away."""
    end = time.monotonic() + 20
    while pids(folder):
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_stopping_does_not_wait_for_a_start(tmp_path: Path) -> None:
    async with asyncio.timeout(20):
        async with prometheus(tmp_path):
            pass
    await asyncio.to_thread(soon_gone, tmp_path)
