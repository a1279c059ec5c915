"""What the audit keeps of an outcome: who ended how, and hashes of what they said; never the output itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.fleet import (
    BlockOutcome,
    BlocksAnswer,
    CloseOutcome,
    Inspection,
    KickOutcome,
    PortsAnswer,
    Report,
    TopAnswer,
    VitalsAnswer,
    WhoAnswer,
)
from orchestrator.playbook.events import Outcome
from orchestrator.playbook.story import Story

if TYPE_CHECKING:
    from orchestrator.bootstrap import Outcome as BootstrapOutcome  # which loads the engine of playbooks
    from orchestrator.bootstrap import Surveyed
    from orchestrator.rotation import Outcome as Rotated

_TOLD = frozenset((Outcome.CHANGED, Outcome.FAILED, Outcome.UNREACHABLE))


def of_report(report: Report) -> Mapping[str, Any]:
    """Counts by status, and for each host its status, exit code and the SHA-256 of its two streams as kept."""
    return {
        "counts": {status.value: count for status, count in report.counts.items() if count},
        "hosts": {
            result.host: {
                "status": result.status.value,
                "exit_code": result.exit_code,
                "stdout_sha256": hashlib.sha256(result.stdout).hexdigest(),
                "stderr_sha256": hashlib.sha256(result.stderr).hexdigest(),
                **({"may_be_alive": True} if result.may_be_alive else {}),
            }
            for result in report.results
        },
    }


Looked = PortsAnswer | VitalsAnswer | Inspection | TopAnswer | WhoAnswer | BlocksAnswer


def of_answers(answers: Iterable[Looked]) -> Mapping[str, Any]:
    """The status of each host that was looked at."""
    return {"hosts": {answer.host: {"status": answer.status.value} for answer in answers}}


def of_closing(outcome: CloseOutcome) -> Mapping[str, Any]:
    """How an attempt to free a port ended, and what became of each process."""
    return {
        "state": outcome.state.value,
        "detail": outcome.detail,
        "processes": [{"pid": e.pid, "state": e.state, "signal": e.signal} for e in outcome.endings],
    }


def of_kick(outcome: KickOutcome) -> Mapping[str, Any]:
    """How an attempt to end a session ended."""
    return {"state": outcome.state.value, "detail": outcome.detail}


def of_blocking(outcomes: Iterable[BlockOutcome]) -> Mapping[str, Any]:
    """How each host took it to block or unblock an address."""
    return {"hosts": {each.host: {"status": each.state.value, "detail": each.detail} for each in outcomes}}


def of_survey(surveyed: Iterable[Surveyed]) -> Mapping[str, Any]:
    """How each host was found: whom it let in and how, how root is had there, and its host key."""
    return {
        "hosts": {
            found.host.name: {
                "status": found.status.value,
                "login": found.login,
                "method": found.method,
                "root": found.root.value,
                "key": found.key.value,
                "detail": found.trouble,
            }
            for found in surveyed
        }
    }


def of_bootstrap(outcome: BootstrapOutcome) -> Mapping[str, Any]:
    """How each host ended, how many tasks changed something there, and the steps that were not done."""
    hosts = {
        host.host: {
            "status": host.status.value,
            "changed": host.changed,
            "detail": host.detail,
            "not_done": [step.name for step in host.steps if step.done is not True],
        }
        for host in outcome.hosts
    }
    return {"hosts": hosts, **({"stopped": True} if outcome.stopped else {})}


def of_rotation(outcome: Rotated) -> Mapping[str, Any]:
    """The two keys' fingerprints, where their rotation stands, and how far each host is."""
    hosts = {each.host: {"status": each.stage.value, "detail": each.detail} for each in outcome.standings}
    return {"old": outcome.old, "new": outcome.new, "state": outcome.turn.value, "hosts": hosts}


def of_story(story: Story) -> Mapping[str, Any]:
    """Each host's counts, the tasks that changed something or went wrong on it, and how the run ended."""
    hosts: dict[str, dict[str, Any]] = {
        host: {name: count for name, count in asdict(counts).items() if count} for host, counts in story.recap.items()
    }
    for task in story.tasks:
        for host, result in task.results.items():
            if result.outcome in _TOLD:
                told = hosts.setdefault(host, {}).setdefault("tasks", [])
                told.append({"at": str(task.started.at), "name": task.started.name, "outcome": result.outcome.value})
    ended = story.ended
    if ended is None:
        return {"status": "unknown", "hosts": hosts}
    how = {"stopped": ended.stopped, "aborted": ended.aborted, "may_be_running": dict(ended.may_be_running)}
    how |= {"not_begun": list(ended.not_begun)}
    return {"hosts": hosts, **{name: value for name, value in how.items() if value}}
