from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet import clean, clean_line


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("plain text\n\tindented\n", "plain text\n\tindented\n"),
        ("繁體中文 ✔ 👩\u200d💻", "繁體中文 ✔ 👩\u200d💻"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never ended\nnext line", "\nnext line"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1b(Bx", "x"),
        ("\x1bcx", "x"),
        ("a\x1b", "a"),
        ("a\x1b[", "a"),
        ("a\r\nb\r\r\nc\rd", "a\nb\nc\nd"),
        ("10%\r20%\r", "10%\n20%\n"),
        ("a\x00b\x07c\x08d\x7fe", "abcde"),
        ("access\u202e\u2066 level\u2069", "access level"),
        ("line\u2028separator\x85next", "line\nseparator\nnext"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("lone \ud83d surrogate", "lone \ufffd surrogate"),
        ("\x1b\x1b[31m[31mnested", "[31mnested"),
        ("\x1b\u202e[31mx", "[31mx"),
    ],
)
def test_clean(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b[]\\P\x9b\x07;0m\u202e\u200b\r\n"))))
def test_nothing_that_could_act_is_left(text: str) -> None:
    shown = clean(text)
    assert clean(shown) == shown
    shown.encode()
    assert not {unicodedata.category(char) for char in shown if char not in "\n\t"} & {"Cc", "Cs"}
    assert not any(
        unicodedata.bidirectional(char) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
        for char in shown
    )


@given(st.text(), st.integers(1, 50))
def test_a_line_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert line.splitlines() in ([line], [])


@pytest.mark.parametrize("piece", ["\x1b", "\x1b[", "\x1b]", "\x1b]0;x", "\x1bP", "\r", "\x1b[0;", "\u202e"])
def test_time_is_linear(piece: str) -> None:
    began = time.perf_counter()
    clean(piece * 200_000)
    assert time.perf_counter() - began < 20
