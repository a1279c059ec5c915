"""Playing bootstrap.yml or retire.yml on surveyed hosts, and reading from the story what came of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.bootstrap.model import HostOutcome, Manner, Root, Surveyed
from orchestrator.bootstrap.names import wants_exporter
from orchestrator.errors import UsageError
from orchestrator.inventory.model import EXPORTER
from orchestrator.monitor.direct import ExporterSecrets
from orchestrator.playbook.engine.shells import Opener
from orchestrator.playbook.events import Event, OnEvent, Outcome
from orchestrator.playbook.playbooks import Playbooks
from orchestrator.playbook.story import Story
from orchestrator.shipped import shipped
from orchestrator.ssh import Status

OpenPlaybooks = Callable[[Opener], Playbooks]


def find_playbook(folder: Path, name: str) -> Path:
    """`name` in the home's playbooks `folder`, where people may have changed it, else the one that came with us.

    Raises UsageError.
    """
    for place in (folder, shipped("playbooks")):
        if (place / name).is_file():
            return place / name
    raise UsageError(f"there is no {name}", where=str(folder), remedy="Copy it from the project's playbooks/")


@dataclass(frozen=True, slots=True)
class Given:
    """What the playbook gets for one host: public `keys` that shall open its account, a `certificate` that vouches for
    the host itself if there is one, what its `exporter` proves itself with if that is read directly, and the places
    (``address:port``) that the account may `forward` to."""

    keys: Sequence[str] = ()
    certificate: str = ""
    exporter: ExporterSecrets | None = None
    forward: Sequence[str] = ()


class Playing:
    """One playbook at `path` on the `surveyed` hosts, each with what it is `given`.

    `releases` is a folder with fetched releases of node_exporter, if any.
    """

    def __init__(
        self,
        path: Path,
        surveyed: Mapping[str, Surveyed],
        *,
        manner: Manner,
        given: Mapping[str, Given] = MappingProxyType({}),
        releases: Path | None = None,
    ) -> None:
        self._path = path
        self._surveyed = surveyed
        self._manner = manner
        self._given = given
        self._releases = releases
        self._story = Story()

    @property
    def check(self) -> bool:
        """True if nothing is to be changed."""
        return self._manner.check

    async def play(self, playbooks: Playbooks, on_event: OnEvent, stop: asyncio.Event) -> Mapping[str, HostOutcome]:
        """Play it on all hosts side by side; how it ended on each. Raises what Playbooks.plan raises."""
        plan = playbooks.plan(
            self._path,
            limit=",".join(self._surveyed),
            check=self._manner.check,
            diff=self._manner.diff,
            extra_vars=[json.dumps(self._variables())],
        )
        strangers = [name for name in plan.hosts.names if name not in self._surveyed]
        if strangers:
            what = f"it would also run on {', '.join(strangers)}, which was not looked at"
            raise UsageError(what, where=str(self._path), remedy="Does a group have the name of a host?")

        def tell(event: Event) -> None:
            self._story.tell(event)
            on_event(event)

        await plan.play(tell, stop)
        return {name: self._ending(name) for name in self._surveyed}

    def _variables(self) -> Mapping[str, Any]:
        """What the playbook is told. What differs from host to host is looked up there, as ``-e`` is for all."""
        manner = self._manner
        given = {name: self._given.get(name, Given()) for name in self._surveyed}
        hosts = {
            name: {
                "account": found.account,
                "root": found.root is not Root.NONE,
                "keys": list(given[name].keys),
                "certificate": given[name].certificate,
                "forward": list(given[name].forward),
                "exporter": manner.exporter and wants_exporter(found.host),
                "tls": asdict(secrets) if (secrets := given[name].exporter) else {},
                "listen": "{}:{}".format(*(found.host.exporter or EXPORTER)),
            }
            for name, found in self._surveyed.items()
        }
        fields = {
            "bootstrap_account": "account",
            "bootstrap_root": "root",
            "bootstrap_public_keys": "keys",
            "bootstrap_host_certificate": "certificate",
            "bootstrap_forward_to": "forward",
            "bootstrap_exporter": "exporter",
            "node_exporter_listen": "listen",
            "node_exporter_tls": "tls",
        }
        told: dict[str, Any] = {"bootstrap_hosts": hosts}
        told |= {name: f"{{{{ bootstrap_hosts[inventory_hostname]['{field}'] }}}}" for name, field in fields.items()}
        told["bootstrap_hostctl"] = str(files("orchestrator.fleet").joinpath("hostctl"))
        if manner.exporter_file is not None:
            told["node_exporter_binary"] = str(manner.exporter_file.absolute())
        if self._releases is not None:
            told["node_exporter_folder"] = str(self._releases)
        return told

    def _ending(self, name: str) -> HostOutcome:
        """How the playbook ended on one host: OK only if it was seen to come to its end there."""
        story = self._story
        counts, ended = story.recap.get(name), story.ended
        changed = counts.changed if counts else 0
        for task in story.tasks:
            result = task.results.get(name)
            if result is None or result.ignored or result.rescued:
                continue
            if result.outcome in (Outcome.FAILED, Outcome.UNREACHABLE):
                status = Status.FAILED if result.outcome is Outcome.FAILED else Status.UNREACHABLE
                status = Status.LOST if result.may_have_run else status
                return HostOutcome(name, status, changed, f"{task.started.name}: {result.message}")
        if ended is None or ended.stopped:
            return HostOutcome(name, Status.CANCELLED, changed, "stopped before its end; run it again to go on")
        if counts is None or ended.aborted or counts.failed or counts.unreachable:
            return HostOutcome(name, Status.FAILED, changed, ended.aborted or "it did not come to its end")
        return HostOutcome(name, Status.OK, changed)
