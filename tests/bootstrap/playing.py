"""The playbooks by themselves: hosts that root may log in to, and homes from which they are played."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bootstrap.exporter import exporter
from tests.conformance.told import Run
from tests.lab.host import LabHost
from tests.lab.lab import Lab

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


def make_home(lab: Lab, home: Path, of_hosts: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
    """`home` with an inventory of `lab` that Ansible reads, too, and a key pair of our own that no host knows yet."""
    for name in ("inventory", "keys"):
        (home / name).mkdir(mode=0o700, parents=True)
    hosts = {host.name: {"ansible_host": host.address, **(of_hosts or {}).get(host.name, {})} for host in lab.hosts}
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.key),
        "ansible_python_interpreter": "/usr/bin/python3",
        "node_exporter_binary": str(exporter()),
        "bootstrap_public_keys": [make_key(home / "keys/id_ed25519")],
    }
    (home / "inventory/hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    known_hosts = home / "keys/known_hosts"
    known_hosts.write_text(lab.known_hosts())
    known_hosts.chmod(0o600)
    return home


def make_key(path: Path) -> str:
    """Makes a pair at `path` and gives the public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ours", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()


def troubles(run: Run) -> list[str]:
    """Tasks that failed, for whom and why."""
    return [
        f"{task.name}: {host}: {outcome.result}"
        for task in run.tasks
        for host, outcome in task.hosts.items()
        if outcome.outcome in ("failed", "unreachable")
    ]


def ssh(
    home: Path, host: LabHost, *words: str, user: str = "orchestrator", stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The stock ssh client with the key of `home`; those of `words` that are options, and the command."""
    options = ["IdentitiesOnly=yes", f"UserKnownHostsFile={home / 'keys/known_hosts'}", "BatchMode=yes"]
    flags = [word for option in (*options, "ExitOnForwardFailure=yes") for word in ("-o", option)]
    own = [word for word in words if word.startswith("-")]
    return subprocess.run(
        ["ssh", "-F", "none", "-i", str(home / "keys/id_ed25519"), *flags, *own, f"{user}@{host.address}"]
        + [word for word in words if not word.startswith("-")],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
