"""A process that takes alerts in, and dies between a commit and its answer: ``receiving FOLDER PORT COMMITS``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from orchestrator.alerts.book import AlertBook
from orchestrator.alerts.model import Alert
from orchestrator.alerts.receive import Receiver
from orchestrator.alerts.token import webhook_token
from orchestrator.monitor.server import serving
from orchestrator.store import Database, Outbox


class Mortal(AlertBook):
    """Kills its process once it has committed so often."""

    left: float

    async def receive(self, alerts: Iterable[Alert]) -> int:
        changed = await super().receive(alerts)
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return changed


async def main(folder: Path, port: int, commits: float) -> None:
    database = await Database.open(folder / "state" / "db")
    book = Mortal(database, Outbox(database), lambda *_: None)
    book.left = commits
    token = webhook_token(folder / "state" / "alerts-token")
    receiver = Receiver(book, token, watchdog="Watchdog", heard=lambda: None, believed=lambda _: True)
    async with serving(("127.0.0.1", port), receiver.routes):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
