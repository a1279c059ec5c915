"""Units of a booted host: what changes, what is told, and that asking again changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.systemd import MODULE, SystemdArguments, parse_show
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.playbook.modules.labhost import LabTarget

_UNIT = """\
[Service]
ExecStart=/bin/sleep 1000
ExecReload=/bin/true
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    units = lab.hosts[0].root / "etc/systemd/system"
    (units / "demo.service").write_text(_UNIT)
    (units / "static.service").write_text(_UNIT.partition("[Install]")[0])
    (units / "instance@.service").write_text(_UNIT)
    (units / "bad.service").write_text("[Service]\nExecStart=sl/eep\n")
    (units / "failing.service").write_text("[Service]\nType=oneshot\nExecStart=sh -c 'echo no disk >&2; exit 1'\n")
    lab.hosts[0].run("systemctl daemon-reload")
    return lab.hosts[0]


async def _run(host: LabHost, tmp_path: Path, check: bool = False, **arguments: Any) -> Result:
    target = LabTarget(host, tmp_path, check=check)
    result = await MODULE.run(SystemdArguments.model_validate(arguments), target)
    assert target.exchanges == 1
    return result


def _ask(host: LabHost, verb: str, unit: str) -> str:
    return host.run(f"systemctl {verb} {unit}", check=False).stdout.strip()


@pytest.mark.lab
async def test_a_unit_is_started_and_enabled_once(host: LabHost, tmp_path: Path) -> None:
    wish: dict[str, Any] = {"name": "demo", "state": "started", "enabled": True}
    predicted = await _run(host, tmp_path, check=True, **wish)
    assert predicted.changed
    assert (_ask(host, "is-active", "demo"), _ask(host, "is-enabled", "demo")) == ("inactive", "disabled")

    first = await _run(host, tmp_path, **wish)
    assert first.changed
    assert {key: first.keys[key] for key in ("name", "state", "enabled")} == wish
    assert first.keys["status"]["ActiveState"] == "inactive"
    assert (_ask(host, "is-active", "demo"), _ask(host, "is-enabled", "demo")) == ("active", "enabled")

    second = await _run(host, tmp_path, **wish)
    assert not second.changed
    assert second.keys["status"]["ActiveState"] == "active"

    undo: dict[str, Any] = {"name": "demo.service", "state": "stopped", "enabled": False}
    assert (await _run(host, tmp_path, **undo)).changed
    assert not (await _run(host, tmp_path, **undo)).changed
    assert (_ask(host, "is-active", "demo"), _ask(host, "is-enabled", "demo")) == ("inactive", "disabled")


@pytest.mark.lab
async def test_a_link_made_by_hand_is_seen_before_systemd_sees_it(host: LabHost, tmp_path: Path) -> None:
    await _run(host, tmp_path, name="demo", state="started", enabled=True)
    link = "/etc/systemd/system/multi-user.target.wants/demo.service"
    host.run(f"rm {link}")
    assert (await _run(host, tmp_path, name="demo", enabled=True)).changed
    host.run(f"test -h {link}")


@pytest.mark.lab
async def test_restarting_always_changes_and_starts_what_is_down(host: LabHost, tmp_path: Path) -> None:
    await _run(host, tmp_path, name="demo", state="stopped")
    result = await _run(host, tmp_path, name="demo", state="reloaded")
    assert (result.changed, result.keys["state"]) == (True, "started")
    before = _ask(host, "show --property=MainPID", "demo")
    assert (await _run(host, tmp_path, name="demo", state="restarted", check=True)).changed
    assert _ask(host, "show --property=MainPID", "demo") == before
    assert (await _run(host, tmp_path, name="demo", state="restarted")).changed
    assert _ask(host, "show --property=MainPID", "demo") != before


@pytest.mark.lab
async def test_a_masked_unit(host: LabHost, tmp_path: Path) -> None:
    assert (await _run(host, tmp_path, name="fstrim.service", masked=True, check=True)).changed
    with pytest.raises(TaskFailed, match="Unable to start service fstrim.service: .*masked"):
        await _run(host, tmp_path, name="fstrim.service", masked=True, state="started")
    assert not (await _run(host, tmp_path, name="fstrim.service", masked=True)).changed
    assert (await _run(host, tmp_path, name="fstrim.service", masked=False)).changed


@pytest.mark.lab
async def test_a_name_alone_asks_for_the_status(host: LabHost, tmp_path: Path) -> None:
    result = await _run(host, tmp_path, name="demo")
    assert not result.changed
    assert result.keys["status"]["Id"] == "demo.service"
    assert "state" not in result.keys


@pytest.mark.lab
async def test_static_units_and_instances(host: LabHost, tmp_path: Path) -> None:
    assert not (await _run(host, tmp_path, name="static", enabled=True)).changed
    wish: dict[str, Any] = {"name": "instance@one", "state": "started", "enabled": True}
    assert (await _run(host, tmp_path, **wish)).changed
    assert not (await _run(host, tmp_path, **wish)).changed


@pytest.mark.lab
async def test_reload_makes_a_new_unit_known(host: LabHost, tmp_path: Path) -> None:
    (host.root / "etc/systemd/system/demo.service").write_text(_UNIT + "# and more\n")
    await _run(host, tmp_path, name="demo", daemon_reload=True, check=True)
    assert _ask(host, "show --property=NeedDaemonReload", "demo").endswith("yes")
    assert not (await _run(host, tmp_path, daemon_reload=True)).changed
    assert _ask(host, "show --property=NeedDaemonReload", "demo").endswith("no")


@pytest.mark.lab
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "nosuch", "state": "started"}, "Could not find the requested service nosuch: host"),
        ({"name": "-H.service", "enabled": True}, "Could not find the requested service -H.service: host"),
        ({"name": "bad", "state": "started"}, "Error loading unit file 'bad': .*"),
        ({"name": "failing", "state": "started"}, "Unable to start service failing: Job for failing[^~]*\nno disk"),
        ({"name": "demo", "scope": "user", "state": "started"}, "systemd does not answer: Failed to connect.*"),
    ],
)
async def test_failures_say_what_systemd_said(
    host: LabHost, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskFailed, match=f"^{message}$"):
        await _run(host, tmp_path, **arguments)


@pytest.mark.parametrize("arguments", [{"state": "started"}, {"name": "demo", "state": "running"}, {"enabled": True}])
def test_incomplete_wishes_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SystemdArguments.model_validate(arguments)


def test_only_the_value_of_exec_runs_over_lines() -> None:
    shown = "Id=a.service\nExecStart={ path=/bin/sh ; argv[]=sh -c one\ntwo ; }\nDescription={ odd\nLoadState=loaded\n"
    assert parse_show(shown) == {
        "Id": "a.service",
        "ExecStart": "{ path=/bin/sh ; argv[]=sh -c one\ntwo ; }",
        "Description": "{ odd",
        "LoadState": "loaded",
    }
