"""A small fleet of real SSH hosts on this machine, to try everything without an account and without root.

Three `sshd` processes of the person who runs it, each on a loopback address of its own with its own host key, a key
to log in with, an inventory that names them, and something harmless that listens and may be closed. All of it lives
in one temporary home that is deleted at the end.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError

NAMES = ("web1", "web2", "db1")
START_WITHIN_S = 10.0

INVENTORY = """\
# The demo fleet: three hosts that are this machine, each with an SSH server of its own.
all:
  vars:
    user: {user}
    key: {key}
    bootstrap_root: false  # nobody needs root to try it
    bootstrap_exporter: false  # without root it would be started by cron, and your crontab is left alone
    bootstrap_home: "{home}/hosts/{{{{ inventory_hostname }}}}"  # so is your home
  children:
    web:
      hosts:
        web1: {{address: {web1[0]}, port: {web1[1]}}}
        web2: {{address: {web2[0]}, port: {web2[1]}}}
    db:
      hosts:
        db1: {{address: {db1[0]}, port: {db1[1]}}}
"""

SSHD_CONFIG = """\
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/.ssh/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""

# A process that holds a port until it is told to go: what a forgotten development server looks like.
LISTENER = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port={port}, bind='127.0.0.1')"


# Every host keeps its files in a folder of its own beside the playbooks.
PLAYBOOK = """\
- name: Hello
  hosts: all
  tasks:
    - name: Say what you are
      ansible.builtin.debug:
        msg: "{{ ansible_distribution }} {{ ansible_distribution_version }}, {{ ansible_memtotal_mb }} MB of memory"

    - name: Leave a note
      ansible.builtin.copy:
        content: "{{ inventory_hostname }} is looked after by See Servers Health Plus.\\n"
        dest: "{{ playbook_dir }}/../hosts/{{ inventory_hostname }}/note.txt"
        mode: "0644"
"""


class DemoError(OrchestratorError, RuntimeError):
    """The demo fleet cannot be started here."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class DemoFleet:
    """A running demo fleet: its `home`, and the `port` on which something listens that may be closed."""

    home: Path
    port: int

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands to try first."""
        return "/agents", "/broadcast uname -sr", "/op_port web1", "/play hello"

    @property
    def script(self) -> tuple[str | None, ...]:
        """The same as lines of `Terminal.script`, with a yes to each question."""
        agents, broadcast, ports, play = self.commands
        return agents, broadcast, None, ports, play, None


@contextmanager
def demo_fleet() -> Iterator[DemoFleet]:
    """Start the fleet; it is gone, with every file and process, when the block ends.

    Raises `DemoError` when there is no OpenSSH server to start, or one does not come up.
    """
    sshd, keygen = _tool("sshd"), _tool("ssh-keygen")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-demo-")))
        for part in ("inventory", "keys", "state", "hosts", "playbooks", "web"):
            (home / part).mkdir(mode=0o700)
        _make_key(keygen, home / "keys" / "id_ed25519", "demo")
        known_hosts, places = [], {}
        for number, name in enumerate(NAMES, 11):
            address, port = f"127.0.0.{number}", _free_port(f"127.0.0.{number}")
            folder = home / "hosts" / name
            host_key = _prepare(keygen, folder, address, port, home / "keys" / "id_ed25519.pub")
            _start(stack, [sshd, "-D", "-e", "-f", str(folder / "sshd_config")], folder, folder / "log")
            known_hosts.append(f"[{address}]:{port} {host_key}\n")
            places[name] = (address, port)
        (home / "keys" / "known_hosts").write_text("".join(known_hosts), encoding="utf-8")
        key = home / "keys" / "id_ed25519"
        text = INVENTORY.format(user=getpass.getuser(), key=key, home=home, **places)
        (home / "inventory" / "hosts.yml").write_text(text, encoding="utf-8")
        (home / "playbooks" / "hello.yml").write_text(PLAYBOOK, encoding="utf-8")
        listening = _free_port("127.0.0.1")
        program = [sys.executable, "-c", LISTENER.format(port=listening)]
        _start(stack, program, home / "web", home / "web.log")
        for name, place in [*places.items(), ("the listener", ("127.0.0.1", listening))]:
            _wait_for(place, name, home)
        yield DemoFleet(home, listening)


def _tool(name: str) -> str:
    # sshd refuses to start unless called by its absolute path, and sbin is often not on a user's PATH.
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise DemoError(f"{name} is not installed", remedy="Run: sudo apt-get install openssh-server")
    return path


def _make_key(keygen: str, path: Path, comment: str) -> str:
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text(encoding="ascii").strip()


def _prepare(keygen: str, folder: Path, address: str, port: int, public_key: Path) -> str:
    folder.mkdir(mode=0o700)
    host_key = _make_key(keygen, folder / "host_key", folder.name)
    (folder / ".ssh").mkdir(mode=0o700)
    shutil.copy(public_key, folder / ".ssh" / "authorized_keys")
    config = SSHD_CONFIG.format(address=address, port=port, folder=folder)
    (folder / "sshd_config").write_text(config, encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd(8) wants it when it runs as root
    return host_key


def _start(stack: ExitStack, command: Sequence[str], folder: Path, output: Path) -> None:
    log = stack.enter_context(output.open("wb"))
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _wait_for(place: tuple[str, int], name: str, home: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(place, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    log = home / "hosts" / name / "log"
    said = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    raise DemoError(f"did not start within {START_WITHIN_S:.0f} s: {' '.join(said) or 'it said nothing'}", where=name)
