"""Writes down what ansible-core makes of the cases: ``python -m tests.playbook.run.record``, after a change of a case.

It takes a minute or two, which is why the tests compare with the record. They refuse one that is not of these cases
and of the installed ansible-core.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.playbook.run.judged import CASES, Happened, Task, by_ansible

RECORD = CASES.parent / "record.json"


def playbooks() -> list[Path]:
    """The cases; other files beside them are what they use."""
    return sorted(
        path
        for path in CASES.glob("*.yml")
        if not path.name.startswith(("inc_", "vars_")) and path.name != "inventory.yml"
    )


def stamp() -> dict[str, str]:
    """What the record depends on."""
    digest = hashlib.sha256()
    for path in sorted(path for path in CASES.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(CASES)}\0".encode() + path.read_bytes())
    return {"ansible-core": version("ansible-core"), "cases": digest.hexdigest()}


def read(record: Any, case: Path) -> Happened:
    """What `record` says of `case`."""
    told = record["happened"][case.stem]
    tasks = [Task(**task) for task in told.pop("tasks")]
    return Happened(**told, tasks=tasks)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        happened = by_ansible(playbooks(), Path(folder))
    record = {**stamp(), "happened": {case.stem: asdict(told) for case, told in happened.items()}}
    text = json.dumps(record, indent=1, sort_keys=True)
    RECORD.write_text(text.replace(str(CASES), "CASES") + "\n")


if __name__ == "__main__":
    main()
