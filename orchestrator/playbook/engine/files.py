"""A play's ``vars_files``, read once each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.playbook.engine.layers import Layers
from orchestrator.playbook.engine.prepared import varies
from orchestrator.playbook.load.files import find
from orchestrator.playbook.model import NOTHING, Play
from orchestrator.playbook.templating import Templar, UndefinedFault

LoadVars = Callable[[Path], Mapping[str, Any]]


class PlayFiles:
    """Gives what `play`'s files say for a host; names of files may depend on its variables.

    A list among them means the first of it that exists. A name that is not known on a host yet is passed over, as
    Ansible does before facts are there.
    """

    def __init__(self, play: Play, load: LoadVars, templar: Callable[[Layers], Templar]) -> None:
        self._play = play
        self._load = load
        self._templar = templar
        self._read: dict[Path, Mapping[str, Any]] = {}
        self._same_for_all: Mapping[str, Any] | None = None
        if not varies(list(play.vars_files)):
            self._same_for_all = self._merged(Layers())

    def __call__(self, known: Layers) -> Mapping[str, Any]:
        """The variables for a host of which `known` is known. Raises UsageError when a file is missing."""
        return self._merged(known) if self._same_for_all is None else self._same_for_all

    def _merged(self, known: Layers) -> Mapping[str, Any]:
        if not self._play.vars_files:
            return NOTHING
        templar = self._templar(known)
        merged: dict[str, Any] = {}
        for entry in self._play.vars_files:
            try:
                names = [
                    templar.render(name, self._play.at) for name in (entry if isinstance(entry, list) else [entry])
                ]
            except UndefinedFault:
                if known.get("ansible_facts"):
                    raise
                continue
            merged |= self._first(names)
        return merged

    def _first(self, names: list[str]) -> Mapping[str, Any]:
        folders = self._play.search or (Path(self._play.at.file).parent,)
        for name in names:
            path = find("vars", name, folders)
            if path is not None:
                if path not in self._read:
                    self._read[path] = self._load(path)
                return self._read[path]
        raise UsageError(f"vars_files: there is no {' or '.join(names)}", where=str(self._play.at))
