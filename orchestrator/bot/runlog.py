"""A playbook's run as it is told: its story so far, and all of it as text for a file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from orchestrator.bot.message import Document
from orchestrator.fleet.clean import clean
from orchestrator.playbook.events import Ended, Event, PlayStarted, TaskEnded
from orchestrator.playbook.story import Story
from orchestrator.playbook.transcript import Line, play_lines, recap_lines, task_lines

LOG_LIMIT = 10_000_000  # characters of the file with the whole run


class RunLog:
    """A run's story, and all of it as text for the file beside the recap."""

    def __init__(self) -> None:
        self.story = Story()
        self._lines: list[str] = []
        self._room = LOG_LIMIT
        self._began = datetime.now(UTC)

    def tell(self, event: Event) -> None:
        """Take the next event and write down what it brought."""
        story = self.story
        story.tell(event)
        match event:
            case PlayStarted():
                self._add(play_lines(event))
            case TaskEnded():
                self._add(task_lines(story.tasks[-1]))
                story.tasks[-1].slim()
            case Ended():
                self._add(recap_lines(event))
            case _:
                pass

    def document(self, name: str) -> Document:
        """All of it as a file."""
        text = "\n".join(self._lines)
        if self._room <= 0:
            text += "\n[… the rest is left out …]"
        return Document(f"{name.rpartition('.')[0] or name}-{self._began:%Y%m%d-%H%M%S}.txt", text.encode())

    def _add(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if self._room > 0:
                self._lines.append(clean(line.text))
                self._room -= len(line.text)
