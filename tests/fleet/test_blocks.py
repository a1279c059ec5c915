"""Addresses as they are said, and what hosts answer about those that they drop."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bot.language import Catalogues
from orchestrator.bot.render.blocking import blocked
from orchestrator.errors import UsageError
from orchestrator.fleet import BlockState, behind, is_private, parse_duration, parse_network, said
from orchestrator.fleet.blocks import argument, read_block, read_blocks, read_unblock
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer
from orchestrator.inventory import HostSet
from orchestrator.inventory.model import Host

KEPT = ("kept", "cb007109:32")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9/32 ", "203.0.113.9"),
        ("203.0.113.9/24", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9/120", "203.0.113.0/24"),
        ("2001:DB8::7", "2001:db8::7"),
        ("2001:db8:7:8::/48", "2001:db8:7::/48"),
    ],
)
def test_an_address_as_it_is_said(text: str, wanted: str) -> None:
    assert said(parse_network(text)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "web1", "203.0.113", "203.0.113.9.5", "3405803785", "0xcb.0.113.9", "203.0.113.009"),
        *(
            "203.0.113.9 203.0.113.10",
            "203.0.113.0/33",
            "203.0.113.0-9",
            "203.0.113.9;id",
            "fe80::1%eth0",
            "\u0661.1.1.1",
        ),
        *("0.0.0.0/0", "::/0", "203.0.0.0/16", "203.0.112.0/23", "2001:db8::/47", "::ffff:203.0.113.9/100"),
        *("127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"),
        *("::ffff:127.0.0.1", "::ffff:0.0.0.0", "\u0661.1.1.1"),
    ],
)
def test_what_is_no_address_to_block(text: str) -> None:
    with pytest.raises(UsageError):
        parse_network(text)


@given(st.ip_addresses(), st.integers(24, 128))
def test_the_host_is_told_exactly_what_was_said(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int
) -> None:
    try:
        network = parse_network(f"{address}/{min(bits, address.max_prefixlen)}")
    except UsageError:
        return
    digits, _, length = argument(network).partition(":")
    told = ipaddress.ip_network((bytes.fromhex(digits), int(length)))
    assert told == network
    assert parse_network(said(network)) == network


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_misuse(text: str) -> None:
    try:
        network = parse_network(text)
    except UsageError:
        return
    assert network.num_addresses <= (1 << 8 if network.version == 4 else 1 << 80)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 1800), ("90s", 90), ("15m", 900), ("15min", 900), ("1H", 3600), ("30d", 2592000)]
)
def test_a_length_of_time(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1h", "31d", "1w", "h", "1 h", "1e3", "9999999d", "\u0661h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


def test_private_addresses() -> None:
    private = ("10.0.0.1", "172.31.0.0/24", "192.168.1.1", "100.64.0.1", "169.254.1.1", "fd00::1", "fe80::1")
    assert all(is_private(parse_network(text)) for text in private)
    assert not any(
        is_private(parse_network(text)) for text in ("203.0.113.9", "172.32.0.1", "100.128.0.1", "2001:db8::1")
    )


def test_who_is_behind_a_jump_host() -> None:
    gate = Host("gate", "192.0.2.1")
    inner = Host("inner", "10.0.0.5", jump=gate)
    deep = Host("deep", "10.0.1.5", jump=inner)
    named = Host("named", "db.example", jump=gate)
    through = behind([gate, inner, deep, named])
    assert [str(each) for each in through(gate)] == ["10.0.0.5/32", "10.0.1.5/32"]
    assert [str(each) for each in through(inner)] == ["10.0.1.5/32"]
    assert through(deep) == ()


def test_a_block_counts_when_the_host_says_so_afterwards() -> None:
    network, wider = parse_network("203.0.113.9"), parse_network("203.0.113.0/24")
    began, timed, lasting = ("began", "5"), ("block", "203.0.113.9", "59"), ("block", "203.0.113.9", "-")

    def blocked(seconds: int | None, *lines: tuple[str, ...]) -> BlockState:
        return read_block("web1", network, seconds, Frame((began, *lines))).state

    assert blocked(60, timed) is BlockState.DONE
    assert blocked(None, lasting, KEPT) is BlockState.DONE
    assert blocked(None, lasting) is BlockState.UNKNOWN
    assert blocked(60, lasting) is BlockState.FAILED
    assert blocked(60) is BlockState.FAILED
    assert blocked(60, ("more", "7")) is BlockState.UNKNOWN
    assert blocked(60, ("refused", "it is a gateway of the host")) is BlockState.REFUSED
    assert read_block("web1", wider, 60, Frame((began, timed))).state is BlockState.FAILED

    def lifted(said_so: str, *lines: tuple[str, ...]) -> BlockState:
        return read_unblock("web1", network, Frame((began, ("lifted", said_so), *lines))).state

    assert lifted("yes") is BlockState.DONE
    assert lifted("no") is BlockState.ABSENT
    assert lifted("yes", timed) is BlockState.FAILED
    assert lifted("yes", ("block", "203.0.113.0/24", "-")) is BlockState.FAILED


def test_what_others_lifted_is_named() -> None:
    answer = read_blocks("web1", Frame((("block", "203.0.113.10", "59"), KEPT)))
    assert ([block.address for block in answer.blocks], answer.lapsed) == (["203.0.113.10"], ("203.0.113.9",))
    hosts = HostSet([Host("web1", "192.0.2.1")])
    for language in ("en", "zh_TW"):
        assert "203.0.113.9" in blocked([answer], hosts, Catalogues().locale(language)).html.splitlines()[-1]
    assert read_blocks("web1", Frame((("more", "7"), KEPT))).lapsed == (), "it may be among those left out"


@pytest.mark.parametrize(
    "line",
    [
        ("block", "web1", "5"),
        ("block", "203.0.113.9", "soon"),
        ("block", "203.0.113.9"),
        ("block", "203.0.113.9/24", "5"),
        ("kept", "203.0.113.9"),
        ("kept", "cb007109:33"),
        ("kept", "cb0071:24"),
        ("kept", "cb007109:8"),
        ("kept", "zz007109:32"),
        ("more", "-1"),
        ("rumour", "x"),
    ],
)
def test_an_answer_that_is_none(line: tuple[str, ...]) -> None:
    with pytest.raises(UnreadableAnswer):
        read_blocks("web1", Frame((line,)))
