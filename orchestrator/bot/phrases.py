"""The sentences that lower floors say in English, recognised and said in the reader's language.

Lower floors do not know who reads. Their sentences are few and are listed here; one that is not listed is shown in
English, which is right, only not as friendly. A field like ``{name}`` matches anything.
"""

from __future__ import annotations

import re
from functools import cache

from orchestrator.bot.language import N_, Locale

PHRASES: tuple[str, ...] = (
    N_("no route to host"),
    N_("connection refused"),
    N_("no answer within {n} s"),
    N_("name does not resolve"),
)


def translate(text: str, locale: Locale) -> str:
    """`text` in the reader's language if it is one of `PHRASES`, else as it is."""
    if locale.language == "en":
        return text
    for phrase, pattern in _patterns():
        if match := pattern.fullmatch(text):
            return locale.gettext(phrase).format(**match.groupdict())
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((phrase, re.compile(_as_regex(phrase), re.DOTALL)) for phrase in PHRASES)


def _as_regex(phrase: str) -> str:
    parts = re.split(r"\{(\w+)\}", phrase)
    return "".join(re.escape(part) if number % 2 == 0 else f"(?P<{part}>.+?)" for number, part in enumerate(parts))
