"""Where one host stands in a play: blocks within blocks, rescue and always, handlers on top (play_iterator.py)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from orchestrator.playbook.engine.plan import Group, Leaf, Node


class Part(Enum):
    """Which list of a block is walked; `HANDLERS` is a flush."""

    BLOCK = auto()
    RESCUE = auto()
    ALWAYS = auto()
    HANDLERS = auto()


class _Frame:
    """One block being walked. `failed` is a failure that is still to be answered for when the block ends."""

    __slots__ = ("at", "failed", "group", "nodes", "part")

    def __init__(self, group: Group, part: Part = Part.BLOCK) -> None:
        self.group = group
        self.failed = False
        self.enter(part, group.block)

    def enter(self, part: Part, nodes: tuple[Node, ...]) -> None:
        self.part = part
        self.nodes = nodes
        self.at = 0


class Cursor:
    """One host's way through a play. `notifications` wait for the next flush, `notified` handlers for their turn.

    `failed` says that the host is out of the play by a failure. Of roles, `ran` are the uses that did something here,
    `completed` those that are not done again (``allow_duplicates: false``).
    """

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self._stack = [_Frame(Group(nodes))]
        self.failed = False
        self.notifications: dict[str, None] = {}
        self.notified: set[Leaf] = set()
        self.ran: set[str] = set()
        self.completed: set[str] = set()

    def peek(self) -> Leaf | None:
        """The task before the host, or None at the end."""
        while self._stack:
            frame = self._stack[-1]
            if frame.at >= len(frame.nodes):
                self._leave(frame)
                continue
            node = frame.nodes[frame.at]
            if isinstance(node, Group):
                frame.at += 1
                self._stack.append(_Frame(node))
            elif frame.part is Part.HANDLERS:
                if node in self.notified:
                    return node
                frame.at += 1
            elif self._needless(node):
                frame.at += 1
            else:
                return node
        return None

    def advance(self) -> None:
        """The task that `peek` told is taken."""
        self._stack[-1].at += 1

    @property
    def out(self) -> bool:
        """Whether the host has left the play. Unlike `peek` it does not go on to the next task."""
        return not self._stack

    @property
    def in_handlers(self) -> bool:
        """Whether the host is at its handlers."""
        return any(frame.part is Part.HANDLERS for frame in self._stack)

    @property
    def rescuing(self) -> bool:
        """Whether a failure now would be met by a ``rescue``."""
        return any(frame.part is Part.BLOCK and frame.group.rescue for frame in self._stack)

    def flush(self, handlers: Sequence[Leaf]) -> None:
        """Do the notified of `handlers` next."""
        frame = _Frame(Group(tuple(handlers)), Part.HANDLERS)
        self._stack.append(frame)

    def insert(self, nodes: tuple[Node, ...]) -> None:
        """Do `nodes` next, then go on."""
        if self._stack:
            frame = self._stack[-1]
            frame.nodes = (*frame.nodes[: frame.at], *nodes, *frame.nodes[frame.at :])

    def fail(self) -> None:
        """The task just taken failed: go to the nearest ``rescue`` or ``always``, or out of the play."""
        if not self._stack:
            return
        while self._stack:
            frame = self._stack[-1]
            if frame.part is Part.BLOCK and frame.group.rescue:
                frame.failed = True
                frame.enter(Part.RESCUE, frame.group.rescue)
                return
            if frame.part in (Part.BLOCK, Part.RESCUE) and frame.group.always:
                frame.failed = True
                frame.enter(Part.ALWAYS, frame.group.always)
                return
            self._stack.pop()
        self.failed = True

    def forgive(self) -> None:
        """Forget failures (``meta: clear_host_errors``)."""
        self.failed = False
        for frame in self._stack:
            frame.failed = False

    def end_role(self) -> None:
        """Leave the role that the host is in (``meta: end_role``)."""
        while (leaf := self.peek()) is not None and leaf.meta != "role_complete":
            self.advance()

    def end(self) -> None:
        """Leave the play (``meta: end_host``): well, unless the way led through an ``always`` after a failure."""
        self.failed = any(frame.failed for frame in self._stack if frame.part is Part.ALWAYS)
        self._stack.clear()

    def _needless(self, leaf: Leaf) -> bool:
        """A flush with nothing to flush, a role that was done before."""
        if leaf.flushes_by_itself:
            return not self.notifications and not self.notified
        return leaf.task.role is not None and leaf.task.role.instance in self.completed

    def _leave(self, frame: _Frame) -> None:
        """The end of a list: on to ``always``, or out of the block."""
        if frame.part is Part.RESCUE:
            frame.failed = False
        if frame.part in (Part.BLOCK, Part.RESCUE) and frame.group.always:
            frame.enter(Part.ALWAYS, frame.group.always)
            return
        self._stack.pop()
        if frame.failed:
            self.fail()
