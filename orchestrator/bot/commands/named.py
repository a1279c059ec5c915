"""What a button is about: hosts, and the page of a list."""

from __future__ import annotations

from orchestrator.bot.conversation import Request
from orchestrator.inventory import HostSet, Inventory


def named(request: Request, inventory: Inventory) -> HostSet:
    """Those of its `hosts`, names between commas, or of its `host`; UnknownHost when one has left the inventory since.

    Not a pattern: ``web[1-3]`` is how web1, web2 and web3 are folded, and other hosts as a pattern.
    """
    args = request.args or {}
    return HostSet(inventory.host(name) for name in (args.get("hosts") or args["host"]).split(","))


def page_of(request: Request) -> int:
    """The page that a button turns to; 0 is the first."""
    return int((request.args or {}).get("page", "0"))
