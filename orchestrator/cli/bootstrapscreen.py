"""What ``bootstrap`` and ``retire`` show: how the hosts were found, the playbook as it goes, and how each ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from orchestrator.bootstrap import HostOutcome, Outcome, Root, Step, Surveyed, facts_line
from orchestrator.cli.output import note, plural, reason, unreached
from orchestrator.cli.playscreen import PlayScreen
from orchestrator.inventory import fold
from orchestrator.playbook.events import Event
from orchestrator.playbook.story import Story
from orchestrator.ssh import Status

_ROOTS = {
    Root.ALREADY: "is root",
    Root.FREE: "root without a password",
    Root.PASSWORD: "root with the password",
    Root.NONE: "no root: only what that account may do is done",
}


class Screen:
    """Shows the playbook as ``play`` does, and each further step that was not done, unless nothing is to be `shown`."""

    def __init__(self, *, shown: bool, check: bool) -> None:
        self.story = Story()
        self._shown = shown
        self._play = PlayScreen(self.story, check=check)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._play.__exit__(kind, error, trace)

    def tell(self, event: Event) -> None:
        """Take an event of the playbook."""
        if self._shown and not self.story.plays:
            self._play.__enter__()
        self.story.tell(event)
        if self._shown:
            self._play.tell(event)

    def step(self, step: Step) -> None:
        """Take a step besides."""
        if self._shown and step.done is not True:
            note(f"{step.host}: {step.name}: {reason(step.detail)}")


def print_survey(surveyed: Sequence[Surveyed]) -> None:
    """How the hosts were found, alike ones once: the way in, and what they are."""
    print("FOUND")
    _print_folded((found.host.name, _found(found)) for found in surveyed)
    _print_folded((found.host.name, f"· {facts_line(found)}") for found in surveyed if found.facts)


def print_fingerprints(unknown: Iterable[Surveyed]) -> None:
    """The host keys that a person has to know, beside the results."""
    note("These hosts are not known yet. They show these keys:")
    for found in unknown:
        if found.shown is not None:
            note(f"  {found.host.name} ({found.host.address}, port {found.host.port}): {found.shown.algorithm}")
            note(f"    {found.shown.fingerprint}")
    note("On a host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")


def print_outcome(outcome: Outcome) -> None:
    """How each host ended, alike ones once; what was not looked at is told, too."""
    print("PREDICTED" if outcome.check else "OUTCOME")
    _print_folded((host.host, _ended(host, check=outcome.check)) for host in outcome.hosts)
    if outcome.stopped:
        note("Stopped before the end. Run it again to go on.")


def _print_folded(lines: Iterable[tuple[str, str]]) -> None:
    groups: dict[str, list[str]] = {}
    for host, line in lines:
        groups.setdefault(line, []).append(host)
    for line, hosts in groups.items():
        mark, _, text = line.partition(" ")
        print(f"  {mark} {fold(hosts)}: {text}")
    sys.stdout.flush()


def _found(found: Surveyed) -> str:
    if not found.ready:
        return f"✖ {unreached(found.host.name, found.status, found.trouble)}"
    return f"✔ {found.login} by {found.method or 'an unknown method'}, {_ROOTS[found.root]}"


def _ended(host: HostOutcome, *, check: bool) -> str:
    if host.status is not Status.OK:
        return f"✖ {unreached(host.host, host.status, host.detail)}"
    tasks = plural(host.changed, "task")
    if check:
        return f"{'±' if host.changed else '✔'} {tasks} would change something"
    last = next((step.detail for step in host.steps if step.name == "inventory"), "")
    skipped = [step.name for step in host.steps if step.done is None]
    left_out = f"; not looked at: {', '.join(skipped)}" if skipped else ""
    return f"{'±' if host.changed else '✔'} {tasks} changed something; the inventory {last}{left_out}"
