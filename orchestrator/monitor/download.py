"""Downloading one file: bounded, continued where it was interrupted, by one process at a time."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

_LARGEST = 256 << 20
_PATIENCE_S = 30.0
_WITHIN_S = 900.0
_LOOK_AGAIN_S = 0.2


class DownloadError(Exception):
    """The file could not be had; the text is one line that says why."""


@contextlib.asynccontextmanager
async def alone(path: Path) -> AsyncIterator[IO[bytes]]:
    """`path`, open for adding to it, while nobody else on this machine does; waits for whoever does now.

    Raises OSError, and DownloadError when somebody else takes more than 15 minutes.
    """
    for _ in range(int(_WITHIN_S / _LOOK_AGAIN_S)):
        with path.open("ab") as file:
            if _locked(file, path):
                yield file
                return
        await asyncio.sleep(_LOOK_AGAIN_S)
    raise DownloadError(f"somebody else has been at {path} for {_WITHIN_S / 60:.0f} minutes")


def _locked(file: IO[bytes], path: Path) -> bool:
    """True once we alone have `file`, which somebody else may have finished and moved away meanwhile."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


async def download(url: str, partial: IO[bytes]) -> None:
    """Add to `partial`, which may hold a beginning of it, the rest of what is at `url`.

    Proxies are taken from the environment (``https_proxy``, ``no_proxy``), as curl(1) does. At most 256 MiB,
    15 minutes, and 30 seconds without a byte. Raises DownloadError, and OSError for `partial`.
    """
    import httpx  # 0.1 s to import

    try:
        async with (
            asyncio.timeout(_WITHIN_S),
            httpx.AsyncClient(follow_redirects=True, timeout=_PATIENCE_S, max_redirects=5) as client,
        ):
            await _receive(client, url, partial)
    except TimeoutError:
        raise DownloadError(f"not there within {_WITHIN_S / 60:.0f} minutes") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # ValueError: a proxy nobody can speak to
        raise DownloadError(" ".join(str(error).split()) or type(error).__name__) from error
    await asyncio.to_thread(_sync, partial)


async def _receive(client: httpx.AsyncClient, url: str, partial: IO[bytes]) -> None:
    have = partial.seek(0, os.SEEK_END)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    async with client.stream("GET", url, headers=headers) as answer:
        if have and answer.status_code == 416:
            return  # all of it was there: whoever knows its checksum judges it
        if have and answer.status_code != 206:
            partial.truncate(0)
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            if partial.seek(0, os.SEEK_END) + len(piece) > _LARGEST:
                partial.truncate(0)
                raise DownloadError(f"it is larger than {_LARGEST >> 20} MiB")
            await asyncio.to_thread(partial.write, piece)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
