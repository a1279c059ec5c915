"""rpm packages by dnf, on a booted Debian host that has both, from a repository made there; and ``package``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.dnf import MODULE, DnfArguments
from orchestrator.playbook.modules.package import MODULE as PACKAGE
from orchestrator.playbook.modules.package import PackageArguments
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.playbook.modules.labhost import LabTarget

_SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: a test
License: none
BuildArch: noarch
{more}
%description
x
%install
mkdir -p %{{buildroot}}/opt/{name}
echo {version} >%{{buildroot}}/opt/{name}/version
%files
/opt/{name}/version
"""
_PACKAGES = (("ralpha", "1.0", ""), ("ralpha", "1.1", ""), ("rbeta", "2", "Requires: rhelper"), ("rhelper", "3", ""))
_REPOSITORY = "/srv/rpms/noarch"


@pytest.fixture(scope="module")
def host(lab: Lab) -> LabHost:
    host = lab.hosts[0]
    folder = host.root / "srv/rpms"
    folder.mkdir(parents=True)
    for number, (name, version, more) in enumerate(_PACKAGES):
        (folder / f"{number}.spec").write_text(_SPEC.format(name=name, version=version, more=more))
    host.run(f"cd /srv/rpms && rpmbuild -bb --define '_rpmdir /srv/rpms' *.spec && createrepo_c {_REPOSITORY}")
    repos = host.root / "etc/yum.repos.d"
    repos.mkdir(exist_ok=True)
    (repos / "test.repo").write_text(f"[test]\nname=test\nbaseurl=file://{_REPOSITORY}\ngpgcheck=0\n")
    return host


@pytest.fixture(autouse=True)
def _nothing_installed(request: pytest.FixtureRequest) -> None:
    if "host" in request.fixturenames:
        request.getfixturevalue("host").run("rpm -e --nodeps ralpha rbeta rhelper 2>/dev/null || true")


async def _run(host: LabHost, tmp_path: Path, check: bool = False, exchanges: int | None = None, **wish: Any) -> Result:
    target = LabTarget(host, tmp_path, check=check)
    result = await MODULE.run(DnfArguments.model_validate(wish), target)
    assert exchanges in (None, target.exchanges)
    return result


def _installed(host: LabHost) -> list[str]:
    return sorted(host.run("rpm -qa").stdout.split())


@pytest.mark.lab
async def test_a_package_comes_and_goes(host: LabHost, tmp_path: Path) -> None:
    predicted = await _run(host, tmp_path, check=True, name="rbeta")
    assert predicted.changed
    assert _installed(host) == []
    first = await _run(host, tmp_path, name="rbeta")
    there = ["Installed: rbeta-2-1.noarch", "Installed: rhelper-3-1.noarch"]
    assert (first.changed, first.keys) == (True, {"results": there, "msg": "", "rc": 0})
    assert sorted(predicted.keys["results"]) == there
    again = await _run(host, tmp_path, name="rbeta", exchanges=1)
    assert (again.changed, again.keys["msg"]) == (False, "Nothing to do")
    assert (await _run(host, tmp_path, check=True, name="rbeta", state="absent")).keys["results"]
    assert (await _run(host, tmp_path, name="rbeta", state="absent")).keys["results"] == ["Removed: rbeta-2-1.noarch"]
    assert not (await _run(host, tmp_path, name="rbeta", state="absent", exchanges=1)).changed
    assert (await _run(host, tmp_path, autoremove=True)).keys["results"] == ["Removed: rhelper-3-1.noarch"]


@pytest.mark.lab
async def test_versions(host: LabHost, tmp_path: Path) -> None:
    await _run(host, tmp_path, name="ralpha-1.0")
    assert not (await _run(host, tmp_path, name="ralpha", exchanges=1)).changed
    assert (await _run(host, tmp_path, check=True, name="ralpha", state="latest")).changed
    assert (await _run(host, tmp_path, name="*", state="latest")).changed
    assert not (await _run(host, tmp_path, name="ralpha", state="latest")).changed
    assert not (await _run(host, tmp_path, name="ralpha-1.0")).changed
    assert not (await _run(host, tmp_path, name="ralpha >= 1.0")).changed
    assert _installed(host) == ["ralpha-1.1-1.noarch"]
    assert (await _run(host, tmp_path, name="ralpha-1.0", allow_downgrade=True)).changed
    assert _installed(host) == ["ralpha-1.0-1.noarch"]


@pytest.mark.lab
async def test_files_and_globs(host: LabHost, tmp_path: Path) -> None:
    for changed in (True, False):
        wish = f"{_REPOSITORY}/ralpha-1.1-1.noarch.rpm"
        assert (await _run(host, tmp_path, name=wish, disable_gpg_check=True)).changed == changed
        assert (await _run(host, tmp_path, name="/opt/rbeta/version")).changed == changed
    assert (await _run(host, tmp_path, name="r*", state="absent")).changed
    assert _installed(host) == []


@pytest.mark.lab
async def test_what_is_not_there_is_named(host: LabHost, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="Failed to install some of the specified packages") as failure:
        await _run(host, tmp_path, name=["ralpha", "nosuch"])
    assert failure.value.keys["failures"] == ["No package nosuch available."]
    assert _installed(host) == []
    only = await _run(host, tmp_path, name="ralpha", state="latest", update_only=True)
    assert (only.changed, len(only.keys["results"])) == (False, 1)


@pytest.mark.lab
async def test_package_takes_the_hosts_manager(host: LabHost, tmp_path: Path) -> None:
    target = LabTarget(host, tmp_path)
    found = await PACKAGE.run(PackageArguments.model_validate({"name": "dpkg"}), target)
    assert "cache_update_time" in found.keys
    target.facts = {"pkg_mgr": "dnf"}
    assert (await PACKAGE.run(PackageArguments.model_validate({"name": "ralpha", "state": "latest"}), target)).changed
    chosen = PackageArguments.model_validate({"pkg": "ralpha", "use": "dnf5", "best": True})
    assert not (await PACKAGE.run(chosen, target)).changed
    target.facts = {"pkg_mgr": "zypper"}
    with pytest.raises(TaskFailed, match="packages of zypper are not supported"):
        await PACKAGE.run(PackageArguments.model_validate({"name": "x"}), target)
    target.facts = {"pkg_mgr": "apt"}
    with pytest.raises(TaskFailed, match="the host's package manager is apt: enablerepo: "):
        await PACKAGE.run(PackageArguments.model_validate({"name": "x", "enablerepo": "y"}), target)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"name": "--installroot=/x"},
        {"name": "a", "best": True, "nobest": True},
        {"name": "a", "autoremove": True, "state": "latest"},
        {"name": "a", "list": "installed"},
    ],
)
def test_wishes_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DnfArguments.model_validate(arguments)


def test_package_refuses_what_no_manager_knows() -> None:
    with pytest.raises(ValidationError, match="neither apt nor dnf knows colour"):
        PackageArguments.model_validate({"name": "a", "colour": "red"})
    with pytest.raises(ValidationError, match="use must be one of"):
        PackageArguments.model_validate({"name": "a", "use": "brew"})
