"""The steps of a play as the engine walks them: each with an identity of its own, filtered by tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.playbook.model import NOTHING, Block, Step, Task

META = "ansible.builtin.meta"
INCLUDE_TASKS = "ansible.builtin.include_tasks"
INCLUDE_ROLE = "ansible.builtin.include_role"

Selected = Callable[[Task], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """One task at one place. `params` are variables that the including tasks gave, stronger than almost all others."""

    task: Task
    params: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    @property
    def meta(self) -> str:
        """Which ``meta`` this is; empty for other tasks."""
        return str(self.task.free_form or "").strip() if self.task.module == META else ""

    @property
    def flushes_by_itself(self) -> bool:
        """Whether this is one of the flushes of handlers that Ansible puts between the parts of a play."""
        return self.task.implicit and self.meta == "flush_handlers"


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A block at one place."""

    block: tuple[Node, ...]
    rescue: tuple[Node, ...] = ()
    always: tuple[Node, ...] = ()

    def leaves(self) -> Iterator[Leaf]:
        """Every task in it, in the order written, those of ``rescue`` and ``always`` too."""
        for node in (*self.block, *self.rescue, *self.always):
            if isinstance(node, Group):
                yield from node.leaves()
            else:
                yield node


Node = Leaf | Group


def plant(steps: Iterable[Step], selected: Selected, params: Mapping[str, Any] = NOTHING) -> tuple[Node, ...]:
    """`steps` without the tasks that are not `selected`, and without blocks that have none left to do."""
    nodes: list[Node] = []
    for step in steps:
        if isinstance(step, Block):
            group = Group(
                plant(step.block, selected, params),
                plant(step.rescue, selected, params),
                plant(step.always, selected, params),
            )
            if group.block or group.always:
                nodes.append(group)
        elif selected(step):
            nodes.append(Leaf(step, params))
    return tuple(nodes)


def with_forced_handlers(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The parts of a play as blocks whose ``always`` flushes the handlers (``force_handlers``; Play.compile)."""
    forced: list[Node] = []
    part: list[Node] = []
    for node in nodes:
        if isinstance(node, Leaf) and node.flushes_by_itself:
            forced.append(Group(tuple(part), always=(node,)))
            part = []
        else:
            part.append(node)
    return (*forced, *part)


class Order:
    """All tasks of a play in one line, and how far it has come: what keeps the hosts in lockstep.

    Each step goes to the next task in line that some host has before it (ansible-core, plugins/strategy/linear.py).
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._line: list[Leaf] = list(_flat(nodes))
        self._next = 0

    def step(self, wanted: set[Leaf]) -> Leaf:
        """The next task of those `wanted`; begins anew once at the end, for hosts that an error was forgiven."""
        for start in (self._next, 0):
            for at in range(start, len(self._line)):
                if self._line[at] in wanted:
                    self._next = at + 1
                    return self._line[at]
        raise AssertionError("a host wants a task that no play has")

    def insert(self, nodes: Iterable[Node]) -> None:
        """`nodes` come next in line."""
        self._line[self._next : self._next] = _flat(nodes)


def _flat(nodes: Iterable[Node]) -> Iterator[Leaf]:
    yield from Group(tuple(nodes)).leaves()
