"""``/start /help /id /language /more_info_GitHub``: getting to know each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.bot.conversation import Request
from orchestrator.bot.keyboards import Keyboard
from orchestrator.bot.language import LANGUAGES, PREFERENCE, Catalogues
from orchestrator.bot.render import general
from orchestrator.bot.router import CommandSpec
from orchestrator.inventory import Inventory
from orchestrator.store import Preferences
from orchestrator.version import __version__


class General:
    """The commands that touch no host. `commands` gives all commands of the chat, for /help."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        preferences: Preferences,
        catalogues: Catalogues,
        commands: Callable[[], Sequence[CommandSpec]],
    ) -> None:
        self._inventory = inventory
        self._preferences = preferences
        self._catalogues = catalogues
        self._commands = commands
        self._keyboard = Keyboard(catalogues)

    async def start(self, request: Request) -> None:
        """Greet, and put up the keyboard."""
        locale = self._catalogues.locale(request.language)
        keyboard = self._keyboard.rows(request.language)
        await request.chat.send(general.greeting(self._inventory().hosts, keyboard, locale))

    async def help(self, request: Request) -> None:
        """List the commands, or with the name of one say how to write that: ``/help op_exec``."""
        locale, named = self._catalogues.locale(request.language), request.text.strip().lower().removeprefix("/")
        for command in self._commands():
            if command.name == named:
                await request.chat.send(general.help_of(command.name, command.usage, command.description, locale))
                return
        commands = [(command.name, command.description) for command in self._commands()]
        await request.chat.send(general.help_text(commands, locale))

    async def id(self, request: Request) -> None:
        """Tell the asker's ids."""
        await request.chat.send(general.ids(request, self._catalogues.locale(request.language)))

    async def language(self, request: Request) -> None:
        """Offer the languages, or go on in the one that is named, as ``en`` or ``zh-TW``."""
        named = {name.lower().replace("_", "-"): name for name in LANGUAGES}.get(request.text.strip().lower())
        if named is not None:
            await self.set_language(replace(request, args={"language": named}, message_id=None))
            return
        await request.chat.send(general.languages(self._catalogues.locale(request.language)))

    async def set_language(self, request: Request) -> None:
        """A language was tapped: remember it, and go on in it."""
        assert request.args is not None
        language = request.args["language"]
        if language not in LANGUAGES:
            return
        await self._preferences.set(request.actor.id, PREFERENCE, language)
        locale = self._catalogues.locale(language)
        if request.message_id is not None:
            await request.chat.edit(request.message_id, general.languages(locale))
        await request.chat.send(general.language_set(self._keyboard.rows(language), locale))

    async def project(self, request: Request) -> None:
        """Point to the project's page."""
        await request.chat.send(general.project(__version__, self._catalogues.locale(request.language)))
