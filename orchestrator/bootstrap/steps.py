"""The steps of a run, host by host, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.bootstrap.model import HostOutcome, KeyState, OnStep, Outcome, Root, Step, Surveyed
from orchestrator.ssh import Status

_KEYS = {
    KeyState.PINNED: "its host key is the pinned one",
    KeyState.PROMISED: "its host key is the one that the inventory names; it is pinned now",
}
_ROOTS = {
    Root.ALREADY: "the login is root",
    Root.FREE: "without a password",
    Root.PASSWORD: "with the password",
}
_SKEW_TOLD_S = 2.0


class Steps:
    """Collects steps, and tells `on_step` of those that were not known from the survey."""

    def __init__(self, surveyed: Sequence[Surveyed], on_step: OnStep) -> None:
        self._surveyed = surveyed
        self._on_step = on_step
        self._steps = {found.host.name: list(steps_of(found)) for found in surveyed}

    @property
    def ready(self) -> Mapping[str, Surveyed]:
        """The hosts that can be begun on, by name."""
        return {found.host.name: found for found in self._surveyed if found.ready}

    def tell(self, step: Step) -> None:
        """Take the next step of a host."""
        self._steps[step.host].append(step)
        self._on_step(step)

    def judged(self, ending: HostOutcome) -> HostOutcome:
        """`ending`, failed if a step of the host was not done."""
        if ending.status is not Status.OK:
            return ending
        missed = next((step for step in self._steps[ending.host] if step.done is False), None)
        return replace(ending, status=Status.FAILED, detail=f"{missed.name}: {missed.detail}") if missed else ending

    def outcome(self, endings: Iterable[HostOutcome], *, check: bool, stopped: bool) -> Outcome:
        """All hosts of the survey with their `endings`; the others ended as they were found."""
        ended = {ending.host: ending for ending in endings}
        hosts = []
        for found in self._surveyed:
            name = found.host.name
            ending = ended.get(name) or HostOutcome(name, found.status, 0, found.trouble)
            hosts.append(replace(self.judged(ending), steps=tuple(self._steps[name])))
        return Outcome(tuple(hosts), check=check, stopped=stopped)


def steps_of(found: Surveyed) -> Iterator[Step]:
    """The steps that a survey has taken; the last of them says what is in the way, if anything is."""
    name = found.host.name
    if found.key is KeyState.UNSEEN:
        yield Step(name, "reach", False, found.trouble)
        return
    yield Step(name, "reach", True, f"{found.host.address}, port {found.host.port}")
    if not found.key.trusted:
        yield Step(name, "key", False, found.trouble)
        return
    yield Step(name, "key", True, _KEYS[found.key])
    if found.facts is None:
        yield Step(name, "login", False, found.trouble)
        return
    yield Step(name, "login", True, f"{found.login}, by {found.method or 'an unknown method'}")
    yield Step(name, "facts", True, facts_line(found))
    if not found.ready:
        yield Step(name, "root", False, found.trouble)
    elif found.root is Root.NONE:
        yield Step(name, "root", None, f"cannot be had: only what {found.login} may do is done")
    else:
        yield Step(name, "root", True, _ROOTS[found.root])


def facts_line(found: Surveyed) -> str:
    """What the host says of itself, on one line."""
    facts = found.facts
    if facts is None:
        return ""
    parts = [facts.system or "unknown system", facts.machine, facts.init, "sudo" if facts.sudo else "no sudo"]
    if abs(facts.skew) >= _SKEW_TOLD_S:
        parts.append(f"its clock is {abs(facts.skew):.0f} s {'ahead' if facts.skew > 0 else 'behind'}")
    return ", ".join(part for part in parts if part)
