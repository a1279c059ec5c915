"""Dynamic includes: hosts that include the same thing do it together (ansible-core, playbook/included_file.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.inventory.model import Host
from orchestrator.playbook.engine.done import Include
from orchestrator.playbook.engine.handlers import Handlers
from orchestrator.playbook.engine.plan import INCLUDE_ROLE, Leaf, Node, Selected, plant
from orchestrator.playbook.engine.variables import PlayVariables
from orchestrator.playbook.load import Loader


@dataclass(slots=True)
class Inclusion:
    """One thing that `leaf` included, on `hosts`."""

    leaf: Leaf
    include: Include
    hosts: list[Host] = field(default_factory=list)


class Includer:
    """Loads what is included, with the play's choice of tags."""

    def __init__(self, loader: Loader, selected: Selected, handlers: Handlers, play: PlayVariables) -> None:
        self._loader = loader
        self._selected = selected
        self._handlers = handlers
        self._play = play

    def group(self, leaf: Leaf, asked: Sequence[tuple[Host, tuple[Include, ...]]]) -> list[Inclusion]:
        """What each host asked for, equal things once; what a host asked for twice stays twice, in its order."""
        found: list[Inclusion] = []
        for host, includes in asked:
            for include in includes:
                same = (i for i in found if i.include == include and host not in i.hosts)
                inclusion = next(same, None)
                if inclusion is None:
                    inclusion = Inclusion(leaf, include)
                    found.append(inclusion)
                inclusion.hosts.append(host)
        return found

    def load(self, inclusion: Inclusion) -> list[Node]:
        """The steps that come next for the hosts of `inclusion`. Raises PlaybookError."""
        leaf, include = inclusion.leaf, inclusion.include
        params = {**leaf.params, **leaf.task.params, **include.params}
        if leaf.task.module != INCLUDE_ROLE:
            found = self._loader.include_tasks(str(include.arguments["file"]), leaf.task)
        else:
            found = self._loader.include_role(include.arguments, leaf.task)
        self._handlers.add(Leaf(handler, params) for handler in found.handlers)
        for role in found.roles:
            self._play.publish(role)
        return list(plant(found.steps, self._selected, params))
