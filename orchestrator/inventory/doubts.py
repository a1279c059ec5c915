"""Variables that were surely meant for us and do nothing: names misspelt by a letter or two, and passwords."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from orchestrator.inventory.connection import SYNONYMS
from orchestrator.inventory.variables import Var, Vaulted

_RATIO = 0.8
_PLACES_SHOWN = 5
_BECOME = frozenset(SYNONYMS["become_password"])
_PASSWORDS = frozenset({"password", "ansible_password", "ansible_ssh_pass", "ansible_ssh_password"})
# Near to names that we read, and yet meant as they are: words of their own, and variables of Ansible's plugins.
_MEANT = frozenset({"export", "label", "use", "ansible_scp_extra_args", "ansible_su_user", "ansible_su_pass"})


class Doubts:
    """Collects doubtful variables of all that it is shown; `names` are those that are read."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._reasons: dict[str, str] = {}
        self._places: dict[str, dict[str, None]] = {}
        self._vaulted: dict[str, str] = {}

    def look(self, variables: Mapping[str, Var]) -> None:
        """Note what is doubtful among the variables of one host or group."""
        for name, var in variables.items():
            if name not in self._reasons:
                self._reasons[name] = self._reason(name)
            if name in _BECOME and isinstance(var.value, Vaulted):
                self._vaulted.setdefault(var.where, name)
            elif self._reasons[name] and var.value is not None:
                self._places.setdefault(name, {})[var.where] = None

    def warnings(self) -> list[str]:
        """A line for each place, each once; of a name in many places, a few and how many more."""
        why = "is encrypted with ansible-vault: only playbooks can use it (play --vault-password-file)"
        warnings = [f"{where}: {name} {why}" for where, name in list(self._vaulted.items())[:_PLACES_SHOWN]]
        for name, places in self._places.items():
            warnings += [f"{where}: {self._reasons[name]}" for where in list(places)[:_PLACES_SHOWN]]
            if len(places) > _PLACES_SHOWN:
                warnings.append(f'"{name}" is in {len(places) - _PLACES_SHOWN:,} more places')
        return warnings

    def _reason(self, name: str) -> str:
        if name in _PASSWORDS:
            return f'"{name}" is not used: logins are by key, never by password'
        meant = nearest(name, self._names)
        return f'"{name}" is not a name we know; did you mean {meant}?' if meant else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` is a slip of, or None when it may well be a name of its own.

    A slip is one letter missing, doubled, wrong or swapped with the next (two in names of seven letters and more), or
    the wrong case or dash. Plurals, numbered names, ``PORT`` and ``port_of_web`` are names of their own.
    """
    if name.isupper() or not name.isprintable():
        return None
    text = name.casefold().replace("-", "_")
    known = tuple(known)
    if text in known:
        return text if text != name else None
    stem = text.rstrip("0123456789_")
    if not {stem, stem.removesuffix("s"), stem.removesuffix("es")}.isdisjoint((*known, *_MEANT)):
        return None
    close = (each for each in known if _is_slip(text, each))
    return min(close, key=lambda each: _slips(text, each), default=None)


def _is_slip(text: str, known: str) -> bool:
    allowed = 2 if len(known.removeprefix("ansible_")) >= 7 else 1
    if abs(len(text) - len(known)) > allowed or text[:1] != known[0] or text.startswith(f"{known}_"):
        return False
    if _slips(text, known) > allowed:
        return False
    # Two letters swapped weigh much in a short name, and are yet the most common slip of all.
    return sorted(text) == sorted(known) or difflib.SequenceMatcher(None, known, text).ratio() >= _RATIO


def _slips(one: str, other: str) -> int:
    """How many letters to add, drop, change or swap with the next (the optimal string alignment distance)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, above, row = row, before, [at]
        for across, its in enumerate(other, start=1):
            cost = min(before[across] + 1, row[-1] + 1, before[across - 1] + (letter != its))
            if at > 1 and across > 1 and letter == other[across - 2] and one[at - 2] == its:
                cost = min(cost, above[across - 2] + 1)
            row.append(cost)
    return row[-1]
