"""The daily summary, and when it is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.bot.language import Locale
from orchestrator.bot.message import CAPTION_LIMIT, Button, Document, Message
from orchestrator.bot.render.kinds import Kind, kind_button
from orchestrator.bot.render.markup import Html, bold, esc, length, lines
from orchestrator.bot.render.pictures import summary, troubles
from orchestrator.monitor.query import Metric
from orchestrator.readings import Course
from orchestrator.summary import Schedule

NONE = Html("")


def told(
    courses: Sequence[Course],
    alerts: int | None,
    png: bytes | None,
    at: datetime,
    locale: Locale,
    *,
    trouble: str = "",
    logins: Html = NONE,
) -> Message:
    """How the fleet is; `alerts` is how many began in the last 24 hours, None where that is not counted; `logins` is
    what to say of those.
    """
    head = f"🗓 {summary(courses, locale)}"
    counted = Html("")
    if alerts is not None:
        text = locale.ngettext("{n} alert in the last 24 h", "{n} alerts in the last 24 h", alerts)
        counted = esc(text.format(n=alerts)) if alerts else esc(locale.gettext("no alerts in the last 24 h"))
    body = esc(trouble) if trouble else troubles(courses, locale)
    time = esc(locale.gettext("as of {time}").format(time=locale.clock(at)))
    return Message(
        _fitted((bold(head), counted), body, (logins, time)),
        ((kind_button(Kind.CARD, Metric.CPU, "all", locale),),),
        picture=Document("summary.png", png) if png else None,
    )


def _fitted(above: Sequence[Html], body: Html, below: Sequence[Html]) -> Html:
    """All of it as far as a picture's caption goes: the last lines of `body` are left out first."""
    rows, dots = body.split("\n"), Html("")
    while length(text := lines((*above, Html("\n".join(rows)), dots, *below))) > CAPTION_LIMIT and rows:
        rows, dots = rows[:-1], Html("…")
    return text


def schedule(found: Schedule | None, locale: Locale) -> Message:
    """When it is told, with what can be changed."""
    _ = locale.gettext
    if found is None:
        head, body = _("There is no daily summary"), _("Choose a time: /summary 0800")
    else:
        head = _("Daily summary at {time}").format(time=f"{found.clock:%H:%M}")
        body = _("Change it: /summary 0800, or /summary off")
    return Message(lines((bold(f"🗓 {head}"), esc(body))), ((Button(_("Show it now"), "summary.now"),),))
