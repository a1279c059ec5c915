"""The chat with a person at a terminal, or with a script."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues, Languages
from orchestrator.bot.letters import Letters, marked
from orchestrator.bot.message import Message
from orchestrator.bot.render.markup import esc
from orchestrator.bot.render.problem import problem
from orchestrator.bot.router import Router
from orchestrator.bot.runs import Runs
from orchestrator.bot.terminal.chat import TerminalChat
from orchestrator.bot.terminal.completion import Words
from orchestrator.bot.terminal.screen import Drawn, Screen, Transcript
from orchestrator.control import Actor
from orchestrator.errors import OrchestratorError, StoreError
from orchestrator.inventory import Inventory
from orchestrator.store import Buttons, Letter, Outbox

log = logging.getLogger(__name__)

PROMPT = "› "
LOOK_AGAIN_S = 10.0
LINE_LIMIT = 1 << 20  # bytes
LEAVE_WITHIN_S = 10.0  # running commands are stopped on their hosts, which takes up to 5 s


@dataclass(frozen=True)
class Terminal:
    """The face of one local `actor`. `state` is the folder for history and files; `hint` suggests a language (LANG)."""

    router: Router
    runs: Runs
    buttons: Buttons
    languages: Languages
    catalogues: Catalogues
    outbox: Outbox
    letters: Letters
    inventory: Callable[[], Inventory]
    actor: Actor
    state: Path
    hint: str | None = None

    async def run(self, stdin: TextIO | None = None, stdout: TextIO | None = None) -> int:
        """Serve until the input ends; a person when both ends are a terminal, else line by line."""
        stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
        if stdin.isatty() and stdout.isatty():
            return await self.converse()
        return await self._transcribe(_lines(stdin), stdout)

    async def script(
        self, commands: Sequence[str | None] | AsyncGenerator[str | None], stdout: TextIO | None = None
    ) -> int:
        """Serve the given lines one after the other and print the exchange; None taps the first button put up last."""
        lines = _each(commands) if isinstance(commands, Sequence) else commands
        return await self._transcribe(lines, stdout or sys.stdout)

    async def converse(self, input_: Input | None = None, output: Output | None = None) -> int:
        """Serve a person: commands run beside the prompt, Ctrl-C stops them, Ctrl-D leaves."""
        session: PromptSession[str] = PromptSession(
            history=FileHistory(str(_private(self.state / "chat_history"))),
            completer=Words(self.router.commands, self.inventory),
            complete_while_typing=False,
            input=input_,
            output=output,
        )
        screen = Drawn(session.app.output)
        chat = self._chat(screen)
        tasks: set[asyncio.Task[None]] = set()
        async with self._told(chat):
            return await self._prompt(session, screen, chat, tasks)

    async def _prompt(
        self, session: PromptSession[str], screen: Drawn, chat: TerminalChat, tasks: set[asyncio.Task[None]]
    ) -> int:
        try:
            while True:
                try:
                    line = await session.prompt_async(PROMPT)
                except KeyboardInterrupt:
                    screen.typed()
                    if not self.runs.stop_all(self.actor.id):
                        for task in tasks:
                            task.cancel()
                    continue
                except EOFError:
                    return 0
                screen.typed()
                task = asyncio.create_task(self._serve(line, chat))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            self.runs.stop_all(self.actor.id)
            await _finish(tasks)

    async def _transcribe(self, source: AsyncGenerator[str | None], stdout: TextIO) -> int:
        screen = Transcript(stdout)
        chat = self._chat(screen)
        async with self._told(chat), aclosing(source) as lines:
            async for typed in lines:
                line = str(chat.newest_button) if typed is None else typed
                screen.write(f"{PROMPT}{line}")
                await self._serve(line, chat)
        return 0

    @asynccontextmanager
    async def _told(self, chat: TerminalChat) -> AsyncIterator[None]:
        """Show what comes into the outbox while the block lasts."""
        telling = asyncio.create_task(self._tell(chat))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self, chat: TerminalChat) -> None:
        last: int | None = None
        while True:
            try:
                last = await self.outbox.newest() if last is None else last
                await self.outbox.arrival()
                if letters := await self.outbox.since(last):
                    last = letters[-1].id
                    await self._show(letters, chat)
            except StoreError as error:
                log.error("the outbox cannot be read: %s", error)
                await asyncio.sleep(LOOK_AGAIN_S)

    async def _show(self, letters: Sequence[Letter], chat: TerminalChat) -> None:
        """Each as a message; very many of a kind as one."""
        locale = self.catalogues.locale(await self.languages.of(self.actor.id, self.hint))
        for kind in dict.fromkeys(letter.kind for letter in letters):
            same = [letter for letter in letters if letter.kind == kind]
            if digest := self.letters.digest(same, locale):
                await chat.send(digest)
                continue
            for letter in same:
                try:
                    message = await self.letters.compose(letter, locale)
                except Exception:  # what cannot be read must not end the chat
                    log.exception("outbox no. %d (%s) cannot be shown", letter.id, letter.kind)
                    continue
                if message:
                    await chat.send(marked(message, letter, locale))

    def _chat(self, screen: Screen) -> TerminalChat:
        return TerminalChat(self.buttons, self.actor.id, screen, self.state / "files")

    async def _serve(self, line: str, chat: TerminalChat) -> None:
        text = line.strip()
        if not text:
            return
        try:
            language = await self.languages.of(self.actor.id, self.hint)
            request = Request(self.actor, chat, language, name="")
            if text.isdecimal() and len(text) < 10:
                await self._tap(int(text), chat, request)
            else:
                await self._command(text, chat, request)
        except OrchestratorError as error:
            await chat.send(problem(error, self.catalogues.locale("en")))
        finally:
            await chat.settle()

    async def _tap(self, number: int, chat: TerminalChat, request: Request) -> None:
        button = chat.button(number)
        if button is None:
            if await self.router.talk(replace(request, text=str(number))):
                return
            _ = self.catalogues.locale(request.language).gettext
            await chat.send(Message(esc("❔ " + _("There is no button {n}.").format(n=number))))
            return
        button_id, message_id = button
        tap = Request(request.actor, chat, request.language, name="", message_id=message_id)
        notice, taken = await self.router.press(button_id, tap)
        if taken:
            await self.router.handle(taken)
        else:
            await chat.send(Message(esc(notice)))

    async def _command(self, text: str, chat: TerminalChat, request: Request) -> None:
        name = self.router.command_of(text)
        rest = ""
        if name is None and text.startswith("/"):
            name, rest = [*text[1:].split(maxsplit=1), "", ""][:2]
        if not name and not text.startswith("/") and await self.router.talk(replace(request, text=text)):
            return
        if not name:
            _ = self.catalogues.locale(request.language).gettext
            await chat.send(Message(esc("❔ " + _("Commands begin with a slash: /help lists them."))))
            return
        await self.router.handle(Request(request.actor, chat, request.language, name, rest))


async def _lines(stdin: TextIO) -> AsyncGenerator[str | None]:
    if not _is_pipe(stdin):
        while line := await asyncio.to_thread(stdin.readline):
            yield line.rstrip("\n")
        return
    # A thread that waits for a pipe could not be ended, and would keep a stopped program from leaving.
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, stdin)
    try:
        while raw := await reader.readline():
            yield raw.decode("utf-8", "replace").rstrip("\n")
    finally:
        transport.close()


def _is_pipe(stream: TextIO) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except OSError:  # io.UnsupportedOperation: not a file at all
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


async def _each(lines: Sequence[str | None]) -> AsyncGenerator[str | None]:
    for line in lines:
        yield line


async def _finish(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        _done, pending = await asyncio.wait(tasks, timeout=LEAVE_WITHIN_S)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=LEAVE_WITHIN_S)


def _private(path: Path) -> Path:
    """What was typed may hold secrets: only its owner reads it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600, exist_ok=True)
    return path
