"""The list of hosts: how each is, since when, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.kinds import Kind, kind_button
from orchestrator.bot.render.markup import COLUMNS, bold, cut, esc, lines, pad, pre, table, width
from orchestrator.bot.render.outcome import WORDS
from orchestrator.bot.render.pages import Page
from orchestrator.fleet import Vitals, VitalsAnswer
from orchestrator.monitor.query import Metric
from orchestrator.ssh.result import Status
from orchestrator.ssh.state import HostState, Phase

PAGE = 20
NAME = 10  # columns; a longer name gets a line of its own


class Health(StrEnum):
    """How a host is, in one word. `UNKNOWN` has not been heard of yet."""

    UP = "up"
    WARNING = "warning"
    DOWN = "down"
    UNKNOWN = "unknown"


MARKS = {Health.UP: "🟢", Health.WARNING: "🟡", Health.DOWN: "🔴", Health.UNKNOWN: "⚪"}


@dataclass(frozen=True, slots=True)
class HostView:
    """A host as it is known: its connection, and its newest reading, if any was asked for.

    `limits` are the ratios from which CPU, memory and disk are a warning.
    """

    name: str
    state: HostState
    limits: tuple[float, float, float]
    answer: VitalsAnswer | None = None

    @property
    def health(self) -> Health:
        """Nothing but an answer of the host itself makes it UP."""
        if self.answer is None:
            failed = self.state.phase is not Phase.UP and self.state.reason  # also while it is tried once more
            return Health.DOWN if failed or self.state.phase in (Phase.BACKOFF, Phase.PARKED) else Health.UNKNOWN
        if self.answer.vitals is not None:
            return Health.WARNING if self._strained(self.answer.vitals) else Health.UP
        # It answered, though not what was asked; or it is connected, but slow.
        connected = self.state.phase is Phase.UP or self.answer.status is Status.FAILED
        return Health.WARNING if connected else Health.DOWN

    @property
    def troubled(self) -> bool:
        """True when somebody should look."""
        return self.health in (Health.WARNING, Health.DOWN)

    def _strained(self, vitals: Vitals) -> bool:
        """Memory or disk nearly full; or processors busy now, with more work than processors for five minutes."""
        cpu, memory, disk = (
            ratio is not None and ratio >= limit for ratio, limit in zip(_ratios(vitals), self.limits, strict=True)
        )
        lasting = vitals.load is not None and vitals.cpus is not None and vitals.load[1] > vitals.cpus
        return memory or disk or (cpu and lasting)


def hosts(
    views: Sequence[HostView], locale: Locale, *, page: int, only: bool, complete: bool, now: datetime
) -> Message:
    """One page of the list, `only` those in trouble if asked. `complete`: no more answers are waited for."""
    _ = locale.gettext
    listed = [view for view in views if view.troubled] if only else list(views)
    part = Page(listed, page, PAGE)
    body = pre(_table(part.shown, now, locale)) if listed else esc(_("No host has a problem.") if complete else "…")
    parked = sum(view.state.phase is Phase.PARKED for view in views) if complete else 0
    tail = _("as of {time}").format(time=locale.clock(now)) if complete else _("asking …")
    return Message(lines((bold(_summary(views, locale)), body, esc(tail))), _buttons(part, parked, locale, only=only))


def _summary(views: Sequence[HostView], locale: Locale) -> str:
    """``🖥 12 hosts · 10 up · 1 down · 1 warning``: a warning is up, too, but is counted once."""
    counts = {health: sum(view.health is health for view in views) for health in Health}
    n = len(views)
    texts = [
        locale.ngettext("{n} host", "{n} hosts", n).format(n=n),
        locale.ngettext("{n} up", "{n} up", counts[Health.UP]).format(n=counts[Health.UP]),
    ]
    if down := counts[Health.DOWN]:
        texts.append(locale.ngettext("{n} down", "{n} down", down).format(n=down))
    if warnings := counts[Health.WARNING]:
        texts.append(locale.ngettext("{n} warning", "{n} warnings", warnings).format(n=warnings))
    if unknown := counts[Health.UNKNOWN]:
        texts.append(locale.ngettext("{n} unknown", "{n} unknown", unknown).format(n=unknown))
    return "🖥 " + " · ".join(texts)


def _table(views: Sequence[HostView], now: datetime, locale: Locale) -> str:
    _ = locale.gettext
    readings = {view.name: vitals for view in views if view.answer and (vitals := view.answer.vitals)}
    short = [view.name for view in views if width(view.name) <= NAME]
    column = max((width(name) for name in short), default=0)
    head = ["", _("cpu"), _("mem"), _("disk"), _("since")]
    cells = [
        ["", *map(_percent, _ratios(readings[view.name])), _since(view.state, now, locale)]
        for view in views
        if view.name in readings
    ]
    numbers = table([head, *cells] if cells else [], right=frozenset({1, 2, 3, 4}))
    text = [f"   {' ' * column}{numbers[0]}"] if cells else []
    rows = iter(numbers[1:])
    for view in views:
        mark = MARKS[view.health]
        if view.name not in readings:
            text += _without_numbers(view, mark, column, now, locale)
        elif width(view.name) <= NAME:
            text.append(f"{mark} {pad(view.name, column)}{next(rows)}")
        else:
            text += [f"{mark} {cut(view.name, COLUMNS - 3)}", f"   {' ' * column}{next(rows)}"]
    return "\n".join(text)


def _without_numbers(view: HostView, mark: str, column: int, now: datetime, locale: Locale) -> list[str]:
    _ = locale.gettext
    state, answer = view.state, view.answer
    why = translate((answer.detail if answer else "") or state.reason, locale)
    if answer is None and view.health is Health.UNKNOWN:
        words = _("connecting …") if state.phase is Phase.CONNECTING else "…"
    elif view.health is Health.WARNING:
        words = _("no reading")
    elif answer is not None and answer.status not in (Status.UNREACHABLE, Status.CANCELLED):
        words = _(WORDS[answer.status])
    else:
        words = _("down {time}").format(time=_since(state, now, locale))
    line = f"{mark} {pad(view.name, column)} {words}"
    if not why:
        return [line]
    if width(line) + width(why) + 3 <= COLUMNS:
        return [f"{line} · {why}"]
    return [line, "   " + cut(why, 2 * COLUMNS - 3)]


def _since(state: HostState, now: datetime, locale: Locale) -> str:
    return locale.ago((now - state.since).total_seconds())


def _ratios(vitals: Vitals) -> tuple[float | None, float | None, float | None]:
    return vitals.cpu, vitals.memory, vitals.disk.used if vitals.disk else None


def _percent(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return f"{ratio:.0%}"


def _buttons(part: Page[HostView], parked: int, locale: Locale, *, only: bool) -> tuple[tuple[Button, ...], ...]:
    _ = locale.gettext
    chosen, other = {"only": "yes" if only else ""}, {"only": "" if only else "yes"}
    here = {"page": str(part.number), **chosen}
    row = (
        Button("↻", "agents.refresh", here),
        Button(_("All hosts") if only else _("Problems only"), "agents.show", {"page": "0", **other}),
        *part.buttons("agents.show", chosen),
    )
    card = kind_button(Kind.CARD, Metric.CPU, "all", locale)
    if not parked:
        return row, (card,)
    label = locale.ngettext("Try {n} refused host again", "Try {n} refused hosts again", parked).format(n=parked)
    return row, (Button(label, "agents.retry", here), card)
