"""Every text is translated, and every translation is of a text: Babel's own extraction is the judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import orchestrator.bot
from orchestrator.bot.language import LANGUAGES

SOURCE = Path(orchestrator.bot.__file__).parent
TRANSLATED = [language for language in LANGUAGES if language != "en"]
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
FIELD = re.compile(r"\{(\w*)\}")

MsgId = str | tuple[str, str]


@cache
def used() -> dict[MsgId, str]:
    """Message id -> where it is used first."""
    found: dict[MsgId, str] = {}
    for file, line, message, _comments, _context in extract_from_dir(
        str(SOURCE), method_map=[("**.py", "python")], keywords=dict(KEYWORDS)
    ):
        found.setdefault(message if isinstance(message, str) else (message[0], message[1]), f"{file}:{line}")
    return found


@cache
def catalogue(language: str) -> Catalog:
    with (SOURCE / "locale" / f"{language}.po").open("rb") as po:
        return read_po(po, locale=language, abort_invalid=True)


def translated(language: str) -> dict[MsgId, Message]:
    return {(m.id if isinstance(m.id, str) else (m.id[0], m.id[1])): m for m in catalogue(language) if m.id}


def test_the_sources_have_texts() -> None:
    assert len(used()) > 100
    assert "🖥 Hosts" in used()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    entries = translated(language)
    missing = {text: where for text, where in used().items() if text not in entries or not entries[text].string}
    assert missing == {}
    assert [text for text in entries if text not in used()] == []
    assert [message.id for message in entries.values() if message.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_fields_agree(language: str) -> None:
    for message in translated(language).values():
        singulars = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        assert len(strings) == (1 if isinstance(message.id, str) else catalogue(language).num_plurals)
        wanted = set(FIELD.findall(singulars[-1]))
        for text in strings:
            assert set(FIELD.findall(text)) == wanted, message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_texts_begin_and_end_alike(language: str) -> None:
    """Emoji, usage brackets and spaces at the ends are layout, not language."""
    for message in translated(language).values():
        ids = message.id if isinstance(message.id, str) else message.id[0]
        strings = message.string if isinstance(message.string, str) else message.string[0]
        assert ids.strip() == ids
        assert strings.strip() == strings
        if not ids[0].isascii() and ids[0] != "…":
            assert strings[0] == ids[0]
