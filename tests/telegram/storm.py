"""A process that takes in alerts and tells them, to be killed: ``python -m tests.telegram.storm DB URL TOKEN LISTEN``.

On LISTEN it takes what Alertmanager posts, with the token "storm". Times are as short as the tests'; rates are
Telegram's own.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from pydantic import SecretStr

from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.model import AlertGroup
from orchestrator.alerts.receive import Receiver
from orchestrator.bot.language import Catalogues, Languages, Locale
from orchestrator.bot.letters import Letters
from orchestrator.bot.message import Message
from orchestrator.bot.redact import Redactor
from orchestrator.bot.render import alerts
from orchestrator.bot.router import Router
from orchestrator.bot.telegram.application import TelegramFace
from orchestrator.bot.telling import DIGESTS
from orchestrator.monitor.alerting import WATCHDOG
from orchestrator.monitor.server import serving
from orchestrator.settings import ChatTarget
from orchestrator.store import Buttons, Database, Inbox, Letter, Outbox, Preferences
from tests.telegram.emulator import ANN
from tests.telegram.face import QUICK

GROUP = -1001234
TOKEN = "storm"


async def main(file: Path, url: str, token: str, port: int) -> None:
    """Run until killed."""
    database = await Database.open(file)
    outbox = Outbox(database, [ChatTarget(GROUP), ChatTarget(ANN.id)])
    book = AlertBook(database, outbox, lambda *_: None)
    buttons, catalogues = Buttons(database), Catalogues()
    face = TelegramFace(
        token=SecretStr(token),
        api_url=url,
        allowed=frozenset({ANN.id}),
        router=Router([], {}, buttons, catalogues),
        languages=Languages(Preferences(database), None),
        catalogues=catalogues,
        inbox=Inbox(database),
        outbox=outbox,
        targets=lambda: outbox.targets,
        letters=Letters({"alert": _alert}, DIGESTS),
        buttons=buttons,
        redactor=Redactor(),
        pace=QUICK,
    )
    receiver = Receiver(book, TOKEN, watchdog=WATCHDOG, heard=lambda: None, believed=lambda _: True)
    async with serving(("127.0.0.1", port), receiver.routes):
        await face.run(asyncio.Event())


async def _alert(letter: Letter, locale: Locale) -> Message:
    return alerts.alert(AlertGroup.from_json(letter.payload), locale, known=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
