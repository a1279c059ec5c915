"""What is told of logins: what it takes to make their letters into messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from orchestrator.bot.alertview import is_known
from orchestrator.bot.language import Locale
from orchestrator.bot.letters import Composer, Digest
from orchestrator.bot.message import Message
from orchestrator.bot.render import logincrowd, loginepisodes, logins
from orchestrator.inventory import Inventory
from orchestrator.inventory.routes import routes
from orchestrator.logins.letters import EPISODE, LOGIN
from orchestrator.store import Letter
from orchestrator.store.loginsessions import SessionRow

LOGIN_DIGESTS: Mapping[str, Digest] = {LOGIN: logincrowd.of_logins, EPISODE: logincrowd.of_episodes}


class LoginTelling:
    """Composes what is told of logins. `inventory` gives the inventory in force."""

    def __init__(self, inventory: Callable[[], Inventory]) -> None:
        self._inventory = inventory

    @property
    def composers(self) -> Mapping[str, Composer]:
        """By kind of letter."""
        return {LOGIN: self.login, EPISODE: self.episode}

    async def login(self, letter: Letter, locale: Locale) -> Message:
        """A session, as it was when the letter was written."""
        row, inventory = SessionRow(**letter.payload), self._inventory()
        return logins.login(
            row, locale, known=is_known(row.host, inventory), quiet=_is_quiet(row.host, inventory, locale)
        )

    async def episode(self, letter: Letter, locale: Locale) -> Message:
        """What counts up."""
        row, worst = logincrowd.of_payload(letter)
        inventory = self._inventory()
        known, quiet = is_known(row.host, inventory), _is_quiet(row.host, inventory, locale)
        return loginepisodes.episode(row, worst, locale, known=known, quiet=quiet)


def _is_quiet(host: str, inventory: Inventory, locale: Locale) -> bool:
    hours = routes(host, inventory).quiet
    return hours is not None and hours.cover(datetime.now(UTC).astimezone(locale.zone))
