"""The whole way, in three shells here and on booted hosts beside Ansible's own setup."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import TaskFailed, module
from tests.lab.lab import Lab
from tests.playbook.modules.conftest import shell, target  # noqa: F401  fixtures
from tests.playbook.modules.labhost import LabTarget
from tests.playbook.modules.target import LocalTarget

SETUP = module("ansible.builtin.setup")

# Facts that two readings a moment apart may tell differently: only their kinds are compared.
MOVING = {
    "date_time", "env", "loadavg", "memfree_mb", "memory_mb", "mounts", "uptime_seconds", "system_capabilities",
    "swapfree_mb",
}  # fmt: skip
# Ansible reads them from its own Python on the host. There is none that is ours.
NOT_PROVIDED = {"python", "python_version"}
# The lab's hosts see their machine's /sys, in which Ansible finds interfaces that `ip` denies.
OF_THE_LAB = {"interfaces", "all_ipv4_addresses", "all_ipv6_addresses"}


async def facts(target: LocalTarget, **arguments: Any) -> dict[str, Any]:  # noqa: F811
    result = await SETUP.run(SETUP.arguments.model_validate(arguments), target)
    assert not result.changed
    found: dict[str, Any] = result.keys["ansible_facts"]
    return found


async def test_every_shell_finds_the_same(target: LocalTarget) -> None:  # noqa: F811
    found = await facts(target)
    assert target.exchanges == 1
    assert found["ansible_lo"]["type"] == "loopback" or target.shell.name == "busybox"
    # The interfaces of this machine come and go with the hosts of other tests.
    found = await facts(target, gather_subset=["all", "!network"])
    plain = await facts(LocalTarget(target.folder), gather_subset=["all", "!network"])
    needs_programs = {"ansible_system_capabilities", "ansible_system_capabilities_enforced", "ansible_systemd"}
    moving = {f"ansible_{name}" for name in MOVING} | needs_programs
    for name in plain.keys() - moving:
        if target.shell.name != "busybox" or name not in ("ansible_fqdn", "ansible_domain", "ansible_lsb"):
            assert found.get(name) == plain[name], name
    assert found["ansible_user_dir"] == "/root" or os.geteuid() != 0
    assert found["ansible_env"]["HOME"] == str(target.folder)
    assert found["ansible_date_time"]["epoch"].isdecimal()
    json.dumps(found)


async def test_filters_and_subsets(tmp_path: Path) -> None:
    here = LocalTarget(tmp_path)
    assert set(await facts(here, filter="distribution*,ansible_kernel")) >= {"ansible_distribution", "ansible_kernel"}
    assert "ansible_memtotal_mb" not in await facts(here, filter=["ansible_k*"])
    small = await facts(here, gather_subset=["!all", "!min", "user"])
    assert "ansible_user_id" in small
    assert not small.keys() & {"ansible_distribution", "ansible_env", "ansible_memtotal_mb"}
    with pytest.raises(TaskFailed, match="Bad subset 'nope'"):
        await facts(here, gather_subset="nope")


async def test_facts_of_the_owner(target: LocalTarget) -> None:  # noqa: F811
    folder = target.folder / "facts.d"
    folder.mkdir()
    (folder / "a.fact").write_text('{"port": 80, "names": ["x"]}')
    (folder / "b.fact").write_text("[site]\nName=web\n")
    (folder / "c.fact").write_text("#!/bin/sh\necho noise >&2; echo '[1, 2]'\n")
    (folder / "d.fact").write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    (folder / "e.fact").write_text("neither\n")
    (folder / "f.fact").symlink_to("nowhere")
    (folder / "ignored.txt").write_text("{}")
    for name in ("c", "d"):
        (folder / f"{name}.fact").chmod(0o755)
    found = (await facts(target, fact_path=str(folder), gather_subset="!all"))["ansible_local"]
    assert found.pop("d").startswith(f"Failure executing fact script ({folder}/d.fact), rc: 3, err: broken")
    assert found.pop("e").startswith("error loading facts as JSON or ini")
    assert found.pop("f").startswith("Could not stat fact")
    assert found == {"a": {"port": 80, "names": ["x"]}, "b": {"site": {"name": "web"}}, "c": [1, 2]}


async def test_an_answer_cannot_be_forged_or_cut(tmp_path: Path) -> None:
    folder = tmp_path / "facts.d"
    folder.mkdir()
    (folder / "x.fact").write_text("\n@0123456789abcdef files\n/etc/os-release:NAME=evil\n")
    found = await facts(LocalTarget(tmp_path), fact_path=str(folder))
    assert found["ansible_distribution"] != "evil"
    (folder / "y.fact").write_text("x" * (9 << 20))
    with pytest.raises(TaskFailed, match="incomplete"):
        await facts(LocalTarget(tmp_path), fact_path=str(folder))


@pytest.fixture(scope="module")
def judged(lab_releases: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Ansible's facts of each host."""
    folder = tmp_path_factory.mktemp("judge")
    (folder / "hosts.yml").write_text(lab_releases.inventory_yaml())
    environment = {**os.environ, "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_PIPELINING": "True"}
    ansible = [str(Path(sys.executable).with_name("ansible")), "all", "-i", str(folder / "hosts.yml"), "-m", "setup"]
    subprocess.run([*ansible, "--tree", str(folder / "facts")], env=environment, capture_output=True, check=True)
    said = {host.name: json.loads((folder / "facts" / host.name).read_text()) for host in lab_releases.hosts}
    return {name: answer["ansible_facts"] for name, answer in said.items()}


@pytest.mark.lab
@pytest.mark.parametrize("number", [0, 1, 2])
async def test_ansible_says_the_same(
    lab_releases: Lab, judged: dict[str, dict[str, Any]], number: int, tmp_path: Path
) -> None:
    host = lab_releases.hosts[number]
    theirs, ours = judged[host.name], await facts(LabTarget(host, tmp_path))
    of_interfaces = {f"ansible_{name.replace('-', '_')}" for name in theirs["ansible_interfaces"]} - {"ansible_lo"}
    skipped = {f"ansible_{name}" for name in NOT_PROVIDED | OF_THE_LAB} | of_interfaces
    assert theirs.keys() - ours.keys() - skipped == set()
    for name in theirs.keys() - skipped:
        if name.removeprefix("ansible_") not in MOVING:
            # Ansible's technologies are a set, in whatever order.
            order = sorted if name.startswith("ansible_virtualization_tech") else lambda value: value
            assert order(ours[name]) == order(theirs[name]), name
        assert type(ours[name]) is type(theirs[name]), name
    for name in ("ansible_date_time", "ansible_memory_mb", "ansible_loadavg"):
        assert ours[name].keys() == theirs[name].keys()
    assert abs(ours["ansible_uptime_seconds"] - theirs["ansible_uptime_seconds"]) < 120
    # Ansible asks all file systems at once and lists them as they answer.
    by_place = [sorted(told["ansible_mounts"], key=lambda mount: str(mount["mount"])) for told in (ours, theirs)]
    for mine, other in zip(*by_place, strict=True):
        assert mine.keys() == other.keys()
        steady = {key for key in mine if not key.endswith(("available", "used"))}
        assert {key: mine[key] for key in steady} == {key: other[key] for key in steady}
