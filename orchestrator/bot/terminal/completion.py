"""Completion at the prompt: commands, then hosts and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from orchestrator.bot.router import CommandSpec
from orchestrator.inventory import Inventory


class Words(Completer):
    """Completes the command at the start of a line, and the host or group after it where one is wanted."""

    def __init__(self, commands: Sequence[CommandSpec], inventory: Callable[[], Inventory]) -> None:
        self._commands = commands
        self._inventory = inventory

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """What the word before the cursor may become."""
        words = document.text_before_cursor.lstrip().split(" ")
        word = words[-1]
        for candidate in self._candidates(words):
            if candidate.lower().startswith(word.lower()):
                yield Completion(candidate, start_position=-len(word))

    def _candidates(self, words: Sequence[str]) -> list[str]:
        if len(words) == 1:
            return [f"/{command.name}" for command in self._commands] if words[0].startswith("/") else []
        wants_host = any(
            command.usage.startswith("<agent>") for command in self._commands if f"/{command.name}" == words[0].lower()
        )
        if len(words) > 2 or not wants_host:
            return []
        inventory = self._inventory()
        return [*inventory.hosts.names, inventory.server.name, *inventory.groups]
