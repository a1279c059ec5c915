"""The verbs for our own keys and for pinned host keys."""

from __future__ import annotations

import asyncio
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.session import confirm, home_of, local_actor, passphrase_for_new, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
NoPassphrase = Annotated[bool, typer.Option("--no-passphrase", help="Leave the key unencrypted on the disk.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Take the passphrase from the first line of a file."),
]
HostName = Annotated[str, typer.Argument(metavar="HOST", help="One host, by name or address.")]


def init(
    context: typer.Context,
    comment: Annotated[str, typer.Option(help="What the key is called in authorized_keys.")] = "",
    no_passphrase: NoPassphrase = False,
    passphrase_from: PassphraseFile = None,
) -> None:
    """Make our key pair (Ed25519), encrypted with a passphrase. It is asked for."""
    from orchestrator.cli.output import note
    from orchestrator.ssh import make_key, refuse_a_second_key

    home = home_of(context)
    refuse_a_second_key(home.keys)  # before a passphrase is asked for
    passphrase = passphrase_for_new(home.keys, none=no_passphrase, file=passphrase_from)
    made = make_key(home.keys, comment or f"orchestrator@{platform.node()}", passphrase)
    note(f"{made.path}: made{'' if passphrase else ', NOT encrypted'} ({made.fingerprint})")
    note("Put this line into ~/.ssh/authorized_keys of the account on each host:")
    print(made.public)


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show our keys, their fingerprints, what each is for. Never a private half."""
    from orchestrator.cli.output import note, print_json, print_table
    from orchestrator.ssh import Succession, Turn, kept_keys

    home = home_of(context)
    found = kept_keys(home.keys)
    turn = Succession(home.keys).turn
    if as_json:
        fields = ("algorithm", "fingerprint", "comment", "public", "encrypted", "use", "problem")
        keys = [
            {
                "path": str(key.path),
                **{name: getattr(key, name) for name in fields},
                "made_at": key.made_at.isoformat(timespec="seconds") if key.made_at else None,
            }
            for key in found
        ]
        print_json({"keys": keys, "rotation": turn.value})
        return
    if not found:
        note(f"{home.keys}: there is no key yet. Make one: orchestrator keys init")
        return
    words = {True: "encrypted", False: "NOT encrypted", None: "?"}
    rows = [
        (str(key.path.relative_to(home.keys)), key.algorithm, key.fingerprint, words[key.encrypted], _age(key.made_at),
         key.use, key.comment)
        for key in found
    ]  # fmt: skip
    print_table([("FILE", "TYPE", "FINGERPRINT", "AT REST", "AGE", "USE", "COMMENT"), *rows])
    for key in found:
        if key.problem:
            note(f"{key.path}: {key.problem}")
    if turn is not Turn.NONE:
        note("a rotation is under way. How far it is: orchestrator keys rotate --status")


def _age(made_at: datetime | None) -> str:
    if made_at is None:
        return "?"
    days = (datetime.now(UTC) - made_at).days
    return "today" if days < 1 else f"{days} d"


def trust(
    context: typer.Context,
    host: HostName,
    fingerprint: Annotated[
        str | None, typer.Option(metavar="SHA256:...", help="Pin without asking, only if the host shows this key.")
    ] = None,
) -> int:
    """Fetch a host's key, show its fingerprint, and pin it on yes."""
    from orchestrator.cli.output import note
    from orchestrator.control import Face, TrustKey
    from orchestrator.errors import Refused, UsageError

    async def work(app: App, stop: asyncio.Event) -> int:
        chosen = app.inventory.host(host)
        if chosen.local:
            raise UsageError("it is this machine, reached without SSH: it needs no key", where=chosen.name)
        key = await app.pool.scan(chosen)
        pinned = app.trust.lookup(chosen)
        if fingerprint is not None and fingerprint != key.fingerprint:
            raise Refused(
                f"the host shows {key.fingerprint}, not {fingerprint}",
                where=chosen.name,
                remedy="Nothing was pinned. Find out why: it may be another machine, or someone in between",
            )
        if key in pinned.keys:
            note(f"{chosen.name}: {key.fingerprint} is trusted already")
            return 0
        if pinned.keys:
            note(f"{chosen.name}: another key is pinned: {', '.join(old.fingerprint for old in pinned.keys)}")
            note(f"If the host was reinstalled, first run: orchestrator keys forget {chosen.name}")
            raise Refused("the host key has changed", where=chosen.name, remedy="Nothing was pinned")
        print(f"{chosen.name} ({chosen.address}, port {chosen.port}) shows this {key.algorithm} key:")
        print(f"  {key.fingerprint}")
        print("On the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        sys.stdout.flush()
        instead = f"--fingerprint {key.fingerprint}, once you know that it is right"
        if fingerprint is None and not await confirm("Is it the same, and pin it?", stop, instead=instead):
            raise Refused("not confirmed", where=chosen.name, remedy="Nothing was pinned")
        async with app.door.open(local_actor(Face.CLI), TrustKey(chosen, key.fingerprint), confirmed=True) as passage:
            app.trust.pin(chosen, key)
            passage.record({"status": "ok"})
        note(f"{chosen.name}: pinned")
        return 0

    return run_with_app(home_of(context), work)


def forget(context: typer.Context, host: HostName) -> int:
    """Forget the pinned keys of a host, hashed lines too."""
    from orchestrator.cli.output import note, plural
    from orchestrator.control import Face, ForgetKey

    async def work(app: App, _: asyncio.Event) -> int:
        chosen = app.inventory.host(host)
        async with app.door.open(local_actor(Face.CLI), ForgetKey(chosen)) as passage:
            count = app.trust.forget(chosen)
            passage.record({"status": "ok", "lines": count})
        note(
            f"{chosen.name}: {plural(count, 'pinned key')} forgotten" if count else f"{chosen.name}: no key was pinned"
        )
        return 0

    return run_with_app(home_of(context), work)
