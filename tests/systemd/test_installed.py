"""A real installation on a booted Debian host: the unit starts the program, confines it, and starts it anew."""

from __future__ import annotations

import asyncio
import importlib.metadata
import ipaddress
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web

import orchestrator
from orchestrator.systemd.units import SERVICE
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.telegram.emulator import ANN, Telegram

CHECKOUT = Path(orchestrator.__file__).parents[1]
HOME, VENV = Path("/srv/fleet"), Path("/opt/orchestrator/venv")
HOSTS = "all:\n  hosts:\n    web1: {address: 127.0.0.1, user: root}\n"
# What a person would not wait for.
SOONER = "[Service]\nWatchdogSec=4\nRestartSec=1\n"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="what is compiled is for Debian 12's Python"),
]


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[LabHost]:
    """A host with the program installed as docs/installation.md has it, but for pip, which needs the internet."""
    host = lab.hosts[-1]
    host.run(f"useradd --system --home-dir {HOME} orchestrator && python3 -m venv --without-pip {VENV}")
    _copy_packages(host.root / f"{VENV}/lib/python3.11/site-packages".lstrip("/"))
    for program in ("prometheus", "promtool"):
        found = shutil.which(program)
        assert found, "apt-get install prometheus"
        shutil.copy(found, host.root / "usr/local/bin" / program)
    home = host.root / HOME.relative_to("/")
    for part in ("inventory", "keys", "prometheus", "state"):
        (home / part).mkdir(parents=True)
    (home / "inventory/hosts.yml").write_text(HOSTS)
    shutil.copy(lab.key, home / "keys/id_ed25519")
    (home / "keys/known_hosts").write_text(f"127.0.0.1 {host.public_key}\n")
    host.run(f"chown -R orchestrator: {HOME} && chmod -R go= {HOME}")
    yield host
    host.run(f"systemctl stop {SERVICE}; userdel orchestrator", check=False)
    host.run(
        f"rm -rf {HOME} {VENV.parent} /etc/orchestrator /etc/systemd/system/{SERVICE}* /var/cache/orchestrator"
        " /usr/local/bin/prometheus /usr/local/bin/promtool && systemctl daemon-reload"
    )


def _copy_packages(place: Path) -> None:
    """The program and the packages of requirements.lock, from here."""
    shutil.copytree(CHECKOUT / "orchestrator", place / "orchestrator", ignore=shutil.ignore_patterns("__pycache__"))
    for name in re.findall(r"^([\w.-]+)==", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE):
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:  # for another platform or Python
            continue
        for file in files:
            if file.parts[0] != ".." and "tests" not in file.parts and file.suffix != ".pyc":
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), place / file)


async def until(condition: Callable[[], bool], within: float = 60.0) -> None:
    end = time.monotonic() + within
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


def shown(host: LabHost, name: str) -> str:
    return host.run(f"systemctl show --value --property={name} {SERVICE}").stdout.strip()


def journal(host: LabHost) -> str:
    return host.run(f"journalctl --no-pager --output=cat --unit={SERVICE}").stdout


@pytest.fixture
async def tg(host: LabHost) -> AsyncIterator[Telegram]:
    """A Bot API that the host reaches: on this machine's foot in its network, too."""
    async with Telegram() as telegram:
        foot = str(ipaddress.ip_network(f"{host.address}/24", strict=False)[1])
        site = web.TCPSite(telegram._runner, foot, 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio's own server
        home = host.root / HOME.relative_to("/")
        (home / ".env").write_text(f"ALLOWED_USERS={ANN.id}\nTELEGRAM_API_URL=http://{foot}:{port}\n")
        host.run(f"chown orchestrator: {HOME}/.env && chmod 600 {HOME}/.env")
        yield telegram


async def test_the_unit_starts_confines_and_restarts_it(host: LabHost, tg: Telegram) -> None:
    secrets = host.root / "etc/orchestrator"
    secrets.mkdir(mode=0o700)
    (secrets / "bot-token").write_text(tg.token)
    (secrets / "bot-token").chmod(0o600)
    written = host.run(f"{VENV}/bin/python -m orchestrator --home {HOME} units --write /etc/systemd/system")
    assert written.stderr.count("\n") == 1, "nothing is missing"
    assert f"{SERVICE} is written" in written.stderr
    drop_in = host.root / f"etc/systemd/system/{SERVICE}.d"
    drop_in.mkdir()
    (drop_in / "test.conf").write_text(SOONER)
    assert host.run(f"systemd-analyze verify --man=no {SERVICE} 2>&1").stdout == ""

    # `systemctl start` returns once the service says that it is ready.
    started = await asyncio.to_thread(host.run, f"systemctl daemon-reload; systemctl start {SERVICE}", check=False)
    assert started.returncode == 0, journal(host)
    assert shown(host, "ActiveState") == "active"
    assert shown(host, "StatusText") == "serving"
    first = int(shown(host, "MainPID"))
    assert host.run("curl -s http://127.0.0.1:8002/healthz").stdout == "ok\n"

    # It works: Telegram, SSH, its own Prometheus, and pictures.
    await tg.say(ANN, "/op_exec web1 id -un; hostname")
    await tg.expect(lambda message: "✔" in message.text and "root" in message.text, within=30)
    await until(lambda: "Healthy" in host.run("curl -s http://127.0.0.1:9090/-/healthy", check=False).stdout)
    cache = host.root / "var/cache/orchestrator/matplotlib"
    await until(lambda: bool(list(cache.glob("fontlist-*.json"))))

    # It is confined: to an account without any right, which can write its own folders and nothing else.
    await tg.say(ANN, "/op_exec Server grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status")
    told = await tg.expect(lambda message: "Seccomp" in message.text and "✔" in message.text, within=30)
    zero = "0" * 16
    uid = host.run("id -u orchestrator").stdout.strip()
    confined = rf"Uid:\s+{uid}\b.*CapEff:\s+{zero}\s+CapBnd:\s+{zero}\s+NoNewPrivs:\s+1\s+Seccomp:\s+2"
    assert re.search(confined, told.text, re.DOTALL)
    for place in ("/etc", "/usr/local/bin", str(HOME), str(HOME / "playbooks")):
        assert host.run(f"nsenter -t {first} -m test -w {place}", check=False).returncode, place
    security = host.run(f"systemd-analyze security --no-pager {SERVICE}", check=False).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", security)
    assert exposure, security
    assert float(exposure[1]) <= 1.6, security

    # All this while it was left alone. Its loop stands still: systemd ends it and starts another, which serves.
    await until(lambda: float(host.run(f"ps -o etimes= -p {first}").stdout) > 5)
    assert shown(host, "NRestarts") == "0"
    host.run(f"kill -STOP {first}")
    await until(lambda: shown(host, "NRestarts") == "1" and shown(host, "StatusText") == "serving", within=40)
    second = int(shown(host, "MainPID"))
    assert second not in (0, first)
    assert "Watchdog timeout" in journal(host)
    # It told what its threads were at. (They go on while it does, as it was only stopped: which frames, is chance.)
    await until(
        lambda: re.search(r"Fatal Python error: Aborted\n(?s:.*)most recent call first", journal(host)) is not None
    )
    await tg.say(ANN, "/op_exec web1 echo again")
    await tg.expect(lambda message: "again" in message.text and "✔" in message.text, within=30)

    # It stops at once and whole, with its Prometheus.
    begun = time.monotonic()
    host.run(f"systemctl stop {SERVICE}")
    assert time.monotonic() - begun < 60
    assert (shown(host, "ActiveState"), shown(host, "Result")) == ("inactive", "success")
    assert host.run("pgrep -u orchestrator", check=False).stdout == ""
    assert tg.token not in journal(host)
