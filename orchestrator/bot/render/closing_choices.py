"""The buttons under a question about a port, and under what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet import CloseOutcome, CloseState, Inspection, Protocol, Target


def name(protocol: str, port: int) -> str:
    """``tcp 8080``, the same in every language."""
    return f"{protocol} {port}"


def protocols(inspection: Inspection) -> tuple[Button, ...]:
    """One for each protocol that listens."""
    listening = dict.fromkeys(each.protocol for each in inspection.ports)
    return tuple(_look(name(protocol, inspection.port), inspection, protocol) for protocol in listening)


def before(inspection: Inspection, targets: Sequence[Target], locale: Locale) -> tuple[Button, ...]:
    """[Close it] [Stop the unit] [Keep]. The first carries what was named, so that nothing else is ended."""
    _ = locale.gettext
    protocol = targets[0].protocol
    named = " ".join(target.argument for target in targets)
    units = {target.unit.name: target.unit for target in targets if target.unit}
    returning = [unit.name for unit in units.values() if unit.restarts_after_term or unit.sockets]
    return (
        _once(_("Close it"), "close.do", inspection, protocol, targets=named),
        *_stop(returning, inspection, protocol, locale),
        _once(_("Keep"), "close.keep", inspection, protocol),
    )


def after(outcome: CloseOutcome, inspection: Inspection, protocol: Protocol, locale: Locale) -> tuple[Button, ...]:
    """What can be done about a port that is not free."""
    _ = locale.gettext
    if outcome.state is CloseState.RESTARTED and outcome.units:
        units = list(dict.fromkeys(unit.name for unit in outcome.units))
        keep = _once(_("Keep"), "close.keep", inspection, protocol)
        return (*_stop(units, inspection, protocol, locale), keep)
    if outcome.state in (CloseState.CLOSED, CloseState.REFUSED):
        return ()
    return (_look(_("Look again"), inspection, protocol),)


def _stop(units: Sequence[str], inspection: Inspection, protocol: Protocol, locale: Locale) -> list[Button]:
    label = locale.gettext("Stop {unit}")
    return [_once(label.format(unit=unit), "close.unit", inspection, protocol, unit=unit) for unit in units]


def _look(label: str, inspection: Inspection, protocol: Protocol) -> Button:
    args = {"host": inspection.host, "port": str(inspection.port), "protocol": protocol}
    return Button(label, "close.ask", args)


def _once(label: str, verb: str, inspection: Inspection, protocol: Protocol, **more: str) -> Button:
    args = {"host": inspection.host, "port": str(inspection.port), "protocol": protocol, **more}
    return Button(label, verb, args, CONFIRM_WITHIN_S, personal=True, once=True)
