"""The verb that helps to install: units."""

from __future__ import annotations

import pwd
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.session import home_of


def units(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="The account that the service runs as.")] = "orchestrator",
    home: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The home to serve [that of orchestrator --home].")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write it there, as /etc/systemd/system, instead of printing it.")
    ] = None,
) -> None:
    """Print the systemd unit of a real installation. Hardened, and watched by systemd."""
    from orchestrator.cli.output import note
    from orchestrator.errors import UsageError
    from orchestrator.home import Home
    from orchestrator.systemd.units import SERVICE, service, writable

    place = Home.find(home) if home else home_of(context)
    text = service(place, user=user, python=Path(sys.executable))
    if write is None:
        print(text, end="")
    else:
        try:
            (write / SERVICE).write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", where=str(write / SERVICE)) from error
        note(f"{write / SERVICE} is written. To start it: systemctl daemon-reload && systemctl enable --now {SERVICE}")
    if missing := [shlex.quote(str(folder)) for folder in writable(place) if not folder.is_dir()]:
        note(f"before it starts: install -d -m 700 -o {user} {' '.join(missing)}")
    if not _known(user):
        note(f"before it starts: useradd --system --home-dir {shlex.quote(str(place.path))} {user}")


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
