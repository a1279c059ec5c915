"""What a host sends while its log is followed: into lines with positions, however it is cut, and bounded."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.logins.framing import (
    MAX_LINE,
    Begin,
    CaughtUp,
    Frames,
    Gap,
    Line,
    Record,
    Source,
    Trouble,
    Unreadable,
)

HEAD = b"hostctl\t1\tfollow\n"


def data(content: bytes, length: int = 256) -> bytes:
    return f"data\t{length}\tabc123\t1700000000\t1700000060\n".encode() + base64.encodebytes(content) + b".\n"


def entry(number: int, message: str = "x") -> bytes:
    return json.dumps({"__CURSOR": f"s=a;i={number};x=f", "MESSAGE": message}).encode() + b"\n"


def read(*pieces: bytes, after: str = "") -> list[Record]:
    frames = Frames(after, 5.0)
    return [record for piece in pieces for record in frames.feed(piece)]


FILE = [
    b"motd of a login shell\n" + HEAD + b"source\tauth.log\nzone\t+0800\nfile\t7:100:256:abc123:9:1700000000\n\n",
    data(b"one\ntwo\nthr") + b"\n" + data(b"ee\nlast"),
    b"file\t8:0:256:abc123:10:1700000001\n" + data(b"new\n", 4),
]


def test_lines_of_a_file_know_where_to_go_on() -> None:
    head = "256:abc123:9:1700000000"
    assert read(*FILE) == [
        Source("auth.log"),
        Begin(f"7:100:{head}"),
        Line(b"one", f"7:104:{head}", 1.70000006e9),
        Line(b"two", f"7:108:{head}", 1.70000006e9),
        Line(b"three", f"7:114:{head}", 1.70000006e9),
        Line(b"last", f"7:118:{head}", 1.70000006e9),
        Begin("8:0:256:abc123:10:1700000001"),
        Line(b"new", "8:4:4:abc123:10:1700000000", 1.70000006e9),
    ]


def test_a_file_that_goes_on_under_another_name_goes_on_within_a_line() -> None:
    records = read(FILE[0], data(b"one\ntw"), b"file\t7:106:256:abc123:11:1700000000\n", data(b"o\n"))
    assert [record.data for record in records if isinstance(record, Line)] == [b"one", b"two"]
    assert len([record for record in records if isinstance(record, Begin)]) == 1


def test_when_all_that_was_there_is_read_the_host_says_so() -> None:
    records = read(FILE[0], data(b"one\ntw"), b"live\n", data(b"o\n"))
    assert records[2:] == [
        Line(b"one", "7:104:256:abc123:9:1700000000", 1.70000006e9),
        CaughtUp("7:104:256:abc123:9:1700000000"),
        Line(b"two", "7:108:256:abc123:9:1700000000", 1.70000006e9),
    ]


def test_the_entry_we_have_is_dropped_and_a_missing_one_is_a_gap() -> None:
    start = HEAD + b"source\tjournal\n"
    seen = read(start, entry(1), entry(2), after="s:a,i:1,x:f")
    assert [record.position for record in seen if isinstance(record, Line)] == ["s:a,i:2,x:f"]
    assert not [record for record in seen if isinstance(record, Gap)]
    gone = read(start, entry(2), after="s:a,i:1,x:f")
    assert gone[1:] == [Gap(5.0), Line(entry(2)[:-1], "s:a,i:2,x:f")]
    first = read(start + b"from\tsince:1700000000\n", entry(2), after="s:a,i:1,x:f")
    assert first[1:] == [Begin("since:1700000000"), Line(entry(2)[:-1], "s:a,i:2,x:f")]


def test_a_message_cannot_pretend_to_be_a_cursor() -> None:
    forged = json.dumps({"MESSAGE": '"__CURSOR" : "s=evil;i=1"', "__CURSOR": "s=a;i=3"}).encode() + b"\n"
    (line,) = read(HEAD, forged)
    assert isinstance(line, Line)
    assert line.position == "s:a,i:3"


def test_what_the_host_cannot_do_is_told() -> None:
    assert read(HEAD + b"error\tops may not read /var/log/auth.log; do this\nend\n") == [
        Trouble("ops may not read /var/log/auth.log; do this")
    ]


@given(st.lists(st.integers(0, 400), max_size=12))
def test_it_does_not_matter_how_it_is_cut(cuts: list[int]) -> None:
    whole = b"".join(FILE)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    assert read(*(whole[a:b] for a, b in pairwise(places))) == read(whole)


@given(st.binary(max_size=300))
def test_anything_else_is_refused_or_read_and_never_more(noise: bytes) -> None:
    records: list[Record] = []
    with suppress(Unreadable):
        records = read(HEAD, noise, b"\n")
    assert len(records) <= noise.count(b"\n") + 1


@pytest.mark.parametrize(
    "sent",
    [
        b"source\t../../etc/shadow\n",
        b"file\t1:2:3\n",
        b"from\tsince:99999999999\n",  # with which the host itself would refuse to go on
        b"data\t999\tzz\t1\t1\n",
        b"data\t1\ta\t1\t1\n" + b"!" * 10 + b"\n.\n",
        b"data\t1\ta\t1\t1\n" + b"AAAA\n" * (MAX_LINE // 4 + 1),
        b"data\t1\ta\t1\t1\n" + b"\n" * (MAX_LINE + 1),
        b"x" * (MAX_LINE + 1),
        b'{"MESSAGE":"no cursor"}\n',
    ],
    ids=[
        "source",
        "position",
        "time",
        "sum",
        "base64",
        "endless piece",
        "piece of nothing",
        "endless line",
        "no cursor",
    ],
)
def test_what_hostctl_does_not_send_ends_it(sent: bytes) -> None:
    with pytest.raises(Unreadable):
        read(HEAD, sent)


def test_a_line_too_long_to_keep_is_passed_over() -> None:
    long = read(HEAD, FILE[0].split(HEAD)[1], *[data(b"y" * 300_000) for _ in range(5)], data(b"tail\nnext\n"))
    lines = [record for record in long if isinstance(record, Line)]
    assert [line.data for line in lines] == [b"next"]
    assert lines[0].position.startswith(f"7:{100 + 1_500_000 + 10}:")
    entries = read(HEAD, b'{"MESSAGE":"' + b"z" * MAX_LINE, b'z"}\n', entry(4))
    assert [record.position for record in entries if isinstance(record, Line)] == ["s:a,i:4,x:f"]


def test_an_entry_of_many_mib_is_passed_over_to_its_end() -> None:
    """Any user can write one, and at the same cursor it would come again, for ever."""
    entries = read(HEAD, b'{"MESSAGE":"', *[b"z" * 100_000] * 35, b'z"}\n', entry(4))
    assert [record.position for record in entries if isinstance(record, Line)] == ["s:a,i:4,x:f"]


def test_a_long_line_in_small_pieces_is_looked_at_once() -> None:
    """Nobody else has a turn meanwhile: it took 2 s."""
    frames = Frames()
    sent = HEAD + FILE[0].split(HEAD)[1] + data(b"y" * 700_000) + data(b"y") * 1500
    begun = time.process_time()
    assert not [record for record in frames.feed(sent) if isinstance(record, Line)]
    assert time.process_time() - begun < 0.5
    (line,) = [record for record in frames.feed(data(b"\n")) if isinstance(record, Line)]
    assert line.data == b"y" * 701_500
