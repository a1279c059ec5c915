"""One booted system: its disk, its power switch, and its process 1."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from tests.lab import cgroup, processes
from tests.lab.command import command, wait_until

_REBOOT = 133
"""Status systemd-nspawn ends with when the system inside asked for a reboot and nothing supervises it."""


class Machine:
    """A systemd-nspawn container over an overlay disk, running in the namespace held by `folder/net`.

    Nothing is remembered in memory: every question is answered from the folder and from /proc, so that any process
    may ask, and a crashed run can be cleaned up by the next.
    """

    def __init__(self, folder: Path, name: str, group: str) -> None:
        """`group` names the machine and its control group among all those of this computer."""
        self.folder = folder
        self.name = name
        self._group = group

    @property
    def root(self) -> Path:
        """Root of the system's file tree, readable and writable while it runs and while it is off."""
        return self.folder / "root"

    @property
    def namespace(self) -> Path:
        """File that holds the network namespace open."""
        return self.folder / "net"

    @property
    def console(self) -> Path:
        """What the system printed while booting and ending."""
        return self.folder / "console.log"

    def make_disk(self, tree: Path) -> None:
        """Lay an empty writable layer over `tree`."""
        upper, work = self.folder / "upper", self.folder / "work"
        for path in (upper, work, self.root):
            path.mkdir(parents=True)
        layers = f"lowerdir={tree},upperdir={upper},workdir={work}"
        command("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))

    def boot(self) -> None:
        """Switch on unless it is; returns at once. A reboot from inside switches on again, as real hardware does."""
        if self.is_on():
            return
        script = self.folder / "boot.sh"
        script.write_text(self._boot_script())
        with self.console.open("ab") as console:
            subprocess.run(
                ["setsid", "--fork", "sh", str(script)],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                cwd="/",
                check=True,
            )
        wait_until(f"{self.name}: boot script", self.is_on, 10)

    def _boot_script(self) -> str:
        nspawn = [
            "systemd-nspawn",
            "--quiet",
            "--settings=no",
            "--boot",
            f"--directory={self.root}",
            f"--machine={self._group}",
            f"--hostname={self.name}",
            f"--network-namespace-path={self.namespace}",
            "--capability=CAP_NET_ADMIN",
            "--console=pipe",
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--register=no",
        ]
        enter = ""
        if not cgroup.booted_with_systemd():
            nspawn.append("--keep-unit")
            for group in cgroup.groups(self._group):
                enter += f"mkdir -p {shlex.quote(str(group))} && echo $$ >{shlex.quote(str(group))}/cgroup.procs\n"
        return f"{enter}while :; do\n{shlex.join(nspawn)}\n[ $? -eq {_REBOOT} ] || exit\ndone\n"

    def is_on(self) -> bool:
        """Whether the power is on, which says nothing of how far it has booted."""
        return bool(self._switch() or self._nspawn())

    def leader(self) -> int | None:
        """PID, seen from here, of the system's process 1; None while it is off or not that far."""
        ours = processes.namespace(os.getpid())
        for nspawn in self._nspawn():
            for child in processes.children(nspawn):
                if processes.namespace(child) not in ("", ours) and processes.name(child) in ("systemd", "init"):
                    return child
        return None

    def power_off(self) -> None:
        """Pull the plug: every process dies at once, nothing is flushed, the disk stays."""
        wait_until(f"{self.name}: power off", self._killed, 20)
        if not cgroup.booted_with_systemd():
            cgroup.remove(self._group)

    def _killed(self) -> bool:
        for switch in self._switch():  # first, or it would take the end of nspawn for a reboot
            processes.send(switch, signal.SIGKILL)
        for nspawn in self._nspawn():  # it tidies up and ends by itself once its system is dead
            for victim in processes.children(nspawn) or [nspawn]:
                processes.send(victim, signal.SIGKILL)
        return not self.is_on()

    def destroy(self) -> None:
        """Power off and leave nothing: no process, mount, namespace or file. Fits a half-made machine too."""
        self.power_off()
        for mounted in (self.root, self.namespace):
            if mounted.exists():
                subprocess.run(["umount", "--lazy", str(mounted)], capture_output=True, check=False)
        if self.folder.exists():
            _refuse_mounts_below(self.folder)
            shutil.rmtree(self.folder)

    def _switch(self) -> list[int]:
        return processes.of_program("sh", str(self.folder / "boot.sh"))

    def _nspawn(self) -> list[int]:
        return processes.of_program("systemd-nspawn", f"--directory={self.root}")


def _refuse_mounts_below(folder: Path) -> None:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if line.split()[4].startswith(f"{folder}/"):
            raise RuntimeError(f"{line.split()[4]} is still mounted: not deleting through it")
