"""ansible.builtin.copy: a file, a text or a tree from here, or with ``remote_src`` from the host itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pydantic import field_validator, model_validator

from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.delivery import Content, DeliveryArguments, deliver, kept_mode
from orchestrator.playbook.modules.fields import Flag, Mode, Words
from orchestrator.playbook.modules.ownership import compiled
from orchestrator.playbook.modules.remotecopy import copy_there
from orchestrator.playbook.modules.tree import deliver_tree


class CopyArguments(DeliveryArguments):
    """Those of ansible.builtin.copy."""

    src: Words | None = None
    content: Any = None
    directory_mode: Mode | None = None
    remote_src: Flag = False
    local_follow: Flag | None = None
    checksum: Words | None = None
    decrypt: Flag = True

    @field_validator("directory_mode")
    @classmethod
    def _known_directory_mode(cls, mode: int | str | None) -> int | str | None:
        compiled(mode)
        return mode

    @model_validator(mode="after")
    def _one_source(self) -> CopyArguments:
        if not self.src and self.content is None:
            raise ValueError("src (or content) is required")
        if self.src and self.content is not None:
            raise ValueError("src and content are mutually exclusive")
        if self.content is not None and self.dest.endswith("/"):
            raise ValueError("can not use content with a dir as dest")
        return self


class Copy(Module[CopyArguments]):
    """Compares by checksum, and sends only what differs."""

    name = "ansible.builtin.copy"
    arguments = CopyArguments

    async def run(self, arguments: CopyArguments, target: Target) -> Result:
        """Raises TaskFailed."""
        if arguments.content is not None:
            return await deliver(Content.of(_encoded(arguments.content)), arguments, target)
        assert arguments.src is not None
        if arguments.remote_src:
            return await copy_there(
                arguments.src,
                arguments,
                target,
                local_follow=bool(arguments.local_follow),
                directory_mode=compiled(arguments.directory_mode),
            )
        path = target.find("files", arguments.src.rstrip("/") or "/")
        try:
            if path.is_dir():
                return await deliver_tree(
                    path,
                    arguments.src.endswith("/"),
                    arguments,
                    target,
                    reveal=target.reveal if arguments.decrypt else None,
                    follow_here=arguments.local_follow is not False,
                    directory_mode=compiled(arguments.directory_mode),
                )
            return await self._file(path, arguments, target)
        except OSError as error:
            raise TaskFailed(f"could not read src={path}: {error.strerror}") from None

    async def _file(self, path: Path, arguments: CopyArguments, target: Target) -> Result:
        content = await asyncio.to_thread(Content.of_file, path, target.reveal if arguments.decrypt else None)
        if arguments.checksum and arguments.checksum != content.sha1:
            msg = "Copied file does not match the expected checksum. Transfer failed."
            raise TaskFailed(msg, checksum=content.sha1, expected_checksum=arguments.checksum)
        return await deliver(
            content,
            arguments,
            target,
            mode=kept_mode(arguments.mode, path),
            directory_mode=compiled(arguments.directory_mode),
        )


def _encoded(content: Any) -> bytes:
    """What ``content`` writes: lists and mappings as JSON, all else as text."""
    text = json.dumps(content) if isinstance(content, dict | list) else str(content)
    return text.encode("utf-8", "surrogateescape")


MODULE = Copy()
