"""Lookups of variables: env, vars, varnames, inventory_hostnames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from jinja2.utils import missing

from orchestrator.playbook.templating.lookups.call import Call, Lookup
from orchestrator.playbook.templating.undefined import Undefined


def env(call: Call) -> Iterator[Any]:
    """Variables of the control node's environment; where there is none the `default`, which is empty."""
    default = call.only(default="")["default"]
    for term in call.terms:
        yield os.environ.get(str(term).split()[0], default)


def vars_(call: Call) -> Iterator[Any]:
    """Variables by name."""
    default = call.only(default=None)["default"]
    for term in call.terms:
        if not isinstance(term, str):
            raise TypeError(f"Variable name must be 'str' not {type(term).__name__!r}.")
        value = call.rendering.variable(term)
        if value is missing:
            value = Undefined(f"No variable named {term!r} was found.") if default is None else default
        yield value


def varnames(call: Call) -> Iterator[str]:
    """The names of the variables that match a regular expression."""
    call.only()
    names = call.rendering.templar.names()
    for term in call.terms:
        pattern = re.compile(term)
        yield from (name for name in names if pattern.search(name))


def inventory_hostnames(call: Call) -> Iterator[str]:
    """Hosts of groups, and hosts by name; ``:`` and ``,`` separate, ``!`` takes away, ``&`` keeps what is in both."""
    call.only()
    groups = call.rendering.variable("groups")
    if groups is missing:
        return
    chosen: dict[str, None] = {}
    patterns = [part for term in call.terms for part in re.split(r"[,:]", str(term)) if part]
    for part in sorted(patterns, key=lambda part: "&!".find(part[0])):
        name = part.lstrip("!&")
        hosts = dict.fromkeys(groups.get(name, [name] if name in groups.get("all", []) else []))
        if part.startswith("!"):
            chosen = {host: None for host in chosen if host not in hosts}
        elif part.startswith("&"):
            chosen = {host: None for host in chosen if host in hosts}
        else:
            chosen |= hosts
    yield from chosen


env.takes_undefined = True  # type: ignore[attr-defined]  # the default may be undefined

LOOKUPS: dict[str, Lookup] = {
    "env": env,
    "inventory_hostnames": inventory_hostnames,
    "varnames": varnames,
    "vars": vars_,
}
