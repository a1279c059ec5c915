"""One case before both: three runs on each twin, and what came of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.cases import Case
from tests.conformance.compare import Comparison
from tests.conformance.snapshot import Snapshot, differences, snapshot, state, touched
from tests.conformance.told import Run
from tests.conformance.twins import Twins
from tests.lab import Lab

Play = Callable[[Path, Sequence[str]], Run]


@dataclass(frozen=True)
class Side:
    """What one program did with a case: its runs in check mode, for the first and for the second time."""

    check: Run
    first: Run
    second: Run
    before: list[Snapshot]
    checked: list[Snapshot]
    after: list[Snapshot]
    state: list[list[str]]
    fetched: dict[str, str]


@dataclass
class Verdict:
    """What differed in a case, by the run it differed in; empty when ansible-core has nothing to object."""

    problems: dict[str, list[str]] = field(default_factory=dict)

    def add(self, when: str, lines: Sequence[str]) -> None:
        """Take in the complaints about `when`."""
        if lines:
            self.problems.setdefault(when, []).extend(lines)

    def __str__(self) -> str:
        return "\n".join(f"--- {when}\n" + "\n".join(lines) for when, lines in self.problems.items())


def try_case(case: Case, twins: Twins) -> Verdict:
    """Run `case` on both twins and compare everything."""
    judge = _side(case, twins.judge.play, twins.judge_lab, twins.folder / "out-ansible")
    ours = _side(case, twins.ours.play, twins.our_lab, twins.folder / "out-orchestrator")
    compare = Comparison(
        [*twins.steady, (str(twins.folder / "out-ansible"), "OUT"), (str(twins.folder / "out-orchestrator"), "OUT")]
    )
    verdict = Verdict()
    for when in ("check", "first", "second"):
        verdict.add(f"{when} run", compare.runs(getattr(judge, when), getattr(ours, when)))
    for host, before, checked in zip(twins.our_lab.hosts, ours.before, ours.checked, strict=True):
        verdict.add(f"--check changed {host.name}", touched(before, checked))
    if not case.again and ours.second.changed:
        verdict.add("the second run changes", [f"{ours.second.recap}"])
    for number, host in enumerate(twins.our_lab.hosts):
        befores, afters = ((a[number], b[number]) for a, b in ((judge.before, ours.before), (judge.after, ours.after)))
        verdict.add(f"disk of {host.name}", differences(twins.judge_lab.hosts[number], host, befores, afters))
        left, right = (set(compare.steady("", side.state[number])) for side in (judge, ours))
        verdict.add(
            f"state of {host.name}",
            sorted([f"ansible: {line}" for line in left - right] + [f"we: {line}" for line in right - left]),
        )
    if judge.fetched != ours.fetched:
        verdict.add("files fetched", [f"ansible: {judge.fetched}", f"we: {ours.fetched}"])
    return verdict


def _side(case: Case, play: Play, lab: Lab, out: Path) -> Side:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    arguments = ["-e", f"out={out}", *case.arguments]
    before = _disks(lab)
    check = play(case.playbook, [*arguments, "--check"])
    checked = _disks(lab)
    first = play(case.playbook, arguments)
    after, states = _disks(lab), [state(host) for host in lab.hosts]
    second = play(case.playbook, arguments)
    return Side(check, first, second, before, checked, after, states, _tree(out))


def _disks(lab: Lab) -> list[Snapshot]:
    return [snapshot(host) for host in lab.hosts]


def _tree(folder: Path) -> dict[str, str]:
    """Files below `folder` on the control node: what they hold and their modes."""
    found = {}
    for path, _, files in os.walk(folder):
        for name in files:
            file = Path(path, name)
            mode = file.stat().st_mode & 0o7777
            found[str(file.relative_to(folder))] = f"{mode:04o} {file.read_bytes()[:4096]!r}"
    return found
