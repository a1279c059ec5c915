"""A booted host as a Target: programs run inside it as root, entering its namespaces directly."""

from __future__ import annotations

from pathlib import Path

from tests.lab.host import LabHost
from tests.playbook.modules.target import LocalTarget, Shell

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabTarget(LocalTarget):
    """`host` through its own ``/bin/sh``; `folder`, of this machine, is where `find` looks."""

    def __init__(self, host: LabHost, folder: Path, *, check: bool = False, diff: bool = False) -> None:
        super().__init__(folder, check=check, diff=diff, host=host.name)
        # Absolute: what it finds before entering is this machine's, after it the host's.
        enter = ("/usr/bin/nsenter", "--target", str(host.leader), "--all")
        self.shell = Shell("lab", (*enter, "/usr/bin/env", "HOME=/root", "/bin/sh"), _PATH)
        self.root = host.root
        self.scratch = host.root / "var/lib"
