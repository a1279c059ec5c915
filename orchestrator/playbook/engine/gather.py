"""The facts that a play gathers before its first task (ansible-core, executor/play_iterator.py)."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.playbook.model import Play, Task
from orchestrator.playbook.text import Text


def gathering(play: Play) -> Task:
    """The task that gathers; it always runs, unless the play itself is tagged."""
    keywords = replace(play.keywords, run_once=None, tags=play.keywords.tags or frozenset(("always",)))
    arguments = {"gather_subset": list(play.gather_subset)} if play.gather_subset else {}
    return Task(
        name=Text("Gathering Facts", play.at),
        module="ansible.builtin.setup",
        arguments=arguments,
        at=play.at,
        keywords=keywords,
        search=play.search,
        implicit=True,
    )
