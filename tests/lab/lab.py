"""Several hosts on one bridge: built together, found again by other processes, and gone together."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import place, processes
from tests.lab.command import LabError, command
from tests.lab.host import SSH_PORT, LabHost
from tests.lab.machine import Machine
from tests.lab.needs import raise_inotify_limits, require_machine
from tests.lab.network import Bridge, remove_links
from tests.lab.tree import make_trees

_BOOT_TIMEOUT = 120
_LIMIT = 240


class Lab:
    """`count` booted Debian hosts `web1`, `web2` ..., as a context manager.

    ``with Lab(3) as lab: lab.hosts[0].run("uptime")``

    `release` is one of `tests.lab.tree.RELEASES`, or a sequence that the hosts take in turn. Labs of different names
    live side by side on different subnets. What an earlier run left behind by dying is removed on entry.
    """

    def __init__(self, count: int, *, release: str | Sequence[str] = "bookworm", name: str = "lab") -> None:
        if not 1 <= count <= _LIMIT:
            raise LabError(f"a lab has 1 to {_LIMIT} hosts, not {count}")
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise LabError(f"a lab's name is letters, digits, dots and dashes, not {name!r}")
        releases = [release] if isinstance(release, str) else list(release)
        self.name = name
        self.folder = place.running() / name
        self.hosts: list[LabHost] = []
        self._releases = [releases[index % len(releases)] for index in range(count)]

    @property
    def key(self) -> Path:
        """Private ed25519 key that `root` and `ops` accept on every host; no passphrase."""
        return self.folder / "key"

    @property
    def wrong_key(self) -> Path:
        """Private ed25519 key that no host accepts."""
        return self.folder / "wrong_key"

    @property
    def identity(self) -> str:
        """What the lab's bridge, and with a host's name its control group, is called on this machine."""
        return _identity(self.folder)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Build and boot all hosts side by side; returns when each answers ssh. Nothing is left after a failure."""
        require_machine()
        remove_abandoned()
        trees = make_trees(self._releases)
        raise_inotify_limits()
        try:
            self.folder.mkdir(parents=True, mode=0o700)
        except FileExistsError:
            raise LabError(f"lab {self.name!r} is up already: `python -m tests.lab down --name {self.name}`") from None
        try:
            (self.folder / "owner").write_text(_ourselves())
            self._build(trees)
            self._each(lambda host: host.boot(_BOOT_TIMEOUT))
        except BaseException:
            self.down()
            raise

    def _build(self, trees: dict[str, Path]) -> None:
        for key in (self.key, self.wrong_key):
            command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab-{key.name}", "-f", str(key))
        bridge = Bridge.create(self.identity)
        described = {"subnet": str(bridge.subnet), "releases": self._releases}
        (self.folder / "lab.json").write_text(json.dumps(described))
        self.hosts = self._make_hosts(bridge)
        hosts = "127.0.0.1 localhost\n" + "".join(f"{host.address} {host.name}\n" for host in self.hosts)
        authorized_keys = self.key.with_suffix(".pub").read_text()
        for number, host in enumerate(self.hosts, 1):
            host.root.parent.mkdir()
            bridge.plug(number, host.root.parent / "net")
        self._each(lambda host: host.install(trees[host.release], hosts=hosts, authorized_keys=authorized_keys))

    def _make_hosts(self, bridge: Bridge) -> list[LabHost]:
        return [
            LabHost(
                _machine(self.folder, f"web{number}"),
                name=f"web{number}",
                address=bridge.address(number),
                release=release,
                cable=bridge.port(number),
            )
            for number, release in enumerate(self._releases, 1)
        ]

    @classmethod
    def attach(cls, name: str = "lab") -> Lab:
        """The lab of that name that is up already, to act on it from another process."""
        try:
            described = json.loads((place.running() / name / "lab.json").read_text())
        except FileNotFoundError:
            raise LabError(f"no lab {name!r} is up: `python -m tests.lab up 3 --name {name}`") from None
        lab = cls(len(described["releases"]), release=described["releases"], name=name)
        lab.hosts = lab._make_hosts(Bridge(lab.identity, ipaddress.IPv4Network(described["subnet"])))
        return lab

    def leave_running(self) -> None:
        """Let the hosts outlive this process, until somebody takes the lab down."""
        (self.folder / "owner").unlink()

    def down(self) -> None:
        """Take everything down and leave nothing behind, however far it was built."""
        remove(self.folder)
        self.hosts = []

    def heal(self) -> None:
        """Undo all faults of all hosts."""
        self._each(LabHost.heal)

    def _each(self, act: Callable[[LabHost], None]) -> None:
        with ThreadPoolExecutor(max_workers=16) as pool:
            for done in [pool.submit(act, host) for host in self.hosts]:
                done.result()

    def inventory_yaml(self) -> str:
        """An Ansible inventory of all hosts, in the group `web`, logging in as root with the lab's key."""
        hosts = "".join(f"    {host.name}: {{ansible_host: {host.address}}}\n" for host in self.hosts)
        return (
            f"web:\n  hosts:\n{hosts}  vars:\n    ansible_user: root\n    ansible_port: {SSH_PORT}\n"
            f"    ansible_ssh_private_key_file: {json.dumps(str(self.key))}\n"
            "    ansible_python_interpreter: /usr/bin/python3\n"
        )

    def known_hosts(self) -> str:
        """A known_hosts file with the key that each host has now."""
        return "".join(f"{host.host_key_line}\n" for host in self.hosts)


def labs_up() -> list[str]:
    """Names of the labs that exist, whoever made them."""
    return sorted(folder.name for folder in place.running().glob("*/"))


def remove(folder: Path) -> None:
    """Remove the lab that lives in `folder`: hosts, cables, bridge, files; fits half-built and crashed labs."""
    if not folder.exists():
        return
    names = [path.name for path in folder.glob("web*/")]
    with ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(lambda name: _machine(folder, name).destroy(), names))
    remove_links(_identity(folder))
    shutil.rmtree(folder)


def remove_abandoned() -> None:
    """Remove the labs whose owner died without taking them down."""
    with place.locked("abandoned"):
        for name in labs_up():
            owner = place.running() / name / "owner"
            if owner.exists() and not _runs(owner.read_text()):
                remove(owner.parent)


def _machine(folder: Path, name: str) -> Machine:
    return Machine(folder / name, name, f"{_identity(folder)}-{name}")


@functools.cache
def _identity(folder: Path) -> str:
    """Name for the bridge and the control groups: of this lab alone, and short enough for an interface (15)."""
    return f"lab{hashlib.sha256(str(folder).encode()).hexdigest()[:6]}"


def _ourselves() -> str:
    return f"{os.getpid()} {processes.started(os.getpid())}"


def _runs(owner: str) -> bool:
    pid, _, started = owner.partition(" ")
    return pid.isdigit() and processes.alive(int(pid)) and processes.started(int(pid)) == started
