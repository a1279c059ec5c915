"""Twin fleets: `web1` to `web3` twice, from one image, one for ansible-playbook and one for us."""

from __future__ import annotations

import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conformance.furnish import furnish
from tests.conformance.judge import Judge
from tests.conformance.ours import Ours
from tests.lab import Lab, LabHost

HOSTS = ("web1", "web2", "web3")


class Twins:
    """Both fleets and who plays on them. `web1` is in the group `one`, all are in `web`.

    With `same`, ansible-playbook plays on both.
    """

    def __init__(self, name: str, release: str = "bookworm", *, same: bool = False) -> None:
        self._same = same
        self._labs = [Lab(len(HOSTS), release=release, name=f"{name}-{side}") for side in ("judge", "ours")]
        # Sockets of ssh live in there, and their names have room for about 100 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="twins"))

    def __enter__(self) -> Self:
        try:
            for lab in self._labs:
                lab.up()
            self._furnish()
            homes = [self._home(lab, side) for lab, side in zip(self._labs, ("judge", "ours"), strict=True)]
        except BaseException:
            self._down()
            raise
        self.judge_lab, self.our_lab = self._labs
        self.judge = Judge(self.folder / "ansible", homes[0])
        self.ours = Judge(self.folder / "again", homes[1]) if self._same else Ours(homes[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for player in (self.judge, self.ours):
            player.close()
        self._down()

    def _down(self) -> None:
        for lab in self._labs:
            lab.down()
        shutil.rmtree(self.folder)

    def _furnish(self) -> None:
        def one(host: LabHost) -> None:
            furnish(host, rpms=host.name == HOSTS[0] and host.release == "bookworm")

        with ThreadPoolExecutor() as pool:
            list(pool.map(one, [host for lab in self._labs for host in lab.hosts]))

    def _home(self, lab: Lab, side: str) -> Path:
        """A home whose inventory both programs read."""
        home = self.folder / side
        for folder in ("inventory", "keys", "playbooks"):
            (home / folder).mkdir(parents=True, mode=0o700)
        (home / "inventory/hosts.yml").write_text(_inventory(lab))
        known_hosts = home / "keys/known_hosts"
        known_hosts.write_text(lab.known_hosts())
        known_hosts.chmod(0o600)
        return home


def _inventory(lab: Lab) -> str:
    hosts = {host.name: {"ansible_host": host.address} for host in lab.hosts}
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.key),
        "ansible_python_interpreter": "/usr/bin/python3",
        "from_inventory": "{{ inventory_hostname }} of the inventory",
    }
    inventory = {
        "web": {"hosts": hosts, "vars": variables},
        "one": {"hosts": {"web1": None}},
        "others": {"hosts": {"web2": {"rank": 2}, "web3": {"rank": 3}}},
        "guests": {"hosts": {"guest": hosts["web2"]}, "vars": {**variables, "ansible_user": "ops"}},
        "nowhere": {"hosts": {"ghost": {"ansible_host": "127.0.0.1", "ansible_port": 9}}, "vars": variables},
    }
    return json.dumps(inventory, indent=1)  # which is YAML, too
