"""What is remembered of a rotation between two runs: how far each host is."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.inventory import Host
from orchestrator.rotation.accounts import account_of


class Stage(StrEnum):
    """How far a host is. Only `DONE` and `UNUSED` are the end of it."""

    LEFT = "left"
    PROVEN = "proven"
    DONE = "done"
    UNUSED = "unused"

    @property
    def finished(self) -> bool:
        """True when the rotation has nothing more to do there."""
        return self in (Stage.DONE, Stage.UNUSED)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far `host` is and, if it cannot go on, why. `account` is where it was: ``user@address:port``."""

    host: str
    account: str
    stage: Stage
    detail: str = ""
    at: str = ""


class Ledger:
    """The file at `path`: a line of JSON for the rotation, then one for each thing that happened to a host.

    Lines are only added, each on the disk before it counts; one cut off by a crash never counted. It is about the keys
    named by its first line alone: with others it begins anew. Losing it loses no access, only time: hosts are asked
    again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.old = ""
        self.new = ""
        self.began = ""
        self._standings: dict[str, Standing] = {}
        self._read()

    def open(self, old: str, new: str) -> None:
        """Begin, or go on, with the rotation from key line `old` to `new`."""
        if (self.old, self.new) == (old, new):
            return
        self.forget()
        self.old, self.new, self.began = old, new, _now()
        self._add({"old": old, "new": new, "began": self.began})

    def note(self, host: Host, stage: Stage, detail: str = "") -> Standing:
        """Remember how far `host` is."""
        standing = Standing(host.name, account_of(host), stage, detail, _now())
        self._standings[host.name] = standing
        self._add(asdict(standing))
        return standing

    def standing(self, host: Host) -> Standing:
        """How far `host` is; LEFT when nothing was noted of this account."""
        known = self._standings.get(host.name)
        account = account_of(host)
        return known if known and known.account == account else Standing(host.name, account, Stage.LEFT)

    def forget(self) -> None:
        """The rotation is over."""
        self._standings.clear()
        self.old = self.new = self.began = ""
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"cannot be read: {error.strerror}", where=str(self._path)) from error
        for line in lines:
            try:
                entry = json.loads(line)
                if "host" in entry:
                    standing = Standing(**{**entry, "stage": Stage(entry["stage"])})
                    self._standings[standing.host] = standing
                else:
                    self.old, self.new, self.began = entry["old"], entry["new"], entry["began"]
            except (ValueError, TypeError, KeyError):
                continue

    def _add(self, entry: dict[str, Any]) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                # A line that was cut off by a crash ends here, and the next begins on one of its own.
                line = f"\n{json.dumps(entry)}\n".encode()
                if os.write(handle, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=str(self._path)) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
