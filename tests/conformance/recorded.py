"""What the judge did, kept in files: where its module is not on hand, and to spare its time while working by hand.

ansible.posix is no part of ansible-core and comes in no package of a few megabytes, so its case is judged by a
recording: `python -m tests.conformance --record 57`, with ANSIBLE_COLLECTIONS_PATH where the collection lies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from tests.conformance.cases import Case
from tests.conformance.told import Side, Snapshot

KEPT = Path(__file__).with_name("records")


@dataclass(frozen=True)
class Record:
    """What the judge did with a playbook of this text."""

    playbook: str
    side: Side


_FORM = TypeAdapter(Record)


def read(folder: Path, case: Case) -> Side | None:
    """The recording of `case` in `folder`; None when there is none of this very playbook."""
    file = folder / f"{case}.json"
    record = _FORM.validate_json(file.read_bytes()) if file.exists() else None
    return record.side if record and record.playbook == case.playbook.read_text() else None


def write(folder: Path, case: Case, side: Side) -> None:
    """Keep `side` as what the judge does with `case`."""
    folder.mkdir(exist_ok=True)
    record = Record(case.playbook.read_text(), _lean(side))
    (folder / f"{case}.json").write_bytes(_FORM.dump_json(record, indent=1) + b"\n")


def _lean(side: Side) -> Side:
    """`side` without what stayed as it was."""
    before, after = zip(*(_moved(*disks) for disks in zip(side.before, side.after, strict=True)), strict=True)
    states = [(set(was), set(now)) for was, now in zip(side.stood, side.state, strict=True)]
    return replace(
        side,
        before=list(before),
        checked=[],
        after=list(after),
        stood=[sorted(was - now) for was, now in states],
        state=[sorted(now - was) for was, now in states],
    )


def _moved(before: Snapshot, after: Snapshot) -> tuple[Snapshot, Snapshot]:
    moved = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path: before[path] for path in moved & before.keys()}, {path: after[path] for path in moved & after.keys()}
