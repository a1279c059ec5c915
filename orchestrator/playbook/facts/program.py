"""What is read on the host to know it: one program, and its answer taken apart.

Nearly everything is a file, and one `grep` prints them all, each line behind its file's name; what else is asked is
printed in sections behind a mark that no content can guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from secrets import token_hex

from orchestrator.playbook.modules.accounts import EXPAND
from orchestrator.playbook.modules.base import Target, TaskFailed
from orchestrator.playbook.modules.library import library

_LIMIT = 8 << 20

PROGRAM = library("facts", EXPAND, tidy=True)


@dataclass(frozen=True, slots=True)
class Needs:
    """What to ask a host: `parts` of the program, `files` to print, `paths` to look for, `links` to read; patterns."""

    parts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def __or__(self, other: Needs) -> Needs:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Needs(*(tuple(dict.fromkeys(ours + theirs)) for ours, theirs in pairs))


@dataclass(frozen=True, slots=True)
class Answers:
    """What a host said. Text is whatever it liked: bounded in size, undecodable bytes replaced, never trusted."""

    sections: tuple[tuple[str, str], ...] = ()
    files: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()

    def section(self, name: str) -> str:
        """The text of the section `name`; empty when there is none."""
        return next((text for found, text in self.sections if found == name), "")

    def lines(self, path: str) -> list[str]:
        """The lines of the file `path`; none when it could not be read."""
        return self.files.get(path, [])

    def content(self, path: str) -> str | None:
        """The file's text without white space at its ends; None when it has none or could not be read."""
        return "\n".join(self.lines(path)).strip() or None

    def below(self, prefix: str) -> set[str]:
        """The names in the folder `prefix` (ending with a slash) of which a file or link was read."""
        seen = (path[len(prefix) :].split("/", 1)[0] for path in (*self.files, *self.links) if path.startswith(prefix))
        return set(seen)


async def gather(target: Target, needs: Needs, *, fact_path: str | None, patience: int) -> Answers:
    """Ask for `needs`: one exchange. `patience` in seconds bounds what may hang. Raises TaskFailed for nonsense."""
    mark = f"@{token_hex(8)}"
    answer = await target.sh(
        PROGRAM,
        "facts_gather",
        limit=_LIMIT,
        mark=mark,
        parts=" ".join(needs.parts),
        files=" ".join(needs.files),
        paths=" ".join(needs.paths),
        links=" ".join(needs.links),
        fact_path=fact_path,
        patience=patience,
    )
    sections = tuple(_sections(answer.stdout.decode("utf-8", "replace"), mark))
    if answer.truncated or not sections or sections[-1][0] != "end":
        raise TaskFailed("the host's facts came incomplete", rc=answer.rc)
    told = dict(sections)
    return Answers(sections, _files(told["files"]), _links(told["links"]), frozenset(told["paths"].split("\n")))


def _sections(text: str, mark: str) -> Iterable[tuple[str, str]]:
    for part in text.split(f"\n{mark} ")[1:]:
        name, _, body = part.partition("\n")
        yield name, body


def _files(text: str) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    current = ""
    for line in text.split("\n"):
        path, colon, content = line.partition(":")
        if colon and path != current:  # one that comes again, because two patterns found it, begins anew
            current, files[path] = path, []
        if colon:
            files[path].append(content)
    return files


def _links(text: str) -> dict[str, str]:
    """From ``ls -l``: what is no link leads to itself."""
    links = {}
    for line in text.split("\n"):
        source, _, goal = line.partition(" -> ")
        slash = source.find(" /")
        if slash >= 0:
            links[source[slash + 1 :]] = goal
    return links
