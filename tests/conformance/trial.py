"""One case before both: three runs on each twin, and what came of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.conformance import recorded
from tests.conformance.cases import PLAYBOOKS, Case
from tests.conformance.compare import Comparison
from tests.conformance.snapshot import differences, snapshot, state, touched
from tests.conformance.told import Run, Side, Snapshot
from tests.conformance.twins import Twins
from tests.lab import Lab
from tests.lab.tree import tree


class Player(Protocol):
    """Who plays playbooks: ansible-playbook or we."""

    def play(self, playbook: Path, arguments: Sequence[str]) -> Run: ...


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


def try_case(case: Case, twins: Twins, records: Path = recorded.KEPT) -> Verdict:
    """Run `case` on both twins and compare everything; what `records` holds of the judge is not run again."""
    judge = recorded.read(records, case) or play_case(case, twins.judge, twins.judge_lab, twins.folder / "judges-out")
    ours = play_case(case, twins.ours, twins.our_lab, twins.folder / "our-out")
    steady = [*judge.steady, *ours.steady]
    compare = Comparison(steady)
    verdict = Verdict()
    for when, run in judge.runs.items():
        verdict.add(f"{when} run", Comparison(steady, predicted=when == "check").runs(run, ours.runs[when]))
    if not case.again and "second" in ours.runs and ours.runs["second"].changed:
        verdict.add("the second run changes", [f"{ours.runs['second'].recap}"])
    for number, host in enumerate(twins.our_lab.hosts):
        verdict.add(f"--check changed {host.name}", touched(ours.before[number], ours.checked[number]))
        befores, afters = ((a[number], b[number]) for a, b in ((judge.before, ours.before), (judge.after, ours.after)))
        verdict.add(f"disk of {host.name}", differences(tree(host.release), befores, afters))
        verdict.add(f"state of {host.name}", list(_apart(compare, judge, ours, number)))
    if judge.fetched != ours.fetched:
        verdict.add("files fetched", [f"ansible: {judge.fetched}", f"we: {ours.fetched}"])
    return verdict


def _apart(compare: Comparison, judge: Side, ours: Side, number: int) -> Iterator[str]:
    """What came and went on one of two hosts only."""
    left, right = (
        {f"{sign}{line}" for sign, lines in (("+", now - was), ("-", was - now)) for line in lines}
        for was, now in (
            (set(compare.steady("", side.stood[number])), set(compare.steady("", side.state[number])))
            for side in (judge, ours)
        )
    )
    yield from sorted(f"ansible: {line}" for line in left - right)
    yield from sorted(f"we: {line}" for line in right - left)


def play_case(case: Case, player: Player, lab: Lab, out: Path) -> Side:
    """Let `player` run `case` on the hosts of `lab` in check mode, then twice, and tell what came of it.

    Of a playbook with several lines of arguments only the first is tried in all three ways.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    password = out.with_name("password")
    shutil.copyfile(PLAYBOOKS / "vault/password", password)
    password.chmod(0o600)  # others may read a checkout, and a password that they may read is refused
    subnet = lab.hosts[0].address.rpartition(".")[0]
    arguments = ["-e", f"out={out}", *(word.replace("PASSWORD", str(password)) for word in case.arguments)]
    before, stood = _disks(lab), [state(host) for host in lab.hosts]
    runs = {}
    if not case.number:
        runs["check"] = player.play(case.playbook, [*arguments, "--check", "--diff"])
    checked = _disks(lab)
    runs["first"] = player.play(case.playbook, arguments)
    after, states = _disks(lab), [state(host) for host in lab.hosts]
    if not case.number:
        runs["second"] = player.play(case.playbook, arguments)
    steady = [(str(out), "OUT"), (f"{subnet}.", "192.0.2.")]
    return Side(runs, before, checked, after, stood, states, _tree(out), steady)


def _disks(lab: Lab) -> list[Snapshot]:
    return [snapshot(host) for host in lab.hosts]


def _tree(folder: Path) -> dict[str, str]:
    """Files below `folder` on the control node: what they hold."""
    found = {}
    for path, _, files in os.walk(folder):
        for name in files:
            file = Path(path, name)
            found[str(file.relative_to(folder))] = repr(file.read_bytes()[:4096])
    return found
