"""What a face shows: a message, its buttons, a document. No face's own types appear here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NO_ARGS: Mapping[str, str] = MappingProxyType({})

TEXT_LIMIT = 4096  # UTF-16 units after the markup is taken away (Bot API, sendMessage)
CAPTION_LIMIT = 1024  # the same of the text under a picture (Bot API, sendPhoto)


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message. A tap on it is the `verb` with `args`.

    `lifetime` is in seconds; `personal`: only whoever the message answers may tap it; `once`: the first tap on any
    `once` button of the message uses up all of them.
    """

    label: str
    verb: str
    args: Mapping[str, str] = field(default_factory=lambda: NO_ARGS)  # a mapping proxy is no default before 3.12
    lifetime: float = 7 * 86400.0
    personal: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A file: `name` with its ending, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A message: `html` in the subset of Telegram (b, i, u, s, code, pre, a, blockquote with `expandable`), everything
    from a host or a person already escaped, at most `TEXT_LIMIT` long as shown.

    `buttons` are rows, top to bottom; `document` goes after the text; `silent` messages make no sound. A `picture`
    (PNG) stands above the text, then at most `CAPTION_LIMIT` long; a message has one or none for all its edits.
    """

    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    document: Document | None = None
    silent: bool = True
    keyboard: tuple[tuple[str, ...], ...] = field(default=())
    picture: Document | None = None
