"""Which log a host's logins could be followed in, found out without following it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.model import Host
from orchestrator.logins.follow import AUTO, Ask, Ways
from orchestrator.logins.framing import Frames, Note, Source, Trouble
from orchestrator.ssh import NoConnection

WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class LogSource:
    """The `name` of the log: ``journal``, a file's in /var/log, or a path; empty where there is none, and `why`. Or why
    it is not the log that one would think."""

    name: str = ""
    why: str = ""


async def log_source(ways: Ways, ask: Ask, host: Host) -> LogSource:
    """Begin to follow, and stop as soon as the host says in what. Never raises for what a host does."""
    frames, note = Frames(), ""
    try:
        async with asyncio.timeout(WITHIN_S), ways.follow(host, ask(host.login_log or AUTO, "none", "now")) as flow:
            while data := await flow.read(WITHIN_S):
                for record in frames.feed(data):
                    if isinstance(record, Note):
                        note = record.text[:500]
                    if isinstance(record, Source):
                        return LogSource(record.name, note)
                    if isinstance(record, Trouble):
                        return LogSource(why=record.text[:500])
    except NoConnection as error:
        return LogSource(why=error.detail)
    except OrchestratorError as error:
        return LogSource(why=str(error))
    except TimeoutError:
        return LogSource(why=f"no answer within {WITHIN_S:g} s")
    return LogSource(why="the host ended it")
