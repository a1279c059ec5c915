"""Real sshd processes on loopback addresses, each a host of its own, for tests and the demo. No root needed."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.inventory.model import Host

# SHLVL keeps bash from reading the developer's own .bashrc, which takes its time and may say anything.
_CONFIG = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {authorized}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel VERBOSE
SetEnv SHLVL=1{environment}
{extra}
"""


def keygen(path: Path, *, kind: str = "ed25519", passphrase: str = "", comment: str = "test") -> Path:
    """Make a key pair at `path` with ssh-keygen and return the private key's path."""
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", str(path))
    return path


def run(*argv: str) -> str:
    """Run a program to its end and return its standard output; a failure raises with what it said."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
    return done.stdout


def fingerprint(public_key: Path) -> str:
    """``SHA256:...`` as ssh-keygen prints it."""
    return run("ssh-keygen", "-lf", str(public_key)).split()[1]


@dataclass
class Sshd:
    """One sshd: listening at `address`:`port`, writing its log to `folder`/log.

    It accepts what `keys`/authorized_keys names, or what is in ``.ssh`` of the account's own `home` if it has one.
    """

    address: str
    port: int
    folder: Path
    keys: Path
    options: Sequence[str] = ()
    home: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def host_key_line(self) -> str:
        """The line for known_hosts."""
        kind, data = (self.folder / "host_key.pub").read_text().split()[:2]
        return f"[{self.address}]:{self.port} {kind} {data}"

    @property
    def fingerprint(self) -> str:
        """Of its host key."""
        return fingerprint(self.folder / "host_key.pub")

    def host(self, name: str, *, key: Path | None = None, jump: Host | None = None) -> Host:
        """It as a host of an inventory, for the user that runs the test."""
        own_key = str(key) if key else None
        return Host(name, self.address, port=self.port, user=getpass.getuser(), key=own_key, jump=jump)

    @property
    def log(self) -> str:
        """What sshd said so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start, and return when it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "host_key").exists():
            keygen(self.folder / "host_key")
        config = self.folder / "sshd_config"
        places = [self.home / ".ssh" / name for name in ("authorized_keys", "authorized_keys2")] if self.home else []
        config.write_text(
            _CONFIG.format(
                address=self.address,
                port=self.port,
                folder=self.folder,
                authorized=" ".join(map(str, places)) or self.keys / "authorized_keys",
                environment=f" HOME={self.home}" if self.home else "",
                extra="\n".join(self.options),
            )
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # privilege separation, sshd(8)
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("sshd is missing: apt-get install openssh-server")
        before = self.log.count("Server listening on")
        with (self.folder / "log").open("ab") as log:
            command = [program, "-D", "-e", "-f", str(config)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while self.log.count("Server listening on") == before:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"sshd did not start: {self.log}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop the listener and every session; returns when they are gone."""
        if self.process is None:
            return
        for pid in [*self.sessions(), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None

    def sessions(self) -> list[int]:
        """The process ids of this sshd's connections: its descendants that are sshd themselves."""
        if self.process is None:
            return []
        found: list[int] = []
        parents = {self.process.pid}
        processes = _processes()
        grown = True
        while grown:
            grown = False
            for pid, (parent, name) in processes.items():
                if parent in parents and pid not in parents and name.startswith("sshd"):
                    parents.add(pid)
                    found.append(pid)
                    grown = True
        return found

    def signal_sessions(self, number: signal.Signals) -> None:
        """Send a signal to all connections: SIGKILL ends them, SIGSTOP freezes them."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def signal_listener(self, number: signal.Signals) -> None:
        """Send a signal to the listener only."""
        assert self.process is not None
        self.process.send_signal(number)


def _processes() -> dict[int, tuple[int, str]]:
    """Process id -> (parent, name)."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            before, _, after = stat.read_text().rpartition(") ")
            found[int(stat.parent.name)] = (int(after.split()[1]), before.partition("(")[2])
    return found


def free_port(address: str) -> int:
    """A port nobody listens on at `address` just now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Fleet:
    """Several sshds that accept the key `keys`/id_ed25519; `keys`/known_hosts knows them all."""

    folder: Path
    servers: list[Sshd] = field(default_factory=list)

    @property
    def keys(self) -> Path:
        """The keys folder."""
        return self.folder / "keys"

    def add(self, *options: str, own_home: bool = False) -> Sshd:
        """Start one more, with further lines of sshd_config(5); with a home of its own if wished."""
        number = len(self.servers) + 1
        address = f"127.0.{1 + number // 250}.{number % 250 + 1}"
        server = Sshd(address, free_port(address), self.folder / f"sshd{number}", self.keys, options)
        if own_home:
            server.home = server.folder / "home"
            (server.home / ".ssh").mkdir(mode=0o700, parents=True)
            shutil.copy(self.keys / "authorized_keys", server.home / ".ssh")
        server.start()
        self.servers.append(server)
        with (self.keys / "known_hosts").open("a") as known:
            known.write(f"{server.host_key_line}\n")
        return server

    def hosts(self) -> list[Host]:
        """All of them, named web1, web2 ..."""
        return [server.host(f"web{number}") for number, server in enumerate(self.servers, 1)]


@contextlib.contextmanager
def fleet(folder: Path, count: int = 0, *options: str) -> Iterator[Fleet]:
    """A fleet of `count` sshds under `folder`; all are stopped at the end."""
    made = Fleet(folder)
    made.keys.mkdir(parents=True, mode=0o700)
    keygen(made.keys / "id_ed25519")
    shutil.copy(made.keys / "id_ed25519.pub", made.keys / "authorized_keys")
    try:
        for _ in range(count):
            made.add(*options)
        yield made
    finally:
        for server in made.servers:
            server.stop()
