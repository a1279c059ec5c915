"""Errors a person can act on.

Every error the program expects derives from `OrchestratorError` and says, in one line, what is wrong,
where (file and line, host, variable) and what to do about it. Leaves also inherit the builtin that fits, so
that code which knows nothing of us can catch them. What happens *on a host* is never an exception: it is a
`Result` with a status.
"""

from __future__ import annotations

from typing import ClassVar


class OrchestratorError(Exception):
    """Root of everything we raise on purpose. `exit_status` is what the command line ends with."""

    exit_status: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """`what` went wrong, `where` (``hosts.yml:12``, ``host web1``), and the `remedy` in the imperative."""
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}. {self.remedy}" if self.remedy else line


_QUOTED = 400
"""Characters of an error that quotes a file."""


def _shortened(text: str) -> str:
    half = _QUOTED // 2
    return text if len(text) <= _QUOTED else f"{text[:half]} … {text[-half:]}"


class UsageError(OrchestratorError, ValueError):
    """The request itself makes no sense: an unknown verb, a number out of range."""


class SettingsError(OrchestratorError, ValueError):
    """A setting is missing or wrong; `where` names the variable."""


class InventoryError(OrchestratorError, ValueError):
    """The inventory cannot be read as written; `where` is ``file:line``."""


class PlaybookError(OrchestratorError, ValueError):
    """A playbook, role or variable file cannot be run as written; `where` is ``file:line``.

    What was written is quoted, whatever it is: the middle of what is longer than a person reads is left out.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(_shortened(what), where=_shortened(where), remedy=remedy)


class Unsupported(PlaybookError):
    """Ansible may know this, or find out only when it comes to it: an unknown module, argument, filter. Told before
    anything runs."""


class UnknownHost(OrchestratorError, LookupError):
    """A pattern names something that is not in the inventory."""


class KeyFileError(OrchestratorError, ValueError):
    """A private key or known_hosts file is unreadable, unsafe or damaged."""


class StoreError(OrchestratorError, RuntimeError):
    """The database cannot be used: damaged, locked, full, or of a newer version."""


class Refused(OrchestratorError, PermissionError):
    """The door is closed: not allowed, not confirmed, expired, or frozen."""

    exit_status: ClassVar[int] = 3
