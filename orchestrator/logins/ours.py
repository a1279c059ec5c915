"""Which logins are our own: by a key of ours, from an address that is ours as the host sees it."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from orchestrator.logins.keyfiles import keys_in
from orchestrator.ssh import kept_keys

_AUTHORITY = "user_ed25519.pub"
_LARGEST = 64 << 10


class Whose(Enum):
    """Who came in."""

    SOMEBODY = auto()
    OURS = auto()
    ELSEWHERE = auto()
    """A key that only we have, from where we are not: it was stolen, or another program uses our keys."""


class OwnKeys:
    """The fingerprints of the keys in the home's `folder`, and of the certificate `authority` in another one.

    Those of a rotation are among them, which have no .pub file: hosts get the new key long before it is in use. Looked
    at anew when a folder has changed: `keys rotate` is another process.
    """

    def __init__(self, folder: Path, authority: Path) -> None:
        self._folder = folder
        self._authority = authority
        self._stamp: tuple[int, ...] = ()
        self._own: frozenset[str] = frozenset()
        self._signs = ""

    def hold(self, key: str, certificate: str) -> bool:
        """Whether a login by `key` (``ED25519 SHA256:...``) is by one of ours, or by a certificate of our authority.

        `certificate` is what sshd says of it: ``ID web1 (serial 0) CA ED25519 SHA256:...``.
        """
        self._refresh()
        signed_by = certificate.rpartition(" CA ")[2].rpartition(" ")[2]
        return key.rpartition(" ")[2] in self._own or (signed_by != "" and signed_by == self._signs)

    def are(self, fingerprint: str) -> bool:
        """Whether a key, or the key of an authority, is ours."""
        self._refresh()
        return fingerprint != "" and (fingerprint in self._own or fingerprint == self._signs)

    def _refresh(self) -> None:
        stamp = tuple(_changed(folder) for folder in (self._folder, self._authority))
        if stamp == self._stamp:
            return
        found = (_read(path) for path in sorted(self._folder.glob("*.pub"))[:100])
        private = (file.fingerprint for file in kept_keys(self._folder))
        self._own = frozenset(each for each in (*found, *private) if each)
        self._signs = _read(self._authority / _AUTHORITY)
        self._stamp = stamp


def whose(*, only_ours: bool, used_by_us: bool, address: str, vantages: frozenset[str]) -> Whose:
    """Judge a login by key: by a key that `only_ours`, or that is `used_by_us` (an agent's may be a person's, too).

    Where no address of ours is known as the host sees us (`vantages`), nothing can be compared: it is somebody's.
    """
    if not (only_ours or used_by_us) or not vantages:
        return Whose.SOMEBODY
    if address in vantages:
        return Whose.OURS
    return Whose.ELSEWHERE if only_ours else Whose.SOMEBODY


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = next(keys_in("", file.read(_LARGEST)), None)
    except OSError:
        return ""
    return found.fingerprint if found else ""
