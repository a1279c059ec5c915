"""The verbs, their options, and the one place where an error becomes a line and an exit status."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from orchestrator.cli import (
    alerts,
    authority,
    blocking,
    bootstrap,
    demo,
    doctor,
    fleet,
    inventory,
    keys,
    loginrules,
    logins,
    mon,
    play,
    rotate,
    serve,
    sessions,
    thresholds,
    units,
)
from orchestrator.cli.session import INTERRUPTED
from orchestrator.errors import OrchestratorError
from orchestrator.version import __version__

cli = typer.Typer(name="orchestrator", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
host_keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Our own keys, and pinned host keys.")
host_keys.command()(keys.init)
host_keys.command()(keys.show)
host_keys.command()(rotate.rotate)
host_keys.command()(keys.trust)
host_keys.command()(keys.forget)
certificates = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Our own SSH certificate authority.")
certificates.command()(authority.init)
certificates.command()(authority.show)
certificates.command()(authority.sign_host)
certificates.command()(authority.revoke)
host_keys.add_typer(certificates, name="ca")
files = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Read and edit the inventory.")
files.command()(inventory.add)
files.command()(inventory.remove)
files.command("set")(inventory.set_)
files.command()(inventory.show)
files.command("import")(inventory.import_)
files.command()(inventory.check)
cli.command()(fleet.hosts)
cli.command("exec")(fleet.exec_)
cli.command()(fleet.ports)
cli.command()(fleet.close)
cli.command()(sessions.top)
cli.command()(sessions.who)
cli.command()(sessions.kick)
cli.command()(blocking.block)
cli.command()(blocking.unblock)
cli.command()(bootstrap.bootstrap)
cli.command()(bootstrap.retire)
cli.command()(play.play)
cli.command()(logins.logins)
cli.command("login-rules")(loginrules.login_rules)
cli.command()(mon.mon)
cli.command()(alerts.alerts)
cli.command()(alerts.silence)
cli.command()(thresholds.threshold)
cli.command()(serve.chat)
cli.command()(serve.serve)
cli.command()(demo.demo)
cli.command()(units.units)
cli.command()(doctor.doctor)
cli.add_typer(host_keys, name="keys")
cli.add_typer(files, name="inventory")


def main() -> NoReturn:
    """Run the command line and exit.

    0 all well, 1 failed on a host, 2 usage, 3 refused, 4 a host not reached or lost, 130 interrupted.
    """
    _have_streams()
    status = _run()
    if status != INTERRUPTED:
        sys.exit(status)
    # CPython ends with SIGINT itself, whatever status it is told, when an interrupt came within exec(), as classes are
    # made with it while modules load (run_eval_code_obj in its pythonrun.c).
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def _run() -> int:
    """The exit status of what the command line asks for."""
    try:
        status = cli(standalone_mode=False)
        sys.stdout.flush()
    except OrchestratorError as error:
        _say(str(error))
        return error.exit_status
    except typer.Exit as stop:
        return int(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); say nothing more, also not while the interpreter shuts down.
        _discard_output()
        return 1
    except OSError as error:
        # Most likely our output, into a full disk.
        _discard_output()
        _say(f"{error.filename or 'cannot write the output'}: {error.strerror or error}")
        return 2
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):  # asked for nothing: that is a question, not a mistake
            print(message, file=sys.stderr)
        else:
            _say(_usage(error))
        return 2
    return status if isinstance(status, int) else 0


def _have_streams() -> None:
    """Make the standard streams safe to use: closed ones (``<&-``) lead nowhere, and no letter is beyond them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we live
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: typer.TyperException) -> str:
    context, what = getattr(error, "ctx", None), error.format_message().rstrip(".")
    if context and "unexpected extra argument" in what and context.params.get("pattern"):
        return f"{what}. Several hosts are one pattern, with commas: web1,web2"
    return f"{what}. Try: {context.command_path if context else 'orchestrator'} --help"


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
