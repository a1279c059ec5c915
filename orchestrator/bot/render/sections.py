"""Headings with long texts under them, made to fit one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.bot.language import Locale
from orchestrator.bot.message import TEXT_LIMIT
from orchestrator.bot.render.markup import Html, esc, length, lines, pre, take, units
from orchestrator.fleet.clean import clean

MOST = 30  # sections of a message: Telegram shows at most 100 entities
SHOWN = (10, 5, 1)  # sections of a preview, the first number that fits
ROWS = 60  # lines of all the texts in a message: some three screens of a phone
PREVIEW, PREVIEW_ROWS = 2000, 30  # UTF-16 units and lines of all the texts in a preview
HEADING = 150  # UTF-16 units of each line of a heading, which has at most four


@dataclass(frozen=True, slots=True)
class Section:
    """Each line of `heading` is at most `HEADING` long; `text` is as the host sent it, of any length."""

    heading: Html
    text: str = ""


def fit(head: Html, sections: Sequence[Section], unlisted: int, tail: Html, locale: Locale) -> tuple[Html, bool]:
    """The whole as markup within `TEXT_LIMIT`, and whether everything is in it; `unlisted` sections are not even given.

    `head` and `tail` together are at most 800 UTF-16 units. When it does not fit, the first sections stay, with the
    beginnings and ends of their texts.
    """
    size = sum(len(section.text) for section in sections)
    if (
        not unlisted
        and len(sections) <= MOST
        and size <= TEXT_LIMIT
        and sum(s.text.count("\n") for s in sections) <= ROWS
    ):
        whole = _join(head, sections, tail)
        if length(whole) <= TEXT_LIMIT:
            return whole, True
    for shown in SHOWN:
        body = _join(head, _short(sections, shown, unlisted, locale), tail)
        if length(body) <= TEXT_LIMIT:
            break
    return body, False


def _short(sections: Sequence[Section], shown: int, unlisted: int, locale: Locale) -> list[Section]:
    kept = sections[:shown]
    texts = max(1, sum(1 for section in kept if section.text))
    rows = max(3, PREVIEW_ROWS // texts)
    short = [Section(section.heading, preview(section.text, PREVIEW // texts, rows, locale)) for section in kept]
    if more := len(sections) - len(kept) + unlisted:
        text = locale.ngettext("… and {n} more answer", "… and {n} more answers", more).format(n=more)
        short.append(Section(esc(text)))
    return short


def preview(text: str, limit: int, rows: int, locale: Locale) -> str:
    """Beginning and end of a text, whole lines where possible, within `limit` (at least 100) UTF-16 units and about
    `rows` (at least 3) lines.
    """
    if len(text) <= 10 * limit and units(cleaned := clean(text).strip("\n")) <= limit and cleaned.count("\n") < rows:
        return cleaned
    note = locale.gettext("[… {n} lines left out …]")
    room = limit - units(note) - 12
    # Only what may be shown is cleaned: a text may be a mebibyte, and it is drawn again every second.
    head = take(clean(text[: 5 * limit]).lstrip("\n"), room * 2 // 3)
    tail = take(clean(text[-5 * limit :]).rstrip("\n")[::-1], room // 3)[::-1]
    head = "".join((head[: head.rfind("\n") + 1] or head).splitlines(keepends=True)[: rows * 2 // 3])
    tail = "".join((tail[tail.find("\n") + 1 :] or tail).splitlines(keepends=True)[-(rows // 3) :])
    left_out = max(1, text.strip("\n").count("\n") - head.count("\n") - tail.count("\n"))
    return f"{head.rstrip()}\n{note.format(n=f'{left_out:,}')}\n{tail}"


def _join(head: Html, sections: Sequence[Section], tail: Html) -> Html:
    body = (lines((section.heading, pre(section.text))) for section in sections)
    return lines((head, *body, tail))
