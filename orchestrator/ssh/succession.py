"""The key files of a rotation: the key in use, its successor before the change, its predecessor after it.

``id_ed25519`` is whole and in use at every moment. ``next_ed25519`` is a key that nobody uses yet; no connection offers
it by itself. ``id_ed25519.retiring`` is what was in use before: every connection still offers it, after the new one, to
hosts that do not know the new one yet. Each step is one rename or link on the disk: a power cut leaves it done, or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

import asyncssh

from orchestrator.atomicfile import sync_folder, write_atomically
from orchestrator.errors import KeyFileError, UsageError
from orchestrator.ssh.keymaking import KEY_NAME, PREDECESSOR, SUCCESSOR, write_new


class Turn(StrEnum):
    """Where a rotation stands: none begun, the new key is being brought to hosts, or it is in use and the old not yet
    gone from all of them."""

    NONE = "none"
    SPREADING = "spreading"
    RETIRING = "retiring"


class Succession:
    """The files of a rotation in `folder`. Every method raises KeyFileError when a file cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.current = folder / KEY_NAME
        self.successor = folder / SUCCESSOR
        self.predecessor = folder / PREDECESSOR

    @property
    def turn(self) -> Turn:
        """What the files say; while `promote` is under way it is still SPREADING."""
        if self.predecessor.exists() and not self._linked:
            return Turn.RETIRING
        return Turn.SPREADING if self.successor.exists() else Turn.NONE

    @property
    def old(self) -> Path:
        """The key that is to go."""
        return self.predecessor if self.turn is Turn.RETIRING else self.current

    @property
    def new(self) -> Path:
        """The key that is to stay."""
        return self.current if self.turn is Turn.RETIRING else self.successor

    def require_key(self) -> None:
        """Raise UsageError when there is no key that could be replaced."""
        if self.current.exists():
            return
        others = sorted(path.name for path in self._folder.glob("id_*") if path.suffix != ".pub")
        what = f"is not there; keys of other names ({', '.join(others)}) are not rotated" if others else "is not there"
        raise UsageError(what, where=str(self.current), remedy="Make it: orchestrator keys init")

    def begin(self, comment: str, passphrase: str | None) -> None:
        """Make the successor, encrypted with `passphrase` unless that is None; on the disk when this returns."""
        key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
        unfinished = self._folder / f".{SUCCESSOR}"
        with _told(self.successor):
            unfinished.unlink(missing_ok=True)
            write_new(unfinished, key.export_private_key("openssh", passphrase), 0o600)
            unfinished.rename(self.successor)
            sync_folder(self._folder)

    def promote(self, public: str) -> None:
        """Put the successor, whose public line is `public`, into use; the key it replaces becomes the predecessor."""
        with _told(self.current):
            if not self._linked:
                os.link(self.current, self.predecessor)
                sync_folder(self._folder)
            self.successor.replace(self.current)
            sync_folder(self._folder)
        self.publish(public)

    def publish(self, public: str) -> None:
        """Let the .pub file of the key in use say `public`, as it should after `promote`."""
        path = self.current.with_name(f"{KEY_NAME}.pub")
        line = f"{public}\n"
        with _told(path):
            if path.exists() and path.read_text(encoding="utf-8", errors="replace") == line:
                return
            write_atomically(path, line.encode(), mode=0o644)

    def finish(self) -> None:
        """Destroy the predecessor: its content is written over before its name goes."""
        with _told(self.predecessor):
            self.predecessor.replace(self._spent)
            sync_folder(self._folder)
        self.sweep()

    def sweep(self) -> None:
        """Finish what `finish` began, if that was interrupted."""
        with _told(self._spent), suppress(FileNotFoundError):
            with self._spent.open("r+b") as file:
                file.write(bytes(self._spent.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            self._spent.unlink()
            sync_folder(self._folder)

    @property
    def _spent(self) -> Path:
        """A predecessor that is being destroyed: no key any more, whatever interrupts us."""
        return self._folder / f".{PREDECESSOR}"

    @property
    def _linked(self) -> bool:
        """True between the two steps of `promote`."""
        try:
            return self.predecessor.samefile(self.current)
        except FileNotFoundError:
            return False


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a KeyFileError, about `path` unless it names a file itself."""
    try:
        yield
    except OSError as error:
        where = str(error.filename or path)
        raise KeyFileError(f"cannot be written: {error.strerror}", where=where) from error
