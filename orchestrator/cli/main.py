"""The verbs, their options, and the one place where an error becomes a line and an exit status."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from orchestrator.cli import fleet, keys, serve
from orchestrator.cli.session import INTERRUPTED
from orchestrator.errors import OrchestratorError
from orchestrator.version import __version__

cli = typer.Typer(name="orchestrator", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
host_keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Pinned host keys.")
host_keys.command()(keys.trust)
host_keys.command()(keys.forget)
cli.command()(fleet.hosts)
cli.command("exec")(fleet.exec_)
cli.command()(fleet.ports)
cli.command()(fleet.close)
cli.command()(serve.chat)
cli.command()(serve.serve)
cli.command()(serve.demo)
cli.add_typer(host_keys, name="keys")


def main() -> NoReturn:
    """Run the command line and exit.

    0 all well, 1 failed on a host, 2 usage, 3 refused, 4 a host not reached or lost, 130 interrupted.
    """
    try:
        status = cli(standalone_mode=False)
    except OrchestratorError as error:
        _say(str(error))
        sys.exit(error.exit_status)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); say nothing more, also not while the interpreter shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except typer.TyperException as error:
        _say(_usage(error))
        sys.exit(2)
    sys.exit(status if isinstance(status, int) else 0)


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{error.format_message()} Try: {context.command_path if context else 'orchestrator'} --help"


def _say(line: str) -> None:
    print(f"orchestrator: {line}", file=sys.stderr)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"orchestrator {__version__}")
        raise typer.Exit


@cli.callback()
def _root(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Folder that holds inventory/ and keys/ [ORCHESTRATOR_HOME, else here].")
    ] = None,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Look after a fleet of servers over SSH, from a Telegram chat or from here."""
    context.obj = home
