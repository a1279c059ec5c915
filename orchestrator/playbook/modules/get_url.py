"""``get_url``: a file that the host downloads itself."""

from __future__ import annotations

import re
import time
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from orchestrator.playbook.modules.base import Answer, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.download import FETCH, DownloadArguments, downloadable, is_url, masked, request
from orchestrator.playbook.modules.fields import Flag, Words
from orchestrator.playbook.modules.library import library
from orchestrator.playbook.modules.ownership import FileArguments, common, described, written

GET_URL = library("get_url", FETCH, tidy=True)
_ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_CHECKSUMS_LIMIT = 4 << 20
_BSD_LINE = re.compile(r"\w+ ?\((?P<path>.+)\) ?= (?P<digest>[\w.]+)")
_GNU_LINE = re.compile(r"(?P<digest>[\w.]+)\s+[*]?(?P<path>.+)")


class GetUrlArguments(DownloadArguments, FileArguments):
    """As Ansible's ``get_url``."""

    url: Words
    dest: Words
    force: Flag = False
    backup: Flag = False
    checksum: Words = ""

    @field_validator("url")
    @classmethod
    def _fetchable(cls, url: str) -> str:
        return downloadable(url)

    @model_validator(mode="after")
    def _known_checksum(self) -> Self:
        if self.checksum:
            algorithm, colon, digest = self.checksum.partition(":")
            if not colon or algorithm not in _ALGORITHMS:
                raise ValueError(
                    f"checksum is <algorithm>:<checksum or URL>, the algorithm one of {', '.join(_ALGORITHMS)}"
                )
            if is_url(digest):
                downloadable(digest)
            else:
                hexadecimal(digest)
        return self


def hexadecimal(digest: str) -> str:
    """`digest` without what people paste along with it. Raises ValueError for what is no checksum."""
    plain = re.sub(r"\W+", "", digest).lower()
    if not re.fullmatch(r"[0-9a-f]+", plain):
        raise ValueError("The checksum format is invalid")
    return plain


class GetUrl(Module[GetUrlArguments]):
    """``ansible.builtin.get_url``. One exchange, two if the checksum is to be downloaded as well."""

    name = "ansible.builtin.get_url"
    arguments = GetUrlArguments

    async def run(self, arguments: GetUrlArguments, target: Target) -> Result:
        """As `Module.run`."""
        began = time.monotonic()
        algorithm, _, checksum = arguments.checksum.partition(":")
        if is_url(checksum):
            checksum = await _look_up(checksum, arguments, target)
        answer = await target.sh(
            GET_URL,
            "get_url",
            **{**common(arguments, target), "backup": arguments.backup},
            **request(arguments.url, arguments),
            dest=arguments.dest,
            force=arguments.force,
            algorithm=algorithm,
            checksum=hexadecimal(checksum) if checksum else "",
        )
        keys = _keys(arguments, answer, int(time.monotonic() - began))
        try:
            written(answer)
        except TaskFailed as failure:
            keys.pop("msg")
            raise TaskFailed(failure.msg, **keys) from None
        return Result(answer.flag("changed"), keys)


def _keys(arguments: GetUrlArguments, answer: Answer, elapsed: int) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "url": masked(arguments.url),
        "dest": answer.get("path") or arguments.dest,
        "elapsed": elapsed,
        **described(answer),
    }
    if answer.get("there") == "modified":
        return keys | {"status_code": 304, "msg": "HTTP Error 304: Not Modified"}
    keys |= {"checksum_src": answer.get("checksum_src") or None, "checksum_dest": answer.get("checksum_dest") or None}
    if answer.get("there") == "exists":
        but = " but file attributes changed" if answer.flag("changed") else ""
        return keys | {"msg": f"file already exists{but}"}
    keys |= {name: answer.get(name) for name in ("src", "md5sum", "backup_file", "response") if answer.has(name)}
    if answer.get("status").isdigit():
        keys["status_code"] = int(answer.get("status"))
    return keys | {"msg": f"OK ({answer.get('length') or 'unknown'} bytes)"}


async def _look_up(url: str, arguments: GetUrlArguments, target: Target) -> str:
    """The checksum of what is downloaded, from the list at `url`. Raises TaskFailed."""
    answer = await target.sh(
        GET_URL, "get_text", **common(arguments, target), **request(url, arguments), limit=_CHECKSUMS_LIMIT
    )
    written(answer)
    name = urlsplit(arguments.url).path.rpartition("/")[2] or "index.html"
    found = "" if answer.truncated else find_checksum(answer.stdout.decode("utf-8", "replace"), name)
    try:
        return hexadecimal(found)
    except ValueError:
        raise TaskFailed(f"Unable to find a checksum for file '{name}' in '{masked(url)}'") from None


def find_checksum(listing: str, name: str) -> str:
    """The checksum of the file `name` in a list as sha256sum (GNU or BSD) prints it, or a lone one; empty if none."""
    lines = listing.splitlines()
    if len(lines) == 1 and len(lines[0].split()) == 1:
        return lines[0].strip()
    for line in lines:
        match = _BSD_LINE.fullmatch(line) or _GNU_LINE.fullmatch(line)
        if match and match["path"].lstrip("./") == name:
            return match["digest"]
    return ""


MODULE = GetUrl()
