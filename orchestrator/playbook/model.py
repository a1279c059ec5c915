"""A playbook as values: what the loader found, with static imports and roles unfolded and inheritance applied.

Strings that may hold a template are `Text` and still unrendered; everything else has its final type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orchestrator.playbook.text import Position, Text

NOTHING: Mapping[str, Any] = MappingProxyType({})

Template = Any
"""A value that may be, or hold, `Text` to render on each host."""


@dataclass(frozen=True, slots=True)
class RoleRef:
    """One use of a role, which its tasks came from: its `name` and folder.

    `defaults` are its own over those of its dependencies and of the roles it was used by (`parent` is the nearest);
    `vars` likewise, with what its dependencies export, its `params` and the ``vars`` it was used with; `exports` are
    those of its ``vars`` folder that every task of the play sees. Two uses of the same `instance` are the same to
    Ansible: the second does not run on a host that has completed the first (``meta: role_complete``, implicit).
    `passes` is the same role without what its dependencies lend it, which is what the roles it uses start from.
    """

    name: str
    path: Path
    defaults: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    vars: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    params: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    exports: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    parent: RoleRef | None = None
    instance: str = ""
    passes: RoleRef | None = None


@dataclass(frozen=True, slots=True)
class BecomeKeywords:
    """``become`` and friends as the nearest task, block, role or play gives each; None where none does."""

    become: Template = None
    user: Template = None
    method: Template = None
    flags: Template = None


@dataclass(frozen=True, slots=True)
class Loop:
    """``loop`` and ``loop_control``; `lookup` is ``items`` for ``with_items``, which flattens one level."""

    items: Template
    lookup: str = "loop"
    var: str = "item"
    index_var: str | None = None
    label: Template = None
    pause: Template = None
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Keywords:
    """What plays, roles and blocks pass down to tasks, merged: `when`, `tags`, `vars`, `environment` add up."""

    when: tuple[Template, ...] = ()
    tags: frozenset[str] = frozenset()
    vars: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    environment: tuple[Template, ...] = ()
    become: BecomeKeywords = field(default_factory=BecomeKeywords)
    ignore_errors: Template = None
    ignore_unreachable: Template = None
    any_errors_fatal: Template = None
    check_mode: Template = None
    diff: Template = None
    no_log: Template = None
    run_once: Template = None
    delegate_to: Template = None
    delegate_facts: Template = None
    remote_user: Template = None
    timeout: Template = None
    notify: tuple[Template, ...] = ()
    module_defaults: Mapping[str, Mapping[str, Template]] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Task:
    """One task or handler.

    `module` is the canonical full name (``ansible.builtin.copy``); `free_form` is the text after it where the module
    takes one, else None; `arguments` are the module's, unrendered. `keywords` are effective, those of all enclosing
    blocks, roles and the play already merged in. `search` are the folders in which relative files are looked for:
    role first, then the folder of the file it stands in, then that of the playbook. `files` are the files that led
    to it, the playbook first, its own last.

    A dynamic include (``include_tasks``, ``include_role``) has in `inner` what the tasks it brings start from, and in
    `params` its own ``vars``, which are for them stronger than facts.
    """

    name: Text
    module: str
    arguments: Mapping[str, Template]
    at: Position
    free_form: Text | None = None
    keywords: Keywords = field(default_factory=Keywords)
    loop: Loop | None = None
    register: str | None = None
    until: tuple[Template, ...] = ()
    retries: Template = None
    delay: Template = None
    changed_when: tuple[Template, ...] = ()
    failed_when: tuple[Template, ...] = ()
    notify: tuple[Template, ...] = ()
    listen: tuple[str, ...] = ()
    role: RoleRef | None = None
    search: tuple[Path, ...] = ()
    implicit: bool = False
    files: tuple[Path, ...] = ()
    inner: Keywords | None = None
    params: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Block:
    """``block`` with ``rescue`` and ``always``. What it passes down is already in its tasks' keywords."""

    block: tuple[Task | Block, ...]
    rescue: tuple[Task | Block, ...] = ()
    always: tuple[Task | Block, ...] = ()
    name: Text = Text("")  # noqa: RUF009  immutable
    at: Position = Position("", 0)  # noqa: RUF009  immutable


Step = Task | Block


@dataclass(frozen=True, slots=True)
class Play:
    """One play. `steps` are pre_tasks, roles, tasks and post_tasks in order, with the implicit flushes of handlers
    between them as tasks of module ``ansible.builtin.meta``.

    `gather_facts` None means Ansible's default (yes). `serial` are the batch sizes as written (``2``, ``"30%"``).
    """

    name: Text
    hosts: Template
    steps: tuple[Step, ...]
    at: Position
    handlers: tuple[Task, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    vars_files: tuple[Template, ...] = ()
    roles: tuple[RoleRef, ...] = ()
    gather_facts: Template = None
    gather_subset: tuple[str, ...] = ()
    serial: tuple[Template, ...] = ()
    max_fail_percentage: Template = None
    keywords: Keywords = field(default_factory=Keywords)
    force_handlers: Template = None
    search: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Included:
    """What a dynamic include brings: steps to do next, and for the rest of the play its handlers (after those there
    are) and the `roles` whose defaults and exports everything sees."""

    steps: tuple[Step, ...]
    handlers: tuple[Task, ...] = ()
    roles: tuple[RoleRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Playbook:
    """A file of plays, ``import_playbook`` unfolded. `notes` are lines for a person: what is not as it seems, and
    what could not run if a conditional include came to it."""

    path: Path
    plays: tuple[Play, ...]
    notes: tuple[str, ...] = ()
