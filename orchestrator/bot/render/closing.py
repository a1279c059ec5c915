"""Freeing a port: what would be ended, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render import closing_choices as choices
from orchestrator.bot.render.closing_choices import Place
from orchestrator.bot.render.markup import Html, bold, cut_units, esc, lines, pre
from orchestrator.bot.render.outcome import unanswered
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet import CloseOutcome, CloseState, Inspection, Ownership, Target
from orchestrator.ssh.result import Status

SHOWN = 6  # processes named one by one
COMMAND = 120  # UTF-16 units of a command line

STATES: Mapping[CloseState, tuple[str, str]] = {
    CloseState.CLOSED: ("✔", N_("{port} on {host} is free")),
    CloseState.REFUSED: ("⛔", N_("{port} on {host} stays open: it is protected")),
    CloseState.CHANGED: ("⚠", N_("{port} on {host} has a new owner; nothing was ended")),
    CloseState.STILL_OPEN: ("✖", N_("{port} on {host} is still open")),
    CloseState.RESTARTED: ("⚠", N_("{port} on {host} is open again")),
    CloseState.NOT_DONE: ("✖", N_("{port} on {host}: nothing was done")),
    CloseState.UNKNOWN: ("❓", N_("{port} on {host}: the outcome is unknown")),
}


def question(inspection: Inspection, targets: Sequence[Target], locale: Locale) -> Message:
    """Name all that would be ended, then ask."""
    _ = locale.gettext
    place = Place(inspection.host, inspection.port, targets[0].protocol)
    head = "✖ " + _("Close {port} on {host}?").format(port=place.label, host=place.host)
    facts = [_process(target, locale) for target in targets[:SHOWN]]
    if (more := len(targets) - SHOWN) > 0:
        text = locale.ngettext("… and {n} more process", "… and {n} more processes", more).format(n=more)
        facts.append(esc(text))
    warnings = (f"⚠ {note}" for note in _returning(targets, locale))
    notes = [_connections(inspection.connections, locale), *warnings]
    end = _("Only you can press, once, within {n} s.").format(n=int(CONFIRM_WITHIN_S))
    return Message(lines((bold(head), *facts, *map(esc, notes), esc(end))), (choices.before(place, targets, locale),))


def which(inspection: Inspection, locale: Locale) -> Message:
    """Both protocols listen: ask which is meant."""
    text = locale.gettext("Which one on {host}?").format(host=inspection.host)
    return Message(bold(f"✖ {text}"), (choices.protocols(inspection),))


def cannot(inspection: Inspection, locale: Locale) -> Message:
    """Why there is nothing to ask."""
    _ = locale.gettext
    host, port = inspection.host, inspection.port
    if inspection.status is not Status.OK:
        head = unanswered(inspection, locale)
        return Message(lines((bold(head), esc(translate(inspection.detail, locale)))), silent=False)
    if not inspection.ports:
        return Message(bold("❔ " + _("Nothing listens on port {port} of {host}.").format(port=port, host=host)))
    if inspection.activators:
        return _held_by_systemd(inspection, locale)
    head = bold("⛔ " + _("Port {port} of {host} cannot be closed").format(port=port, host=host))
    reasons = [translate(target.protected, locale) for target in inspection.targets if target.protected]
    if reasons:
        holders = [_process(target, locale) for target in inspection.targets[:SHOWN]]
        return Message(lines((head, *holders, *map(esc, dict.fromkeys(reasons)))))
    if any(each.ownership is Ownership.HIDDEN for each in inspection.ports):
        return Message(lines((head, esc(_("Its owner is hidden from us: it takes root on the host.")))))
    return Message(lines((head, esc(_("No process holds it: it belongs to the kernel.")))))


def _held_by_systemd(inspection: Inspection, locale: Locale) -> Message:
    """There is no process to end, but a unit to stop."""
    place = Place(inspection.host, inspection.port, inspection.ports[0].protocol)
    text = locale.gettext("{port} on {host} is held by systemd for {unit}")
    units = " ".join(inspection.activators)
    head = bold("⚠ " + text.format(port=place.label, host=place.host, unit=units))
    end = locale.gettext("Only you can press, once, within {n} s.").format(n=int(CONFIRM_WITHIN_S))
    return Message(lines((head, esc(end))), (choices.stopping(inspection.activators, place, locale),))


def working(place: Place, locale: Locale) -> Message:
    """The button was pressed."""
    text = locale.gettext("Closing {port} on {host} …").format(port=place.label, host=place.host)
    return Message(bold(f"▶ {text}"))


def kept(place: Place, locale: Locale) -> Message:
    """The answer was no."""
    text = locale.gettext("{port} on {host} stays open.").format(port=place.label, host=place.host)
    return Message(esc(f"⏹ {text}"))


def outcome(result: CloseOutcome, place: Place, locale: Locale) -> Message:
    """What came of it. Only CLOSED reads as success."""
    mark, template = STATES[result.state]
    text = locale.gettext(template).format(port=place.label, host=place.host)
    signals = [ending.signal for ending in result.endings if ending.signal != "none"]
    how = "KILL" if "KILL" in signals else "TERM" if signals else ""
    tail = ", ".join(part for part in (how, locale.took(result.duration)) if part)
    if result.state is CloseState.CLOSED:
        return Message(lines((bold(f"{mark} {text} ({tail})"), esc(translate(result.detail, locale)))))
    detail = esc(cut_units(translate(result.detail, locale), 500))
    hints = [esc(f"⚠ {hint}") for hint in _units(result, locale)]
    buttons = choices.after(result, place, locale)
    return Message(lines((bold(f"{mark} {text}"), detail, *hints)), (buttons,) if buttons else (), silent=False)


def _process(target: Target, locale: Locale) -> Html:
    process = target.process
    facts = [f"pid {process.pid}", process.user]
    if target.unit or process.unit:
        facts.append(target.unit.name if target.unit else process.unit)
    if process.container:
        facts.append(process.container)
    facts.append(locale.gettext("since {time}").format(time=locale.clock(process.started)))
    return lines((pre(cut_units(process.command or process.name, COMMAND)), esc(", ".join(facts))))


def _connections(count: int, locale: Locale) -> str:
    if not count:
        return locale.gettext("No open connections.")
    return locale.ngettext("{n} open connection.", "{n} open connections.", count).format(n=count)


def _returning(targets: Sequence[Target], locale: Locale) -> list[str]:
    _ = locale.gettext
    units = {target.unit.name: target.unit for target in targets if target.unit}
    notes = []
    for unit in units.values():
        if unit.restarts_after_term:
            notes.append(
                _("systemd will restart {unit} (Restart={policy}).").format(unit=unit.name, policy=unit.restart)
            )
        elif unit.sockets:
            sockets = " ".join(unit.sockets)
            notes.append(_("{socket} will start {unit} again.").format(socket=sockets, unit=unit.name))
    return notes


def _units(result: CloseOutcome, locale: Locale) -> list[str]:
    text = locale.gettext("{unit} restarts it by itself.")
    if result.state is not CloseState.RESTARTED:
        return []
    return [text.format(unit=unit.name) for unit in result.units if unit.restart not in ("", "no") or unit.sockets]
