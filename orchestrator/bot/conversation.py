"""What a command handler sees of the person it answers: the same in Telegram and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.bot.message import Message
from orchestrator.control import Actor


class Chat(Protocol):
    """Where answers go. Neither method raises because the far side is away: the face retries within its own rules."""

    async def send(self, message: Message) -> int:
        """Show a new message; returns its id in this chat."""

    async def edit(self, message_id: int, message: Message) -> None:
        """Replace a message's text and buttons; a `document` is sent as a reply to it.

        Edits of the same message may be merged: only the last of a burst is sure to be seen.
        """


@dataclass(frozen=True, slots=True)
class Request:
    """A command typed or a button tapped.

    `name` is the command without its slash, or the button's verb; `text` what followed the command, unparsed; `args`
    the button's arguments; `message_id` the message whose button was tapped. `language` is ``en`` or ``zh_TW``.
    `chat_id`, `user_id` are Telegram's numbers (0 on the terminal).
    """

    actor: Actor
    chat: Chat
    language: str
    name: str
    text: str = ""
    args: Mapping[str, str] | None = None
    message_id: int | None = None
    user_id: int = 0
    chat_id: int = 0
    topic_id: int | None = None
