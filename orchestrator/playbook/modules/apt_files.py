"""Packages from ``.deb`` files on the host, their dependencies from its repositories."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.playbook.modules import debian
from orchestrator.playbook.modules.apt_arguments import AptArguments, dpkg_options, install_options
from orchestrator.playbook.modules.aptget import AptGet, failure, outputs, prepared, text
from orchestrator.playbook.modules.base import Result, Target, TaskFailed
from orchestrator.playbook.modules.library import library

_NEW = re.compile(r"^Inst (\S+)", re.MULTILINE)

FILES = library("debfile")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One ``.deb``: where it is, which version of what, and the names in its dependencies and recommendations."""

    path: str
    package: str
    version: str
    depends: frozenset[str]
    recommends: frozenset[str]


async def install_files(wish: AptArguments, target: Target) -> Result:
    """Install the files of `wish.deb`, those whose version is there already left alone. Raises TaskFailed."""
    apt = AptGet(target)
    paths = [path if path.startswith("/") else f"./{path}" for path in (wish.deb or "").split(",")]
    files = await _describe(paths, target)
    situation = await apt.look([file.package for file in files], clock=False)
    new = []
    for file in files:
        there = situation.status.version(file.package)
        if there and debian.compare(file.version, there) < 0 and not (wish.force or wish.allow_downgrade):
            raise TaskFailed(
                f"A later version is already installed: {file.package} {there}, {file.path} has {file.version}"
            )
        new += [file] if file.version != there else []
    if not new:
        return Result(keys={"stdout": "", "stderr": ""})
    return await _install(wish, apt, new, target)


async def _install(wish: AptArguments, apt: AptGet, files: Sequence[PackageFile], target: Target) -> Result:
    """First what they need, then themselves by dpkg: as Ansible, which keeps what is only recommended out."""
    downgrade = ["--allow-downgrades"] if wish.allow_downgrade else []
    paths = [file.path for file in files]
    command = ["apt-get", "-y", "--simulate", "-o", "APT::Install-Recommends=no", *downgrade, "install", *paths]
    simulated = await apt.run(command)
    if simulated.rc and not wish.force:
        raise failure(command, simulated)
    missing = set(_NEW.findall(text(simulated.stdout))) - {file.package for file in files}
    direct = frozenset[str]().union(*(file.depends for file in files))
    needed = sorted(missing & direct or missing)
    if wish.install_recommends:
        needed += sorted(frozenset[str]().union(*(file.recommends for file in files)))
    before = b"", b""
    if needed:
        command = ["apt-get", "-y", *dpkg_options(wish), *install_options(wish, target.check), "install", *needed]
        answer = await apt.run(command, None if target.check else wish.policy_rc_d)
        if answer.rc:
            raise failure(command, answer)
        before = answer.stdout, answer.stderr
    if target.check:
        return Result(True, outputs(simulated), prepared(simulated, target.diff))
    options = [f"--{option}" for option in wish.dpkg_options.split(",") if option]
    command = ["dpkg", *options, *(["--force-all"] if wish.force else []), "-i", *paths]
    answer = await apt.run(command, wish.policy_rc_d)
    if answer.rc:
        raise failure(command, answer)
    whole = replace(answer, stdout=before[0] + answer.stdout, stderr=before[1] + answer.stderr)
    return Result(True, outputs(whole), prepared(answer, target.diff))


async def _describe(paths: Sequence[str], target: Target) -> list[PackageFile]:
    answer = await target.sh(FILES, "apt_describe", *paths)
    if answer.rc:
        raise TaskFailed(f"Unable to install package: {text(answer.stderr).strip()}")
    return [_read(path, fields) for path, fields in zip(paths, answer.all("file"), strict=True)]


def _read(path: str, fields: str) -> PackageFile:
    found = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", fields, re.MULTILINE))
    package, version = found.get("Package", ""), found.get("Version", "")
    if not debian.Spec(package).can_exist or not version:
        raise TaskFailed(f"Unable to install package: {path} does not say which package it is")
    needs = _names(f"{found.get('Depends', '')},{found.get('Pre-Depends', '')}")
    return PackageFile(path, package, version, needs, _names(found.get("Recommends", "")))


def _names(relation: str) -> frozenset[str]:
    """The names in a field such as ``a (>= 1), b:any | c``."""
    parts = (re.match(r"\s*([a-z0-9][a-z0-9+.-]+)", part) for part in re.split(r"[,|]", relation))
    return frozenset(part[1] for part in parts if part)
