"""``service``: a service under systemd, OpenRC or its init script, whichever manages the host, in one exchange."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar, Literal, NoReturn

from orchestrator.playbook.modules import systemd
from orchestrator.playbook.modules.base import Answer, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Whole, Words, also
from orchestrator.playbook.modules.library import library
from orchestrator.playbook.modules.systemd import SYSTEMD, SystemdArguments


class ServiceArguments(SystemdArguments):
    """As Ansible's ``service``, which hands everything it does not know to ``systemd_service`` where systemd runs.

    `sleep` is in seconds; `pattern`, `runlevel`, `sleep` and `arguments` mean nothing to systemd.
    """

    pattern: Words | None = None
    runlevel: Words = "default"
    sleep: Whole = 0
    arguments: Words = also("arguments", "args", default="")
    use: Literal["auto", "service", "systemd", "systemd_service", "sysvinit", "openrc"] = "auto"

    SYSTEMD_ONLY: ClassVar[tuple[str, ...]] = ("masked", "force", "daemon_reload", "daemon_reexec", "scope", "no_block")


SERVICE = library("service", SYSTEMD)


class Service(Module[ServiceArguments]):
    """``ansible.builtin.service``."""

    name = "ansible.builtin.service"
    arguments = ServiceArguments

    async def run(self, arguments: ServiceArguments, target: Target) -> Result:
        """As `Module.run`."""
        unit = arguments.name or ""
        systemd.refuse_globs(unit)
        foreign = [name for name in arguments.SYSTEMD_ONLY if name in arguments.model_fields_set]
        answer = await target.sh(
            SERVICE,
            "service_unit",
            **systemd.parameters(arguments, target.check),
            use=arguments.use,
            foreign=" ".join(foreign),
            pattern=arguments.pattern or "",
            runlevel=arguments.runlevel,
            sleep=arguments.sleep,
            words=shlex.split(arguments.arguments),
        )
        if not answer.has("init"):
            return systemd.read(answer, unit=unit, state=arguments.state)
        if answer.has("failed"):
            _fail(answer, unit, foreign)
        keys: dict[str, Any] = {"name": unit}
        if arguments.enabled is not None:
            keys["enabled"] = arguments.enabled
        if arguments.state is not None:
            keys["state"] = "stopped" if arguments.state == "stopped" else "started"
        return Result(answer.has("changed"), keys)


def _fail(answer: Answer, unit: str, foreign: list[str]) -> NoReturn:
    step = answer.get("failed")
    if step == "foreign":
        raise TaskFailed(f"the host is not managed by systemd: {', '.join(foreign)} cannot be done here")
    if step == "missing":
        raise TaskFailed(f"Could not find the requested service {unit}: there is no /etc/init.d/{unit}")
    said = (answer.stderr or answer.stdout).decode("utf-8", "replace").strip()
    raise TaskFailed(f"Unable to {step} service {unit}: {said or f'exit status {answer.rc}'}", rc=answer.rc)


MODULE = Service()
