"""``orchestrator play``: run a playbook, or show what it would do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.session import ask_line, ask_unseen, home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.playbook.events import Event
    from orchestrator.playbook.playbooks import Plan, Playbooks

_Texts = list[str] | None


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a run is shown and what it is called in the audit; `password` is that of sudo, su or doas."""

    check: bool
    verbose: bool
    as_json: bool
    options: str
    password: str | None


def play(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A playbook: a file, or its name in playbooks/.")],
    limit: Annotated[str | None, typer.Option("--limit", "-l", help="Only these of its hosts: a pattern.")] = None,
    check: Annotated[bool, typer.Option("--check", "-C", help="Change nothing; predict what would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", "-D", help="Show what changes in files.")] = False,
    tags: Annotated[_Texts, typer.Option("--tags", "-t", help="Only tasks with these tags.")] = None,
    skip_tags: Annotated[_Texts, typer.Option("--skip-tags", help="Not the tasks with these tags.")] = None,
    extra_vars: Annotated[
        _Texts, typer.Option("--extra-vars", "-e", metavar="VARS", help="k=v, YAML or JSON, or @FILE.")
    ] = None,
    vault_files: Annotated[
        _Texts,
        typer.Option("--vault-password-file", metavar="[ID@]FILE", help="Password of Ansible Vault; may be repeated."),
    ] = None,
    ask_vault: Annotated[bool, typer.Option("--ask-vault-password", help="Ask for the password of the vault.")] = False,
    ask_become: Annotated[
        bool, typer.Option("--ask-become-password", "-K", help="Ask for the password of sudo, su or doas.")
    ] = False,
    become_file: Annotated[
        Path | None, typer.Option("--become-password-file", metavar="FILE", help="Take that password from a file.")
    ] = None,
    list_hosts: Annotated[bool, typer.Option("--list-hosts", help="Only show the hosts of each play.")] = False,
    list_tasks: Annotated[bool, typer.Option("--list-tasks", help="Only show the tasks.")] = False,
    list_tags: Annotated[bool, typer.Option("--list-tags", help="Only show the tags.")] = False,
    syntax_check: Annotated[bool, typer.Option("--syntax-check", help="Only read it and say what is wrong.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every host's whole result.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> int:
    """Run a playbook (Ansible's YAML) on the hosts that it names."""
    chosen, skipped = _split(tags), _split(skip_tags)
    told = {"limit": [limit] if limit else [], "tags": chosen, "skip tags": skipped}
    options = "; ".join(f"{name} {','.join(values)}" for name, values in told.items() if values)

    async def work(app: App, stop: asyncio.Event) -> int:
        from orchestrator.cli.output import note
        from orchestrator.cli.playscreen import print_plan

        plan = app.playbooks.plan(
            _path(file, app.playbooks),
            limit=limit,
            check=check,
            diff=diff,
            # As ansible-playbook: all the tags there are, also of tasks that run only when asked for.
            tags=chosen or (["all", "never"] if list_tags and not skipped else []),
            skip_tags=skipped,
            extra_vars=extra_vars or (),
            passwords=await asyncio.to_thread(_vault_passwords, vault_files or (), ask_vault, stop),
        )
        for line in plan.playbook.notes:
            note(f"orchestrator: {line}")
        if list_hosts or list_tasks or list_tags or syntax_check:
            print_plan(plan, hosts=list_hosts, tasks=list_tasks, tags=list_tags)
            return 0
        password = await asyncio.to_thread(_password, become_file, ask_become, stop)
        return await _run(app, plan, stop, _Manner(check, verbose, as_json, options, password))

    return run_with_app(home_of(context), work)


async def _run(app: App, plan: Plan, stop: asyncio.Event, manner: _Manner) -> int:
    from orchestrator.cli.output import print_json
    from orchestrator.cli.playscreen import PlayScreen
    from orchestrator.control import CheckPlaybook, Face, RunPlaybook, evidence
    from orchestrator.playbook.story import Story

    story = Story()
    listeners: list[Callable[[Event], None]] = [story.tell]

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    async def password() -> str | None:
        return manner.password

    kind = CheckPlaybook if manner.check else RunPlaybook
    async with app.door.open(local_actor(Face.CLI), kind(plan.hosts, plan.name, manner.options)) as passage:
        try:
            if manner.as_json:
                await plan.play(tell, stop, become_password=password)
            else:
                with PlayScreen(story, verbose=manner.verbose, check=manner.check) as screen:
                    listeners.append(screen.tell)

                    async def ask(question: str) -> str | None:
                        with screen.aside():
                            return await ask_line(f"{question} ", stop)

                    await plan.play(tell, stop, become_password=password, prompt=ask)
        finally:  # also of a run that was abandoned
            passage.record(evidence.of_story(story))
    if manner.as_json:
        print_json(story.to_json())
    return story.exit_status


def _path(file: str, playbooks: Playbooks) -> Path:
    """A file as named from here, else the playbook of that name in the home."""
    path = Path(file)
    return path if path.exists() else playbooks.find(file)


def _split(texts: Sequence[str] | None) -> list[str]:
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]


def _vault_passwords(files: Sequence[str], ask: bool, stop: asyncio.Event) -> list[tuple[str, bytes]]:
    """Those of `files`, each ``FILE`` or ``ID@FILE``, and of the person, with their ids. Runs in a thread."""
    from orchestrator.errors import Refused
    from orchestrator.playbook.vault import read_password

    passwords: list[tuple[str, bytes]] = []
    for given in files:
        vault_id, at, file = given.rpartition("@")
        passwords.append((vault_id if at else "default", read_password(Path(file).expanduser(), vault_id)))
    if ask:
        answer = ask_unseen("Vault password", stop)
        if answer is None:
            raise Refused("no vault password was given", remedy="Give --vault-password-file")
        passwords.append(("default", answer.encode()))
    return passwords


def _password(file: Path | None, ask: bool, stop: asyncio.Event) -> str | None:
    """The become password of `file` or of the person, None when there shall be none. Runs in a thread."""
    from orchestrator.errors import Refused
    from orchestrator.ssh import passphrase_file

    if file is None and not ask:
        return None
    answer = passphrase_file(file)(file) if file is not None else ask_unseen("Become password", stop)
    if answer is None:
        raise Refused("no become password was given", remedy="Give --become-password-file")
    return answer
