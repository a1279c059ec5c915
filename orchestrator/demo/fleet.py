"""The demo's home and hosts.

Three `sshd` processes of the person who runs it, each on a loopback address of its own with its own host key, a key
to log in with, an inventory that names them, a node_exporter for each where there is one, and something harmless that
listens and may be closed. All of it lives in one temporary home that is deleted at the end.
"""

from __future__ import annotations

import getpass
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.demo.host import make_key, ssh_server, start_host, wait_for_host
from orchestrator.demo.processes import free_port, program, start, wait_for

NAMES = ("web1", "web2", "db1")
LOOPBACK = "127.0.0.1"

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
        web1: {web1}
        web2: {web2}
    db:
      hosts:
        db1: {db1}
"""

# For somebody who logs in by hand, with a key that is not ours.
SSH_CONFIG = """\
Host {host.name}
    HostName {host.address}
    Port {host.port}
    User {user}
    IdentityFile {key}
    IdentitiesOnly yes
    UserKnownHostsFile {home}/keys/known_hosts
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


@dataclass(frozen=True, slots=True)
class DemoFleet:
    """A running demo fleet: its `home`, the `port` on which something listens that may be closed, and whether its hosts
    are `measured`, each by a node_exporter.
    """

    home: Path
    port: int
    measured: bool

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands to try first."""
        return "/agents", "/broadcast uname -sr", "/op_port web1", "/play hello"

    @property
    def script(self) -> tuple[str | None, ...]:
        """The same as lines of `Terminal.script`, with a yes to each question."""
        agents, broadcast, ports, play = self.commands
        return agents, broadcast, None, ports, play, None

    def visit(self, host: str) -> str:
        """What logs in to a host by hand, in a shell of this machine."""
        return f"ssh -F {self.home}/ssh_config {host}"

    def power(self, host: str, word: str) -> str:
        """The command that turns a host ``off`` or ``on``."""
        return f"/op_exec Server {self.home}/power {host} {word}"


@contextmanager
def demo_fleet(*, measured: bool = False) -> Iterator[DemoFleet]:
    """Start the fleet, with exporters if they are wanted and there is one; it is gone, with every file and process,
    when the block ends.

    Raises `DemoError` when there is no OpenSSH server to start, or one does not come up.
    """
    exporter = program("prometheus-node-exporter", "node_exporter") if measured else None
    ssh_server()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orchestrator-demo-")))
        for part in ("inventory", "keys", "state", "hosts", "playbooks", "prometheus", "web"):
            (home / part).mkdir(mode=0o700)
        key, visitor = home / "keys" / "id_ed25519", home / "visitor"
        keys = make_key(key, "demo"), make_key(visitor, "visitor")
        hosts = [
            start_host(stack, home / "hosts" / name, f"127.0.0.{number}", keys, exporter)
            for number, name in enumerate(NAMES, 11)
        ]
        (home / "keys" / "known_hosts").write_text("".join(host.known_hosts for host in hosts), encoding="utf-8")
        places = {host.name: host.inventory for host in hosts}
        text = INVENTORY.format(user=getpass.getuser(), key=key, home=home, **places)
        (home / "inventory" / "hosts.yml").write_text(text, encoding="utf-8")
        entries = (SSH_CONFIG.format(host=host, user=getpass.getuser(), home=home, key=visitor) for host in hosts)
        (home / "ssh_config").write_text("".join(entries), encoding="utf-8")
        (home / "playbooks" / "hello.yml").write_text(PLAYBOOK, encoding="utf-8")
        _settings(home)
        shutil.copy(Path(__file__).with_name("power.sh"), home / "power")
        (home / "power").chmod(0o700)
        listening = free_port(LOOPBACK)
        start(stack, [sys.executable, "-c", LISTENER.format(port=listening)], home / "web", home / "web.log")
        for host in hosts:
            wait_for_host(host, home / "hosts" / host.name)
        wait_for((LOOPBACK, listening), "the listener", home / "web.log")
        yield DemoFleet(home, listening, measured=exporter is not None)


def _settings(home: Path) -> None:
    """Ports of its own for everything that listens: another installation may run on this machine."""
    names = ("LISTEN", "PROMETHEUS_LISTEN", "ALERTMANAGER_LISTEN")
    (home / ".env").touch(mode=0o600)
    (home / ".env").write_text("".join(f"{name}={LOOPBACK}:{free_port(LOOPBACK)}\n" for name in names))
