"""A configuration that is written by us until somebody edits it, and in force only once its own tool has judged it.

The first line carries the checksum of the rest. As long as it fits, the file is ours to write anew; an edited one is
kept as it is. What the program reads is a copy beside it, made when the check succeeded: a bad edit leaves the old one
in force.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from orchestrator.errors import OrchestratorError

log = logging.getLogger(__name__)

T = TypeVar("T")

CHECK_WITHIN_S = 20.0
MOST_SAID = 300
MOST_EDITS = 5  # while it is judged

_FIRST = "# Written by the orchestrator, and kept as you leave it once you edit it. Checksum: "


class ConfigurationError(OrchestratorError, ValueError):
    """A program of ours cannot work with its configuration; `where` is the file."""

    exit_status: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Kept:
    """The file that people edit, the copy that is `in_force`, and who says in one line what is wrong with a file.

    `adapt` gives what the copy says instead, if it is not the same.
    """

    source: Path
    in_force: Path
    judge: Callable[[Path], Awaitable[str]]
    adapt: Callable[[str], str] = str

    async def put_in_force(self, body: str) -> str:
        """Write `body`, or keep an edited file, and put it in force if it is good.

        Returns in one line why the one before stays in force, which is logged, too; empty when it does not. Raises
        ConfigurationError when there is none before.
        """
        try:
            await asyncio.to_thread(write_ours, self.source, body)
            text, problem = await steadily(
                lambda: self.source.read_text(encoding="utf-8"), lambda: self.judge(self.source)
            )
            if problem:
                remedy = "Mend it, or delete it to have it written anew"
                raise ConfigurationError(problem, where=str(self.source), remedy=remedy)
            await asyncio.to_thread(replace, self.in_force, self.adapt(text))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot be used: {error}", where=str(self.source)) from None
        except ConfigurationError as error:
            if not self.in_force.exists():
                raise
            log.error("%s. The configuration before it stays in force", error)
            return str(error)
        return ""


async def steadily(read: Callable[[], T], judge: Callable[[], Awaitable[str]]) -> tuple[T, str]:
    """What `read` gives, and what `judge` has against just that: it may be edited while it is judged, and what nobody
    has judged must not come into force. Raises what both raise.
    """
    found = await asyncio.to_thread(read)
    for _ in range(MOST_EDITS):
        problem, before = await judge(), found
        if (found := await asyncio.to_thread(read)) == before:
            return found, problem
    return found, "it is edited faster than it can be checked"


def marked(body: str) -> str:
    """`body` under the line by which we know it again."""
    return f"{_FIRST}{_checksum(body)}\n{body}"


def is_ours(text: str) -> bool:
    """True for what `marked` gave, unless somebody edited it since."""
    first, _, body = text.partition("\n")
    return first.startswith(_FIRST) and first.removeprefix(_FIRST).strip() == _checksum(body)


def write_ours(path: Path, body: str) -> None:
    """Write `body` to a file that is missing, or still ours. Raises OSError, and UnicodeDecodeError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = None
    if text is None or (is_ours(text) and text != marked(body)):
        replace(path, marked(body))


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 - atomic, as rename(2) is


async def judged(program: Path, *arguments: str | Path) -> str:
    """What promtool or amtool has against what it was asked to check, on one line; empty when it is good."""
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"{program.name} did not judge it within {CHECK_WITHIN_S:g} s"
    if process.returncode == 0:
        return ""
    text = said.decode("utf-8", "replace")
    text = text.partition("FAILED:")[2] or text
    return re.sub(r"\s+", " ", text).strip()[:MOST_SAID] or f"{program.name} ends with {process.returncode}"


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
