"""Copying a folder from here with all that is in it: a survey by checksum, then only what differs, in few exchanges."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.playbook.modules.base import Program, Result, Target, TaskFailed
from orchestrator.playbook.modules.delivery import AT_ONCE, COPY, Content, DeliveryArguments, deliver, kept_mode
from orchestrator.playbook.modules.file import FILE
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import ATTRIBUTES, common, validation, written

TREE = Program("tree", library("tree").text, (COPY, FILE), tidy=True)
_BATCH = 4 * 2**20
"""Bytes of content that go to a host in one exchange."""


@dataclass(slots=True)
class _Tree:
    """What a folder holds, by names relative to where it goes."""

    files: dict[str, Path] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)


async def deliver_tree(
    source: Path,
    inside: bool,
    arguments: DeliveryArguments,
    target: Target,
    *,
    reveal: Callable[[bytes], bytes] | None,
    follow_here: bool,
    directory_mode: str | None,
) -> Result:
    """Copy the folder `source`, or with `inside` only what is in it, into the host's folder ``dest``.

    `follow_here` copies what links of ours point to. `directory_mode` is for folders, new ones and old. Symbolic links
    of the host are followed only when no folder is among what is copied, as Ansible does. Raises TaskFailed, OSError.
    """
    tree = await asyncio.to_thread(_walk, source, "" if inside else f"{source.name}/", follow_here)
    dest = arguments.dest.rstrip("/") + "/"
    arguments = arguments.model_copy(update={"follow": arguments.follow and not tree.folders})
    work = _Delivery(dest, arguments, target, {"directory_mode": directory_mode}, reveal)
    keys: dict[str, Any] = {"dest": dest, "src": f"{source}/" if inside else str(source)}
    changed = False
    if len(tree.files) == 1:
        result = await work.single(*next(iter(tree.files.items())))
        keys, changed = dict(result.keys), result.changed
        work.diffs += result.diffs
    elif tree.files:
        changed = await work.files(tree.files)
    if tree.folders:
        changed |= await work.call("folders", *tree.folders, mode=directory_mode)
    if tree.links:
        pairs = [word for pair in tree.links.items() for word in pair]
        changed |= await work.call("links", *pairs, state="link", force=True, follow=not tree.folders)
    return Result(changed, keys, tuple(work.diffs))


def _walk(source: Path, prefix: str, follow: bool) -> _Tree:
    """`source` as Ansible's copy walks it. Raises TaskFailed, OSError."""
    tree = _Tree()
    _enter(tree, source, prefix, follow, frozenset())
    return tree


def _enter(tree: _Tree, folder: Path, prefix: str, follow: bool, above: frozenset[tuple[int, int]]) -> None:
    status = folder.stat()
    above |= {(status.st_dev, status.st_ino)}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = prefix + entry.name
        if "\n" in name:
            raise TaskFailed(f"cannot copy {entry.path!r}: names with line breaks are not supported")
        if entry.is_symlink() and not (follow and _worth_following(entry, above)):
            tree.links[f"./{name}"] = os.readlink(entry.path)  # noqa: PTH115  the bytes of it, not a Path's idea
        elif entry.is_dir():
            tree.folders.append(f"./{name}")
            _enter(tree, Path(entry.path), f"{name}/", follow, above)
        elif entry.is_file():
            tree.files[f"./{name}"] = Path(entry.path).resolve() if entry.is_symlink() else Path(entry.path)
        else:
            raise TaskFailed(f"cannot copy {entry.path!r}: it is neither a file nor a folder nor a link")


def _worth_following(entry: os.DirEntry[str], above: frozenset[tuple[int, int]]) -> bool:
    """Not into the void, and not up to where we came from."""
    try:
        status = entry.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) or (
        stat.S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) not in above
    )


@dataclass(slots=True)
class _Delivery:
    """One tree on its way to one host."""

    dest: str
    arguments: DeliveryArguments
    target: Target
    more: dict[str, Any]
    reveal: Callable[[bytes], bytes] | None
    diffs: list[Any] = field(default_factory=list)

    async def call(self, function: str, *words: str, stdin: bytes = b"", **parameters: Any) -> bool:
        """Run `function` of ``tree.sh``; whether it changed something."""
        variables = {**common(self.arguments, self.target), "dest": self.dest, **parameters}
        answer = checked(await self.target.sh(TREE, function, *words, stdin=stdin, **variables))
        return answer.flag("changed")

    async def single(self, name: str, path: Path) -> Result:
        """One file by itself: with its diff, or streamed."""
        content = await asyncio.to_thread(Content.of_file, path, self.reveal)
        folder, _, base = name.removeprefix("./").rpartition("/")
        content = Content(content.data, content.sha1, content.md5, content.size, base, content.source)
        arguments = self.arguments.model_copy(update={"dest": f"{self.dest}{folder}/" if folder else self.dest})
        return await deliver(content, arguments, self.target, mode=self._mode(path), **self.more)

    async def files(self, files: dict[str, Path]) -> bool:
        """All of them; whether any changed."""
        contents = await asyncio.to_thread(
            lambda: {name: Content.of_file(path, self.reveal, at_once=0) for name, path in files.items()}
        )
        here = await self._survey(contents)
        same = {name: files[name] for name in contents if name in here and here[name] in (contents[name].sha1, "")}
        changed = await self._adjust(same) if self.arguments.force else False
        different = {name: content for name, content in contents.items() if name not in same}
        if self.target.check and not self.target.diff:
            return changed or bool(different)
        for name in list(different):
            if self.target.diff or different[name].size > AT_ONCE:
                result = await self.single(name, files[name])
                self.diffs += result.diffs
                changed |= result.changed
                del different[name]
        for batch in _batches(different):
            changed |= await self._send(batch, files)
        return changed

    async def _survey(self, contents: dict[str, Content]) -> dict[str, str]:
        """The checksums of what the host has; empty ones, without ``force``, for what is there and stays."""
        force = self.arguments.force
        answer = checked(
            await self.target.sh(
                TREE,
                "survey",
                **{**common(self.arguments, self.target), "dest": self.dest, "force": force},
                stdin="".join(f"{name}\n" for name in contents).encode("utf-8", "surrogateescape"),
                limit=sum(len(name.encode("utf-8", "surrogateescape")) * 2 + 64 for name in contents),
            )
        )
        lines = answer.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]
        return dict(map(_checksum, lines) if force else ((name, "") for name in lines))

    async def _adjust(self, files: dict[str, Path]) -> bool:
        asked = common(self.arguments, self.target)
        if not any(asked[name] for name in ATTRIBUTES) and self.arguments.mode is None:
            return False
        by_mode: dict[str | None, list[str]] = {}
        for name, path in files.items():
            by_mode.setdefault(self._mode(path), []).append(name)
        changed = False
        for mode, names in by_mode.items():
            stdin = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
            changed |= await self.call("adjust_names", stdin=stdin, mode=mode)
        return changed

    async def _send(self, batch: dict[str, Content], files: dict[str, Path]) -> bool:
        words, stdin = [], []
        for name, content in batch.items():
            folder, _, base = name.removeprefix("./").rpartition("/")
            dest = f"{self.dest}{folder}/" if folder else self.dest
            words += [dest, base, content.sha1, str(content.size), self._mode(files[name]) or ""]
            stdin.append(await asyncio.to_thread(content.read))
        variables = {
            **common(self.arguments, self.target),
            "force": self.arguments.force,
            "follow": self.arguments.follow,
            "backup": self.arguments.backup,
            "validate": validation(self.arguments.validate_),
            "withheld": None,
            **self.more,
        }
        answer = written(await self.target.sh(TREE, "copy_many", *words, stdin=b"".join(stdin), **variables))
        return "1" in answer.all("changed")

    def _mode(self, path: Path) -> str | None:
        return kept_mode(self.arguments.mode, path)


def _batches(contents: dict[str, Content]) -> Iterator[dict[str, Content]]:
    batch: dict[str, Content] = {}
    size = 0
    for name, content in contents.items():
        if batch and size + content.size > _BATCH:
            yield batch
            batch, size = {}, 0
        batch[name] = content
        size += content.size
    if batch:
        yield batch


def _checksum(line: str) -> tuple[str, str]:
    """Name and checksum of a line of sha1sum's; GNU's escapes backslashes in names, and marks that by one in front."""
    checksum, _, name = line.partition("  ")
    if checksum.startswith("\\"):
        return name.replace("\\\\", "\\"), checksum[1:]
    return name, checksum
