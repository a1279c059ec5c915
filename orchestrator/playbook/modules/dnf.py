"""``dnf``: rpm packages by dnf 4, dnf 5, microdnf or yum, whichever the host has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from orchestrator.playbook.modules.aptget import text
from orchestrator.playbook.modules.base import Answer, Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, TextList, Whole, Words, also
from orchestrator.playbook.modules.library import library

DNF = library("dnf")
_OUTPUT_LIMIT = 4 << 20
_NO_MATCH = re.compile(r"^(?:Error: )?No match for argument: (.+)$|^No package (\S+) available", re.MULTILINE)
_ABORTED = re.compile(r"^(Operation aborted|Exiting on user command)", re.MULTILINE)
# A line of the plan: name, architecture, version, repository, size. Its heading says Architecture.
_ROW = re.compile(r" (\S+) +(?!Arch)(\S+) +(\S+) +\S+ +[\d.]+ *\w* *")


class DnfArguments(Arguments):
    """As Ansible's ``dnf``, but for ``list``, which belongs into no playbook."""

    name: TextList = also("name", "pkg", default=[])
    state: Literal["absent", "installed", "latest", "present", "removed"] | None = None
    autoremove: Flag = False
    update_cache: Flag = also("update_cache", "expire-cache", default=False)
    update_only: Flag = False
    allow_downgrade: Flag = False
    allowerasing: Flag = False
    best: Flag | None = None
    nobest: Flag | None = None
    security: Flag = False
    bugfix: Flag = False
    cacheonly: Flag = False
    conf_file: Words | None = None
    enablerepo: TextList = Field(default_factory=list)
    disablerepo: TextList = Field(default_factory=list)
    enable_plugin: TextList = Field(default_factory=list)
    disable_plugin: TextList = Field(default_factory=list)
    disable_excludes: Words | None = None
    disable_gpg_check: Flag = False
    download_only: Flag = False
    download_dir: Words | None = None
    exclude: TextList = Field(default_factory=list)
    installroot: Words = "/"
    install_weak_deps: Flag = True
    releasever: Words | None = None
    skip_broken: Flag = False
    sslverify: Flag = True
    validate_certs: Flag = True
    install_repoquery: Flag = True
    lock_timeout: Whole = 30
    use_backend: Literal["auto", "dnf", "yum", "yum4", "dnf4", "dnf5"] = "auto"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.best is not None and self.nobest is not None:
            raise ValueError("best and nobest exclude each other")
        if not (self.name or self.update_cache or self.autoremove):
            raise ValueError("needs one of name, update_cache, autoremove")
        if self.autoremove and self.state not in (None, "absent", "removed"):
            raise ValueError("autoremove goes with state=absent only")
        if any(name.startswith("-") for name in self.name):
            raise ValueError("a package's name does not begin with a dash")
        return self

    @property
    def removes(self) -> bool:
        """Whether packages are to go."""
        return self.state in ("absent", "removed") or (self.autoremove and self.state is None)


class Dnf(Module[DnfArguments]):
    """``ansible.builtin.dnf``. Packages that are there already cost one exchange, in which only rpm is asked."""

    name = "ansible.builtin.dnf"
    arguments = DnfArguments

    async def run(self, arguments: DnfArguments, target: Target) -> Result:
        """As `Module.run`."""
        return await _Task(arguments, target).run()


@dataclass(frozen=True, slots=True)
class _Task:
    """One task on one host."""

    wish: DnfArguments
    target: Target

    async def run(self) -> Result:
        wish = self.wish
        plain = [name for name in wish.name if not _is_dnfs_to_judge(name)]
        answer = await self.target.sh(DNF, "dnf_look", *plain, root=self._root)
        if answer.has("missing"):
            raise TaskFailed(f"the host has no {answer.get('missing')}", results=[], rc=1)
        tool = answer.get("tool")
        installed = set(plain if answer.has("all") else answer.all("installed"))
        newer = set() if wish.allow_downgrade else set(answer.all("newer"))
        if not wish.name and not wish.removes:
            return await self._update(tool)
        results: list[str] = []
        changed = False
        for verb, specs in await self._steps(installed, newer):
            done, found = await self._do(tool, verb, specs)
            changed, results = changed or done, results + found
        if wish.update_only:
            skipped = [name for name in plain if name not in installed | newer]
            results += [f"Packages providing {name} not installed due to update_only specified" for name in skipped]
        if wish.removes:
            results += [f"No match for argument: {name}" for name in plain if name not in installed]
        msg = "" if changed else "Nothing to do"
        if changed and self.target.check:
            msg = "Check mode: No changes made, but would have if not in check mode"
        return Result(changed, {"results": results, "msg": msg, "rc": 0})

    @property
    def _root(self) -> str:
        return "" if self.wish.installroot == "/" else self.wish.installroot

    async def _steps(self, installed: set[str], newer: set[str]) -> list[tuple[str, list[str]]]:
        """The commands to give, each with what it is about."""
        wish = self.wish
        if wish.removes:
            patterns = [name for name in wish.name if _is_glob(name)]
            gone = [name for name in wish.name if name in installed or name.startswith("@")]
            if patterns:
                answer = await self.target.sh(DNF, "dnf_matching", *patterns, root=self._root, limit=_OUTPUT_LIMIT)
                gone += sorted(set(text(answer.stdout).split()))
            return [("remove", gone)] * bool(gone) + [("autoremove", [])] * wish.autoremove
        if wish.state == "latest" and wish.name == ["*"]:
            return [("upgrade", [])]
        missing = [name for name in wish.name if name not in installed | newer]
        steps: list[tuple[str, list[str]]] = []
        if wish.state == "latest":
            patterns = [name for name in wish.name if _is_glob(name)]
            present = [name for name in wish.name if name in installed]
            steps += [("upgrade", present + patterns)] * bool(present + patterns)
        return steps + [("install", missing)] * (bool(missing) and not wish.update_only)

    async def _update(self, tool: str) -> Result:
        if not self.target.check:
            command = [tool, "-y", *self._options(tool), "makecache", *(["--refresh"] if tool == "dnf" else [])]
            answer = await self._call(command)
            if answer.rc:
                raise _failure(answer)
        return Result(keys={"msg": "Cache updated", "results": [], "rc": 0})

    async def _do(self, tool: str, verb: str, specs: Sequence[str]) -> tuple[bool, list[str]]:
        """Whether anything changes, and what, in Ansible's words."""
        check = self.target.check
        if check and tool == "microdnf":
            if verb not in ("install", "remove"):
                raise TaskFailed(f"microdnf cannot tell what {verb} would change")
            return True, []
        options = [*(["--assumeno"] if check else ["-y"]), *self._options(tool)]
        answer = await self._call([tool, *options, verb, *specs])
        said = text(answer.stdout + answer.stderr)
        if check and _ABORTED.search(said):
            return True, _planned(said)
        if answer.rc:
            raise _failure(answer)
        if check or self.wish.download_only:
            return "Nothing to do" not in said, []
        before, after = (set(answer.get(key).split()) for key in ("before", "after"))
        results = [f"Installed: {name}" for name in sorted(after - before)]
        results += [f"Removed: {name}" for name in sorted(before - after)]
        return before != after, results

    async def _call(self, command: Sequence[str]) -> Answer:
        return await self.target.sh(
            DNF, "dnf_run", *command, limit=_OUTPUT_LIMIT, check=self.target.check, root=self._root
        )

    def _options(self, tool: str) -> list[str]:
        wish = self.wish
        five = tool == "dnf5"
        best = wish.best if wish.best is not None else None if wish.nobest is None else not wish.nobest
        settings = {
            "clean_requirements_on_remove": str(wish.autoremove),
            "install_weak_deps": None if wish.install_weak_deps else "False",
            "sslverify": None if wish.sslverify else "False",
            "best": None if best is None else str(best),
            "destdir": wish.download_dir if wish.download_only else None,
        }
        lists = {
            "enablerepo": wish.enablerepo,
            "disablerepo": wish.disablerepo,
            "enableplugin": wish.enable_plugin,
            "disableplugin": wish.disable_plugin,
            "exclude": wish.exclude,
        }
        return [
            *(f"--setopt={key}={value}" for key, value in settings.items() if value is not None),
            *(f"--{key}={value}" for key, values in lists.items() for value in values),
            *([f"--config={wish.conf_file}"] if wish.conf_file else []),
            *([f"--installroot={self._root}"] if self._root else []),
            *([f"--releasever={wish.releasever}"] if wish.releasever else []),
            *([f"--disableexcludes={wish.disable_excludes}"] if wish.disable_excludes else []),
            *(["--no-gpgchecks" if five else "--nogpgcheck"] if wish.disable_gpg_check else []),
            *(["--downloadonly"] if wish.download_only else []),
            *(["--allowerasing"] if wish.allowerasing else []),
            *(["--skip-broken"] if wish.skip_broken else []),
            *(["--security"] if wish.security else []),
            *(["--bugfix"] if wish.bugfix else []),
            *(["--cacheonly"] if wish.cacheonly else []),
            *(["--refresh"] if wish.update_cache and tool in ("dnf", "dnf5") and wish.name else []),
        ]


def _planned(said: str) -> list[str]:
    """What dnf says it would do, section by section, in Ansible's words."""
    results = []
    going = False
    for line in said.splitlines():
        if line.endswith(":"):
            going = line.startswith("Removing")
        elif row := _ROW.fullmatch(line):
            results.append(f"{'Removed' if going else 'Installed'}: {row[1]}-{row[3]}.{row[2]}")
    return results


def _is_glob(name: str) -> bool:
    return bool(set("*?[") & set(name))


def _is_dnfs_to_judge(name: str) -> bool:
    """Whether rpm alone cannot say if `name` is there: groups, files, addresses, globs and comparisons."""
    return _is_glob(name) or name.startswith("@") or name.endswith(".rpm") or "://" in name or " " in name


def _failure(answer: Answer) -> TaskFailed:
    said = text(answer.stderr + b"\n" + answer.stdout)
    names = list(dict.fromkeys(one or other for one, other in _NO_MATCH.findall(said)))
    if names:
        failures = [f"No package {name} available." for name in names]
        return TaskFailed("Failed to install some of the specified packages", failures=failures, results=[], rc=1)
    reason = text(answer.stderr).strip() or text(answer.stdout).strip()
    return TaskFailed(f"Unknown Error occurred: {reason[-2000:]}", failures=[], results=[], rc=answer.rc)


MODULE = Dnf()
