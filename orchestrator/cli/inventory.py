"""The verbs that read and edit the inventory: add, remove, set, show, import, check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.session import home_of, local_actor, run_with_app

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.home import Home
    from orchestrator.inventory import Host
    from orchestrator.inventory.edit import Edit, Editor

Preview = Annotated[bool, typer.Option("--check", help="Show the change and do not make it.")]
_SECRET = ("password", "pass", "secret", "token")


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The host's name, or a range like web[1:9].")],
    address: Annotated[str | None, typer.Option(help="Name or IP address to connect to, if not NAME.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="SSH port.")] = None,
    user: Annotated[str | None, typer.Option(help="Account to log in with.")] = None,
    key: Annotated[str | None, typer.Option(help="Private key file.")] = None,
    jump: Annotated[str | None, typer.Option(help="Host to go through.")] = None,
    fingerprint: Annotated[str | None, typer.Option(metavar="SHA256:...", help="Its host key, if you know it.")] = None,
    become: Annotated[bool, typer.Option("--become", help="Commands run as root, through sudo.")] = False,
    group: Annotated[list[str] | None, typer.Option(help="Group to put it in; may be given several times.")] = None,
    check_only: Preview = False,
) -> int:
    """Add a host, in the file where its group is written."""
    given: dict[str, Any] = {
        "address": address, "port": port, "user": user, "key": key, "jump": jump, "fingerprint": fingerprint,
        "become": become or None,
    }  # fmt: skip
    variables = {name: value for name, value in given.items() if value is not None}
    what = f"Add {name} to the inventory"
    return _edit(context, what, lambda editor: editor.add(name, variables, group or ()), check_only=check_only)


def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The host.")],
    check_only: Preview = False,
) -> int:
    """Take a host out of the inventory. Nothing is done on the host."""
    return _edit(
        context, f"Remove {name} from the inventory", lambda editor: editor.remove(name), check_only=check_only
    )


def set_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A host or a group.")],
    changes: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE", help="A variable; an empty value takes it away.")
    ],
    check_only: Preview = False,
) -> int:
    """Give a host or a group variables."""
    values = _changes(changes)
    what = f"Set {', '.join(values)} of {name} in the inventory"
    return _edit(context, what, lambda editor: editor.set(name, values), check_only=check_only)


def import_(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="agent_name_ip.txt, ssh_config, or an INI or YAML inventory.")
    ],
    check_only: Preview = False,
) -> int:
    """Take over hosts from another list, and say what became of each."""
    from orchestrator.cli.output import note
    from orchestrator.inventory import load_file

    def work_out(editor: Editor) -> Edit | None:
        edit, notes = editor.take_over(load_file(file.resolve()))
        for line in notes:
            note(line)
        return edit

    return _edit(context, f"Import {file} into the inventory", work_out, check_only=check_only)


def check(context: typer.Context) -> None:
    """Read the whole inventory and say what is wrong or doubtful. With file and line."""
    from orchestrator.cli.output import note, plural
    from orchestrator.inventory import load

    inventory = load(home_of(context).inventory)
    for warning in inventory.warnings:
        note(warning)
    groups = len(inventory.groups) - 2  # all and ungrouped are always there
    files, doubts = plural(len(inventory.sources), "file"), plural(len(inventory.warnings), "warning")
    print(f"{plural(len(inventory.hosts), 'host')} in {plural(groups, 'group')}, from {files}: no errors, {doubts}")


def show(
    context: typer.Context,
    pattern: Annotated[str, typer.Argument(metavar="PATTERN", help="Which hosts.")] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
) -> None:
    """Show all that the inventory says of hosts. What looks like a secret is not shown."""
    from orchestrator.cli.output import print_json, print_table
    from orchestrator.inventory import load

    chosen = load(home_of(context).inventory).select(pattern)
    if as_json:
        print_json({"hosts": [_described(host) for host in chosen]})
        return
    for number, host in enumerate(chosen):
        if number:
            print()
        print(host.name)
        print_table([(f"  {name}", _as_text(value)) for name, value in _described(host).items() if name != "name"])


def _edit(context: typer.Context, what: str, work_out: Callable[[Editor], Edit | None], *, check_only: bool) -> int:
    """Work out an edit, show it, and unless it is only to be checked, write it. The folder need not be there yet."""
    from orchestrator.cli.output import note
    from orchestrator.control import EditInventory, Face

    async def work(app: App, _: asyncio.Event) -> int:
        editor = _editor(app.home)
        edit = await asyncio.to_thread(work_out, editor)
        if edit is None or not edit.diff:
            note("there is nothing to change")
            return 0
        print("\n".join(edit.diff))
        for warning in edit.inventory.warnings:
            note(f"orchestrator: {warning}")
        if check_only:
            note("nothing was written (--check)")
            return 0
        async with app.door.open(local_actor(Face.CLI), EditInventory(what)) as passage:
            await asyncio.to_thread(editor.write, edit)
            passage.record({"status": "ok", "file": edit.label})
        note(f"{edit.label}: written")
        return 0

    home = home_of(context)
    with _folder(home.inventory):
        return run_with_app(home, work)


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Let there be a folder during the block, and after it if something is in it."""
    made = not path.exists()
    if made:
        path.mkdir(mode=0o755)
    try:
        yield
    finally:
        if made and not any(path.iterdir()):
            path.rmdir()


def _editor(home: Home) -> Editor:
    from orchestrator.inventory.edit import Editor

    return Editor(home.inventory, home.state / "inventory")


def _changes(words: Sequence[str]) -> Mapping[str, Any]:
    """``port=2222`` as YAML reads the value; text stays text."""
    import yaml

    from orchestrator.errors import UsageError

    changes: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"{word!r} is not NAME=VALUE", remedy="Example: inventory set web1 port=2222")
        try:
            value = yaml.safe_load(text) if text else None
        except yaml.YAMLError:
            value = text
        changes[name] = value if isinstance(value, bool | int | float | None) else text
    return changes


def _described(host: Host) -> dict[str, Any]:
    known = {"name": host.name, "address": host.address, "port": host.port, "user": host.user, "key": host.key}
    way = {"jump": host.jump.name if host.jump else None, "fingerprint": host.fingerprint, "local": host.local}
    become = {"become": f"{host.become.method} {host.become.user}" if host.become else None}
    variables = {
        name: "(hidden)" if any(word in name.lower() for word in _SECRET) else value
        for name, value in host.vars.items()
    }
    return {**known, **way, **become, "groups": list(host.groups), "labels": dict(host.labels), "vars": variables}


def _as_text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_as_text(each)}" for name, each in value.items()) or "-"
    return str(value)
