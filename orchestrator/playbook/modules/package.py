"""``package``: whatever manages packages on the host does it."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, ValidationError, model_validator

from orchestrator.playbook.modules.apt import MODULE as APT
from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.dnf import MODULE as DNF
from orchestrator.playbook.modules.fields import TextList, Words, also
from orchestrator.playbook.modules.library import library

_MANAGERS: dict[str, Module[Any]] = {"apt": APT, "dnf": DNF, "dnf5": DNF, "yum": DNF}

PROBE = library("package", tidy=True)


class PackageArguments(Arguments):
    """As Ansible's ``package``: everything but `use` goes to the module of the host's package manager."""

    model_config = ConfigDict(extra="allow")

    name: TextList = also("name", "pkg", default=[])
    state: Words | None = None
    use: Words = "auto"

    @model_validator(mode="after")
    def _known(self) -> PackageArguments:
        known = {name for module in _MANAGERS.values() for name in names(module.arguments)}
        if unknown := sorted(set(self.model_extra or {}) - known):
            raise ValueError(f"neither apt nor dnf knows {', '.join(unknown)}")
        if self.use not in ("auto", *_MANAGERS):
            raise ValueError(f"use must be one of auto, {', '.join(_MANAGERS)}")
        return self


class Package(Module[PackageArguments]):
    """``ansible.builtin.package``."""

    name = "ansible.builtin.package"
    arguments = PackageArguments

    async def run(self, arguments: PackageArguments, target: Target) -> Result:
        """As `Module.run`. Without facts, finding the package manager costs one exchange more."""
        manager = arguments.use
        if manager == "auto":
            manager = str(target.facts.get("pkg_mgr") or "") or await _find(target)
        if manager not in _MANAGERS:
            raise TaskFailed(f"packages of {manager} are not supported: {', '.join(_MANAGERS)} are")
        module = _MANAGERS[manager]
        given = arguments.model_dump(exclude={"use"}, exclude_unset=True)
        try:
            wish = module.arguments.model_validate(given)
        except ValidationError as error:
            reasons = "; ".join(f"{'.'.join(map(str, one['loc'])) or manager}: {one['msg']}" for one in error.errors())
            raise TaskFailed(f"the host's package manager is {manager}: {reasons}") from None
        return await module.run(wish, target)


async def _find(target: Target) -> str:
    answer = await target.sh(PROBE, "package_manager")
    if not answer.has("manager"):
        raise TaskFailed("Could not detect which package manager to use. Try gathering facts or setting use")
    return answer.get("manager")


def names(arguments: type[Arguments]) -> set[str]:
    """Every name that `arguments` answer to."""
    found: set[str] = set()
    for name, field in arguments.model_fields.items():
        alias = field.validation_alias
        found |= {name, *(str(choice) for choice in getattr(alias, "choices", ()))}
    return found


MODULE = Package()
