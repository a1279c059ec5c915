"""Judges a message's HTML as the Bot API does (https://core.telegram.org/bots/api#html-style)."""

from __future__ import annotations

import html
import re

from lo_bot_api_emulator import ApiRefusal

TAGS = {
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "span",
    "tg-spoiler",
    "a",
    "code",
    "pre",
    "blockquote",
}
ALONE = {"code", "pre"}  # hold nothing but text, save <pre><code class="language-x">
TOKEN = re.compile(r"<(?P<close>/?)(?P<tag>[a-zA-Z-]*)(?P<attributes>[^<>]*)>|<|&(?P<entity>#?\w+);")
ENTITIES = {"lt", "gt", "amp", "quot"}


def visible(markup: str) -> str:
    """The text that a reader sees; raises `ApiRefusal` for markup that Telegram would refuse or show wrongly."""
    open_tags: list[str] = []
    for match in TOKEN.finditer(markup):
        if entity := match["entity"]:
            if entity not in ENTITIES and not entity.startswith("#"):
                raise _refusal(f"unknown entity &{entity};", match.start())
        elif match["tag"] is None:
            raise _refusal("unescaped <", match.start())
        elif match["close"]:
            if not open_tags or open_tags.pop() != match["tag"]:
                raise _refusal(f"unmatched end tag </{match['tag']}>", match.start())
        else:
            _judge_start(match, open_tags)
            open_tags.append(match["tag"])
    if open_tags:
        raise _refusal(f"can't find end tag of <{open_tags[-1]}>", len(markup))
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def _judge_start(match: re.Match[str], open_tags: list[str]) -> None:
    tag, attributes = match["tag"], match["attributes"].strip()
    if tag not in TAGS:
        raise _refusal(f'unsupported start tag "{tag}"', match.start())
    if attributes and not (tag == "a" and attributes.startswith("href=")):
        allowed = {"blockquote": "expandable", "span": 'class="tg-spoiler"'}.get(tag)
        if attributes != allowed and not (tag == "code" and attributes.startswith('class="language-')):
            raise _refusal(f"unsupported attribute {attributes}", match.start())
    inside = set(open_tags)
    if inside & ALONE and not (tag == "code" and open_tags[-1] == "pre" and attributes):
        raise _refusal(f"<{tag}> inside <{open_tags[-1]}>", match.start())
    if tag == "blockquote" and tag in inside:
        raise _refusal("<blockquote> inside <blockquote>", match.start())


def _refusal(reason: str, offset: int) -> ApiRefusal:
    return ApiRefusal(f"Bad Request: can't parse entities: {reason} at byte offset {offset}")
