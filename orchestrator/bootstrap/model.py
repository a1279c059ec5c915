"""The values of bootstrap and retire: how hosts were found, what was done to them, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.fleet import exit_status
from orchestrator.inventory import Host
from orchestrator.ssh import HostKey, Status


@dataclass(frozen=True, slots=True)
class Credentials:
    """The passwords that a person gave for the whole run: `login` for hosts that refuse our keys, `become` for sudo, su
    and doas, which are given `login` where that is None."""

    login: str | None = field(default=None, repr=False)
    become: str | None = field(default=None, repr=False)


class KeyState(StrEnum):
    """What is known of the key that a host shows. `PINNED` is also one that a pinned authority vouches for, `PROMISED`
    one that the inventory's ``fingerprint`` names."""

    PINNED = "pinned"
    PROMISED = "promised"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    UNSEEN = "unseen"

    @property
    def trusted(self) -> bool:
        """True if the host may be logged in to."""
        return self in (KeyState.PINNED, KeyState.PROMISED)


class Root(StrEnum):
    """How the login user becomes root on a host: it is root, sudo asks nothing, sudo (or su, doas) takes the password,
    sudo wants a password that nobody gave, or not at all."""

    ALREADY = "already"
    FREE = "free"
    PASSWORD = "password"  # noqa: S105  the name of a way
    ASKS = "asks"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a host says of itself, cleaned for showing: `system` like ``Debian GNU/Linux 12 (bookworm)``, `machine` as
    uname(1) has it, `init` like ``systemd``. `skew` is how many seconds its clock is ahead of ours, give or take one.
    """

    system: str
    machine: str
    init: str
    sudo: bool
    skew: float


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One host as it was found, nothing changed yet.

    `login` is whom we log in as, `account` whom the host is to be managed as.
    `shown` is the host key to ask about when `key` is UNKNOWN. `method` is how the login went: ``key``, ``agent``,
    ``certificate`` or ``password``. `status` is OK when bootstrap can begin; else `trouble` says in one line why not.
    """

    host: Host
    login: str
    account: str
    status: Status
    key: KeyState = KeyState.UNSEEN
    shown: HostKey | None = None
    method: str = ""
    root: Root = Root.NONE
    facts: HostFacts | None = None
    trouble: str = ""

    @property
    def ready(self) -> bool:
        """True if bootstrap, or retire, can begin."""
        return self.status is Status.OK

    @property
    def wants_trust(self) -> bool:
        """True if a person has to confirm the fingerprint of `shown` first; see `Bootstrap.trust`."""
        return self.key is KeyState.UNKNOWN and self.shown is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One step on one host: its `name`, whether it is `done` (None: it was not, or could not be, looked at), and one
    line about it.

    Names are those of docs/bootstrap.md: ``reach``, ``key``, ``login``, ``facts``, ``root``, ``release``, ``verify``,
    ``hostctl``, ``forward``, ``exporter``, ``refused``, ``inventory``.
    """

    host: str
    name: str
    done: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """How it ended on one host: OK only when every step was done. `changed` counts the tasks that changed something.

    `detail` says why not, and at which step.
    """

    host: str
    status: Status
    changed: int = 0
    detail: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, host by host, in the order of the inventory."""

    hosts: tuple[HostOutcome, ...]
    check: bool = False
    stopped: bool = False

    @property
    def done(self) -> list[HostOutcome]:
        """Those that went well."""
        return [host for host in self.hosts if host.status is Status.OK]

    @property
    def exit_status(self) -> int:
        """What a command line ends with: 4 if some host was not reached, trusted or let us in, else 1 if one failed."""
        return exit_status(host.status for host in self.hosts)

    def to_json(self) -> dict[str, Any]:
        """The value of ``hosts`` in ``bootstrap --json``."""
        return {
            host.host: {
                "status": host.status.value,
                "changed": host.changed,
                "detail": host.detail,
                "steps": [{"name": step.name, "done": step.done, "detail": step.detail} for step in host.steps],
            }
            for host in self.hosts
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it. `exporter_file` is a node_exporter binary or archive of the user's on the control node, and
    without `exporter` none is installed."""

    check: bool = False
    diff: bool = False
    exporter: bool = True
    exporter_file: Path | None = None


OnStep = Callable[[Step], None]
