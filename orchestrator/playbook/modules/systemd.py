"""``systemd`` (``systemd_service``): one unit's state, in one exchange.

The rules are those of Ansible's module: what counts as running, enabled and masked, and the order enable, mask, state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, Self

from pydantic import model_validator

from orchestrator.playbook.modules.base import Answer, Arguments, Module, Program, Result, Target, TaskFailed
from orchestrator.playbook.modules.fields import Flag, Words, also

State = Literal["started", "stopped", "restarted", "reloaded"]


class SystemdArguments(Arguments):
    """As Ansible's ``systemd_service``. `name` is one unit, ``.service`` understood; no globs."""

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
    def _complete(self) -> Self:
        wanted = self.state is not None or self.enabled is not None or self.masked is not None
        if not (wanted or {"daemon_reload", "daemon_reexec"} & self.model_fields_set):
            raise ValueError("needs one of state, enabled, masked, daemon_reload, daemon_reexec")
        if wanted and self.name is None:
            raise ValueError("needs name, the unit to work with")
        return self


SYSTEMD = Program(
    "systemd",
    r"""
systemd_unit() {
    command -v systemctl >/dev/null || { say failed systemctl; return 1; }
    nl='
'
    set --
    if [ "$scope" != system ]; then
        set -- "--$scope"
        : "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"
        export XDG_RUNTIME_DIR
    fi
    [ -z "$no_block" ] || set -- "$@" --no-block
    [ -z "$force" ] || set -- "$@" --force
    if [ -z "$check" ]; then
        [ -z "$daemon_reload" ] || systemd_manager daemon-reload "$@" || return
        [ -z "$daemon_reexec" ] || systemd_manager daemon-reexec "$@" || return
    fi
    [ -n "$unit" ] || return 0
    systemd_look "$@" || return
    [ -z "$masked" ] || systemd_mask "$@" || return
    [ -z "$enabled" ] || systemd_enable "$@" || return
    [ -z "$state" ] || systemd_state "$@"
}

systemd_offline() {
    [ "${SYSTEMD_OFFLINE-}" = 1 ] && return
    # shellcheck disable=SC3013  # dash, bash and ash all have -ef
    [ -e /proc/1/root/. ] && ! [ /proc/1/root/. -ef / ]
}

systemd_manager() {
    verb=$1
    shift
    said=$(systemctl "$@" "$verb" 2>&1) && return
    rc=$?
    systemd_offline && { say offline "$verb"; return 0; }
    say said "$said"
    say failed "$verb"
    return $rc
}

# `found`, `active` and the records of what there is. In a chroot show cannot answer, is-enabled can.
systemd_look() {
    found='' initd='' active=''
    case $unit in /*) script=$unit ;; *) script=/etc/init.d/$unit ;; esac
    [ ! -e "$script" ] || initd=1
    show=$(systemctl "$@" show -- "$unit" 2>&1)
    rc=$?
    case $show in *=*) ignored='' ;; *'ignoring request'* | *'ignoring command'*) ignored=1 ;; *) ignored='' ;; esac
    if [ "$rc" = 0 ] && [ -z "$ignored" ]; then
        say show "$show"
        show=$nl$show$nl
        case $show in *"${nl}LoadState=not-found$nl"*) ;; *"${nl}LoadState="*) found=1 ;; esac
        case $show in
            *"${nl}LoadState=masked$nl"*) ;;
            *"${nl}LoadError="*) [ -z "$found" ] || { say failed load; return 1; } ;;
        esac
        active=${show#*"${nl}ActiveState="}
        active=${active%%"$nl"*}
    else
        now=$(systemctl "$@" is-enabled -- "$unit" 2>/dev/null)
        case $now in
            enabled* | linked* | masked* | static | indirect | disabled | generated | transient) found=1 ;;
            *)
                if systemctl "$@" list-unit-files -- "$unit" >/dev/null 2>&1; then
                    found=1
                elif ! said=$(systemctl "$@" 2>&1); then
                    say said "$said"
                    say failed manager
                    return 1
                fi
            ;;
        esac
    fi
    [ -z "$initd" ] || [ -n "$found" ] || { say initd 1; found=1; }
}

systemd_change() {
    say changed 1
    [ -z "$check" ] || return 0
    verb=$1
    shift
    said=$(systemctl "$@" "$verb" -- "$unit" 2>&1) && return
    rc=$?
    say said "$said"
    say failed "$verb"
    return $rc
}

systemd_missing() {
    [ -n "$found" ] && return 1
    say failed missing
}

systemd_mask() {
    now=no
    [ "$(systemctl "$@" is-enabled -- "$unit" 2>/dev/null)" != masked ] || now=yes
    [ "$now" != "$masked" ] || return 0
    if [ "$masked" = yes ]; then systemd_change mask "$@"; else systemd_change unmask "$@"; fi && return
    rc=$?
    systemd_missing
    return $rc
}

# The manager's UnitFileState may be older than the links on the disk, so it alone is not believed; with the
# link there, asking again (a third of the whole cost) can only give the same answer.
systemd_is_enabled() {
    id=$unit
    case $unit in *.*) ;; *) id=$unit.service ;; esac
    if [ "$scope" = system ]; then
        case $show in *"${nl}UnitFileState=enabled$nl"*)
            case $show in *"${nl}Id=$id$nl"*)
                for link in /etc/systemd/system/*.wants/"$id" /etc/systemd/system/*.requires/"$id"; do
                    [ ! -h "$link" ] || return 0
                done
            ;; esac
        ;; esac
    fi
    # Full, as Ansible asks: the word of an alias is then followed by its links, and counts as enabled.
    word=$(systemctl "$@" --full is-enabled -- "$unit" 2>/dev/null)
    case $?:$word in
        0:enabled-runtime | 0:indirect | 0:alias) return 1 ;;
        0:*) return 0 ;;
        1:*disabled) return 1 ;;
        1:*) [ "$scope" = system ] && [ -n "$initd" ] || return 1 ;;
        *) return 1 ;;
    esac
    for link in /etc/rc?.d/S??"$unit"; do
        [ ! -e "$link" ] || return 0
    done
    return 1
}

systemd_enable() {
    ! systemd_missing || return 1
    now=no
    ! systemd_is_enabled "$@" || now=yes
    say enabled "$now"
    [ "$now" != "$enabled" ] || return 0
    if [ "$enabled" = yes ]; then systemd_change enable "$@"; else systemd_change disable "$@"; fi || return
    say enabled "$enabled"
}

systemd_state() {
    ! systemd_missing || return 1
    if [ -z "$active" ]; then
        systemd_offline && { say offline state; return 0; }
        say failed state
        return 1
    fi
    case $state:$active in
        started:active | started:activating) return 0 ;;
        stopped:active | stopped:activating | stopped:deactivating) systemd_change stop "$@" ;;
        stopped:*) return 0 ;;
        restarted:active | restarted:activating) systemd_change restart "$@" ;;
        reloaded:active | reloaded:activating) systemd_change reload "$@" ;;
        *) systemd_change start "$@" ;;
    esac
}
""",
)


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
    said = answer.get("said").strip()
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
