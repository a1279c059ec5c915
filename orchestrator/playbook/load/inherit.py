"""What is passed down: from play to role to block to task (ansible-core, playbook/base.py and block.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from orchestrator.playbook.model import BecomeKeywords, Keywords

_ADDED = frozenset(("when", "tags", "vars", "environment", "become", "notify", "module_defaults"))
_NEAREST = tuple(field.name for field in fields(Keywords) if field.name not in _ADDED)


def merge(outer: Keywords, own: Mapping[str, Any]) -> Keywords:
    """The keywords of something that has `own` (as `keywords.read` gives them) within `outer`."""
    nearest = {name: own[name] for name in _NEAREST if own.get(name) is not None}
    return replace(
        outer,
        when=outer.when + own.get("when", ()),
        tags=outer.tags | own.get("tags", frozenset()),
        vars={**outer.vars, **own["vars"]} if own.get("vars") else outer.vars,
        environment=outer.environment + own.get("environment", ()),
        become=_become(outer.become, own),
        # A task's own list takes the place of its block's.
        notify=own.get("notify", outer.notify),
        module_defaults=_defaults(outer.module_defaults, own.get("module_defaults", {})),
        **nearest,
    )


def _become(outer: BecomeKeywords, own: Mapping[str, Any]) -> BecomeKeywords:
    given = {
        "become": own.get("become"),
        "user": own.get("become_user"),
        "method": own.get("become_method"),
        "flags": own.get("become_flags"),
    }
    return replace(outer, **{name: value for name, value in given.items() if value is not None})


def _defaults(
    outer: Mapping[str, Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    if not own:
        return outer
    return {**outer, **{name: {**outer.get(name, {}), **arguments} for name, arguments in own.items()}}
