"""The things an operator can ask for. Faces only build these; the door judges them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from orchestrator.inventory import Host, HostSet


class Risk(StrEnum):
    """What an action can do to a host at worst."""

    READ = "read"
    CHANGE = "change"
    DESTRUCTIVE = "destructive"
    SHELL = "shell"


class Face(StrEnum):
    """Where a request came in."""

    TELEGRAM = "telegram"
    TERMINAL = "terminal"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `id` is stable and unique over faces (``telegram:1001``, ``local:root``); `name` is for reading."""

    id: str
    name: str
    face: Face


class Action:
    """Base of all actions: `kind` names it in the audit, `risk` decides what it takes."""

    kind: ClassVar[str]
    risk: ClassVar[Risk]
    sentence: ClassVar[str]

    @property
    def targets(self) -> HostSet:
        """The hosts it touches."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """One English sentence for the audit, with every parameter that matters."""
        return self.sentence.format(action=self, hosts=self.targets.folded)


@dataclass(frozen=True)
class OnHosts(Action):
    """An action on any number of hosts."""

    hosts: HostSet

    @property
    def targets(self) -> HostSet:
        """The hosts it touches."""
        return self.hosts


@dataclass(frozen=True)
class OnHost(Action):
    """An action on one host."""

    host: Host

    @property
    def targets(self) -> HostSet:
        """The host it touches."""
        return HostSet([self.host])


@dataclass(frozen=True)
class ShowHosts(OnHosts):
    """State and vitals of hosts."""

    kind = "show_hosts"
    risk = Risk.READ
    sentence = "Look at {hosts}"


@dataclass(frozen=True)
class ShowMetric(OnHosts):
    """A reading or a chart of hosts; `metric` is cpu, mem or disk."""

    kind = "show_metric"
    risk = Risk.READ
    sentence = "Read {action.metric} of {hosts}"
    metric: str


@dataclass(frozen=True)
class Reconnect(OnHosts):
    """Try hosts again that are parked until a person acts."""

    kind = "reconnect"
    risk = Risk.CHANGE
    sentence = "Try to connect again to {hosts}"


@dataclass(frozen=True)
class Exec(OnHosts):
    """Run a shell command. `timeout` is in seconds."""

    kind = "exec"
    risk = Risk.SHELL
    sentence = "Run on {hosts}: {action.command}"
    command: str
    timeout: float = 60.0


@dataclass(frozen=True)
class RunPlaybook(OnHosts):
    """Run a playbook, which can do what a shell can. `options` are the command line's, without values."""

    kind = "run_playbook"
    risk = Risk.SHELL
    sentence = "Run playbook {action.playbook} on {hosts} {action.options}"
    playbook: str
    options: str = ""

    @property
    def summary(self) -> str:
        """The sentence; without options it ends with the hosts."""
        return super().summary.rstrip()


@dataclass(frozen=True)
class CheckPlaybook(RunPlaybook):
    """Predict what a playbook would change. Tasks that say ``check_mode: false`` run all the same."""

    kind = "check_playbook"
    risk = Risk.CHANGE
    sentence = "Check what playbook {action.playbook} would change on {hosts} {action.options}"


@dataclass(frozen=True)
class SurveyHosts(OnHosts):
    """Log in to hosts and find out how they can be bootstrapped, or retired; nothing is changed there."""

    kind = "survey"
    risk = Risk.READ
    sentence = "Find out how {hosts} can be got into"


@dataclass(frozen=True)
class BootstrapHosts(OnHosts):
    """Make hosts managed: an account with our key, a sudo rule, hostctl, node_exporter."""

    kind = "bootstrap"
    risk = Risk.SHELL
    sentence = "Bootstrap {hosts}"


@dataclass(frozen=True)
class CheckBootstrap(OnHosts):
    """Predict what bootstrapping, or retiring, hosts would change."""

    kind = "check_bootstrap"
    risk = Risk.CHANGE
    sentence = "Check what bootstrap or retire would change on {hosts}"


@dataclass(frozen=True)
class RetireHosts(OnHosts):
    """Take away from hosts what bootstrap added; with `forget`, also from the inventory and the pinned keys."""

    kind = "retire"
    risk = Risk.DESTRUCTIVE
    sentence = "Retire {hosts}{action.ending}"
    forget: bool = False

    @property
    def ending(self) -> str:
        """What the sentence ends with."""
        return " and forget them" if self.forget else ""


@dataclass(frozen=True)
class ListPorts(OnHosts):
    """List listening sockets."""

    kind = "list_ports"
    risk = Risk.READ
    sentence = "List ports of {hosts}"


@dataclass(frozen=True)
class ClosePort(OnHost):
    """Free a port by ending the processes that hold it."""

    kind = "close_port"
    risk = Risk.DESTRUCTIVE
    sentence = "Close {action.protocol} {action.port} on {hosts}"
    port: int
    protocol: str


@dataclass(frozen=True)
class StopUnit(OnHost):
    """Stop the systemd unit that keeps a port open."""

    kind = "stop_unit"
    risk = Risk.DESTRUCTIVE
    sentence = "Stop {action.unit} on {hosts} to close {action.protocol} {action.port}"
    unit: str
    port: int
    protocol: str


@dataclass(frozen=True)
class EditInventory(Action):
    """Change what the inventory says; `change` is that in words."""

    kind = "edit_inventory"
    risk = Risk.CHANGE
    sentence = "{action.change}"
    change: str

    @property
    def targets(self) -> HostSet:
        """None: no host is touched."""
        return HostSet()


@dataclass(frozen=True)
class TrustKey(OnHost):
    """Pin a host key."""

    kind = "trust_key"
    risk = Risk.CHANGE
    sentence = "Trust host key {action.fingerprint} of {hosts}"
    fingerprint: str


@dataclass(frozen=True)
class SignHosts(OnHosts):
    """Give hosts a certificate of our own authority."""

    kind = "sign_hosts"
    risk = Risk.CHANGE
    sentence = "Sign the host keys of {hosts} for {action.days} days"
    days: int


@dataclass(frozen=True)
class RevokeKeys(OnHosts):
    """Never accept keys again; the hosts are those that they are of, if of any."""

    kind = "revoke_keys"
    risk = Risk.DESTRUCTIVE
    sentence = "Revoke {action.fingerprints} {hosts}"
    fingerprints: str

    @property
    def summary(self) -> str:
        """The sentence; it ends with the hosts if there are any."""
        return super().summary.rstrip()


@dataclass(frozen=True)
class ForgetKey(OnHost):
    """Forget the pinned host keys of a host."""

    kind = "forget_key"
    risk = Risk.CHANGE
    sentence = "Forget the host keys of {hosts}"


@dataclass(frozen=True)
class RotateKeys(OnHosts):
    """Replace the key that we log in with."""

    kind = "rotate_keys"
    risk = Risk.DESTRUCTIVE
    sentence = "Replace our key on {hosts}"
