"""The systemd unit of a real installation: text, from where the program and its home are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orchestrator.errors import UsageError
from orchestrator.home import Home

SERVICE: Final = "orchestrator.service"
CREDENTIALS: Final[Mapping[str, str]] = {
    name: f"/etc/orchestrator/{name}" for name in ("bot-token", "ssh-passphrase", "grafana-token")
}
"""Credentials that `Settings` reads, and where the unit takes them from."""

# What useradd(8) takes by default.
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}\$?", re.ASCII)
# Paths are put between other words of a unit as they are; nobody's home needs more letters than these.
_PATH = re.compile(r"/[\w./@+,:-]*")
_HIDDEN = ("/home", "/root", "/run/user")


def service(home: Home, *, user: str, python: Path, credentials: Path = Path("/")) -> str:
    """The text of orchestrator.service for `home`, run as `user` by the interpreter `python` of its venv.

    Credentials whose files are there (below `credentials`, which stands for ``/``) are loaded; of others there is a
    comment. Raises UsageError for names that a unit cannot have.
    """
    if not _USER.fullmatch(user):
        raise UsageError(f"{user[:40]!r} is no name of an account", where="--user")
    for path in (home.path, python):
        if not _PATH.fullmatch(str(path)):
            raise UsageError(
                f"{str(path)[:200]!r} cannot stand in a unit",
                remedy="Move it to a path of letters, digits and ./@+,:-_ only",
            )
    there = {name: (credentials / path.lstrip("/")).exists() for name, path in CREDENTIALS.items()}
    lines = [f"{'' if there[name] else '#'}LoadCredential={name}:{path}" for name, path in CREDENTIALS.items()]
    needed = (home.path, python, python.resolve())  # a venv's interpreter is a link to another
    hidden = any(path.is_relative_to(place) for place in _HIDDEN for path in needed)
    return _template().format(
        home=home.path,
        user=user,
        python=python,
        credentials="\n".join(lines),
        credentials_note="" if all(there.values()) else "Without the file a unit does not start:",
        writable="\n".join(f"ReadWritePaths={folder}" for folder in writable(home)),
        protect_home="read-only" if hidden else "yes",
    )


def writable(home: Home) -> tuple[Path, ...]:
    """The folders of `home` that the service writes: they must be there when it starts."""
    return home.state, home.keys, home.inventory, home.path / "prometheus"


def _template() -> str:
    return Path(__file__).with_name(SERVICE).read_text(encoding="utf-8")
