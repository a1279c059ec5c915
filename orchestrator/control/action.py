"""What an action is: who asks for it, through which face, on which hosts, and what it can do to them."""

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
