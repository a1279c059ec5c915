"""The buttons under a question about a port, and under what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet import CloseOutcome, CloseState, Inspection, Protocol, Target


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a host."""

    host: str
    port: int
    protocol: Protocol

    @property
    def label(self) -> str:
        """``tcp 8080``, the same in every language."""
        return f"{self.protocol} {self.port}"

    def look(self, label: str) -> Button:
        """A button that asks anew."""
        return Button(label, "close.ask", self._args)

    def once(self, label: str, verb: str, **more: str) -> Button:
        """A button that only the asker may press, once, soon."""
        return Button(label, verb, {**self._args, **more}, CONFIRM_WITHIN_S, personal=True, once=True)

    @property
    def _args(self) -> dict[str, str]:
        return {"host": self.host, "port": str(self.port), "protocol": self.protocol}


def protocols(inspection: Inspection) -> tuple[Button, ...]:
    """One for each protocol that listens."""
    listening = dict.fromkeys(each.protocol for each in inspection.ports)
    places = (Place(inspection.host, inspection.port, protocol) for protocol in listening)
    return tuple(place.look(place.label) for place in places)


def before(place: Place, targets: Sequence[Target], locale: Locale) -> tuple[Button, ...]:
    """[Close it] [Stop the unit] [Keep]. The first carries what was named, so that nothing else is ended."""
    _ = locale.gettext
    named = " ".join(target.argument for target in targets)
    units = {target.unit.name: target.unit for target in targets if target.unit}
    returning = [unit.name for unit in units.values() if unit.restarts_after_term or unit.sockets]
    close, keep = place.once(_("Close it"), "close.do", targets=named), place.once(_("Keep"), "close.keep")
    return (close, *_stop(returning, place, locale), keep)


def after(outcome: CloseOutcome, place: Place, locale: Locale) -> tuple[Button, ...]:
    """What can be done about a port that is not free."""
    _ = locale.gettext
    if outcome.state is CloseState.RESTARTED and outcome.units:
        return stopping(list(dict.fromkeys(unit.name for unit in outcome.units)), place, locale)
    if outcome.state in (CloseState.CLOSED, CloseState.REFUSED):
        return ()
    return (place.look(_("Look again")),)


def stopping(units: Sequence[str], place: Place, locale: Locale) -> tuple[Button, ...]:
    """[Stop nginx.service] [Keep]."""
    return (*_stop(units, place, locale), place.once(locale.gettext("Keep"), "close.keep"))


def _stop(units: Sequence[str], place: Place, locale: Locale) -> list[Button]:
    label = locale.gettext("Stop {unit}")
    return [place.once(label.format(unit=unit), "close.unit", unit=unit) for unit in units]
