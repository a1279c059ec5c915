"""``systemd`` (``systemd_service``): one unit's state, in one exchange.

The rules are those of Ansible's module: what counts as running, enabled and masked, and the order enable, mask, state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, Self

from pydantic import model_validator

from orchestrator.playbook.modules.base import Answer, Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import library

State = Literal["started", "stopped", "restarted", "reloaded"]


class SystemdArguments(Arguments):
    """As Ansible's ``systemd_service``. `name` is one unit, ``.service`` understood; no globs. Alone it asks for its
    status."""

    name: Words | None = also("name", "service", "unit", default=None)
    state: State | None = None
    enabled: Flag | None = None
    masked: Flag | None = None
    force: Flag = False
    daemon_reload: Flag = also("daemon_reload", "daemon-reload", default=False)
    daemon_reexec: Flag = also("daemon_reexec", "daemon-reexec", default=False)
    scope: Literal["system", "user", "global"] = "system"
    no_block: Flag = False

    @model_validator(mode="after")
    def _named(self) -> Self:
        wanted = self.state is not None or self.enabled is not None or self.masked is not None
        if wanted and self.name is None:
            raise ValueError("needs name, the unit to work with")
        return self


SYSTEMD = library("systemd", tidy=True)


class Systemd(Module[SystemdArguments]):
    """``ansible.builtin.systemd_service``."""

    name = "ansible.builtin.systemd_service"
    aliases = ("ansible.builtin.systemd",)
    arguments = SystemdArguments

    async def run(self, arguments: SystemdArguments, target: Target) -> Result:
        """As `Module.run`."""
        unit = arguments.name or ""
        refuse_globs(unit)
        answer = await target.sh(SYSTEMD, "systemd_unit", **parameters(arguments, target.check))
        return read(answer, unit=arguments.name, state=arguments.state)


def refuse_globs(unit: str) -> None:
    """Raise TaskFailed for a `unit` that would mean several: Ansible refuses them, too."""
    for sign in "*?[":
        if sign in unit:
            raise TaskFailed(f"globs are not supported in name, found {sign!r} in the service name {unit!r}")


def parameters(arguments: SystemdArguments, check: bool) -> dict[str, Any]:
    """What `systemd_unit` takes; a wish that was not expressed is empty."""
    word = {None: "", True: "yes", False: "no"}
    return {
        "unit": arguments.name or "",
        "state": arguments.state or "",
        "enabled": word[arguments.enabled],
        "masked": word[arguments.masked],
        "scope": arguments.scope,
        "no_block": arguments.no_block,
        "force": arguments.force,
        "daemon_reload": arguments.daemon_reload,
        "daemon_reexec": arguments.daemon_reexec,
        "check": check,
    }


def read(answer: Answer, *, unit: str | None, state: str | None) -> Result:
    """The result of `systemd_unit`. Raises TaskFailed with Ansible's words for what went wrong."""
    status = parse_show(answer.get("show"))
    if answer.has("failed"):
        _fail(answer, unit or "", status)
    keys: dict[str, Any] = {"name": unit, "status": status}
    if answer.has("enabled"):
        keys["enabled"] = answer.get("enabled") == "yes"
    if state is not None:
        keys["state"] = "started" if state in ("restarted", "reloaded") and status else state
    if warnings := _warnings(answer, unit or ""):
        keys["warnings"] = warnings
    return Result(changed=answer.has("changed"), keys=keys)


def _warnings(answer: Answer, unit: str) -> list[str]:
    warnings = [f"systemd is not running here (a chroot?), so {verb} did nothing" for verb in answer.all("offline")]
    if answer.has("initd"):
        warnings.append(f"The service ({unit}) is actually an init script but the system is managed by systemd")
    return warnings


def _fail(answer: Answer, unit: str, status: Mapping[str, str]) -> NoReturn:
    step = answer.get("failed")
    said = "\n".join(filter(None, (answer.get("said").strip(), answer.get("wrote").strip())))
    messages = {
        "systemctl": "the host has no systemctl: it is not managed by systemd",
        "load": f"Error loading unit file '{unit}': {status.get('LoadError', '')}",
        "manager": f"systemd does not answer: {said}",
        "missing": f"Could not find the requested service {unit}: host",
        "state": f"Service is in unknown state: systemd gave no ActiveState for {unit}",
        "daemon-reload": f"failure {answer.rc} during daemon-reload: {said}",
        "daemon-reexec": f"failure {answer.rc} during daemon-reexec: {said}",
        "mask": f"Failed to mask the service ({unit}): {said}",
        "unmask": f"Failed to unmask the service ({unit}): {said}",
    }
    raise TaskFailed(messages.get(step, f"Unable to {step} service {unit}: {said}"), status=dict(status))


def parse_show(text: str) -> dict[str, str]:
    """Properties from ``systemctl show``. Only an ``Exec...`` runs over several lines, in braces."""
    properties: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if key:
            properties[key] += f"\n{line}"
        elif "=" in line:
            key, _, value = line.partition("=")
            properties[key] = value.strip()
        if not (key.startswith("Exec") and properties[key].startswith("{") and not line.rstrip().endswith("}")):
            key = ""
    return properties


MODULE = Systemd()
