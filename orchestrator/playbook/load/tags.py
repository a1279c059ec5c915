"""Which tasks ``--tags`` and ``--skip-tags`` choose (ansible-core, playbook/taggable.py)."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.playbook.model import Task


def selected(task: Task, tags: Collection[str], skip_tags: Collection[str]) -> bool:
    """Whether `task` is to run; no `tags` means all.

    ``all``, ``tagged`` and ``untagged`` may be asked for; a task's ``always`` and ``never`` have their meaning.
    """
    own = task.keywords.tags or frozenset(("untagged",))
    return _wanted(own, frozenset(tags or ("all",))) and not _unwanted(own, frozenset(skip_tags))


def _wanted(own: frozenset[str], tags: frozenset[str]) -> bool:
    if "always" in own or own & tags:
        return True
    if "never" in own:
        return False
    return "all" in tags or ("tagged" in tags and own != {"untagged"})


def _unwanted(own: frozenset[str], skip: frozenset[str]) -> bool:
    if "all" in skip:
        return "always" not in own or "always" in skip
    return bool(own & skip) or ("tagged" in skip and own != {"untagged"})
