"""What happened in a run of a playbook, ours or ansible-core's, in one form."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.inventory.inventory import Inventory
from orchestrator.inventory.load import load_file
from orchestrator.playbook.events import Ended, Event, HostDone, Outcome, PlayStarted, TaskResult, TaskStarted
from orchestrator.playbook.load import Loader
from orchestrator.playbook.options import Options
from orchestrator.playbook.run import Player
from orchestrator.ssh import Pool

HERE = Path(__file__).parent
CASES = HERE / "cases"
INVENTORY = CASES / "inventory.yml"

# What differs from run to run or, as what stat says, from machine to machine; or is told in words of our own.
_VOLATILE = frozenset(
    """start end delta stop invocation exception warnings deprecations include include_args changed_when_result
    failed_when_result failed_when_suppressed_exception failed skipped stat""".split()  # noqa: SIM905  shorter so
)
_WORDS = frozenset(("msg", "skip_reason", "skipped_reason", "reason", "message", "changed"))


@dataclass
class Task:
    """One task: its name, module, whether it is a handler, and how it ended on each host."""

    name: str
    module: str
    handler: bool
    outcomes: dict[str, str] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)


@dataclass
class Happened:
    plays: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    recap: dict[str, dict[str, int]] = field(default_factory=dict)
    well: bool = True


def options_of(case: Path) -> list[str]:
    """The options in the first line of a case."""
    first = case.read_text().split("\n", 1)[0]
    return shlex.split(first.removeprefix("# args:")) if first.startswith("# args:") else []


def by_ansible(cases: list[Path], folder: Path) -> dict[Path, Happened]:
    """All `cases` by ansible-core in one process."""
    outputs = {case: folder / f"{case.stem}.json" for case in cases}
    common = ["-i", str(INVENTORY), "-e", f"ansible_python_interpreter={sys.executable}", "-f", "8"]
    jobs = [
        (str(case), [*common, "-e", f"counter={folder}/{case.stem}.ansible", *options_of(case)], str(output))
        for case, output in outputs.items()
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
        "ANSIBLE_STDOUT_CALLBACK": "tell",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_HOME": str(folder / "ansible"),
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "oracle.py"), str(folder / "jobs.json")],
        env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {case: _of_ansible(output, done.stderr) for case, output in outputs.items()}


def _of_ansible(output: Path, stderr: str) -> Happened:
    happened = Happened()
    assert output.exists(), stderr
    for kind, *values in map(json.loads, output.read_text().splitlines()):
        match kind:
            case "play":
                happened.plays.append(values[0])
            case "task":
                name, module, handler = values
                happened.tasks.append(Task(name, module.rpartition(".")[2], handler))
            case "result":
                name, host, outcome, result = values
                happened.tasks[-1].outcomes[host] = outcome
                happened.tasks[-1].results[host] = clean(result, outcome)
            case "recap":
                names = {"failures": "failed"}
                happened.recap = {
                    host: {names.get(column, column): count for column, count in counts.items()}
                    for host, counts in values[0].items()
                }
            case "exit":
                happened.well = values[0] == 0
    return _told(happened)


async def by_us(case: Path, folder: Path, pool: Pool, inventory: Inventory | None = None) -> Happened:
    """One case by us."""
    events: list[Event] = []
    loader = Loader(base=case.parent)
    given = iter(options_of(case))
    options: dict[str, Any] = {}
    extra = [f"counter={folder}/{case.stem}.us"]
    for option in given:
        match option:
            case "--check" | "--diff":
                options[option[2:]] = True
            case "-e":
                extra.append(next(given))
            case "--limit":
                options["limit"] = next(given)
            case "--tags" | "--skip-tags":
                options[option[2:].replace("-", "_")] = tuple(next(given).split(","))
            case _:
                raise AssertionError(option)
    player = Player(
        shells=pool.shell,
        inventory=inventory or load_file(INVENTORY),
        loader=loader,
        on_event=events.append,
        options=Options(extra_vars=loader.extra_vars(extra), **options),
    )
    await player.run(loader.playbook(case))
    return of_events(events)


def of_events(events: list[Event]) -> Happened:
    """What our events tell."""
    happened = Happened()
    by_number: dict[int, Task] = {}
    for event in events:
        match event:
            case PlayStarted():
                happened.plays.append(event.name)
            case TaskStarted():
                task = Task(event.name, event.module.rpartition(".")[2], event.handler)
                by_number[event.number] = task
                happened.tasks.append(task)
            case HostDone():
                task = by_number[event.number]
                assert event.result.host not in task.outcomes
                task.outcomes[event.result.host] = _outcome(event.result)
                task.results[event.result.host] = clean(event.result.result, _outcome(event.result))
            case Ended():
                happened.recap = {
                    host: {name: getattr(counts, name) for name in counts.__slots__}
                    for host, counts in event.recap.items()
                }
                happened.well = not event.aborted and not any(c.failed or c.unreachable for c in event.recap.values())
    return _told(happened)


def _outcome(result: TaskResult) -> str:
    return "ignored" if result.outcome is Outcome.FAILED and result.ignored else result.outcome.value


def _told(happened: Happened) -> Happened:
    happened.tasks = [task for task in happened.tasks if task.outcomes and task.module != "meta"]
    for task in happened.tasks:
        if task.module.startswith("include_"):
            task.results.clear()
        # The length of a pause, and a file of each run's own.
        for result in task.results.values():
            if task.module in ("pause", "shell"):
                result.pop("stdout" if task.module == "pause" else "cmd", None)
    return happened


def clean(result: Any, outcome: str = "ok") -> Any:
    """`result` without what is not to be compared; `outcome` tells what its callback leaves out."""
    if isinstance(result, list):
        return [clean(item, outcome) for item in result]
    if not isinstance(result, dict):
        return result
    own_words = outcome in ("failed", "ignored", "skipped") and ("rc" not in result or not result["rc"])
    return {
        key: clean(value, outcome if key == "results" else "ok")
        for key, value in result.items()
        if key not in _VOLATILE and not (own_words and key in _WORDS) and not key.startswith("_ansible_")
    }
