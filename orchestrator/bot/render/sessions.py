"""Who is logged in, the question before a session ends, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import TEXT_LIMIT, Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, cut_units, esc, length, lines, pre
from orchestrator.bot.render.outcome import unanswered, unanswered_line
from orchestrator.bot.render.pages import Page
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet import KickOutcome, KickState, Session, WhoAnswer
from orchestrator.inventory import HostSet
from orchestrator.ssh.result import Status

SHOWN = 15  # sessions of one host on a page
BRIEF = 30  # hosts in one message
ROW = 3
BUTTONS = 24

STATES: Mapping[KickState, tuple[str, str]] = {
    KickState.ENDED: ("✔", N_("Session {session} on {host} is ended")),
    KickState.GONE: ("✔", N_("Session {session} on {host} had ended already")),
    KickState.CHANGED: ("⚠", N_("Session {session} on {host} is another one now; nothing was ended")),
    KickState.REFUSED: ("⛔", N_("Session {session} on {host} stays: it is protected")),
    KickState.ALIVE: ("✖", N_("Session {session} on {host} is still there")),
    KickState.NOT_DONE: ("✖", N_("Session {session} on {host}: nothing was done")),
    KickState.UNKNOWN: ("❓", N_("Session {session} on {host}: the outcome is unknown")),
}


def who(answers: Sequence[WhoAnswer], hosts: HostSet, locale: Locale, *, page: int = 0) -> Message:
    """A page of the sessions of one host with a button each to end them, or those of several hosts in brief."""
    if len(answers) == 1:
        return _one(answers[0], page, locale)
    again = Button("↻", "who.show", {"hosts": ",".join(hosts.names)})
    n = sum(len(answer.sessions) for answer in answers)
    on = locale.ngettext("{n} session", "{n} sessions", n).format(n=n)
    parts = [bold(f"👤 {cut(hosts.folded, COLUMNS)} · {on}")]
    for answer in answers[:BRIEF]:
        part = _brief(answer, locale)
        if sum(map(length, parts)) + length(part) > TEXT_LIMIT - 100:
            break
        parts.append(part)
    if (more := len(answers) - len(parts) + 1) > 0:
        parts.append(esc(locale.ngettext("… and {n} more host", "… and {n} more hosts", more).format(n=more)))
    buttons = [Button(answer.host, "who.show", {"hosts": answer.host}) for answer in answers if answer.sessions]
    return Message(lines(parts), (*_in_rows(buttons[:BUTTONS]), (again,)))


def question(host: str, session: Session, locale: Locale) -> Message:
    """Say whose session it is and what would end with it, then ask; or why it cannot be ended."""
    _ = locale.gettext
    details = _details(session, locale)
    if session.ours:
        head = "⛔ " + _("Session {session} on {host} is not ended").format(session=session.id, host=host)
        return Message(lines((bold(head), *map(esc, details), esc(translate(session.ours, locale)))))
    head = "✖ " + _("End session {session} of {user} on {host}?").format(
        session=session.id, user=session.user, host=host
    )
    n = session.members
    ends = locale.ngettext("{n} process ends with it.", "{n} processes end with it.", n).format(n=n)
    end = _("Only you can press, once, within {n} s.").format(n=int(CONFIRM_WITHIN_S))
    args = {"host": host, "leader": session.argument, "session": session.id, "user": session.user}
    buttons = tuple(
        Button(label, verb, args, CONFIRM_WITHIN_S, personal=True, once=True)
        for label, verb in ((_("End it"), "kick.do"), (_("Keep"), "kick.keep"))
    )
    return Message(lines((bold(head), *map(esc, details), esc(ends), esc(end))), (buttons,))


def working(host: str, session: str, locale: Locale) -> Message:
    """The button was pressed."""
    text = locale.gettext("Ending session {session} on {host} …").format(session=session, host=host)
    return Message(bold(f"▶ {text}"))


def kept(host: str, session: str, locale: Locale) -> Message:
    """The answer was no."""
    text = locale.gettext("Session {session} on {host} goes on.").format(session=session, host=host)
    return Message(esc(f"⏹ {text}"))


def outcome(result: KickOutcome, session: str, locale: Locale) -> Message:
    """What came of it. Only ENDED and GONE read as success."""
    mark, template = STATES[result.state]
    text = locale.gettext(template).format(session=session, host=result.host)
    detail = esc(cut_units(translate(result.detail, locale), 500))
    look = Button(locale.gettext("Who is on"), "who.show", {"hosts": result.host})
    fine = result.state in (KickState.ENDED, KickState.GONE)
    return Message(lines((bold(f"{mark} {text}"), detail)), ((look,),), silent=fine)


def _one(answer: WhoAnswer, number: int, locale: Locale) -> Message:
    page, place, known = Page(answer.sessions, number, SHOWN), {"hosts": answer.host}, answer.status is Status.OK
    again = Button("↻", "who.show", {**place, "page": str(page.number if known else number)})
    if not known:
        return Message(lines((bold(unanswered(answer, locale)), esc(translate(answer.detail, locale)))), ((again,),))
    endable = [session for session in page.shown if not session.ours]
    buttons = [
        Button(
            f"✖ {session.id} {cut(session.user, 12)}",
            "kick.ask",
            {"host": answer.host, "leader": session.argument, "session": session.id},
        )
        for session in endable
    ]
    text = "\n".join(line for session in page.shown for line in _lines(session, locale))
    parts = (bold(f"👤 {_heading(answer, locale)}"), pre(text), *_notes(answer, locale))
    return Message(lines(parts), (*_in_rows(buttons), (again, *page.buttons("who.show", place))))


def _brief(answer: WhoAnswer, locale: Locale) -> Html:
    if answer.status is not Status.OK:
        return esc(unanswered_line(answer, locale))
    people = dict.fromkeys(session.user for session in answer.sessions if not session.ours)
    return esc(cut(f"{_heading(answer, locale)} · {' '.join(people)}".removesuffix(" · "), 2 * COLUMNS))


def _heading(answer: WhoAnswer, locale: Locale) -> str:
    _ = locale.gettext
    others = [session for session in answer.sessions if not session.ours]
    if not others:
        state = _("nobody but us") if answer.sessions else _("nobody is on")
        return f"{answer.host} · {state}"
    n = len(others)
    return f"{answer.host} · " + locale.ngettext("{n} session", "{n} sessions", n).format(n=n)


def _lines(session: Session, locale: Locale) -> list[str]:
    _ = locale.gettext
    origin = session.address or session.terminal or session.service
    if session.ours:
        ours = _("(ours)")
        return [cut(f"{session.id}  {session.user}  {ours}", COLUMNS)]
    words = [locale.ago((datetime.now(UTC) - session.started).total_seconds())]
    if session.idle is not None:
        words.append(_("idle {time}").format(time=locale.ago(session.idle)))
    if session.runs:
        words.append(session.runs.name)
    return [
        cut(f"{session.id}  {session.user}  {origin}", COLUMNS),
        "   " + cut(" · ".join([*filter(None, [session.terminal]), *words]), COLUMNS - 3),
    ]


def _details(session: Session, locale: Locale) -> list[str]:
    _ = locale.gettext
    facts = [word for word in (session.address, session.terminal, session.service) if word]
    facts.append(_("since {time}").format(time=locale.clock(session.started)))
    runs = session.runs
    return [" · ".join(facts), cut_units(runs.command or runs.name, 120) if runs else ""]


def _notes(answer: WhoAnswer, locale: Locale) -> list[Html]:
    notes = []
    if answer.partial:
        notes.append(esc(locale.gettext("Sessions may be hidden from us: it takes root.")))
    return notes


def _in_rows(buttons: Sequence[Button]) -> list[tuple[Button, ...]]:
    return [tuple(buttons[start : start + ROW]) for start in range(0, len(buttons), ROW)]
