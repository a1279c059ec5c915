"""Packages of a booted Debian host, from a repository on its own disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.apt import MODULE
from orchestrator.playbook.modules.apt_arguments import AptArguments
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.playbook.modules.debrepo import REPOSITORY, publish
from tests.playbook.modules.labhost import LabTarget

_PACKAGES = (
    "Package: alpha\nVersion: 1.0",
    "Package: alpha\nVersion: 1.1",
    "Package: beta\nVersion: 2:1.0-1\nDepends: helper",
    "Package: helper\nVersion: 3",
    "Package: first\nVersion: 1\nProvides: either, only",
    "Package: second\nVersion: 1\nProvides: either",
    "Package: eager\nVersion: 1\nRecommends: helper",
    "Package: broken\nVersion: 1\nDepends: nonesuch",
)
_ALL = "alpha beta helper first second eager broken"


@pytest.fixture
def host(lab: Lab) -> LabHost:
    host = lab.hosts[0]
    host.run(f"dpkg --purge --force-depends {_ALL}", check=False)
    publish(host, *_PACKAGES)
    host.run("apt-get update && touch -d '3 days ago' /var/lib/apt/lists")
    return host


async def _run(host: LabHost, tmp_path: Path, mode: str = "", exchanges: int | None = None, **arguments: Any) -> Result:
    target = LabTarget(host, tmp_path, check="check" in mode, diff="diff" in mode)
    result = await MODULE.run(AptArguments.model_validate(arguments), target)
    assert exchanges in (None, target.exchanges)
    return result


def _installed(host: LabHost) -> dict[str, str]:
    listing = host.run(
        f"dpkg-query -W -f '${{db:Status-Abbrev}} ${{Package}} ${{Version}}\\n' {_ALL} 2>/dev/null || true"
    )
    rows = [line.split() for line in listing.stdout.splitlines()]
    return {name: version for state, name, version in (row for row in rows if len(row) == 3) if state == "ii"}


@pytest.mark.lab
async def test_a_package_comes_and_goes(host: LabHost, tmp_path: Path) -> None:
    predicted = await _run(host, tmp_path, "check diff", name="alpha")
    assert predicted.changed
    assert "newly installed" in predicted.diffs[0].prepared
    assert _installed(host) == {}

    first = await _run(host, tmp_path, name="alpha")
    assert first.changed
    lines = {"stdout", "stdout_lines", "stderr", "stderr_lines"}
    assert set(first.keys) == {*lines, "cache_updated", "cache_update_time"}
    assert _installed(host) == {"alpha": "1.1"}
    assert not (await _run(host, tmp_path, name=["alpha", "dpkg"], exchanges=1)).changed

    assert (await _run(host, tmp_path, "check", name="alpha", state="absent")).changed
    assert (await _run(host, tmp_path, name="alpha", state="absent")).changed
    assert not (await _run(host, tmp_path, name="alpha", state="absent", exchanges=1)).changed
    host.run("test -e /etc/alpha/settings")
    assert (await _run(host, tmp_path, name="alpha", state="absent", purge=True)).changed
    host.run("test ! -e /etc/alpha/settings")
    assert not (await _run(host, tmp_path, name="alpha", state="absent", purge=True)).changed


@pytest.mark.lab
async def test_versions(host: LabHost, tmp_path: Path) -> None:
    assert (await _run(host, tmp_path, name="alpha=1.0")).changed
    assert not (await _run(host, tmp_path, name="alpha=1.0", exchanges=1)).changed
    assert not (await _run(host, tmp_path, name="alpha")).changed
    assert (await _run(host, tmp_path, "check", upgrade="dist")).changed
    assert (await _run(host, tmp_path, name="alpha", state="latest")).changed
    assert not (await _run(host, tmp_path, name="alpha", state="latest", exchanges=2)).changed
    assert not (await _run(host, tmp_path, upgrade="yes")).changed
    with pytest.raises(TaskFailed, match=r"^'apt-get -y .* install alpha=1\.0' failed: "):
        await _run(host, tmp_path, name="alpha=1.0")
    assert (await _run(host, tmp_path, name="alpha=1.0", allow_downgrade=True)).changed
    assert _installed(host) == {"alpha": "1.0"}


@pytest.mark.lab
async def test_a_dependency_that_is_named_later_stays(host: LabHost, tmp_path: Path) -> None:
    await _run(host, tmp_path, name="beta")
    assert not (await _run(host, tmp_path, name="helper")).changed
    await _run(host, tmp_path, name="beta", state="absent", autoremove=True)
    assert _installed(host) == {"helper": "3"}


@pytest.mark.lab
async def test_virtual_packages_and_globs(host: LabHost, tmp_path: Path) -> None:
    assert (await _run(host, tmp_path, name="only")).changed
    assert not (await _run(host, tmp_path, name="only")).changed
    with pytest.raises(TaskFailed, match="Package 'either' has no installation candidate"):
        await _run(host, tmp_path, name="either")
    assert (await _run(host, tmp_path, name="secon?")).changed
    assert _installed(host) == {"first": "1", "second": "1"}


@pytest.mark.lab
@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("nosuch", "No package matching 'nosuch' is available"),
        ("alph.", "No package matching 'alph.' is available"),
        ("nosuch*", "No package.s. matching 'nosuch.' available"),
        ("alpha=7", "no available installation candidate for alpha=7"),
        ("broken", "'apt-get -y .*"),
    ],
)
async def test_what_cannot_be_had_is_named(host: LabHost, tmp_path: Path, wish: str, message: str) -> None:
    with pytest.raises(TaskFailed, match=f"^{message}"):
        await _run(host, tmp_path, name=wish)
    assert _installed(host) == {}


@pytest.mark.lab
async def test_the_lists_are_updated_when_they_are_old(host: LabHost, tmp_path: Path) -> None:
    publish(host, "Package: alpha\nVersion: 9")
    assert not (await _run(host, tmp_path, update_cache=True, cache_valid_time=7 * 86400)).changed
    assert (await _run(host, tmp_path, "check", update_cache=True)).changed
    with pytest.raises(TaskFailed, match="no available installation candidate"):
        await _run(host, tmp_path, name="alpha=9")
    updated = await _run(host, tmp_path, name="alpha=9", update_cache=True, cache_valid_time=3600)
    assert (updated.changed, updated.keys["cache_updated"]) == (True, True)
    again = await _run(host, tmp_path, cache_valid_time=3600)
    assert (again.changed, again.keys["cache_updated"]) == (False, False)


@pytest.mark.lab
async def test_lists_that_cannot_be_fetched_fail_with_the_reason(host: LabHost, tmp_path: Path) -> None:
    (host.root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/nowhere ./\n")
    with pytest.raises(TaskFailed, match=r"(?s)^Failed to update apt cache after 1 retries: .*/nowhere"):
        await _run(host, tmp_path, update_cache=True, update_cache_retries=1)


@pytest.mark.lab
async def test_files(host: LabHost, tmp_path: Path) -> None:
    deb = f"/{REPOSITORY}/beta_2%3a1.0-1.deb"
    assert (await _run(host, tmp_path, "check", deb=deb)).changed
    assert _installed(host) == {}
    assert (await _run(host, tmp_path, deb=deb)).changed
    assert _installed(host) == {"beta": "2:1.0-1", "helper": "3"}
    assert not (await _run(host, tmp_path, deb=deb)).changed
    assert (await _run(host, tmp_path, deb=f"/{REPOSITORY}/alpha_1.1.deb")).changed
    with pytest.raises(TaskFailed, match="A later version is already installed"):
        await _run(host, tmp_path, deb=f"/{REPOSITORY}/alpha_1.0.deb")
    with pytest.raises(TaskFailed, match=r"Unable to install package: .*nosuch\.deb"):
        await _run(host, tmp_path, deb="/nosuch.deb")


@pytest.mark.lab
async def test_services_are_held_only_while_packages_come(host: LabHost, tmp_path: Path) -> None:
    policy = host.root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 7\n")
    policy.chmod(0o755)
    assert (await _run(host, tmp_path, name="alpha", policy_rc_d=101)).changed
    assert policy.read_text() == "#!/bin/sh\nexit 7\n"
    policy.unlink()
    await _run(host, tmp_path, name="alpha", state="absent", policy_rc_d=101)
    assert not policy.exists()


@pytest.mark.lab
async def test_a_held_lock_is_waited_for(host: LabHost, tmp_path: Path) -> None:
    hold = (
        "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(3)"
    )
    host.run(
        f'setsid python3 -c "{hold}" >/dev/null 2>&1 & for i in $(seq 50); do grep -q POSIX /proc/locks && break; done'
    )
    assert (await _run(host, tmp_path, name="alpha", lock_timeout=30)).changed


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "a", "deb": "b.deb"},
        {"name": "a", "upgrade": True},
        {"deb": "b.deb", "state": "absent"},
        {"name": "a=1=2"},
        {"name": "a", "state": "installed"},
        {"nmae": "a"},
    ],
)
def test_wishes_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AptArguments.model_validate(arguments)


def test_upgrade_takes_yamls_words() -> None:
    assert AptArguments.model_validate({"upgrade": True}).upgrade == "yes"
    assert AptArguments.model_validate({"upgrade": False, "pkg": "a, b"}).name == ["a", "b"]
