"""The real Telegram face over real HTTP, with a few commands of the tests' own."""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues, Languages
from orchestrator.bot.letters import Letters
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.redact import Redactor
from orchestrator.bot.router import CommandSpec, Router
from orchestrator.bot.telegram.application import TelegramFace
from orchestrator.bot.telegram.pace import Pace
from orchestrator.settings import ChatTarget
from orchestrator.store import Buttons, Database, Inbox, Outbox, Preferences
from tests.telegram.emulator import ANN, MEI, Telegram

PNG = b"\x89PNG\r\n\x1a\n"
# Everything that is waited for, shortened; what is measured keeps its proportions.
QUICK = Pace(
    poll=1.0, answer=2.0, first_pause=0.05, longest_pause=0.2, wedged_after=5.0, shown=2.0, keep=60.0, drain=1.0
)


def picture_of(text: str) -> Message:
    """A message with a picture (no real one: nobody looks at it here) that has its text in it."""
    button = Button("again", "again")
    return Message(html.escape(text), ((button,),), picture=Document("a.png", PNG + text.encode()))


class Commands:
    """Commands that only talk. `ran` is what ran, in order; `hold` keeps /wait waiting, once it is `waiting`."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.requests: list[Request] = []
        self.hold = asyncio.Event()
        self.waiting = asyncio.Event()

    def router(self, buttons: Buttons, catalogues: Catalogues) -> Router:
        """A router of them."""
        handlers = {
            "echo": self.echo,
            "agents": self.echo,
            "ask": self.ask,
            "wait": self.wait,
            "file": self.file,
            "count": self.count,
            "same": self.same,
            "late": self.late,
            "huge": self.huge,
            "picture": self.picture,
            "crash": self.crash,
        }
        specs = [CommandSpec(name, f"Does {name}", "", run, name == "agents") for name, run in handlers.items()]
        return Router(
            specs, {"yes": self.yes, "open": self.yes, "stop": self.stop, "again": self.again}, buttons, catalogues
        )

    def note(self, request: Request) -> None:
        """Remember that a request ran."""
        self.ran.append(f"{request.name} {request.text}".strip())
        self.requests.append(request)

    async def echo(self, request: Request) -> None:
        """Say the text back as it is: markup too."""
        self.note(request)
        await request.chat.send(Message(request.text or "nothing"))

    async def ask(self, request: Request) -> None:
        """Ask with one button for the asker, once, and one for all."""
        self.note(request)
        buttons = (
            (Button("Yes", "yes", {"n": "1"}, personal=True, once=True), Button("No", "yes", personal=True, once=True)),
            (Button("Open", "open"),),
        )
        await request.chat.send(Message("Sure?", buttons))

    async def yes(self, request: Request) -> None:
        """Edit the asking message."""
        self.note(request)
        assert request.message_id is not None
        await request.chat.edit(request.message_id, Message(f"did {request.name} {dict(request.args or {})}"))

    async def wait(self, request: Request) -> None:
        """Run until released, stopped or cancelled."""
        self.note(request)
        shown = await request.chat.send(Message("running", ((Button("Stop", "stop"),),)))
        self.waiting.set()
        try:
            await self.hold.wait()
        except asyncio.CancelledError:
            await request.chat.edit(shown, Message("cancelled: the outcome is unknown"))
            raise
        await request.chat.edit(shown, Message("done"))

    async def stop(self, request: Request) -> None:
        """Release /wait."""
        self.note(request)
        self.hold.set()

    async def file(self, request: Request) -> None:
        """Answer with a document."""
        self.note(request)
        await request.chat.send(Message("see the file", document=Document("all.txt", request.text.encode())))

    async def count(self, request: Request) -> None:
        """Edit a message many times, as fast as it goes."""
        self.note(request)
        total = int(request.text)
        stop = ((Button("Stop", "stop"),),)
        shown = await request.chat.send(Message("0", stop))
        for number in range(1, total):
            await request.chat.edit(shown, Message(str(number), stop))
            await asyncio.sleep(0.02)
        await request.chat.edit(shown, Message(f"{total} of {total}"))

    async def same(self, request: Request) -> None:
        """Edit a message to what it shows already."""
        shown = await request.chat.send(Message("same"))
        await request.chat.edit(shown, Message("same"))

    async def late(self, request: Request) -> None:
        """Wait to be released, then say something and correct it twice."""
        self.note(request)
        await self.hold.wait()
        shown = await request.chat.send(Message("1 of 2"))
        await request.chat.edit(shown, Message("2 of 2"))
        self.note(request)

    async def huge(self, request: Request) -> None:
        """Answer with a document that Telegram would not take."""
        await request.chat.send(Message("see", document=Document("all.txt", bytes(50_000_001))))

    async def picture(self, request: Request) -> None:
        """Answer with a picture that can be changed."""
        await request.chat.send(picture_of(request.text))

    async def again(self, request: Request) -> None:
        """Change the picture."""
        assert request.message_id is not None
        await request.chat.edit(request.message_id, picture_of("another"))

    async def crash(self, request: Request) -> None:
        """Fail with a secret in the error."""
        raise RuntimeError(f"POST https://api.telegram.org/bot{request.text}/sendMessage failed")


class Running:
    """A face that runs, and what is needed to look into it."""

    def __init__(
        self, face: TelegramFace, commands: Commands, database: Database, outbox: Outbox, stop: asyncio.Event
    ) -> None:
        self.face = face
        self.commands = commands
        self.database = database
        self.outbox = outbox
        self.preferences = Preferences(database)
        self.chats: list[ChatTarget] = []
        self.stop = stop
        self.task = asyncio.create_task(face.run(stop))

    @property
    def ran(self) -> list[str]:
        """What ran, in order."""
        return self.commands.ran


@asynccontextmanager
async def serving(
    tg: Telegram,
    folder: Path,
    *,
    allowed: frozenset[int] = frozenset({ANN.id, MEI.id}),
    pace: Pace = QUICK,
    redactor: Redactor | None = None,
    now: Callable[[], float] = time.time,
    targets: Sequence[ChatTarget] = (),
    administrators: Sequence[ChatTarget] = (),
    letters: Letters | None = None,
) -> AsyncIterator[Running]:
    """Run a face against `tg`, with its database in `folder`; at the end it is stopped and must end well."""
    database = await Database.open(folder / "orchestrator.db")
    buttons, catalogues, commands = Buttons(database), Catalogues(), Commands()
    outbox, chats = Outbox(database, targets, administrators), list(dict.fromkeys((*targets, *administrators)))
    face = TelegramFace(
        token=SecretStr(tg.token),
        api_url=tg.url,
        allowed=allowed,
        router=commands.router(buttons, catalogues),
        languages=Languages(Preferences(database), None),
        catalogues=catalogues,
        inbox=Inbox(database),
        outbox=outbox,
        targets=lambda: chats,
        letters=letters or Letters({}, {}),
        buttons=buttons,
        redactor=redactor or Redactor(),
        pace=pace,
        now=now,
    )
    stop = asyncio.Event()
    running = Running(face, commands, database, outbox, stop)
    running.chats = chats
    try:
        yield running
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.wait([running.task])
        await database.close()
    running.task.result()
