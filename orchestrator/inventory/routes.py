"""Where alerts of a host go, and when they make no sound: the variables ``alert_chats`` and ``quiet_hours``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from orchestrator.settings import ChatTarget, parse_chat

if TYPE_CHECKING:
    from orchestrator.inventory.inventory import Inventory

SEVERITIES: Final = ("critical", "warning", "info")

# The smallest id of a chat (https://core.telegram.org/api/bots/ids). Below it is what YAML 1.1 makes of a supergroup's
# ID:TOPIC without quotes: a number to the base of 60.
SMALLEST_CHAT = -4_000_000_000_000

_HOURS = re.compile(r"([0-9]{1,2}:[0-9]{2})\s*[-\N{EN DASH}]\s*([0-9]{1,2}:[0-9]{2})")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to before `end`, of the day or over midnight, in the time zone that times are shown in."""

    start: time
    end: time

    def cover(self, at: datetime) -> bool:
        """True when a moment, in that zone, is among them."""
        moment = at.time()
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


Chats = tuple[ChatTarget, ...]
NO_CHATS: Mapping[str, Chats] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Routes:
    """Where alerts of a host go, by severity; those of a severity without chats go where all go."""

    chats: Mapping[str, Chats] = field(default_factory=lambda: NO_CHATS)
    quiet: QuietHours | None = None


def targets(host: str | None, severity: str, inventory: Inventory, default: Sequence[ChatTarget]) -> Chats:
    """The chats that hear of an alert. `host` may be none of the inventory's: then those of `default`."""
    return routes(host, inventory).chats.get(severity) or tuple(default)


def routes(host: str | None, inventory: Inventory) -> Routes:
    """The routes of the host of exactly this name; those without any wishes when there is none."""
    if host == inventory.server.name:
        return inventory.server.routes
    return inventory.hosts[host].routes if host and host in inventory.hosts else Routes()


def all_chats(inventory: Inventory, default: Sequence[ChatTarget]) -> frozenset[ChatTarget]:
    """Every chat that may hear of alerts."""
    return frozenset((*default, *_routed(inventory)))


def _routed(inventory: Inventory) -> Iterator[ChatTarget]:
    for host in (*inventory.hosts, inventory.server):
        for chats in host.routes.chats.values():
            yield from chats


def parse_alert_chats(value: Any) -> Mapping[str, Chats]:
    """A chat (``-100123:42``), a list of them, or a mapping of severities to such; raises ValueError."""
    if isinstance(value, dict):
        if unknown := [key for key in value if key not in SEVERITIES]:
            raise ValueError(f"has {unknown[0]!r}, which is no severity: {', '.join(SEVERITIES)}")
        return MappingProxyType({severity: _chats(each) for severity, each in value.items()})
    chats = _chats(value)
    return MappingProxyType(dict.fromkeys(SEVERITIES, chats))


def _chats(value: Any) -> Chats:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("is an empty list: leave it out, and the chats of ALERT_CHAT_ID hear of it")
    return tuple(_chat(each) for each in values)


def _chat(value: Any) -> ChatTarget:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < SMALLEST_CHAT:
            raise ValueError('is no chat; one with a topic is written in quotes: "-1001234567890:42"')
        return ChatTarget(value)
    if not isinstance(value, str):
        raise ValueError("is not a chat: ID, or ID:TOPIC in quotes")
    return parse_chat(value.strip())


def parse_quiet_hours(value: Any) -> Sequence[QuietHours]:
    """``22:00-07:00``, or no for none at all; raises ValueError."""
    if value is False or (isinstance(value, str) and value.strip().lower() in ("no", "none", "false", "off")):
        return ()
    match = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError('is not "HH:MM-HH:MM", in quotes, nor no')
    start, end = (_time(text) for text in match.groups())
    if start == end:
        raise ValueError("begins when it ends")
    return (QuietHours(start, end),)


def _time(text: str) -> time:
    hour, minute = (int(part) for part in text.split(":"))
    if hour > 23 or minute > 59:
        raise ValueError(f"has {text}, which is no time of day")
    return time(hour, minute)
