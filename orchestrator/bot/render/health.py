"""How the orchestrator itself is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.alerts.watchdog import Fault
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.alertway import way_fault
from orchestrator.bot.render.loginlist import unfollowed, unwatched
from orchestrator.bot.render.markup import bold, cut_units, esc, lines, pre, table
from orchestrator.bot.render.outcome import size
from orchestrator.ssh.state import Phase
from orchestrator.store import Backlog

WAITING_S = 60.0  # a message may wait this long without being remarkable
POLL_LATE_S = 120.0  # a long poll ends after some 30 s even when nothing happens

PHASES: Mapping[Phase, str] = {
    Phase.UP: N_("up"),
    Phase.CONNECTING: N_("connecting"),
    Phase.BACKOFF: N_("waiting to retry"),
    Phase.PARKED: N_("parked"),
    Phase.DOWN: N_("not connected"),
}


@dataclass(frozen=True, slots=True)
class SelfReport:
    """How the orchestrator itself is.

    `connections` counts hosts by the phase of their connection; `memory` is resident bytes, None where unknown;
    `last_poll` is when Telegram last answered, None when it never did (`telegram` is False: not in use).
    `database` is its size in bytes, `trouble` why it cannot be used, empty when it can. `unfinished` is how many
    requests an earlier process left without an outcome. `inventory` is what is wrong with its files now, empty
    when nothing is, and `prometheus` why ours does not run. `backlog` is what the outbox could not deliver. `alerts` is
    why none would arrive, `alerts_heard` when the last sign came that they do; `watched` is False where nobody looks.
    `unfollowed` hosts' logins cannot be followed until a person acts, with why; on `unwatched` ones new keys are not
    noticed, or not all.
    """

    version: str
    started_at: datetime
    memory: int | None
    connections: Mapping[Phase, int]
    telegram: bool
    last_poll: datetime | None
    database: int
    trouble: str
    unfinished: int
    inventory: str = ""
    prometheus: str = ""
    backlog: Backlog = Backlog()  # noqa: RUF009 - frozen
    watched: bool = False
    alerts: Fault | None = None
    alerts_heard: datetime | None = None
    unfollowed: Mapping[str, str] = field(default_factory=dict)
    unwatched: Mapping[str, str] = field(default_factory=dict)


def health(report: SelfReport, now: datetime, locale: Locale) -> Message:
    """One line each; the first says whether anything needs a look."""
    _ = locale.gettext
    poll = (now - report.last_poll).total_seconds() if report.last_poll else None
    deaf = report.telegram and (poll is None or poll > POLL_LATE_S)
    worries = [
        _("Telegram does not answer.") if deaf else "",
        _("The database: {trouble}").format(trouble=report.trouble) if report.trouble else "",
        _("The inventory stays as it was: {problem}").format(problem=cut_units(report.inventory, 500))
        if report.inventory
        else "",
        _("There are no charts: {problem}").format(problem=cut_units(report.prometheus, 500))
        if report.prometheus
        else "",
        _("No alert would arrive. {why}").format(why=way_fault(report.alerts.part, report.alerts.detail, locale))
        if report.alerts
        else "",
        locale.ngettext(
            "{n} earlier request has no known outcome.",
            "{n} earlier requests have no known outcome.",
            report.unfinished,
        ).format(n=report.unfinished)
        if report.unfinished
        else "",
        *_undelivered(report.backlog, now, locale),
        *unfollowed(report.unfollowed, locale),
        *unwatched(report.unwatched, locale),
    ]
    rows = [
        (_("version"), report.version),
        (_("running for"), locale.ago((now - report.started_at).total_seconds())),
        (_("memory"), size(report.memory) if report.memory is not None else "–"),
        (_("database"), size(report.database)),
    ]
    if report.telegram:
        ago = _("{time} ago").format(time=locale.ago(poll)) if poll is not None else _("never")
        rows.append((_("Telegram heard"), ago))
    if report.watched:
        heard = report.alerts_heard
        since = _("{time} ago").format(time=locale.ago((now - heard).total_seconds())) if heard else _("not yet")
        rows.append((_("alerts heard"), since))
    counts = (f"{count} {_(PHASES[phase])}" for phase, count in report.connections.items() if count)
    if hosts := " · ".join(counts):
        rows.append((_("hosts"), hosts))
    head = "🩺 " + (_("Something needs a look") if any(worries) else _("I am well"))
    notes = [esc(f"⚠ {worry}") for worry in worries if worry]
    tail = esc(_("as of {time}").format(time=locale.clock(now)))
    return Message(
        lines((bold(head), *notes, pre("\n".join(table(rows, gap="  "))), tail)), ((Button("↻", "status.show"),),)
    )


def _undelivered(backlog: Backlog, now: datetime, locale: Locale) -> Iterator[str]:
    n = backlog.waiting
    if backlog.since is not None and (now - backlog.since).total_seconds() > WAITING_S:
        texts = locale.ngettext(
            "{n} message waits for Telegram since {time}.", "{n} messages wait for Telegram since {time}.", n
        )
        yield texts.format(n=n, time=locale.clock(backlog.since))
    if n := backlog.set_aside:
        texts = locale.ngettext("{n} message could not be delivered.", "{n} messages could not be delivered.", n)
        yield texts.format(n=n)
