"""``orchestrator bootstrap`` and ``orchestrator retire``: make hosts managed, and undo it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.session import ask_unseen, confirm, home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.bootstrap import Bootstrap, Credentials, Outcome, Surveyed
    from orchestrator.cli.bootstrapscreen import Screen
    from orchestrator.control import BootstrapHosts, CheckBootstrap, RetireHosts
    from orchestrator.inventory import Host, HostSet

    Act = Callable[[Bootstrap, Sequence[Surveyed], Screen], Awaitable[Outcome]]

Check = Annotated[bool, typer.Option("--check", "-C", help="Change nothing; predict what would change.")]
Diff = Annotated[bool, typer.Option("--diff", "-D", help="Show what changes in files.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to begin. Unknown host keys are refused.")]
AskPass = Annotated[bool, typer.Option("--ask-pass", "-k", help="Ask for the password of the login.")]
PassFile = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="Take that password from a file.")
]
AskBecome = Annotated[
    bool, typer.Option("--ask-become-pass", "-K", help="Ask for the password of sudo, su or doas [that of the login].")
]
BecomeFile = Annotated[
    Path | None, typer.Option("--become-password-file", metavar="FILE", help="Take that password from a file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for, whichever verb it was; `question` is put before anything is changed."""

    hosts: HostSet
    action: BootstrapHosts | CheckBootstrap | RetireHosts
    question: str
    check: bool
    yes: bool
    accept_new: bool
    as_json: bool
    account: str | None = None


def bootstrap(
    context: typer.Context,
    pattern: Annotated[
        str | None, typer.Argument(metavar="PATTERN", help="Which hosts [those not bootstrapped yet].")
    ] = None,
    check: Check = False,
    diff: Diff = False,
    yes: Yes = False,
    ask_pass: AskPass = False,
    password_file: PassFile = None,
    ask_become: AskBecome = False,
    become_file: BecomeFile = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Account to manage them with [orchestrator].")
    ] = None,
    exporter_file: Annotated[
        Path | None, typer.Option("--node-exporter", metavar="FILE", help="Install this binary or release archive.")
    ] = None,
    no_exporter: Annotated[bool, typer.Option("--no-exporter", help="Install no node_exporter.")] = False,
    accept_new: Annotated[
        bool, typer.Option("--accept-new-host-keys", help="Trust whatever unknown hosts show, now and for good.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Make hosts managed. Pinned, with an account of ours, hostctl and node_exporter. Once more changes nothing."""

    async def work(app: App, stop: asyncio.Event) -> int:
        from orchestrator.bootstrap import Manner
        from orchestrator.control import BootstrapHosts, CheckBootstrap
        from orchestrator.errors import UsageError

        if no_exporter and exporter_file is not None:
            raise UsageError("--no-exporter and --node-exporter exclude each other")
        if exporter_file is not None and not exporter_file.is_file():
            raise UsageError("is no file", where=str(exporter_file))
        hosts = _not_yet_managed(app) if pattern is None else app.inventory.select(pattern)
        action = CheckBootstrap(hosts) if check else BootstrapHosts(hosts)
        request = _Request(hosts, action, "Bootstrap", check, yes, accept_new, as_json, account)
        manner = Manner(check=check, diff=diff, exporter=not no_exporter, exporter_file=exporter_file)
        given = await asyncio.to_thread(_credentials, (password_file, ask_pass), (become_file, ask_become), stop)

        async def act(bootstrap: Bootstrap, surveyed: Sequence[Surveyed], screen: Screen) -> Outcome:
            return await bootstrap.run(surveyed, manner, on_event=screen.tell, on_step=screen.step, stop=stop)

        return await _go(app, request, given, act, stop)

    return run_with_app(home_of(context), work)


def retire(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Which hosts.")],
    forget: Annotated[
        bool, typer.Option("--forget", help="Also take them out of the inventory, and forget their pinned keys.")
    ] = False,
    check: Check = False,
    diff: Diff = False,
    yes: Yes = False,
    ask_pass: AskPass = False,
    password_file: PassFile = None,
    ask_become: AskBecome = False,
    become_file: BecomeFile = None,
    as_json: AsJson = False,
) -> int:
    """Take away from hosts what bootstrap added, and nothing else."""

    async def work(app: App, stop: asyncio.Event) -> int:
        from orchestrator.bootstrap import Manner
        from orchestrator.control import CheckBootstrap, RetireHosts

        hosts = app.inventory.select(pattern)
        action = CheckBootstrap(hosts) if check else RetireHosts(hosts, forget)
        request = _Request(hosts, action, "Retire and forget" if forget else "Retire", check, yes, False, as_json)
        manner = Manner(check=check, diff=diff)
        given = await asyncio.to_thread(_credentials, (password_file, ask_pass), (become_file, ask_become), stop)

        async def act(bootstrap: Bootstrap, surveyed: Sequence[Surveyed], screen: Screen) -> Outcome:
            return await bootstrap.retire(
                surveyed, manner, forget=forget, on_event=screen.tell, on_step=screen.step, stop=stop
            )

        return await _go(app, request, given, act, stop)

    return run_with_app(home_of(context), work)


async def _go(app: App, request: _Request, credentials: Credentials, act: Act, stop: asyncio.Event) -> int:
    """Survey, ask what there is to ask, do it, and show what came of it."""
    from orchestrator.cli.bootstrapscreen import Screen, print_outcome, print_survey
    from orchestrator.cli.output import plural, print_json
    from orchestrator.control import Face, evidence
    from orchestrator.errors import Refused

    async with app.bootstrap(credentials, check=request.check) as bootstrap:
        surveyed = await _survey(app, bootstrap, request, stop)
        if not request.as_json:
            print_survey(surveyed)
        ready = [found for found in surveyed if found.ready]
        if ready and not request.check and not request.yes:
            question = f"{request.question} {plural(len(ready), 'host')}?"
            if not await confirm(question, stop, instead="--yes"):
                raise Refused("not confirmed: nothing was done")
        screen = Screen(shown=not request.as_json, check=request.check)
        async with app.door.open(local_actor(Face.CLI), request.action, confirmed=True) as passage:
            with screen:
                outcome = await act(bootstrap, surveyed, screen)
            passage.record(evidence.of_bootstrap(outcome))
    if request.as_json:
        print_json({"hosts": outcome.to_json(), "tasks": screen.story.to_json()["tasks"]})
    else:
        print_outcome(outcome)
    return outcome.exit_status


async def _survey(app: App, bootstrap: Bootstrap, request: _Request, stop: asyncio.Event) -> list[Surveyed]:
    """How the hosts were found, once a person has answered for all unknown host keys together."""
    surveyed = await _look(app, bootstrap, request, request.hosts, stop)
    unknown = [found for found in surveyed if found.wants_trust]
    if not unknown or not await _vouched_for(unknown, request, stop):
        return surveyed
    await _pin(app, bootstrap, unknown, request)
    again = await _look(app, bootstrap, request, [found.host for found in unknown], stop)
    fresh = {found.host.name: found for found in again}
    return [fresh.get(found.host.name, found) for found in surveyed]


async def _look(
    app: App, bootstrap: Bootstrap, request: _Request, hosts: Iterable[Host], stop: asyncio.Event
) -> list[Surveyed]:
    from orchestrator.cli.progress import Progress
    from orchestrator.control import Face, SurveyHosts, evidence
    from orchestrator.inventory import HostSet

    chosen = HostSet(hosts)
    async with app.door.open(local_actor(Face.CLI), SurveyHosts(chosen)) as passage:
        with Progress(chosen, "looking") as progress:
            surveyed = await bootstrap.survey(
                chosen,
                account=request.account,
                stop=stop,
                on_surveyed=lambda found: progress.answered(found.host.name),
            )
        passage.record(evidence.of_survey(surveyed))
    return surveyed


async def _vouched_for(unknown: Sequence[Surveyed], request: _Request, stop: asyncio.Event) -> bool:
    """Whether a person, or an option, answers for the keys that these hosts show. Without a terminal nobody does."""
    from orchestrator.cli.bootstrapscreen import print_fingerprints

    if not (request.accept_new or sys.stdin.isatty()):
        return False
    print_fingerprints(unknown)
    then = "trust them for this look" if request.check else "pin them"
    question = f"Are these fingerprints right, and {then}?"
    return request.accept_new or await confirm(question, stop, instead="--accept-new-host-keys")


async def _pin(app: App, bootstrap: Bootstrap, unknown: Sequence[Surveyed], request: _Request) -> None:
    from orchestrator.control import Face, TrustKey

    if request.check:  # forgotten when the look is over
        bootstrap.trust(unknown)
        return
    for found in unknown:
        assert found.shown is not None
        action = TrustKey(found.host, found.shown.fingerprint)
        async with app.door.open(local_actor(Face.CLI), action, confirmed=True) as passage:
            bootstrap.trust([found])
            passage.record({"status": "ok"})


def _not_yet_managed(app: App) -> HostSet:
    from orchestrator.bootstrap import is_managed
    from orchestrator.errors import UsageError
    from orchestrator.inventory import HostSet

    hosts = HostSet(host for host in app.inventory.hosts if not is_managed(host))
    if not hosts:
        app.inventory.select("all")  # says so when there are no hosts at all
        raise UsageError("every host is managed already", remedy="To go over all of them: orchestrator bootstrap all")
    return hosts


_Source = tuple[Path | None, bool]


def _credentials(login: _Source, become: _Source, stop: asyncio.Event) -> Credentials:
    """The two passwords, each from a file, from a person, or not given. Runs in a thread."""
    from orchestrator.bootstrap import Credentials

    return Credentials(_password("Login password", login, stop), _password("Become password", become, stop))


def _password(what: str, source: _Source, stop: asyncio.Event) -> str | None:
    from orchestrator.errors import Refused
    from orchestrator.ssh import passphrase_file

    file, ask = source
    if file is None and not ask:
        return None
    answer = passphrase_file(file)(file) if file is not None else ask_unseen(what, stop)
    if not answer:
        raise Refused(f"no {what.lower()} was given", remedy="Give it in a file")
    return answer
