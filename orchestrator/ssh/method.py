"""Authentication: what we offer to be let in with, and which of it let us in (RFC 4252, RFC 4256)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import asyncssh
from asyncssh.public_key import SSHLocalKeyPair

from orchestrator.inventory.model import Host
from orchestrator.ssh.failure import one_line

Usable = asyncssh.SSHKey | asyncssh.SSHKeyPair
Fresh = Callable[[], asyncssh.SSHKeyPair]
Passwords = Callable[[Host], str | None]


@dataclass(frozen=True, slots=True)
class Method:
    """How a host let us in. `fingerprint` is that of the key; a password has none, nor has a host that asked nothing.

    ``agent`` is a key held by the ssh-agent; ``certificate`` a key that an authority vouched for.
    """

    kind: Literal["key", "agent", "certificate", "password", "none"]
    fingerprint: str = ""

    @classmethod
    def of(cls, key: Usable) -> Method:
        """That of a key that was accepted."""
        if isinstance(key, asyncssh.SSHKey):
            return cls("key", key.get_fingerprint())
        kind: Literal["key", "agent", "certificate"] = "agent" if key.get_key_type() == "agent" else "key"
        return cls("certificate" if key.has_cert else kind, _fingerprint(key.key_public_data))


class Candidate(asyncssh.SSHClient):
    """Our side of one authentication: each of `keys` in turn, then `password` once, whichever way the server asks.

    A fresh key is made when its turn comes: a certificate must not grow old while its connection waits in a queue.

    A refused password (`sent` tells whether it was) is never sent a second time, not by another method either: servers
    count each failure and lock our address out (PerSourcePenalties, sshd_config(5)).
    """

    def __init__(self, keys: Sequence[Usable | Fresh], password: str | None) -> None:
        self._keys = list(keys)
        self._password = password
        self.sent = False
        self._puzzle = ""
        self._expired = False
        self._key_offered = False
        self._key_known = False
        self.method = Method("none")

    @property
    def key_refused(self) -> bool:
        """True when the server was asked about keys and knows none of them for this account.

        One that it knows may not be enough (AuthenticationMethods, sshd_config(5), or an account that expired), and a
        server that wants something else first is not asked about any.
        """
        return self._key_offered and not self._key_known

    @property
    def refusal(self) -> str:
        """Why we were not let in, as far as it can be told."""
        if self._expired:
            return "the password has expired, change it on the host first:"
        if self.sent and self._puzzle:
            return f"permission denied, after the password the server asks what we cannot answer ({self._puzzle})"
        if self.sent:
            return "permission denied, the password was refused"
        if self._puzzle:
            return f"permission denied, the server asks what we cannot answer ({self._puzzle})"
        if self._password is not None:
            return "permission denied, the server does not ask for a password"
        return "permission denied"

    def public_key_auth_requested(self) -> list[Usable] | None:
        """The next key, alone: so we know which one it was."""
        if not self._keys:
            return None
        offered = self._keys.pop(0)
        key = offered if isinstance(offered, asyncssh.SSHKey | asyncssh.SSHKeyPair) else offered()
        self.method = Method.of(key)
        self._key_offered = True
        return [_Watched(key, self._key_is_known) if isinstance(key, asyncssh.SSHKey) else key]

    def _key_is_known(self) -> None:
        self._key_known = True

    def password_auth_requested(self) -> str | None:
        """The password, the first time."""
        if self.sent or self._password is None:
            return None
        self.sent = True
        self.method = Method("password")
        return self._password

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str] | Awaitable[tuple[str, str]]:
        """A new password is for a person to choose."""
        self._expired = True
        return super().password_change_requested(prompt, lang)

    def kbdint_auth_requested(self) -> str | None:
        """Take part while there is a password to give."""
        if self.sent or self._password is None:
            return None
        self.method = Method("none")
        return ""

    def kbdint_challenge_received(
        self,
        name: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        prompts: Sequence[tuple[str, bool]],
    ) -> Sequence[str] | None:
        """The password for the first question, if it is a single one whose answer stays unseen.

        The words of the question do not count: PAM asks in the language of the host.
        """
        if not prompts:
            return []
        password = None if len(prompts) > 1 or prompts[0][1] else self.password_auth_requested()
        if password is None:
            self._puzzle = one_line(prompts[0][0])[:60]
            return None
        return [password]


class _Watched(SSHLocalKeyPair):
    """A plain key that tells when it is to sign: the server has said then that it knows it (RFC 4252, section 7)."""

    def __init__(self, key: asyncssh.SSHKey, on_sign: Callable[[], None]) -> None:
        super().__init__(key, None, None, None)
        self._on_sign = on_sign

    def sign(self, data: bytes) -> bytes:
        self._on_sign()
        return super().sign(data)


def _fingerprint(blob: bytes) -> str:
    """As ssh-keygen has it. An agent may hold certificates, which are called by their key, and kinds we don't know."""
    try:
        return asyncssh.public_key.decode_ssh_certificate(blob).key.get_fingerprint()
    except asyncssh.KeyImportError:
        return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"
