"""What the chat wants changed in the inventory, as a value: typed in one line, or put together in a conversation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Self

import yaml

from orchestrator.errors import InventoryError, Refused, UsageError
from orchestrator.inventory import Host, Inventory
from orchestrator.inventory.edit import Edit, Editor
from orchestrator.inventory.names import is_host_name

SECRETS = ("password", "passwd", "pass", "secret", "token")
MOST_WORDS = 40
NAME_LIMIT = 64

Verb = Literal["add", "set", "remove"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_PORT = re.compile(r"(?P<address>[^:\[\]]+|\[[^\[\]]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class HostChange:
    """An edit about one host: `variables` to give it (None takes one away), and for a new host its `groups`."""

    verb: Verb
    name: str
    variables: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    groups: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """For the audit, with everything that is changed."""
        told = [f"{name}={'' if value is None else value}" for name, value in self.variables.items()]
        told += [f"groups={','.join(self.groups)}"] if self.groups else []
        what = {"add": f"Add {self.name} to", "set": f"Set {self.name} in", "remove": f"Remove {self.name} from"}
        return " ".join((what[self.verb], "the inventory", *([f"({' '.join(told)})"] if told else [])))

    def work_out(self, editor: Editor) -> Edit:
        """The edit, proven by reading it back. Raises InventoryError, UnknownHost and UsageError; reads files."""
        try:
            match self.verb:
                case "add":
                    given = {name: value for name, value in self.variables.items() if value is not None}
                    return editor.add(self.name, given, self.groups)
                case "set":
                    return editor.set(self.name, self.variables)
                case "remove":
                    return editor.remove(self.name)
        except InventoryError as error:
            ours = f"of {self.name} " in error.what or any(repr(group) in error.what for group in self.groups)
            if not ours:
                raise
            # It is about what was asked for, which stands in no line of the file.
            raise UsageError(error.what, remedy=error.remedy) from None

    def with_words(self, words: Sequence[str]) -> Self:
        """With ``NAME=VALUE`` words added. Raises UsageError for other words, and Refused for secrets."""
        change = self
        for word in words:
            change = change.with_value(*_split(word))
        return change

    def with_value(self, name: str, text: str) -> Self:
        """With one variable, or `groups`, as typed; an empty text takes it away. Raises UsageError and Refused."""
        if name in ("group", "groups"):
            if self.verb != "add":
                raise UsageError("groups are changed in the file", remedy="Edit inventory/hosts.yml.")
            return replace(self, groups=tuple(dict.fromkeys(part for part in text.split(",") if part)))
        if any(word in name.lower() for word in SECRETS):
            raise Refused(
                "a chat keeps what is written into it, so no passwords here",
                remedy="Use: orchestrator inventory set, with ansible-vault.",
            )
        if name == "address" and (match := _PORT.fullmatch(text)):
            variables = {"address": match["address"].strip("[]"), "port": int(match["port"])}
        else:
            variables = {name: typed_value(text)}
        return replace(self, variables={**self.variables, **variables})


def parse_line(verb: Verb, text: str) -> HostChange:
    """``NAME [ADDRESS] [NAME=VALUE ...]`` as typed after a command; the name is empty when nothing was typed."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise UsageError("a quote is not closed") from None
    if len(words) > MOST_WORDS:
        raise UsageError("too many words")
    change = HostChange(verb, words[0] if words else "")
    rest = words[1:]
    if verb == "add" and rest and "=" not in rest[0]:
        change, rest = change.with_value("address", rest[0]), rest[1:]
    return change.with_words(rest)


def typed_value(text: str) -> Any:
    """A value as YAML reads it, text stays text; None for nothing."""
    try:
        value = yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        value = text
    return value if isinstance(value, bool | int | float | None) else text


def refuse_name(name: str, inventory: Inventory) -> None:
    """Raise UsageError for what should not become a host's name."""
    taken = name in inventory.hosts or name in inventory.groups or name == inventory.server.name
    if taken:
        raise UsageError(f"{name} is in the inventory already", remedy="Choose another name, or use /host_set.")
    if not is_host_name(name) or len(name) > NAME_LIMIT:
        raise UsageError(
            f"{name[:NAME_LIMIT]!r} cannot be the name of a host", remedy="Use letters, digits, '.', '-' and '_'."
        )


def described(host: Host) -> Mapping[str, str]:
    """What a form shows of a host, by field; empty for what is not set."""
    groups = [group for group in host.groups if group not in ("all", "ungrouped")]
    return {
        "address": host.address,
        "port": str(host.port),
        "user": host.user or "",
        "groups": ", ".join(groups),
        "jump": host.jump.name if host.jump else "",
    }


def _split(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"{word[:60]!r} is not NAME=VALUE", remedy="Example: port=2222 user=ops groups=web")
    return name, value
