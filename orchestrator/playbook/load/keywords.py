"""The keywords of plays, roles, blocks and tasks: one table, for reading, for refusing and for the manual."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.playbook.load import defaults, values
from orchestrator.playbook.load.values import Reader, is_template
from orchestrator.playbook.text import Position, Text


class Level(StrEnum):
    """What a keyword may be written on."""

    IMPORT = "import_playbook"
    PLAY = "play"
    ROLE = "role"
    BLOCK = "block"
    TASK = "task"
    HANDLER = "handler"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: where it may stand, its type, what it does; `only` are the values that are supported, with the
    `remedy` for others."""

    name: str
    levels: frozenset[Level]
    read: Reader
    about: str
    only: tuple[Any, ...] | None = None
    remedy: str = ""


_ALL = frozenset(Level)
_BELOW = _ALL - {Level.IMPORT}
_STEPS = frozenset((Level.BLOCK, Level.TASK, Level.HANDLER))
_TASKS = frozenset((Level.TASK, Level.HANDLER))
_PLAY = frozenset((Level.PLAY,))
_BLOCK = frozenset((Level.BLOCK,))
_DELEGATES = _STEPS | {Level.ROLE}
_CONDITIONAL = _ALL - _PLAY
_NOTHING = (None,)

_TABLE = (
    Keyword("name", _ALL, values.text, "What it is called in what is shown."),
    Keyword("vars", _ALL, values.variables, "Variables for everything below."),
    Keyword("tags", _ALL, values.names, "Tags, for --tags and --skip-tags; always and never have their meaning."),
    Keyword("when", _CONDITIONAL, values.conditions, "Only on hosts where all of these hold."),
    Keyword("become", _BELOW, values.flag, "As another user."),
    Keyword("become_user", _BELOW, values.text, "Which user; root by default."),
    Keyword("become_method", _BELOW, values.text, "sudo, su or doas."),
    Keyword("become_flags", _BELOW, values.text, "Further options of the method's program."),
    Keyword("environment", _BELOW, values.environment, "Environment variables of what runs on the host."),
    Keyword("ignore_errors", _BELOW, values.flag, "A failure is counted and shown, and the host goes on."),
    Keyword("ignore_unreachable", _BELOW, values.flag, "A host that cannot be reached stays in the play."),
    Keyword("any_errors_fatal", _BELOW, values.flag, "A failure on one host ends the play for all."),
    Keyword("check_mode", _BELOW, values.flag, "Only tell what would change, or do it under --check, too."),
    Keyword("diff", _BELOW, values.flag, "Show what changed, or do not."),
    Keyword("no_log", _BELOW, values.flag, "Show nothing of the results."),
    Keyword("run_once", _BELOW, values.flag, "On the first host, for all."),
    Keyword("remote_user", _BELOW, values.text, "Whom to log in as, where the inventory does not say."),
    Keyword("timeout", _BELOW, values.whole, "Seconds after which a task is stopped and failed."),
    Keyword("module_defaults", _BELOW, defaults.read, "Arguments for modules where tasks give none."),
    Keyword("delegate_to", _DELEGATES, values.text, "Do it on another host."),
    Keyword("delegate_facts", _DELEGATES, values.flag, "Facts belong to the host it was done on."),
    # Plays
    Keyword("hosts", _PLAY, values.texts, "Patterns of hosts."),
    Keyword("gather_facts", _PLAY, values.flag, "Learn about the hosts first; yes by default."),
    Keyword("gather_subset", _PLAY, values.texts, "Which facts."),
    Keyword("serial", _PLAY, values.batches, "Batches of so many hosts, or percentages of them."),
    Keyword("max_fail_percentage", _PLAY, values.percentage, "Stop when more than this share of a batch failed."),
    Keyword("force_handlers", _PLAY, values.flag, "Notified handlers run on failed hosts, too."),
    Keyword("vars_files", _PLAY, values.anything, "Files of variables; of a list in the list, the first there is."),
    Keyword("roles", _PLAY, values.steps, "Roles, between pre_tasks and tasks."),
    Keyword("pre_tasks", _PLAY, values.steps, "Tasks before the roles."),
    Keyword("tasks", _PLAY, values.steps, "Tasks."),
    Keyword("post_tasks", _PLAY, values.steps, "Tasks after everything."),
    Keyword("handlers", _PLAY, values.steps, "Tasks that run when notified."),
    # Blocks
    Keyword("block", _BLOCK, values.anything, "Tasks that share keywords."),
    Keyword("rescue", _BLOCK, values.anything, "Tasks for hosts on which the block failed."),
    Keyword("always", _BLOCK, values.anything, "Tasks after both."),
    Keyword("notify", _STEPS, values.texts, "Handlers to run when something changed, by name or topic."),
    # Tasks
    Keyword("action", _TASKS, values.anything, "The module and its arguments as one text or mapping."),
    Keyword("local_action", _TASKS, values.anything, "As action, delegated to localhost."),
    Keyword("args", _TASKS, values.mapping, "Further arguments of the module."),
    Keyword("loop", _TASKS, values.anything, "Once for each item of a list."),
    Keyword("loop_control", _TASKS, values.mapping, "loop_var, index_var, label, pause, extended."),
    Keyword("register", _TASKS, values.variable_name, "Keep the result in this variable."),
    Keyword("until", _TASKS, values.conditions, "Again until all of these hold."),
    Keyword("retries", _TASKS, values.whole, "How often again; 3 by default."),
    Keyword("delay", _TASKS, values.number, "Seconds between; 5 by default."),
    Keyword("changed_when", _TASKS, values.conditions, "It changed something when all of these hold."),
    Keyword("failed_when", _TASKS, values.conditions, "It failed when all of these hold."),
    Keyword("listen", frozenset((Level.HANDLER,)), values.static_texts, "Topics that notify this handler."),
    # Known and not supported, but for values that mean what is done anyway.
    Keyword("async", _TASKS, values.anything, "", (None, 0), "Raise timeout, or start a unit that outlives the task."),
    Keyword("poll", _TASKS, values.anything, "", (None, 0), "Remove it."),
    Keyword("throttle", _BELOW, values.anything, "", (None, 0), "Use serial, or run_once with a loop."),
    Keyword("debugger", _BELOW, values.anything, "", (None, "never"), "Use debug and pause."),
    Keyword("strategy", _PLAY, values.anything, "", (None, "linear", "ansible.builtin.linear"), "Remove it."),
    Keyword("order", _PLAY, values.anything, "", (None, "inventory"), "Order the hosts in the inventory."),
    Keyword("vars_prompt", _PLAY, values.anything, "", (None, []), "Give the variables with -e."),
    Keyword("gather_timeout", _PLAY, values.anything, "", _NOTHING, "Use gather_facts: false and a setup task."),
    Keyword("fact_path", _PLAY, values.anything, "", _NOTHING, "Use gather_facts: false and a setup task."),
    Keyword("user", _PLAY, values.anything, "", _NOTHING, "Set ansible_user in the inventory."),
    Keyword("port", _BELOW, values.anything, "", _NOTHING, "Set ansible_port in the inventory."),
    Keyword("become_exe", _BELOW, values.anything, "", _NOTHING, "Put sudo, su or doas on the PATH."),
    Keyword("connection", _BELOW, values.anything, "", (None, "ssh", "smart"), "Use delegate_to: localhost."),
    Keyword("collections", _BELOW, values.texts, "Where short names are looked for: ansible.builtin, ansible.posix."),
)

KEYWORDS: Mapping[str, Keyword] = {keyword.name: keyword for keyword in _TABLE}
"""All keywords by name. Loops by ``with_NAME`` are apart: NAME is that of a lookup."""

ON_INCLUDES = frozenset(
    """
    action args collections debugger ignore_errors loop loop_control name no_log register run_once tags timeout vars
    when
    """.split()  # noqa: SIM905
)
"""What may stand on a dynamic include: it passes nothing else down (task_include.py)."""

COLLECTIONS = frozenset(("ansible.builtin", "ansible.legacy", "ansible.posix"))


def at_level(level: Level) -> list[Keyword]:
    """The keywords that may stand on a `level`, the refused ones too."""
    return [keyword for keyword in _TABLE if level in keyword.levels]


def read(written: Mapping[Any, Any], level: Level, near: Position) -> dict[str, Any]:
    """The keywords among the entries of `written`, each in its final type. Entries that are none are left out.

    Raises PlaybookError, for those not supported Unsupported, with ``file:line``.
    """
    found: dict[str, Any] = {}
    for key, value in written.items():
        place = key.at if isinstance(key, Text) else near
        if not isinstance(key, str):
            what = f"a keyword must be text, {key!r} is {values.say(key)}"
            raise PlaybookError(what, where=str(place), remedy="Write it in quotes if it is meant as a name.")
        keyword = KEYWORDS.get(key)
        if keyword is not None and level in keyword.levels:
            _support(keyword, value, place)
            found[str(key)] = keyword.read(value, key, place)
    return found


def _support(keyword: Keyword, value: Any, at: Position) -> None:
    name = keyword.name
    if keyword.only is not None and (isinstance(value, bool) or value not in keyword.only):
        written = f": {value}" if isinstance(value, str | int) and any(keyword.only) else ""
        raise Unsupported(f"{name}{written} is not supported", where=str(at), remedy=keyword.remedy)
    if name == "collections":
        for other in value if isinstance(value, list) else [value]:
            if other is not None and other not in COLLECTIONS:
                what = f"the collection {other} is not supported"
                raise Unsupported(what, where=str(at), remedy=f"Supported: {', '.join(sorted(COLLECTIONS))}.")
    if name == "become_method" and isinstance(value, str) and not is_template(value):
        method = value.removeprefix("ansible.builtin.").removeprefix("community.general.")
        if method not in ("sudo", "su", "doas"):
            raise Unsupported(f"become_method {value} is not supported", where=str(at), remedy="Use sudo, su or doas.")


def read_all(
    written: Mapping[Any, Any], level: Level, near: Position, *, what: str, besides: Collection[str] = ()
) -> dict[str, Any]:
    """The same where every entry but those `besides` must be a keyword; errors say that it is none of a `what`."""
    found = read({key: value for key, value in written.items() if key not in besides}, level, near)
    for key in written:
        if key not in found and key not in besides:
            known = [keyword.name for keyword in at_level(level)]
            why = misplaced(key, level) or f"{key} is no keyword of {what}{values.nearest(key, known)}"
            raise PlaybookError(why, where=str(key.at if isinstance(key, Text) else near))
    return found


def misplaced(key: str, level: Level) -> str:
    """Why the keyword `key` cannot stand on `level`, or nothing if it is no keyword."""
    keyword = KEYWORDS.get(key)
    if keyword is None or level in keyword.levels:
        return ""
    where = ", ".join(sorted(keyword.levels))
    return f"{key} cannot stand on a {level}, only on: {where}"
