"""``prometheus/rules/*.yml``: ours until somebody edits them, whatever else people put there, and the copies in force.

Prometheus reads the copies, which are made when promtool has judged all of them: a bad edit leaves the old ones in
force, even when Prometheus has to be started again.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.monitor.kept import replace, write_ours

FOLDER = "rules"
IN_FORCE = ".rules-in-force"

_ENTRY = re.compile(rf"""^(\s*(?:rule_files:)?\s*[-[]\s*["']?){FOLDER}/\*\.yml\b""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """The rules below `folder`; `shipped` is the folder with those that came with the program."""

    folder: Path
    shipped: Path

    def provide(self) -> None:
        """Write ours that are missing, or have not been edited. Raises OSError, and UnicodeDecodeError."""
        for source in sorted(self.shipped.glob("*.yml")):
            target = self.folder / FOLDER / source.name
            if not (target.exists() and target.samefile(source)):  # the home may be a checkout of the project
                write_ours(target, source.read_text(encoding="utf-8"))

    def read(self) -> Mapping[str, str]:
        """What the files say, by their names. Raises OSError, and UnicodeDecodeError."""
        return {path.name: path.read_text(encoding="utf-8") for path in self._files()}

    def put_in_force(self, texts: Mapping[str, str]) -> None:
        """Copy what was read, and judged; copies of what is gone go, too. Raises OSError."""
        copies = self.folder / IN_FORCE
        copies.mkdir(exist_ok=True)
        for name, text in texts.items():
            replace(copies / name, text)
        for copy in copies.glob("*.yml"):
            if copy.name not in texts:
                copy.unlink()

    def stamp(self) -> Hashable:
        """Something that changes when a file comes, goes, or is edited."""
        return tuple((path.name, _stamp(path)) for path in self._files())

    def _files(self) -> list[Path]:
        """As Prometheus's pattern has them: names that begin with a dot are none of it."""
        return sorted(path for path in (self.folder / FOLDER).glob("*.yml") if not path.name.startswith("."))


def with_copies(configuration: str) -> str:
    """A configuration that reads the copies in force where it says ``rules/*.yml`` under ``rule_files``."""
    return _ENTRY.sub(rf"\g<1>{IN_FORCE}/*.yml", configuration)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino
