"""``prometheus/prometheus.yml``: written by us until somebody edits it, and in force only once promtool has judged it.

The first line carries the checksum of the rest. As long as it fits, the file is ours to write anew; an edited one is
kept as it is. What Prometheus reads is a copy beside it, made when the check succeeded: a bad edit leaves the old one
in force.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
from pathlib import Path
from typing import ClassVar

from orchestrator.errors import OrchestratorError
from orchestrator.monitor.window import SCRAPE_S

log = logging.getLogger(__name__)

NAME = "prometheus.yml"
IN_FORCE = ".in-force.yml"
CHECK_WITHIN_S = 20.0
MOST_SAID = 300

_FIRST = "# Written by the orchestrator, and kept as you leave it once you edit it. Checksum: "

# Targets come with their own address and path (GET /sd), so nothing here changes when hosts do. What a host says is
# passed on packed, so it is here that a host which says too much, or lies about when, is kept from doing harm.
_SNIPPET = """\
  - job_name: orchestrator-hosts
    honor_timestamps: false
    body_size_limit: 64MB
    sample_limit: 100000
    label_limit: 64
    label_value_length_limit: 4096
    http_sd_configs:
      - url: http://{address}/sd
        refresh_interval: 5s
  - job_name: orchestrator
    static_configs:
      - targets: ["{address}"]
"""


class ConfigurationError(OrchestratorError, ValueError):
    """Prometheus cannot work with its configuration; `where` is the file."""

    exit_status: ClassVar[int] = 2


def snippet(listen: tuple[str, int]) -> str:
    """What to put under ``scrape_configs`` of a Prometheus so that it scrapes through us."""
    return _SNIPPET.format(address=spelled(listen))


def spelled(listen: tuple[str, int]) -> str:
    """``127.0.0.1:8002``, ``[::1]:8002``."""
    address, port = listen
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def generated(listen: tuple[str, int]) -> str:
    """The whole file as we write it. `listen` is where our ``/sd`` and ``/metrics`` are."""
    body = f"global:\n  scrape_interval: {SCRAPE_S}s\n  scrape_timeout: 10s\n\nscrape_configs:\n{snippet(listen)}"
    return f"{_FIRST}{_checksum(body)}\n{body}"


async def put_in_force(folder: Path, listen: tuple[str, int], promtool: Path) -> Path:
    """Write, or keep, the configuration in `folder`, check it, and put it in force; returns the file to start with.

    A bad one is logged, and the last good one stays in force; raises ConfigurationError when there is none.
    """
    source, in_force = folder / NAME, folder / IN_FORCE
    try:
        await asyncio.to_thread(_write_ours, source, listen)
        if problem := await _judge(promtool, source):
            raise ConfigurationError(problem, where=str(source), remedy="Mend it, or delete it to have it written anew")
        await asyncio.to_thread(_replace, in_force, source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be used: {error}", where=str(source)) from None
    except ConfigurationError as error:
        if not in_force.exists():
            raise
        log.error("%s. The configuration before it stays in force", error)
    return in_force


def _write_ours(path: Path, listen: tuple[str, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = generated(listen)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = None
    if text is None or (_is_ours(text) and text != wanted):
        _replace(path, wanted)
    elif not _is_ours(text) and f"http://{spelled(listen)}/sd" not in text:
        log.warning("%s does not scrape our hosts. Add this to its scrape_configs:\n%s", path, snippet(listen))


def _is_ours(text: str) -> bool:
    first, _, body = text.partition("\n")
    return first.startswith(_FIRST) and first.removeprefix(_FIRST).strip() == _checksum(body)


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 - atomic, as rename(2) is


async def _judge(promtool: Path, source: Path) -> str:
    """What promtool has against a file, on one line; empty when it is good."""
    process = await asyncio.create_subprocess_exec(
        promtool,
        "check",
        "config",
        source,
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
        return f"promtool did not judge it within {CHECK_WITHIN_S:g} s"
    if process.returncode == 0:
        return ""
    text = said.decode("utf-8", "replace").partition("FAILED:")[2] or said.decode("utf-8", "replace")
    return re.sub(r"\s+", " ", text).strip()[:MOST_SAID] or f"promtool ends with {process.returncode}"
