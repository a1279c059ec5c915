"""One host of the demo: an SSH server on a loopback address of its own, perhaps with a node_exporter beside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from orchestrator.demo.processes import DemoError, end_daemon, free_port, program, start, wait_for

SSHD_CONFIG = """\
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/.ssh/authorized_keys
PidFile {folder}/sshd.pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""


@dataclass(frozen=True, slots=True)
class DemoHost:
    """Where a host is reached, how it proves itself, and where it logs. `exporter` is the port of its node_exporter."""

    name: str
    address: str
    port: int
    host_key: str
    exporter: int | None
    log: Path

    @property
    def inventory(self) -> str:
        """Its variables, as in an inventory."""
        exporter = f', exporter: "{self.address}:{self.exporter}"' if self.exporter else ""
        return f'{{address: {self.address}, port: {self.port}, login_log: "{self.log}"{exporter}}}'

    @property
    def known_hosts(self) -> str:
        """Its line of known_hosts."""
        return f"[{self.address}]:{self.port} {self.host_key}\n"


def ssh_server() -> str:
    """The path of sshd, which refuses to start unless called by that. Raises `DemoError` without one."""
    if path := program("sshd"):
        return path
    raise DemoError("sshd is not installed", remedy="Run: sudo apt-get install openssh-server")


def make_key(path: Path, comment: str) -> str:
    """Make a key without a passphrase; returns the public half."""
    keygen = program("ssh-keygen")
    if keygen is None:
        raise DemoError("ssh-keygen is not installed", remedy="Run: sudo apt-get install openssh-client")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text(encoding="ascii").strip()


def start_host(stack: ExitStack, folder: Path, address: str, keys: Sequence[str], exporter: str | None) -> DemoHost:
    """Start a host with its files in the new `folder`, named after it, that lets these public `keys` in.

    `exporter` is the path of a node_exporter to run. Call `wait_for_host` before the host is used.
    """
    port = free_port(address)
    folder.mkdir(mode=0o700)
    host_key = make_key(folder / "host_key", folder.name)
    (folder / ".ssh").mkdir(mode=0o700)
    (folder / ".ssh" / "authorized_keys").write_text("".join(f"{key}\n" for key in keys), encoding="ascii")
    config = folder / "sshd_config"
    config.write_text(SSHD_CONFIG.format(address=address, port=port, folder=folder), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8) wants it when it runs as root
    # It has no syslog of its own, and the machine's is not ours to write to.
    said, log = folder / "said", folder / "log"
    os.mkfifo(said, 0o600)
    log.touch(0o600)
    stamp = str(Path(__file__).with_name("stamp.sh"))
    start(stack, ["/bin/sh", stamp, str(said), str(log), folder.name], folder, folder / "stamp.out")
    start(stack, [ssh_server(), "-D", "-E", str(said), "-f", str(config)], folder, folder / "sshd.out")
    stack.callback(end_daemon, folder / "sshd.pid", config)  # one that was started again by `power on`
    measured = None
    if exporter:
        measured = free_port(address)
        listen = f"--web.listen-address={address}:{measured}"
        start(stack, [exporter, listen, "--log.level=error"], folder, folder / "exporter.log")
    return DemoHost(folder.name, address, port, host_key, measured, log)


def wait_for_host(host: DemoHost, folder: Path) -> None:
    """Return when it answers; raises `DemoError` when it does not within the bound."""
    wait_for((host.address, host.port), host.name, folder / "log")
    if host.exporter:
        wait_for((host.address, host.exporter), f"node_exporter of {host.name}", folder / "exporter.log")
