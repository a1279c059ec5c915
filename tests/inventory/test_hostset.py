"""Laws of host sets and of folded names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inventory import Host, HostSet, fold, unfold
from orchestrator.inventory.ranges import expand

# Names that resemble one another enough to fold, padding and several numbers included.
NAMES = st.from_regex(r"(web|db|r[0-9]{1,2}-n)[0-9]{0,4}(\.[a-z]{2}[0-9]?)?", fullmatch=True)
SETS = st.lists(st.builds(lambda name: Host(name, "10.0.0.1"), NAMES), max_size=12).map(HostSet)


@given(st.lists(NAMES | st.from_regex(r"[\w.@+:-]+", fullmatch=True)))
def test_unfold_is_the_inverse_of_fold(names: list[str]) -> None:
    spelled = fold(names)
    assert sorted(unfold(spelled)) == sorted(set(names))
    assert fold(unfold(spelled)) == spelled


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ("", ""),
        ("web1", "web1"),
        ("web1 web2 web3 web7 db1", "web[1-3,7] db1"),
        ("web3 web1 web2", "web[1-3]"),
        ("web08 web09 web10 web11", "web[08-11]"),
        ("web8 web9 web10", "web[8-10]"),
        ("web098 web099 web100", "web[098-100]"),
        ("web1 web01 web2", "web[1,01,2]"),
        ("a9 a09 a10", "a[9,09-10]"),
        ("10.0.0.1 10.0.0.2 10.0.0.9", "10.0.0.[1-2,9]"),
        ("web1.dc2 web2.dc2", "web[1-2].dc2"),
        ("r1n1 r1n2 r2n1 r2n2", "r1n[1-2] r2n[1-2]"),
        ("1 2 3", "[1-3]"),
        ("web0 web00", "web[0,00]"),
        ("web1 web1", "web1"),
    ],
)
def test_spellings(names: str, folded: str) -> None:
    assert fold(names.split()) == folded


@pytest.mark.parametrize("text", ["web[1-x]", "web[", "web]1", "[[1]]", "web[]", "web[1-999999999]"])
def test_what_is_not_folded_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|more than"):
        unfold(text)


@given(SETS, SETS, SETS)
def test_the_algebra_of_sets_holds(a: HostSet, b: HostSet, c: HostSet) -> None:
    assert a | b == b | a
    assert a & b == b & a
    assert (a | b) & c == (a & c) | (b & c)
    assert a - (b | c) == (a - b) - c
    assert (a - b) | (a & b) == a
    assert not (a - b) & b
    assert hash(a | b) == hash(b | a)
    assert len(a | b) == len(a) + len(b - a)


@given(SETS, SETS)
def test_order_is_the_left_operands(a: HostSet, b: HostSet) -> None:
    assert (a | b).names[: len(a)] == a.names
    assert list((a & b).names) == [name for name in a.names if name in b]
    assert list((a - b).names) == [name for name in a.names if name not in b]


def test_members() -> None:
    first, second, other = Host("web1", "10.0.0.1"), Host("web2", "10.0.0.2"), Host("web1", "10.9.9.9")
    hosts = HostSet([first, second, other])
    assert (hosts["web1"], hosts[0], hosts[-1]) == (first, first, second)
    assert list(hosts) == [first, second]
    assert first in hosts
    assert "web2" in hosts
    assert other not in hosts
    assert 7 not in hosts
    assert repr(hosts) == "HostSet('web[1-2]')"
    assert hosts != HostSet([other, second])
    assert not HostSet()
    with pytest.raises(KeyError):
        hosts["web9"]
    with pytest.raises(IndexError):
        hosts[2]


def test_a_host_is_the_same_while_it_is_reached_the_same_way() -> None:
    before = Host("web1", "10.0.0.1", groups=("web",), vars={"a": 1}, labels={"b": "2"})
    assert before == Host("web1", "10.0.0.1")
    assert hash(before) == hash(Host("web1", "10.0.0.1"))
    assert before != Host("web1", "10.0.0.1", jump=Host("gate", "192.0.2.1"))


@pytest.mark.parametrize(
    ("text", "names", "port"),
    [
        ("web[1:3]", "web1 web2 web3", None),
        ("web[08:12:2]", "web08 web10 web12", None),
        ("db-[a:c]", "db-a db-b db-c", None),
        ("db[y:B]", "dby dbz dbA dbB", None),
        ("r[1:2]n[a:b]", "r1na r1nb r2na r2nb", None),
        ("web[:2]", "web0 web1 web2", None),
        ("web[1:2]:2222", "web1 web2", 2222),
        ("[2001:db8::1]:22", "2001:db8::1", 22),
        ("2001:db8::[1:2]", "2001:db8::1 2001:db8::2", None),
        ("web1", "web1", None),
    ],
)
def test_ranges(text: str, names: str, port: int | None) -> None:
    assert expand(text) == (names.split(), port)
