"""Hosts that can be got into in every way there is, and a home that bootstraps them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bootstrap.exporter import exporter
from tests.cli.command import Ran, orchestrator
from tests.conformance.snapshot import entry, snapshot
from tests.conformance.told import Entry
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.lab.tree import RELEASES, tree

PASSWORD = "horse staple 42"
KINDS = ("root", "ops", "amy", "bob")
"""Who logs in: root with a password only; somebody with a key and sudo without, or with, a password; and somebody with
a key and no sudo, which on two of three hosts is not even installed."""


@dataclass(frozen=True)
class Fleet:
    """Booted hosts and the home that knows them."""

    lab: Lab
    home: Path

    def run(self, *argv: str) -> Ran:
        """``orchestrator ARGV`` in the home."""
        return orchestrator(self.home, *argv)

    def work(self, verb: str, *argv: str) -> Ran:
        """``bootstrap`` or ``retire`` with everything given that a person would be asked for."""
        return self.run(verb, *argv, "--yes", "--password-file", str(self.home / "password"))

    def bootstrap(self, *argv: str) -> Ran:
        """``bootstrap`` with a node_exporter to install."""
        return self.work("bootstrap", *argv, "--node-exporter", str(exporter()))

    @property
    def inventory(self) -> str:
        """The text of the inventory."""
        return (self.home / "inventory" / "hosts.yml").read_text()


def kind_of(number: int) -> str:
    """Who logs in to the host with this index."""
    return KINDS[number // len(RELEASES) % len(KINDS)]


def prepare(lab: Lab, home: Path, kinds: Sequence[str]) -> Fleet:
    """Let the hosts of `lab` be what `kinds` say, each in turn, and `home` know them with their keys pinned."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(_make, lab.hosts, kinds))
    return at_home(lab, home, kinds)


def at_home(lab: Lab, home: Path, kinds: Sequence[str]) -> Fleet:
    """A home for hosts that were prepared."""
    for name in ("inventory", "keys"):
        (home / name).mkdir(mode=0o700, parents=True)
    for end in ("", ".pub"):
        shutil.copy(f"{lab.key}{end}", home / "keys" / f"id_ed25519{end}")
    password = home / "password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o600)
    lines = [
        f"    {host.name}: {{address: {host.address}, user: {kind}}}  # {host.release}\n"
        for host, kind in zip(lab.hosts, kinds, strict=True)
    ]
    (home / "inventory" / "hosts.yml").write_text(f"all:\n  hosts:\n{''.join(lines)}")
    (home / "keys" / "known_hosts").write_text(lab.known_hosts())
    return Fleet(lab, home)


_LET_ROOT_IN = r"PermitRootLogin yes\nPasswordAuthentication yes\n"


def _make(host: LabHost, kind: str) -> None:
    """Let `kind` log in to `host` in its own way, and nobody else."""
    key = (host.root / "home/ops/.ssh/authorized_keys").read_text().strip()
    script = ["rm -f /root/.ssh/authorized_keys"]
    if kind != "ops":
        script.append("rm -f /home/ops/.ssh/authorized_keys")
    if kind == "root":
        script.append(f"echo 'root:{PASSWORD}' | chpasswd")
        script.append(f"printf '{_LET_ROOT_IN}' >/etc/ssh/sshd_config.d/a-kind.conf")
    if kind in ("amy", "bob"):
        script += [
            f"useradd --create-home --shell /bin/bash {kind}",
            f"echo '{kind}:{PASSWORD}' | chpasswd",
            f"install -d -m 0700 -o {kind} -g {kind} /home/{kind}/.ssh",
            f"echo '{key}' >/home/{kind}/.ssh/authorized_keys",
            f"chown {kind}: /home/{kind}/.ssh/authorized_keys",
        ]
    if kind == "amy":
        script.append("echo 'amy ALL=(ALL:ALL) ALL' >/etc/sudoers.d/amy")
    if kind == "bob" and host.release != "trixie":
        script.append("rm /usr/bin/sudo")
    host.run("\n".join(script))
    host.sshd_config("")  # has it read anew


def troubles(ran: Ran) -> dict[str, str]:
    """Why hosts did not end well, by ``--json``."""
    return {name: host["detail"] for name, host in ran.json["hosts"].items() if host["status"] != "ok"}


Tree = Mapping[str, Entry]


def look(hosts: Sequence[LabHost]) -> dict[str, Tree]:
    """What is on the disk of each host beyond its image."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip([host.name for host in hosts], pool.map(snapshot, hosts), strict=True))


def differences(host: LabHost, before: Tree, after: Tree) -> list[str]:
    """Paths that do not stand as they stood: but for times of change, and for what sudo remembers of its lectures."""
    image = tree(host.release)
    found = []
    for path in sorted(before.keys() | after.keys()):
        was, now = (str(seen.get(path) or entry(image, path)) for seen in (before, after))
        if was != now and not path.startswith("var/lib/sudo"):
            found.append(f"{host.name}: /{path}: {was} -> {now}")
    return found


def listeners(host: LabHost) -> list[str]:
    """What the host listens on, with addresses."""
    return sorted(set(host.run("ss -H -ltnu | awk '{print $1, $5}'").stdout.splitlines()))
