"""The kinds of pictures beside the chart of lines, and the buttons that lead to them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button
from orchestrator.monitor.query import Metric


class Kind(StrEnum):
    """What can be drawn of a fleet."""

    HEAT = "heat"
    BARS = "bars"
    SPREAD = "spread"
    CARD = "card"


NAMES: Mapping[Kind, str] = {
    Kind.HEAT: N_("Heat map"),
    Kind.BARS: N_("Disks"),
    Kind.SPREAD: N_("Spread"),
    Kind.CARD: N_("Card"),
}


def kind_button(kind: Kind, metric: Metric, what: str, locale: Locale) -> Button:
    """A picture in a message of its own; `what` is the agent as it was asked for."""
    args = {"kind": kind.value, "metric": metric.value, "agent": what}
    return Button(locale.gettext(NAMES[kind]), "picture.new", args)


def kind_buttons(metric: Metric, what: str, locale: Locale, *, several: bool) -> tuple[Button, ...]:
    """What else can be drawn of a reading, of `several` hosts or of one."""
    kinds = [Kind.HEAT, Kind.SPREAD, Kind.CARD] if several else []
    if metric is Metric.DISK:
        kinds.insert(0, Kind.BARS)
    return tuple(kind_button(kind, metric, what, locale) for kind in kinds)
