"""What names and patterns mean beyond Ansible's rules, and what a person reads when they mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UnknownHost, UsageError
from orchestrator.inventory import Inventory, load
from tests.inventory.conftest import Write

HOSTS = """
web:
  hosts:
    web[1:3]:
    Agent1: {address: 10.0.0.9}
db:
  hosts:
    db1: {address: 10.0.0.2}
    db2: {address: 10.0.0.2}
    v6: {address: "2001:db8::9"}
none:
"""


@pytest.fixture
def inventory(write: Write) -> Inventory:
    return load(write({"hosts.yml": HOSTS}))


@pytest.mark.parametrize(
    ("pattern", "folded"),
    [
        ("10.0.0.9", "Agent1"),
        ("10.0.0.9:9100", "Agent1"),
        ("Agent1:9100", "Agent1"),
        ("2001:db8::9", "v6"),
        ("[2001:db8::9]:9100", "v6"),
        ("10.0.0.2", "db[1-2]"),
        ("web:!10.0.0.9", "web[1-3]"),
        ("db,&10.0.0.2:9100", "db[1-2]"),
        ("Server", "Server"),
        ("Server:9100", "Server"),
        ("Server,web1", "Server web1"),
        ("all:!Server", "web[1-3] Agent1 db[1-2] v6"),
        ("all:!none", "web[1-3] Agent1 db[1-2] v6"),
        (" web1 , db1 ", "web1 db1"),
        ("web[0]", "web1"),
        ("web[-1]", "Agent1"),
        ("web[1:2]", "web[2-3]"),
        ("!web", "db[1-2] v6"),
    ],
)
def test_patterns(pattern: str, folded: str, inventory: Inventory) -> None:
    assert inventory.select(pattern).folded == folded


def test_a_limit_leaves_what_both_mean_in_the_patterns_order(inventory: Inventory) -> None:
    assert inventory.select("db2,db1,web1", limit="db").names == ("db2", "db1")
    assert inventory.select("Server,web1", limit="Server").names == ("Server",)


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("web9", "web9 is not in the inventory. Did you mean web, web3 or web2?"),
        ("agent2", "agent2 is not in the inventory. Did you mean Agent1?"),
        ("sever", "sever is not in the inventory. Did you mean Server?"),
        ("localhost", "localhost is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("web,!nosuch", "nosuch is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("web,&10.0.0.7", "10.0.0.7 is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("web[9]", "web[9] is beyond the 4 hosts of web"),
        ("x*", "x* is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("web:&db", "web:&db leaves no host. See who is in a pattern with: orchestrator hosts PATTERN."),
        ("none", "none leaves no host. See who is in a pattern with: orchestrator hosts PATTERN."),
        ("10.0.0.9:9101", "10.0.0.9:9101 is not in the inventory. See all hosts with: orchestrator hosts all."),
    ],
)
def test_what_means_nothing_is_an_error_never_an_empty_answer(pattern: str, error: str, inventory: Inventory) -> None:
    with pytest.raises(UnknownHost) as caught:
        inventory.select(pattern)
    assert str(caught.value) == error


def test_a_limit_that_leaves_nothing_is_an_error(inventory: Inventory) -> None:
    with pytest.raises(UnknownHost, match=r"^web limited to db leaves no host\."):
        inventory.select("web", limit="db")


@pytest.mark.parametrize("pattern", ["", "  ", ",", ":", " , "])
def test_an_empty_pattern_is_not_all(pattern: str, inventory: Inventory) -> None:
    with pytest.raises(UsageError, match="^no hosts are named. Name a host, a group, or all.$"):
        inventory.select(pattern)


@pytest.mark.parametrize("pattern", ["~(", "~web(?P<", "~*"])
def test_a_broken_expression_is_named(pattern: str, inventory: Inventory) -> None:
    with pytest.raises(UsageError, match="is not a regular expression"):
        inventory.select(pattern)


@pytest.mark.parametrize("pattern", ["!", "&", "web,!", "~", "[0]", "!&web", "web[", "[", "*[", "web[1-3]"])
def test_crippled_patterns_never_mean_more_than_they_say(pattern: str, inventory: Inventory) -> None:
    with pytest.raises((UnknownHost, UsageError)):
        inventory.select(pattern)


def test_no_hosts_yet() -> None:
    with pytest.raises(UnknownHost, match="^the inventory has no hosts yet. Run: orchestrator inventory add NAME"):
        Inventory().select("all")
    assert Inventory().select("Server").names == ("Server",)


@pytest.mark.parametrize("name", ["Agent1", "10.0.0.9", "Agent1:9100", "10.0.0.9:9100"])
def test_one_host_by_name_or_address(name: str, inventory: Inventory) -> None:
    assert inventory.host(name).name == "Agent1"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("web", "web is a group. Name one host of it: web1, web2, web3, Agent1"),
        ("none", "none is a group without hosts. See all hosts with: orchestrator hosts all."),
        ("all", "all means 7 hosts. Name one of them."),
        ("web*", "web* means 4 hosts. Name one of them."),
        ("web1,web2", "web1,web2 means 2 hosts. Name one of them."),
        ("~web[12]", "~web[12] means 2 hosts. Name one of them."),
        ("web[0]", "web[0] is a pattern. Did you mean web1?"),
        ("web:&db", "web:&db is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("wbe1", "wbe1 is not in the inventory. Did you mean web1?"),
        ("web1,wbe2", "web1,wbe2 is not in the inventory. Did you mean web2 or web1?"),
        ("x*", "x* is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("", " is not in the inventory. See all hosts with: orchestrator hosts all."),
        ("~(", "~( is not in the inventory. See all hosts with: orchestrator hosts all."),
    ],
)
def test_one_host_is_never_a_pattern(name: str, error: str, inventory: Inventory) -> None:
    with pytest.raises(UnknownHost) as caught:
        inventory.host(name)
    assert str(caught.value) == error


def test_a_large_group_is_not_listed_whole(write: Write) -> None:
    inventory = load(write({"hosts.yml": "web: {hosts: {'web[1:5000]': }}\n"}))
    with pytest.raises(UnknownHost, match=r"^web is a group\. Name one host of it: web1, web2, web3, web4, web5, …$"):
        inventory.host("web")
    with pytest.raises(UnknownHost, match=r"^all means 5,000 hosts\. Name one of them\.$"):
        inventory.host("all")


def test_all_of_nothing_is_not_one_host(write: Write) -> None:
    with pytest.raises(UnknownHost, match=r"^all is a group without hosts\. "):
        load(write({"hosts.yml": "all:\n"})).host("all")


def test_an_address_of_two_hosts_is_not_one_host(inventory: Inventory) -> None:
    with pytest.raises(UnknownHost, match=r"^10\.0\.0\.2 is the address of db\[1-2\]\. Say which of them by name\.$"):
        inventory.host("10.0.0.2")


def test_a_host_named_like_a_group_is_the_host(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("[db]\ndb\ndb1\n")
    assert load(tmp_path).select("db").names == ("db",)
