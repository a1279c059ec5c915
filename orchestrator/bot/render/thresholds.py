"""Thresholds in words: what is in force, for whom it was set, and what came of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.alerts.scales import SCALES, Scale
from orchestrator.alerts.thresholds import DEFAULT, Threshold
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, bold, cut, esc, lines, pre
from orchestrator.inventory import fold
from orchestrator.store.thresholds import ThresholdRow
from orchestrator.thresholdchange import Changed

LIFETIME_S = 7 * 86400.0
MOST_BUTTONS = 12
MOST_LINES = 40
VALUE = 6  # columns

UNITS: Mapping[str, str] = {"load": N_("load for each processor, over five minutes")}

Table = Mapping[str, Mapping[Threshold, Sequence[str]]]
"""By metric: the thresholds of some hosts, with the names of those that have them."""


def table(what: str, found: Table, rows: Sequence[ThresholdRow], usage: str, locale: Locale) -> Message:
    """The thresholds of what was asked for, which is empty for all hosts, and a button to take back each of `rows`."""
    _ = locale.gettext
    count = len(rows)
    told = locale.ngettext("{n} set", "{n} set", count).format(n=count) if count else _("all by default")
    title = "🎚 " + " · ".join(filter(None, (_("Thresholds"), cut(what, 20), told)))
    body = [line for metric, thresholds in found.items() for line in _lines(SCALES[metric], thresholds, locale)]
    if len(body) > MOST_LINES:
        body = [*body[:MOST_LINES], "…"]
    notes = [esc(f"{metric}: {_(UNITS[metric])}") for metric in found if metric in UNITS]
    hint = esc(_("To change one: {example}").format(example="/threshold " + usage))
    return Message(lines((bold(title), pre("\n".join(body)), *notes, hint)), _buttons(rows, locale))


def changed(outcome: Changed, locale: Locale) -> Message:
    """What came of a change: the new value, the old ones, and hosts that have their own."""
    _ = locale.gettext
    change = outcome.change
    scale, scope = change.scale, translate(str(change.scope), locale)
    now = DEFAULT if change.value is None else scale.show(change.value)
    title = f"🎚 {scale.name} · {cut(scope, 20)} · {translate(now, locale)}"
    if not outcome.done:
        return Message(lines((bold(title), esc(_("None was set there.")))))
    parts = [bold(title), esc(_("was {thresholds}").format(thresholds=_in_words(outcome.before, scale, locale)))]
    ours = Threshold(change.value, str(change.scope)) if change.value is not None else None
    others = {threshold: names for threshold, names in outcome.after.items() if threshold != ours}
    if ours is None:
        parts.append(esc(_("now {thresholds}").format(thresholds=_in_words(others, scale, locale))))
    elif others:
        parts += [
            esc(
                _("{hosts}: own threshold, {value}").format(
                    hosts=cut(fold(names), 60), value=_said(each, scale, locale)
                )
            )
            for each, names in list(others.items())[:5]
        ]
    parts.append(esc(_("In force within 20 s.")))
    show = Button(_("All thresholds"), "threshold.show", {"agent": ""}, LIFETIME_S)
    back = Button(_("Take back"), "threshold.reset", _args(str(change.scope), scale.name), LIFETIME_S)
    return Message(lines(parts), ((show,) if ours is None else (back, show),))


def _lines(scale: Scale, thresholds: Mapping[Threshold, Sequence[str]], locale: Locale) -> list[str]:
    found = []
    for number, (threshold, names) in enumerate(thresholds.items()):
        name = scale.name if number == 0 else ""
        line = f"{name:<6} {scale.show(threshold.value):>{VALUE}} {translate(threshold.origin, locale)}"
        found.append(cut(f"{line} × {len(names)}" if len(thresholds) > 1 else line, COLUMNS))
    return found


def _in_words(thresholds: Mapping[Threshold, Sequence[str]], scale: Scale, locale: Locale) -> str:
    return ", ".join(_said(threshold, scale, locale) for threshold in list(thresholds)[:3])


def _said(threshold: Threshold, scale: Scale, locale: Locale) -> str:
    return f"{scale.show(threshold.value)} ({translate(threshold.origin, locale)})"


def _buttons(rows: Sequence[ThresholdRow], locale: Locale) -> tuple[tuple[Button, ...], ...]:
    """One a row, as what it takes back is long."""
    return tuple(
        (
            Button(
                f"✖ {row.metric} · {translate(str(row.scope), locale)} · {SCALES[row.metric].show(row.value)}",
                "threshold.reset",
                _args(str(row.scope), row.metric),
                LIFETIME_S,
            ),
        )
        for row in rows[:MOST_BUTTONS]
    )


def _args(scope: str, metric: str) -> dict[str, str]:
    return {"scope": scope, "metric": metric}
