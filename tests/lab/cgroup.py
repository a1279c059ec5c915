"""Control groups of the hosts, where no systemd of the machine's own hands them out.

Hosts that share one group cannot tell when a service's processes have ended, and their service stops hang; so each
host gets a group of its own in every hierarchy that a systemd looks at (cgroup v2, and `name=systemd` of v1).
"""

from __future__ import annotations

from pathlib import Path

_PARENT = "see-servers-health-plus-lab"


def booted_with_systemd() -> bool:
    """Whether systemd is process 1 of this machine, as sd_booted(3) asks; it then gives each host a scope itself."""
    return Path("/run/systemd/system").is_dir()


def groups(name: str) -> list[Path]:
    """Folders of the group called `name`, one in each hierarchy; they need not exist."""
    return [hierarchy / _PARENT / name for hierarchy in _hierarchies()]


def remove(name: str) -> None:
    """Remove the empty groups of that name and below, and their common parent after the last of them."""
    for group in groups(name):
        for below in sorted(group.rglob("*/"), reverse=True):
            below.rmdir()
        if group.is_dir():
            group.rmdir()
        if group.parent.is_dir() and not any(entry.is_dir() for entry in group.parent.iterdir()):
            group.parent.rmdir()


def _hierarchies() -> list[Path]:
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(path))
    return found
