"""Services under systemd, and under init scripts where there is no systemd to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.service import MODULE, ServiceArguments
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.playbook.modules.labhost import LabTarget

_SCRIPT = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides: oldie
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
echo "$1 $2" >>/run/oldie.log
case $1 in
    start) touch /run/oldie ;;
    stop) rm -f /run/oldie ;;
    reload) ;;
    status) STATUS ;;
    *) echo "no such action" >&2; exit 2 ;;
esac
"""
_BY_CODE = "test -e /run/oldie || exit 3"
_BY_WORD = "if test -e /run/oldie; then echo oldie is running; else echo oldie is stopped; fi"

# Debian has no OpenRC to boot; this holds its documented behaviour for one service (rc-service(8), rc-update(8)).
_OPENRC = """\
#!/bin/sh
[ "$1" != -- ] || shift
case ${0##*/}:$1:$2 in
    rc-service:oldie:status)
        [ ! -e /run/crashed ] || { echo " * status: crashed"; exit 32; }
        if [ -e /run/oldie ]; then echo " * status: started"; else echo " * status: stopped"; exit 3; fi ;;
    rc-service:oldie:zap) rm /run/crashed ;;
    rc-service:oldie:*) [ ! -e /run/crashed ] && exec /etc/init.d/oldie "$2" ;;
    rc-update:add:oldie) mkdir -p /etc/runlevels/$3 && ln -s /etc/init.d/oldie /etc/runlevels/$3/ ;;
    rc-update:delete:oldie) rm /etc/runlevels/$3/oldie ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def host(lab: Lab) -> LabHost:
    host = lab.hosts[0]
    _install(host, "etc/init.d/oldie", _SCRIPT.replace("STATUS", _BY_CODE))
    host.run("rm -rf /run/oldie* /run/crashed /etc/rc?.d/???oldie /usr/local/bin/rc-* /etc/runlevels")
    host.run("systemctl daemon-reload")
    return host


def _install(host: LabHost, path: str, text: str) -> None:
    file = host.root / path
    file.write_text(text)
    file.chmod(0o755)


async def _run(host: LabHost, tmp_path: Path, check: bool = False, **arguments: Any) -> Result:
    target = LabTarget(host, tmp_path, check=check)
    result = await MODULE.run(ServiceArguments.model_validate({"name": "oldie", **arguments}), target)
    assert target.exchanges == 1
    return result


@pytest.mark.lab
@pytest.mark.parametrize("use", ["auto", "sysvinit"])
@pytest.mark.parametrize("status", [_BY_CODE, _BY_WORD])
async def test_a_service_comes_up_once(host: LabHost, tmp_path: Path, use: str, status: str) -> None:
    _install(host, "etc/init.d/oldie", _SCRIPT.replace("STATUS", status))
    wish: dict[str, Any] = {"state": "started", "enabled": True, "use": use}
    assert (await _run(host, tmp_path, check=True, **wish)).changed
    host.run("test ! -e /run/oldie")
    first = await _run(host, tmp_path, **wish)
    assert first.changed
    assert (first.keys["name"], first.keys["state"], first.keys["enabled"]) == ("oldie", "started", True)
    assert ("status" in first.keys) == (use == "auto")
    host.run("test -e /run/oldie && ls /etc/rc2.d/S??oldie")
    assert not (await _run(host, tmp_path, **wish)).changed
    undo: dict[str, Any] = {"state": "stopped", "enabled": False, "use": use}
    assert (await _run(host, tmp_path, **undo)).changed
    host.run("test ! -e /run/oldie && ls /etc/rc2.d/K??oldie")
    assert not (await _run(host, tmp_path, **undo)).changed


@pytest.mark.lab
async def test_a_script_is_stopped_and_started_again(host: LabHost, tmp_path: Path) -> None:
    for wish, actions in (("restarted", "stop start"), ("reloaded", "reload"), ("started", "")):
        host.run("touch /run/oldie && : >/run/oldie.log")
        result = await _run(host, tmp_path, state=wish, use="sysvinit", arguments="one 'two three'")
        assert result.changed == bool(actions)
        done = [line for line in host.run("cat /run/oldie.log").stdout.splitlines() if not line.startswith("status")]
        assert done == [f"{action} one" for action in actions.split()]


@pytest.mark.lab
async def test_openrc(host: LabHost, tmp_path: Path) -> None:
    for tool in ("rc-service", "rc-update"):
        _install(host, f"usr/local/bin/{tool}", _OPENRC)
    wish: dict[str, Any] = {"state": "started", "enabled": True, "use": "openrc", "runlevel": "boot"}
    host.run("touch /run/crashed")
    assert (await _run(host, tmp_path, **wish)).changed
    host.run("test -e /run/oldie && test -h /etc/runlevels/boot/oldie")
    assert not (await _run(host, tmp_path, **wish)).changed
    assert (await _run(host, tmp_path, state="stopped", enabled=False, runlevel="boot", use="openrc")).changed
    host.run("test ! -e /run/oldie && test ! -h /etc/runlevels/boot/oldie")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"name": "nosuch", "state": "started"}, "Could not find the requested service nosuch: host"),
        ({"name": "nosuch", "enabled": True, "use": "sysvinit"}, "Could not find the requested service nosuch: there"),
        ({"state": "started", "daemon_reload": True, "use": "sysvinit"}, "the host is not managed by systemd: daemon_"),
    ],
)
async def test_failures(host: LabHost, tmp_path: Path, wish: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskFailed, match=f"^{message}"):
        await _run(host, tmp_path, **wish)


@pytest.mark.lab
async def test_a_process_stands_for_a_service_without_status(host: LabHost, tmp_path: Path) -> None:
    _install(host, "etc/init.d/oldie", _SCRIPT.replace("STATUS", "exit 1"))
    for pattern, changed in (("/lib/systemd/systemd-journald", False), ("no such process", True)):
        result = await _run(host, tmp_path, check=True, state="started", use="sysvinit", pattern=pattern)
        assert result.changed == changed
