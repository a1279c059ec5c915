"""A host of the lab, and everything that can be done to it without going through the product."""

from __future__ import annotations

import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.lab import processes
from tests.lab.command import LabError, command, wait_until
from tests.lab.machine import Machine
from tests.lab.network import filter_packets, pass_packets

SSH_PORT = 22
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TMPFS = "lab-tmpfs"
"""What /proc/mounts of a host calls our small file systems."""
_DROP_IN = Path("etc/ssh/sshd_config.d/lab.conf")


class LabHost:
    """A booted Debian host: systemd, sshd, rsyslog, logind, python3, sudo, nft, a static busybox.

    `root` and `ops` (sudo without a password) accept the lab's key. All methods are plain blocking calls that return
    when the thing has happened, and raise LabError when it did not.
    """

    def __init__(self, machine: Machine, *, name: str, address: str, release: str, cable: str) -> None:
        self.name = name
        self.address = address
        self.port = SSH_PORT
        self.release = release
        self._machine = machine
        self._cable = cable

    def __repr__(self) -> str:
        return f"LabHost({self.name} {self.address} {self.release})"

    @property
    def root(self) -> Path:
        """The host's file tree as seen from here; /run, /tmp and /proc of a running host are its own, not these."""
        return self._machine.root

    @property
    def public_key(self) -> str:
        """The host's ed25519 key now: `ssh-ed25519 AAAA...`."""
        return " ".join((self.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])

    @property
    def host_key_line(self) -> str:
        """A known_hosts line for the key the host has now, without a newline."""
        return f"{self.address} {self.public_key}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:...` of that key, as ssh-keygen prints it."""
        return command("ssh-keygen", "-lf", "-", stdin=self.public_key).split()[1]

    def run(
        self, cmd: str, user: str = "root", check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell line inside, entering the namespaces directly: sshd, PAM and the network are not involved.

        Raises LabError for a non-zero exit when `check` is set, when it takes longer than `timeout` seconds (it is then
        killed), and when the host is off.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        environment = [f"PATH={_PATH}", f"HOME={home}", f"USER={user}", f"LOGNAME={user}", "SHELL=/bin/sh"]
        # nsenter forks to enter the PID namespace, so killing it from here would leave the command running.
        shell = ["timeout", "--signal=KILL", str(timeout), "sh", "-c", f"cd {shlex.quote(home)} && {{ {cmd}\n}}"]
        argv = ["nsenter", "--target", str(self.leader), "--all", "env", "-i", *environment]
        if user != "root":
            argv += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        began = time.monotonic()
        done = subprocess.run(
            [*argv, *shell],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == -signal.SIGKILL and time.monotonic() - began >= timeout:
            raise LabError(f"{self.name}: {cmd!r} did not end within {timeout:g} s")
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: {cmd!r} ended with status {done.returncode}: {done.stderr.strip()}")
        return done

    # The network ------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Pull the cable: packets vanish, and new connections find no route once ARP gives up."""
        command("ip", "link", "set", self._cable, "down")

    def join(self) -> None:
        """Plug the cable in again."""
        command("ip", "link", "set", self._cable, "up")

    def drop(self) -> None:
        """Half-open link: the host drops every packet both ways and nobody is told."""
        filter_packets(self._machine.namespace, "drop", "drop")

    def loss(self, percent: int) -> None:
        """Lose that share of the packets, 1 to 99, each way and at random."""
        rule = f"numgen random mod 100 < {percent} drop"
        filter_packets(self._machine.namespace, rule, rule)

    def reset(self) -> None:
        """Answer every TCP packet that comes in with a reset, until `undrop`; silent connections stay unaware."""
        filter_packets(self._machine.namespace, "meta l4proto tcp reject with tcp reset", "accept")

    def undrop(self) -> None:
        """End `drop`, `loss` or `reset`."""
        pass_packets(self._machine.namespace)

    # sshd -------------------------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Stop every sshd process of the host (SIGSTOP): the kernel still accepts connections, nobody answers."""
        wait_until(f"{self.name}: freeze", lambda: self._signal_until("T", signal.SIGSTOP), 10)

    def thaw(self) -> None:
        """Let stopped sshd processes go on."""
        for pid in self._sshd():
            processes.send(pid, signal.SIGCONT)

    def kill_sessions(self) -> None:
        """Kill the sshd processes of all sessions (SIGKILL) but not the listener; what they started may live on."""

        def none_left() -> bool:
            sessions = [pid for pid in self._sshd() if not self._is_listener(pid)]
            for pid in sessions:
                processes.send(pid, signal.SIGKILL)
            return not sessions

        wait_until(f"{self.name}: sessions end", none_left, 10)

    def sshd_config(self, text: str) -> None:
        """Put these lines before the distribution's own (the first value wins in sshd) and restart the listener.

        Sessions survive. An empty text returns to the distribution's configuration.
        """
        drop_in = self.root / _DROP_IN
        if text:
            drop_in.write_text(f"{text}\n")
        else:
            drop_in.unlink(missing_ok=True)
        self._restart_sshd()

    def change_host_key(self) -> None:
        """Give the host new ssh host keys, as a reinstallation would, and restart the listener."""
        self.make_host_keys()
        self._restart_sshd()

    def make_host_keys(self) -> None:
        """Write new ssh host keys of every type on the disk, without telling sshd."""
        for old in (self.root / "etc/ssh").glob("ssh_host_*"):
            old.unlink()
        command("ssh-keygen", "-A", "-f", str(self.root))

    def _restart_sshd(self) -> None:
        self.run("sshd -t && systemctl reset-failed ssh && systemctl restart ssh")
        self.wait_ssh(10)

    def _sshd(self) -> list[int]:
        # sshd, and sshd-session and sshd-auth since OpenSSH 9.8 and 10.0
        leader = self._machine.leader()
        here = processes.beside(leader) if leader else []
        return [pid for pid in here if processes.name(pid).startswith("sshd") and processes.alive(pid)]

    def _is_listener(self, pid: int) -> bool:
        # A session that just forked still wears the listener's title, but is the listener's child.
        return "[listener]" in " ".join(processes.arguments(pid)) and processes.parent(pid) == self._machine.leader()

    def _signal_until(self, state: str, number: signal.Signals) -> bool:
        others = [pid for pid in self._sshd() if processes.state(pid) != state]
        for pid in others:
            processes.send(pid, number)
        return not others

    # Power ------------------------------------------------------------------------------------------------------

    def power_off(self) -> None:
        """Pull the plug: no process survives, no goodbye is sent, the disk stays."""
        self._machine.power_off()

    def boot(self, timeout: float = 60) -> None:
        """Switch on and wait until ssh answers."""
        self._machine.boot()
        self.wait_ssh(timeout)

    def reboot(self, timeout: float = 60) -> None:
        """Orderly reboot from inside; returns when ssh answers again."""
        before = self.leader
        self.run("systemctl reboot", check=False)
        wait_until(f"{self.name}: shutdown", lambda: not processes.alive(before), timeout)
        self.wait_ssh(timeout)

    def wait_ssh(self, timeout: float = 60) -> None:
        """Wait until sshd sends its banner and the host has booted wholly; LabError after `timeout` seconds."""
        try:
            wait_until(f"{self.name}: ssh", lambda: self._banner() and self._has_booted(), timeout)
        except LabError as error:
            raise LabError(f"{error}\n{self._why_not()}") from None

    def _why_not(self) -> str:
        """What the host itself says of its sshd; what its console said last, where nobody can ask it."""
        asked = "systemctl is-system-running; systemctl --no-pager --lines 25 status ssh; ls -ld /run/sshd; df / /run"
        try:
            return self.run(f"{{ {asked}; }} 2>&1", check=False, timeout=20).stdout.strip()
        except LabError as error:
            console = self._machine.console
            return f"{error}\n{console.read_text(errors='replace')[-500:].strip() if console.exists() else ''}"

    def _banner(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as link:
                return link.recv(4) == b"SSH-"
        except OSError:
            return False

    def _has_booted(self) -> bool:
        # sshd listens before users are let in, and goes on listening for a moment after a reboot was asked for
        try:
            state = self.run("systemctl is-system-running", check=False, timeout=5).stdout.strip()
        except LabError:
            return False
        return state in ("running", "degraded")

    @property
    def leader(self) -> int:
        """PID, as seen from here, of the host's process 1; LabError when it is off."""
        leader = self._machine.leader()
        if leader is None:
            raise LabError(f"{self.name} is off: boot() it first")
        return leader

    # Disk and health --------------------------------------------------------------------------------------------

    def tmpfs(self, path: str, size: str) -> None:
        """Mount a small file system of `size` (`1M`) at `path`, to be filled up; gone at power-off and `heal`."""
        self.run(f"mkdir -p {shlex.quote(path)} && mount -t tmpfs -o size={size} {_TMPFS} {shlex.quote(path)}")

    def is_on(self) -> bool:
        """Whether the host has power."""
        return self._machine.is_on()

    def heal(self) -> None:
        """Undo every fault above, whichever were made; cheap on a healthy host. Changed host keys stay changed."""
        self.join()
        self.undrop()
        self._machine.boot()
        self.thaw()
        self.wait_ssh()
        for path in reversed(self._small_disks()):
            self.run(f"umount --lazy {shlex.quote(path)}")
        if (self.root / _DROP_IN).exists():
            self.sshd_config("")
        self.run("systemctl reset-failed")

    def _small_disks(self) -> list[str]:
        lines = Path(f"/proc/{self.leader}/mounts").read_text().splitlines()
        paths = [line.split()[1] for line in lines if line.startswith(f"{_TMPFS} ")]
        return [path.replace("\\040", " ") for path in paths]

    def destroy(self) -> None:
        """Power off and delete everything of this host."""
        self._machine.destroy()

    def install(self, tree: Path, *, hosts: str, authorized_keys: str) -> None:
        """Make the disk and what is this host's own on it: name, /etc/hosts, who may log in, ssh host keys."""
        self._machine.make_disk(tree)
        etc = self.root / "etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(hosts)
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("# no name server: nothing here may ask one\n")
        if self.release == "trixie":
            # Its OpenSSH punishes addresses that only look whether it is there (PerSourcePenalties), as wait_ssh does.
            (etc / "ssh/sshd_config.d/lab-penalties.conf").write_text("PerSourcePenalties no\n")
        for home in ("root", "home/ops"):
            file = self.root / home / ".ssh/authorized_keys"
            file.write_text(authorized_keys)
            file.chmod(0o600)
            shutil.chown(file, file.parent.stat().st_uid, file.parent.stat().st_gid)
        self.make_host_keys()
