"""``unarchive``: a tar or zip archive from here, from the host or from a URL, unpacked on the host if it differs."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from pydantic import Field, model_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Module, Result, Target, TaskFailed, TaskSkipped
from orchestrator.playbook.modules.delivery import AT_ONCE, Content
from orchestrator.playbook.modules.download import FETCH, DownloadArguments, downloadable, masked, request
from orchestrator.playbook.modules.fields import Flag, TextList, Whole, Words, also
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import FileArguments, common, described
from orchestrator.playbook.modules.tree import TREE

UNARCHIVE = library("unarchive", FETCH, TREE, tidy=True)
_LIST_LIMIT = 16 << 20


class UnarchiveArguments(FileArguments):
    """As Ansible's ``unarchive``. `io_buffer_size` is accepted and means nothing here."""

    src: Words
    dest: Words
    remote_src: Flag = False
    copy_: Flag | None = also("copy", default=None)
    creates: Words | None = None
    list_files: Flag = False
    keep_newer: Flag = False
    exclude: TextList = Field(default_factory=list)
    include: TextList = Field(default_factory=list)
    extra_opts: TextList = Field(default_factory=list)
    validate_certs: Flag = True
    decrypt: Flag = True
    io_buffer_size: Whole = 65536

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.copy_ is not None and "remote_src" in self.model_fields_set:
            raise ValueError("copy and remote_src exclude each other")
        if self.include and self.exclude:
            raise ValueError("include and exclude exclude each other")
        if "://" in self.src:
            if not self.is_there:
                raise ValueError("a URL as src needs remote_src: the host downloads it")
            downloadable(self.src)
        return self

    @property
    def is_there(self) -> bool:
        """Whether `src` is the host's to find."""
        return self.remote_src if self.copy_ is None else not self.copy_


class Unarchive(Module[UnarchiveArguments]):
    """``ansible.builtin.unarchive``. In check mode it also tells what a tar would change, which Ansible skips."""

    name = "ansible.builtin.unarchive"
    arguments = UnarchiveArguments

    async def run(self, arguments: UnarchiveArguments, target: Target) -> Result:
        """As `Module.run`. One exchange, two for a large archive from here."""
        content = None if arguments.is_there else await _local(arguments, target)
        variables = _variables(arguments, target, content)
        if content and content.size > AT_ONCE:
            # Whether there is anything to do is asked before much is sent.
            answer = checked(await target.sh(UNARCHIVE, "unarchive", ready=True, **variables))
            if answer.has("skipped"):
                raise TaskSkipped(f"skipped, since {arguments.creates} exists")
            target.progress(f"sending {content.size / 2**20:.1f} MiB")
        stdin = content.data if content else b""
        answer = await target.sh(UNARCHIVE, "unarchive", stdin=stdin, limit=_LIST_LIMIT, ready=False, **variables)
        keys = _keys(arguments, answer)
        checked(answer, **keys)
        if answer.has("skipped"):
            raise TaskSkipped(f"skipped, since {arguments.creates} exists")
        if answer.truncated and arguments.list_files:
            raise TaskFailed(f"the list of files is larger than {_LIST_LIMIT} bytes", **keys)
        differences = answer.get("differences")
        diffs = (Diff(prepared=differences + "\n"),) if target.diff and differences else ()
        return Result(answer.get("changed") != "", keys, diffs)


async def _local(arguments: UnarchiveArguments, target: Target) -> Content:
    path = await asyncio.to_thread(target.find, "files", arguments.src)
    reveal = target.reveal if arguments.decrypt else None
    try:
        content = await asyncio.to_thread(Content.of_file, path, reveal)
    except OSError as error:
        raise TaskFailed(f"could not read {path}: {error.strerror}") from None
    if content.size == 0:
        raise TaskFailed(f"Invalid archive '{path}', the file is 0 bytes")
    return content


def _variables(arguments: UnarchiveArguments, target: Target, content: Content | None) -> dict[str, Any]:
    download = DownloadArguments(validate_certs=arguments.validate_certs)
    return {
        **common(arguments, target),
        **request(arguments.src if "://" in arguments.src else "", download),
        "dest": arguments.dest,
        "src": masked(arguments.src),
        "creates": arguments.creates or "",
        "from": "stdin" if content else "url" if "://" in arguments.src else "host",
        "sha1": content.sha1 if content else None,
        "options": arguments.extra_opts,
        "exclude": arguments.exclude,
        "include": arguments.include,
        "keep_newer": arguments.keep_newer,
        "list_files": arguments.list_files,
    }


def _keys(arguments: UnarchiveArguments, answer: Answer) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "dest": arguments.dest,
        "src": masked(arguments.src),
        **described(answer),
    }
    if answer.has("handler"):
        keys["handler"] = answer.get("handler")
    if answer.has("extract_rc"):
        keys["extract_results"] = {
            "rc": int(answer.get("extract_rc")),
            "out": answer.get("extract_out"),
            "err": answer.get("extract_err"),
        }
    if arguments.list_files:
        names = answer.stdout.decode("utf-8", "surrogateescape").splitlines()
        keys["files"] = [name.removeprefix("/") for name in names]
    return keys


MODULE = Unarchive()
