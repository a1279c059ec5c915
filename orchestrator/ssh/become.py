"""How a shell on a host is entered as another user, and how the one question on the way there is answered."""

from __future__ import annotations

import asyncio
import re
from typing import Protocol

from orchestrator.inventory.model import Become

METHODS = ("sudo", "su", "doas")
_ACCOUNT = re.compile(r"#?[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
_PREAMBLE_LIMIT = 1 << 16


def unfit_become(become: Become) -> str | None:
    """Why nothing can be run as `become`, in one line, or None when it can."""
    if become.method not in METHODS:
        return f"never started: become method {become.method!r} is not supported, only {', '.join(METHODS)}"
    if not _ACCOUNT.fullmatch(become.user) or (become.method != "sudo" and become.user.startswith("#")):
        return f"never started: {become.user!r} is no account name"
    if become.password is not None and "\n" in become.password:
        return "never started: the become password holds a line break"
    return None


def unanswered(method: str) -> str:
    """Why nothing runs when `method` wants a password that nobody gave."""
    return f"never started: {method} asks for a password and none is given (ansible_become_password, or play -K)"


def entering(become: Become | None, token: str, script: str, *words: str) -> str:
    """The line for the login shell that runs `script` in /bin/sh as `become`, with `words` as its parameters.

    `script` and `words` must hold nothing that any login shell treats specially between single quotes.

    sudo reads the password from standard input when told so (-S), and says `token`? when it wants one. su, both
    util-linux's and busybox's, reads it from standard input when that is no terminal, but asks in the host's
    language: so `token`: marks where its output begins. doas reads from terminals only, so it must not ask.
    """
    rest = " ".join(f"'{word}'" for word in ("sh", *words))
    shell = f"/bin/sh -c '{script}' {rest}"
    if become is None:
        return f"exec {shell}"
    match become.method:
        case "sudo" if become.password is None:
            return f"exec sudo -n -H -u '{become.user}' -- {shell}"
        case "sudo":
            return f"exec sudo -S -p '{token}?' -H -u '{become.user}' -- {shell}"
        case "su":
            announce = f'echo {token}: >&2; exec "$@"'
            return f"exec /bin/sh -c '{announce}' sh su -s /bin/sh -c '{script}' '{become.user}' {rest}"
        case _:
            return f"exec doas -n -u '{become.user}' -- {shell}"


class Stdin(Protocol):
    """Where the password is written to."""

    def write(self, data: bytes) -> None:
        """Send to standard input; raises OSError when that is closed."""


class Entrance:
    """Watches the early output of a shell that is entered by `entering`, until it announces itself.

    The announcement, a line of the token and the id of the process group on standard error, proves that the shell
    runs. The password goes to the first question only; a second question, or one without a password to answer it,
    sets `refused`: accounts lock after a few wrong tries.
    """

    def __init__(self, token: str, become: Become | None) -> None:
        self.announced = asyncio.Event()
        self.group: int | None = None
        self.refused = False
        self._token = token.encode()
        self._mark = re.compile(rb"%b(?:(\?)|(:)\n| (\d+)\n)" % self._token)
        self._become = become
        self._held = {"stdout": bytearray(), "stderr": bytearray()}
        self._questions = 0
        self._answered = False
        self._at_su = False
        self._news = asyncio.Event()

    def listen(self, stream: str, data: bytes) -> bytes:
        """Take early output of `stream`; give back what is not of the entering itself."""
        if stream == "stdout" and not self._by_su:
            return data
        held = self._held[stream]
        held += data
        passed = b""
        while stream == "stderr" and (found := self._mark.search(held)):
            asked, at_su, group = found.groups()
            before = bytes(held[: found.start()])
            passed += b"" if self._at_su else before
            del held[: found.end()]
            self._at_su |= at_su is not None
            if asked:
                self._question()
            elif group:
                self.group = int(group) or None
                self.announced.set()
                self._news.set()
                passed += self._held[stream]
                held.clear()
                return passed
        if self._at_su and any(self._is_said(held) for held in self._held.values()):
            self._question()
        surplus = bytes(held[: max(0, len(held) - _PREAMBLE_LIMIT)])
        del held[: len(surplus)]
        return passed + surplus

    def end(self) -> bytes:
        """Nothing more will come; what was held back."""
        self._news.set()
        rest = b"".join(bytes(held) for held in self._held.values())
        for held in self._held.values():
            held.clear()
        return rest

    async def passed(self, stdin: Stdin, gone: asyncio.Event) -> bool:
        """Answer the question if it comes; True once the shell has announced itself, False when it will not.

        Raises OSError when standard input is closed.
        """
        password = self._become.password if self._become is not None else None
        while not (self.announced.is_set() or gone.is_set() or self.refused):
            await self._news.wait()
            self._news.clear()
            if self.announced.is_set() or self._questions == 0:
                continue
            if password is not None and not self._answered:
                self._answered = True
                stdin.write(password.encode() + b"\n")
            self.refused = password is None or self._questions > 1
        return self.announced.is_set()

    @property
    def must_wait(self) -> bool:
        """True if nothing may be sent before the announcement, as a question could swallow it."""
        return self._by_su or (self._become is not None and self._become.password is not None)

    @property
    def failure(self) -> str:
        """Why the shell was not entered, after `refused` or its end; empty when that is not known."""
        if self._become is None or not (self.refused or (self._by_su and self._questions)):
            return ""
        method = self._become.method
        if self._become.password is None:
            return unanswered(method)
        return f"never started: {method} did not accept the become password"

    @property
    def _by_su(self) -> bool:
        return self._become is not None and self._become.method == "su"

    def _is_said(self, held: bytearray) -> bool:
        """True if `held` is more than the beginning of an announcement."""
        text = held.strip()
        return bool(text) and not text.startswith(self._token[: len(text)])

    def _question(self) -> None:
        # su asks once; whatever it says after that is no further question.
        self._questions = 1 if self._at_su else self._questions + 1
        self._news.set()
