"""What kept a host busy when its alert began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Message
from orchestrator.bot.render.alerts import clock
from orchestrator.bot.render.markup import COLUMNS, bold, cut, esc, lines, pre, table
from orchestrator.bot.render.outcome import size
from orchestrator.fleet import clean_line

MOST = 5


def busiest(payload: Mapping[str, Any], locale: Locale) -> Message:
    """The processes that a letter of `followups` names. Names only: command lines may hold what a chat should not."""
    host, at = clean_line(str(payload["host"]), 60), clock(float(payload["at"]), locale)
    rows = [
        (f"{each['cpu']:.0%}", size(int(each["memory"])), clean_line(each["name"], 16), clean_line(each["user"], 16))
        for each in payload["processes"][:MOST]
    ]
    body = "\n".join(cut(row, COLUMNS) for row in table(rows, right=frozenset({0, 1})))
    asked = locale.gettext("asked at {time}").format(time=at)
    return Message(
        lines((bold(f"⚙ {host} · {clean_line(payload['processes'][0]['name'], 30)}"), pre(body), esc(asked)))
    )
