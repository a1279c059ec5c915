"""Actions on hosts as a whole: look, connect, run, manage; and on the inventory that names them."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.control.action import Action, OnHosts, Risk
from orchestrator.inventory import HostSet


@dataclass(frozen=True)
class ShowHosts(OnHosts):
    """State and vitals of hosts."""

    kind = "show_hosts"
    risk = Risk.READ
    sentence = "Look at {hosts}"


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
