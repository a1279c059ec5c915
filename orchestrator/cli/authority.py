"""The verbs for our own SSH certificate authority: ``keys ca``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.fleet import AsJson, Pattern
from orchestrator.cli.keys import NoPassphrase, PassphraseFile
from orchestrator.cli.session import confirm, home_of, local_actor, passphrase_for_new, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.inventory import Host
    from orchestrator.ssh import HostCertificate, HostKey

_UNKNOWN = 4


def init(context: typer.Context, no_passphrase: NoPassphrase = False, passphrase_from: PassphraseFile = None) -> None:
    """Make our own certificate authority. A key that vouches for us and one that vouches for hosts."""
    from orchestrator.cli.output import note
    from orchestrator.ssh import Trust, make_authority, refuse_a_second_authority

    home = home_of(context)
    refuse_a_second_authority(home.authority)  # before a passphrase is asked for
    passphrase = passphrase_for_new(home.authority, none=no_passphrase, file=passphrase_from)
    known_hosts = home.keys / "known_hosts"
    user, host = make_authority(home.authority, passphrase, Trust(known_hosts))
    at_rest = "" if passphrase else ", NOT encrypted"
    note(f"{user.path}: made{at_rest}, vouches for us ({user.fingerprint})")
    note(f"{host.path}: made{at_rest}, vouches for hosts ({host.fingerprint}); trusted in {known_hosts}")
    note("Hosts take our certificates once this line is in ~/.ssh/authorized_keys of the account there:")
    print(f"cert-authority,restrict,port-forwarding {user.public}")


def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the authority's keys, certificates and revocations. The hosts' certificates with when they end."""
    from orchestrator.cli.output import note, print_json, print_table
    from orchestrator.ssh import Authority, Keys

    home = home_of(context)
    authority = Authority(home.authority, Keys(home.keys))
    files, certificates = authority.files(), authority.certificates()
    revoked = [key.fingerprint for key in authority.revoked()]
    present = [file for file in files if file.path.exists()]
    if as_json:
        keys = [
            {
                "path": str(file.path),
                "fingerprint": file.fingerprint,
                "public": file.public,
                "encrypted": file.encrypted,
            }
            for file in present
        ]
        print_json({"keys": keys, "certificates": _described(certificates), "revoked": revoked})
        return
    if not present:
        note(f"{home.authority}: there is no certificate authority. Make one: orchestrator keys ca init")
        return
    words = {True: "encrypted", False: "NOT encrypted", None: "?"}
    rows = [(file.path.name, file.fingerprint, words[file.encrypted], file.comment) for file in present]
    print_table([("FILE", "FINGERPRINT", "AT REST", "COMMENT"), *rows])
    if certificates:
        rows = [
            (name, one.key.fingerprint, " ".join(one.principals), _until(one)) for name, one in certificates.items()
        ]
        print()
        print_table([("HOST", "KEY", "VALID FOR", "UNTIL"), *rows])
    for fingerprint in revoked:
        note(f"revoked: {fingerprint}")


def sign_host(
    context: typer.Context,
    pattern: Pattern,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long the certificates are valid.")] = 365,
    as_json: AsJson = False,
) -> int:
    """Sign the pinned keys of hosts. Certificates for their addresses, which then need no pin."""
    from orchestrator.cli.output import note, print_json
    from orchestrator.control import Face, SignHosts
    from orchestrator.errors import KeyFileError
    from orchestrator.inventory import HostSet
    from orchestrator.ssh.certificates import shares_address

    async def work(app: App, _: asyncio.Event) -> int:
        chosen = HostSet(host for host in app.inventory.select(pattern) if not host.local)
        await app.authority.unlock_for_hosts()
        signed: dict[str, HostCertificate] = {}
        problems: dict[str, str] = {}
        async with app.door.open(local_actor(Face.CLI), SignHosts(chosen, days)) as passage:
            for host in chosen:
                if shares_address(host, app.inventory.hosts):
                    what = "a certificate knows no port, and the inventory has another host at this address"
                    problems[host.name] = f"{host.name}: {what}. Keep to its pinned key"
                    continue
                try:
                    signed[host.name] = await app.authority.certify(host, app.trust, timedelta(days=days))
                except KeyFileError as error:
                    problems[host.name] = str(error)
            passage.record({"status": "failed" if problems else "ok", "signed": list(signed), "problems": problems})
        for problem in problems.values():
            note(f"orchestrator: {problem}")
        if as_json:
            print_json({"certificates": _described(signed), "problems": problems})
        else:
            for name, one in signed.items():
                print(one.line)
                note(f"{name}: signed for {' '.join(one.principals)} until {_until(one)}")
        return _UNKNOWN if problems else 0

    return run_with_app(home_of(context), work)


def revoke(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="HOST|FILE", help="A host, or a file with a public key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Never trust a host's keys or a public key again. Nor anything that it signed."""
    from orchestrator.cli.output import note
    from orchestrator.control import Face, RevokeKeys
    from orchestrator.errors import KeyFileError, Refused
    from orchestrator.inventory import HostSet

    async def work(app: App, stop: asyncio.Event) -> int:
        host, keys = _meant(app, target)
        if not keys:
            raise KeyFileError("no key of it is known", where=target, remedy="Name the file with its public key")
        for key in keys:
            note(f"{target}: {key.algorithm} {key.fingerprint}")
        if not yes and not await confirm("Never trust it again?", stop, instead="--yes"):
            raise Refused("not confirmed", where=target, remedy="Nothing was revoked")
        action = RevokeKeys(HostSet([host] if host else []), " ".join(key.fingerprint for key in keys))
        async with app.door.open(local_actor(Face.CLI), action, confirmed=True) as passage:
            for key in keys:
                app.authority.revoke(key, app.trust)
            if host:
                app.authority.withdraw(host)
            passage.record({"status": "ok"})
        note(f"{target}: revoked here; for others the list is {app.authority.revoked_keys}")
        note("A connection that is open now stays so until it ends.")
        return 0

    return run_with_app(home_of(context), work)


def _meant(app: App, target: str) -> tuple[Host | None, Sequence[HostKey]]:
    """The host that `target` names with every key we know of it, or no host and the key in the file of that name."""
    from orchestrator.errors import UnknownHost
    from orchestrator.ssh import read_public_key

    try:
        host = app.inventory.host(target)
    except UnknownHost:
        if not Path(target).is_file():
            raise
        return None, [read_public_key(Path(target))]
    certificate = app.authority.certificate_of(host)
    keys = (*app.trust.lookup(host).keys, *([certificate.key] if certificate else []))
    return host, list(dict.fromkeys(keys))


def _described(certificates: Mapping[str, HostCertificate]) -> list[dict[str, object]]:
    return [
        {
            "host": name,
            "fingerprint": one.key.fingerprint,
            "principals": list(one.principals),
            "until": one.until.isoformat(),
            "certificate": one.line,
        }
        for name, one in certificates.items()
    ]


def _until(certificate: HostCertificate) -> str:
    """In local time, and whether that is past."""
    ended = ", EXPIRED" if certificate.until <= datetime.now(UTC) else ""
    return f"{certificate.until.astimezone():%Y-%m-%d %H:%M}{ended}"
