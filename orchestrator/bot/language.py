"""Words in the reader's language and times in the reader's zone.

Message ids are English; ``locale/*.po`` hold the other languages and are compiled in memory, so nothing has to be built
and a translator's edit shows at the next start.
"""

from __future__ import annotations

import gettext
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from importlib import resources
from types import MappingProxyType

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from orchestrator.errors import StoreError
from orchestrator.store import Preferences

log = logging.getLogger(__name__)

PREFERENCE = "language"
_HEARD = "language.heard"
LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "zh_TW": "繁體中文"})


def N_(msgid: str) -> str:  # noqa: N802 - gettext's own name for "translate later"
    """Mark a text for the catalogues where it is written down, but shown elsewhere."""
    return msgid


@dataclass(frozen=True, slots=True)
class Locale:
    """One reader's language and time zone (None is the system's)."""

    language: str
    translations: gettext.NullTranslations
    zone: tzinfo | None = None

    def gettext(self, msgid: str) -> str:
        """The text in this language; the English itself when there is no translation."""
        return self.translations.gettext(msgid) if msgid else ""

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """The text for `n` things, still to be formatted."""
        return self.translations.ngettext(singular, plural, n)

    def clock(self, at: datetime) -> str:
        """``14:03:20 +08``: time of day with its offset from UTC; with the date when that is not today."""
        local = at.astimezone(self.zone)
        day = "" if local.date() == datetime.now(UTC).astimezone(self.zone).date() else f"{local:%Y-%m-%d} "
        offset = f"{local:%z}"
        return f"{day}{local:%H:%M:%S} {offset.removesuffix('00') if offset.endswith('00') else offset}"

    def ago(self, seconds: float) -> str:
        """A length of time in one unit, as short as it can be said: ``40 s``, ``4 min``, ``17 h``, ``3 d``."""
        _ = self.gettext
        if seconds < 60:
            return _("{n} s").format(n=max(0, int(seconds)))
        if seconds < 3600:
            return _("{n} min").format(n=int(seconds // 60))
        if seconds < 2 * 86400:
            return _("{n} h").format(n=int(seconds // 3600))
        return _("{n} d").format(n=int(seconds // 86400))

    def took(self, seconds: float) -> str:
        """How long something took: ``0.4 s``, ``12 s``, ``2 min 5 s``."""
        _ = self.gettext
        if seconds < 9.95:
            return _("{n} s").format(n=f"{seconds:.1f}")
        if seconds < 60:
            return _("{n} s").format(n=round(seconds))
        return _("{min} min {s} s").format(min=int(seconds // 60), s=int(seconds % 60))


class Catalogues:
    """All languages, read once."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._locales = {language: Locale(language, _translations(language), zone) for language in LANGUAGES}

    def locale(self, language: str) -> Locale:
        """The locale of a language of `LANGUAGES`."""
        return self._locales[language]

    def gettext(self, language: str, msgid: str) -> str:
        """`Locale.gettext` of a language."""
        return self._locales[language].gettext(msgid)

    def ngettext(self, language: str, singular: str, plural: str, n: int) -> str:
        """`Locale.ngettext` of a language."""
        return self._locales[language].ngettext(singular, plural, n)


class Languages:
    """Which language an actor reads. `default` is ``ORCHESTRATOR_LANGUAGE``, if set."""

    def __init__(self, preferences: Preferences, default: str | None) -> None:
        self._preferences = preferences
        self._default = default
        self._heard: dict[str, str] = {}

    async def of(self, actor_id: str, hint: str | None) -> str:
        """The actor's own choice, else the default, else what `hint` (an IETF tag such as ``zh-hant``) suggests, or
        where nobody asked, the last one that was heard.
        """
        try:
            chosen = await self._preferences.get(actor_id, PREFERENCE)
            if chosen is None and not self._default and hint is None:
                hint = await self._preferences.get(actor_id, _HEARD)
        except StoreError as error:  # the request itself will meet it, and must be able to say so
            log.warning("cannot look up a language: %s", error)
            chosen = None
        if chosen is not None and chosen in LANGUAGES:
            return chosen
        if self._default:
            return self._default
        return "zh_TW" if hint and hint.lower().startswith("zh") else "en"

    async def hear(self, actor_id: str, hint: str | None) -> None:
        """Remember what the app of somebody who may come in suggests, for what is told without being asked."""
        if hint is None or self._heard.get(actor_id) == hint:
            return
        try:
            await self._preferences.set(actor_id, _HEARD, hint)
        except StoreError as error:
            log.warning("cannot remember a language: %s", error)
        else:
            self._heard[actor_id] = hint


def _translations(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    source = resources.files(__package__).joinpath("locale", f"{language}.po")
    with source.open("rb") as po:
        catalogue = read_po(po, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
