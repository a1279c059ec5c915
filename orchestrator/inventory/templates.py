"""The one kind of template that an inventory can answer by itself: ``{{ another_variable }}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import InventoryError
from orchestrator.inventory.variables import Var, Vaulted, Verbatim, kind

_PLAIN = re.compile(r"\{\{-?\s*(\w+)\s*-?\}\}")
_SIGNS = ("{{", "{%", "{#")


class StillVaulted(InventoryError):
    """A value that only somebody with the vault's password can read is needed."""


def resolve(name: str, host: str, variables: Mapping[str, Var]) -> Any:
    """The value of a host's variable with references to its other variables filled in.

    Also known are ``inventory_hostname`` and ``inventory_hostname_short``. Raises InventoryError for a vaulted
    value, an unknown variable, a circle, and for everything that takes Jinja to evaluate.
    """
    return _resolve(name, host, variables, ())


def _resolve(name: str, host: str, variables: Mapping[str, Var], asking: tuple[str, ...]) -> Any:
    var = variables[name]
    value, chain = var.value, (*asking, name)
    if isinstance(value, Vaulted):
        what = f"{name} of {host} is encrypted with ansible-vault, which cannot be read here"
        remedy = f"Write {name} unencrypted in a file that only you can read."
        raise StillVaulted(what, where=var.where, remedy=remedy)
    if not isinstance(value, str) or isinstance(value, Verbatim) or not any(sign in value for sign in _SIGNS):
        return value
    pieces = _PLAIN.split(value)
    # re.split alternates literal text (even) with the names of variables (odd).
    if any(sign in piece for piece in pieces[::2] for sign in _SIGNS):
        what = f"{name} of {host} is a template that cannot be evaluated here"
        raise InventoryError(what, where=var.where, remedy="Write the value, or {{ the name of another variable }}.")
    values = [_known(each, host, variables, chain, var) for each in pieces[1::2]]
    if pieces[0] == pieces[-1] == "" and len(values) == 1:
        return values[0]
    for each, filling in zip(pieces[1::2], values, strict=True):
        if not isinstance(filling, str | int) or isinstance(filling, bool):
            raise InventoryError(f"{name} of {host} puts {each}, {kind(filling)}, into a text", where=var.where)
    pieces[1::2] = [str(filling) for filling in values]
    return "".join(pieces)


def _known(name: str, host: str, variables: Mapping[str, Var], chain: tuple[str, ...], asker: Var) -> Any:
    if name == "inventory_hostname":
        return host
    if name == "inventory_hostname_short":
        return host if ":" in host or host.replace(".", "").isdigit() else host.partition(".")[0]
    if name in chain:
        circle = " -> ".join((*chain, name))
        raise InventoryError(f"variables of {host} refer to each other in a circle: {circle}", where=asker.where)
    if name not in variables:
        what = f"{chain[-1]} of {host} refers to {name}, which {host} does not have"
        raise InventoryError(what, where=asker.where, remedy=f"Define {name}, or write the value.")
    return _resolve(name, host, variables, chain)
