"""Control groups of the hosts, where no systemd of the machine's own hands them out.

Hosts that share one group cannot tell when a service's processes have ended, and their service stops hang; so each
host gets a group of its own in every hierarchy that a systemd looks at (cgroup v2, and `name=systemd` of v1).
"""

from __future__ import annotations

import errno
from pathlib import Path

from tests.lab.command import wait_until


def booted_with_systemd() -> bool:
    """Whether systemd is process 1 of this machine, as sd_booted(3) asks; it then gives each host a scope itself."""
    return Path("/run/systemd/system").is_dir()


def groups(name: str) -> list[Path]:
    """Folders of the group called `name`, one in each hierarchy; they need not exist."""
    return [hierarchy / name for hierarchy in _hierarchies()]


def remove(name: str) -> None:
    """Remove the groups of that name with everything below them; their processes must be ending."""
    wait_until(f"removal of control group {name}", lambda: all(map(_removed, groups(name))), 10)


def _removed(group: Path) -> bool:
    try:
        for below in sorted(group.rglob("*/"), reverse=True):
            below.rmdir()
        group.rmdir()
    except FileNotFoundError:
        return not group.exists()
    except OSError as error:
        if error.errno != errno.EBUSY:  # a process that is not wholly gone yet
            raise
        return False
    return True


def _hierarchies() -> list[Path]:
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, path, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            found.append(Path(path))
    return found
