"""The whole program as a process of its own: `orchestrator serve`, on real SSH hosts, against an emulated Bot API."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import sshd
from tests.telegram.emulator import ANN, MEI, Telegram

HOSTS = """\
all:
  vars: {{user: {user}}}
  children:
    web:
      hosts:
{web}
    db:
      hosts:
        db1: {{address: 127.0.0.77, port: {dead}}}
"""


@dataclass
class Served:
    """A running `serve`: its process, its home, the file that has all it printed, and its port for HTTP."""

    process: asyncio.subprocess.Process
    home: Path
    printed: Path
    port: int
    environment: dict[str, str]

    async def crash(self) -> None:
        """Kill it, as by a power cut, unless that was done already, and start it again."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self.process = await _start(self.environment, self.printed)

    async def stop(self, within: float = 40.0) -> int:
        """Ask it to stop as a supervisor does; returns its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            return await self.process.wait()


def make_home(folder: Path, fleet: sshd.Fleet) -> Path:
    """A home with web1, web2 ... of `fleet` in the group web, and db1 where nobody listens."""
    home = folder / "home"
    for part in ("inventory", "state"):
        (home / part).mkdir(parents=True, mode=0o700)
    shutil.copytree(fleet.keys, home / "keys")
    (home / "keys").chmod(0o700)
    hosts = fleet.hosts()
    web = "\n".join(f"        {host.name}: {{address: {host.address}, port: {host.port}}}" for host in hosts)
    dead = sshd.free_port("127.0.0.77")
    (home / "inventory" / "hosts.yml").write_text(HOSTS.format(user=hosts[0].user, web=web, dead=dead))
    return home


@asynccontextmanager
async def served(tg: Telegram, home: Path, **settings: str) -> AsyncIterator[Served]:
    """Run `orchestrator serve` for ANN and MEI in `home`, from its first word to Telegram, or on its log, on.

    At the end it must stop well, having told no secret.
    """
    port = sshd.free_port("127.0.0.1")
    environment = {
        **os.environ,
        "BOT_TOKEN": tg.token,
        "ALLOWED_USERS": f"{ANN.id},{MEI.id}",
        "TELEGRAM_API_URL": tg.url,
        "ORCHESTRATOR_HOME": str(home),
        "LISTEN": f"127.0.0.1:{port}",
        "PROMETHEUS_URL": "http://127.0.0.1:9",  # nobody is there; a test that wants one says so
        "ALERTMANAGER_URL": "http://127.0.0.1:9",
        "TZ": "Asia/Taipei",
        "no_proxy": "127.0.0.1",
        **settings,
    }
    printed = home / "printed"
    running = Served(await _start(environment, printed), home, printed, port, environment)
    try:
        await _speaks(tg, running)
        yield running
        status = await running.stop()
    finally:
        if running.process.returncode is None:
            running.process.kill()
            await running.process.wait()
    said = printed.read_text()
    assert status == 0, said
    assert "Traceback" not in said
    tells_no_secret(tg, home)


async def _start(environment: dict[str, str], printed: Path) -> asyncio.subprocess.Process:
    with printed.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "orchestrator", "serve", env=environment, stdout=output, stderr=output
        )


async def _speaks(tg: Telegram, running: Served) -> None:
    calls = len(tg.calls)
    async with asyncio.timeout(30):
        while len(tg.calls) == calls and not running.printed.stat().st_size:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def tells_no_secret(tg: Telegram, home: Path) -> None:
    """No byte of what was written or sent holds the token's secret part."""
    secret = tg.token.partition(":")[2]
    for path in home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path
    for call in tg.calls:
        assert secret not in repr(call)
