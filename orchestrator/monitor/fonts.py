"""Which letters can be drawn. A letter that no font has would come out as a box, with a warning on the log."""

from __future__ import annotations

from functools import cache

LATIN = "DejaVu Sans"  # comes with matplotlib
CHINESE = ("Noto Sans CJK TC", "Noto Sans TC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "AR PL UMing TW")


@cache
def families() -> tuple[str, ...]:
    """Names of the fonts to draw with: one for Latin letters, and one for Chinese where it is installed.

    The first call reads all fonts of the machine where matplotlib has not yet: seconds.
    """
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return LATIN, *[name for name in CHINESE if name in installed][:1]


def can_draw(text: str) -> bool:
    """True when every letter of `text` is in one of the fonts."""
    return all(ord(letter) in _letters() for letter in text)


def drawable(text: str) -> str:
    """`text` with a question mark for each letter that cannot be drawn."""
    return "".join(letter if ord(letter) in _letters() else "?" for letter in text)


@cache
def _letters() -> frozenset[int]:
    from matplotlib import font_manager

    letters: set[int] = set()
    for family in families():
        path = font_manager.findfont(font_manager.FontProperties(family=family), fallback_to_default=False)
        letters.update(font_manager.get_font(path).get_charmap())
    return frozenset(letters)
