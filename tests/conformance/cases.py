"""The playbooks that both run, and what is special about some: lines ``#: key: value`` at their tops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PLAYBOOKS = Path(__file__).with_name("playbooks")
_KEYS = ("arguments", "again", "everywhere")


@dataclass(frozen=True)
class Case:
    """A playbook and the `number` of its line of arguments.

    `arguments` go to both programs, with ``PASSWORD`` for a file that holds the vault's. `again` says why a second run
    changes something, else it must not. `everywhere` cases run on Debian 11 and 13, too.
    """

    playbook: Path
    number: int = 0
    arguments: tuple[str, ...] = ()
    again: str = ""
    everywhere: bool = False

    def __str__(self) -> str:
        return f"{self.playbook.stem}{f'-{self.number}' if self.number else ''}"


def all_cases() -> list[Case]:
    """One a playbook, or one for each of its ``#: arguments:`` lines."""
    return [case for playbook in sorted(PLAYBOOKS.glob("[0-9]*.yml")) for case in _cases(playbook)]


def _cases(playbook: Path) -> list[Case]:
    said: dict[str, list[str]] = {key: [] for key in _KEYS}
    for line in playbook.read_text().splitlines():
        if not line.startswith("#: "):
            break
        key, _, value = line.removeprefix("#: ").partition(":")
        said[key].append(value.strip())
    again = " ".join(said["again"])
    return [
        Case(
            playbook,
            number,
            tuple(arguments.split()),
            again,
            bool(said["everywhere"]),
        )
        for number, arguments in enumerate(said["arguments"] or [""])
    ]
