"""Bounded output: whatever the pieces, the same bytes are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ssh.capture import Capture


@given(st.lists(st.binary(max_size=40), max_size=40), st.integers(0, 120))
def test_head_and_tail_are_kept_and_the_rest_counted(pieces: list[bytes], limit: int) -> None:
    whole = b"".join(pieces)
    capture = Capture(limit)
    for piece in pieces:
        capture.feed(piece)
    assert capture.size == len(whole)
    assert capture.truncated is (len(whole) > limit)
    if len(whole) <= limit:
        assert capture.value == whole
        return
    head, tail = whole[: limit // 2], whole[len(whole) - (limit - limit // 2) :]
    assert capture.value == head + b"\n[... %d bytes left out ...]\n" % (len(whole) - limit) + tail


def test_memory_is_bounded_whatever_arrives() -> None:
    capture = Capture(1000)
    for _ in range(1000):
        capture.feed(b"x" * 32768)
        assert len(capture._head) + len(capture._tail) <= 2000
    assert capture.size == 32_768_000
