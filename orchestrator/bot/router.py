"""From a command or a tap to its handler, and from what went wrong to words for a person."""

from __future__ import annotations

import difflib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.bot.conversation import Request
from orchestrator.bot.keyboards import Keyboard
from orchestrator.bot.language import N_, Catalogues, Locale
from orchestrator.bot.message import Message
from orchestrator.bot.render.markup import Html, shown
from orchestrator.bot.render.problem import problem
from orchestrator.errors import OrchestratorError, UsageError
from orchestrator.store import Buttons, Press

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[None]]
Talk = Callable[[Request], Awaitable[bool]]

NOTICE_LIMIT = 200  # characters (Bot API, answerCallbackQuery)
NOTICES: Mapping[Press, str] = {
    Press.UNKNOWN: N_("This button is no longer known. Please ask again."),
    Press.EXPIRED: N_("Too late: this button has expired. Please ask again."),
    Press.USED: N_("This was already answered."),
    Press.NOT_YOURS: N_("Only the person who asked may press this."),
}


@dataclass(frozen=True)
class CommandSpec:
    """A command of the chat.

    `name` has no slash and is lower case, as Telegram's menu wants it (``[a-z0-9_]{1,32}``); it is understood in any
    case. `description` and `usage` (arguments only, may be empty) are message ids. `reads_only`: may run late, too.
    """

    name: str
    description: str
    usage: str
    handler: Handler
    reads_only: bool


class Router:
    """Finds the handler of every request. `taps` are handlers by verb of a button; `talk` takes words that are no
    command, if a conversation waits for them.
    """

    def __init__(
        self,
        commands: Sequence[CommandSpec],
        taps: Mapping[str, Handler],
        buttons: Buttons,
        catalogues: Catalogues,
        *,
        talk: Talk | None = None,
    ) -> None:
        self.commands = tuple(commands)
        self._commands = {command.name: command for command in commands}
        self._taps = dict(taps)
        self._buttons = buttons
        self._catalogues = catalogues
        self._talk = talk
        self._keyboard = Keyboard(catalogues)

    def command(self, name: str) -> CommandSpec | None:
        """The command typed as `name`, without its slash, in any case."""
        return self._commands.get(name.lower())

    def command_of(self, text: str) -> str | None:
        """The name of the command that a key of the reply keyboard stands for, in any language."""
        return self._keyboard.command_of(text)

    async def handle(self, request: Request) -> None:
        """Serve a command, or a tap when `request.args` is given. What goes wrong becomes a message to the person;
        only cancellation gets out.
        """
        locale = self._catalogues.locale(request.language)
        await self._guarded(request, lambda: self._handler(request, locale)(request))

    async def talk(self, request: Request) -> bool:
        """Serve words that are no command: True when a conversation took them, whatever came of it."""
        taken = True

        async def listen() -> None:
            nonlocal taken
            taken = self._talk is not None and await self._talk(request)

        await self._guarded(request, listen)
        return taken

    async def _guarded(self, request: Request, serve: Callable[[], Awaitable[None]]) -> None:
        locale = self._catalogues.locale(request.language)
        try:
            await serve()
        except OrchestratorError as error:
            await request.chat.send(problem(error, locale))
        except Exception:  # the last resort of a face: one bad request must not end the chat
            incident = secrets.token_hex(4)
            log.exception("incident %s while serving /%s for %s", incident, request.name, request.actor.id)
            await request.chat.send(_incident(incident, locale))

    async def press(self, button_id: str, request: Request) -> tuple[str, Request | None]:
        """Judge a tap: a notice for the person (empty when taken), and the request to handle when taken."""
        _ = self._catalogues.locale(request.language).gettext
        try:
            verdict, verb, args = await self._buttons.press(button_id, request.actor.id)
        except OrchestratorError as error:
            return shown(Html(problem(error, self._catalogues.locale(request.language)).html))[:NOTICE_LIMIT], None
        if verdict is not Press.TAKEN:
            return _(NOTICES[verdict]), None
        if verb not in self._taps:
            return _(NOTICES[Press.UNKNOWN]), None
        return "", replace(request, name=verb, args=args)

    def _handler(self, request: Request, locale: Locale) -> Handler:
        if request.args is not None:
            return self._taps[request.name]
        if command := self.command(request.name):
            return command.handler
        _ = locale.gettext
        near = difflib.get_close_matches(request.name.lower(), self._commands, n=1)
        hint = _("Did you mean /{name}?").format(name=near[0]) + " " if near else ""
        raise UsageError(
            _("There is no command /{name}").format(name=request.name[:40]), remedy=hint + _("/help lists all.")
        )


def _incident(incident: str, locale: Locale) -> Message:
    _ = locale.gettext
    text = _("Something went wrong here; the outcome is unknown. The log has it as incident {id}.")
    return Message("❗ " + text.format(id=incident), silent=False)
