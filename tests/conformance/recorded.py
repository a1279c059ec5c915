"""What the judge did, kept in files: where its module is not on hand, and to spare its time while working by hand.

ansible.posix is no part of ansible-core and comes in no package of a few megabytes, so its case is judged by a
recording: `python -m tests.conformance --record 57`, with ANSIBLE_COLLECTIONS_PATH where the collection lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from tests.conformance.cases import Case
from tests.conformance.told import Side

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
    record = Record(case.playbook.read_text(), side)
    (folder / f"{case}.json").write_bytes(_FORM.dump_json(record, indent=1) + b"\n")
