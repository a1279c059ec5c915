"""From letters of the outbox to messages: by their kind, in the language of their reader."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Message
from orchestrator.bot.render.markup import Html, esc, lines
from orchestrator.bot.render.notices import NOTICES
from orchestrator.store import Letter

COMPOSE_S = 15.0  # what has to be asked for first must come within this, or there is nothing to show
LATE_S = 60.0
CROWD = 10  # messages; more of a kind that wait to be told for the first time become one

Composer = Callable[[Letter, Locale], Awaitable[Message | None]]
Digest = Callable[[Sequence[Letter], Locale], Message]


@dataclass(frozen=True, slots=True)
class Letters:
    """Makes messages. `composers` are those that have to ask for something; a digest is one message of many letters."""

    composers: Mapping[str, Composer]
    digests: Mapping[str, Digest]

    async def compose(self, letter: Letter, locale: Locale) -> Message | None:
        """The message of a letter; None when there is nothing to show.

        Raises LookupError for a letter of a kind that this version does not know.
        """
        composer = self.composers.get(letter.kind)
        if composer is None:
            return NOTICES[letter.kind](letter.payload, locale)
        try:
            async with asyncio.timeout(COMPOSE_S):
                return await composer(letter, locale)
        except TimeoutError:
            if letter.reply:
                return None
            raise

    def digest(self, letters: Sequence[Letter], locale: Locale) -> Message | None:
        """One message of letters of one kind, the newest of each thread last; None when there are too few for that."""
        digest = self.digests.get(letters[0].kind) if letters else None
        if digest is None or len({letter.thread for letter in letters}) <= CROWD:
            return None
        return digest(letters, locale)


def marked(message: Message, letter: Letter, locale: Locale, *, repeated: bool = False) -> Message:
    """A message that comes late says so; one that may have been shown before (`repeated`), too."""
    _ = locale.gettext
    notes = []
    late = (datetime.now(UTC) - letter.put_at).total_seconds()
    if late > LATE_S:
        told = _("{age} late: this was at {time}.").format(age=locale.ago(late), time=locale.clock(letter.put_at))
        notes.append(esc(f"⌛ {told}"))
    if repeated:
        notes.append(esc("↻ " + _("Sent again: whether it arrived before is not known.")))
    return replace(message, html=lines((Html(message.html), *notes)))
