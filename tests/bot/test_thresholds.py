"""``/threshold`` as a person sees it."""

from __future__ import annotations

import pytest

from orchestrator.store.thresholds import FLEET
from tests.bot.conftest import Node
from tests.bot.person import Person

HOSTS = """\
all:
  hosts:
    db1: {address: 192.0.2.9}
  children:
    web:
      hosts:
        web[1:3]: {address: 192.0.2.1}
"""


@pytest.fixture
async def ann(node: Node) -> Person:
    """Somebody with web1 to web3 in a group, and db1."""
    node.folder.mkdir()
    (node.folder / "hosts.yml").write_text(HOSTS)
    await node.refresh()
    return node.person()


async def test_what_is_in_force_and_where_it_comes_from(node: Node, ann: Person) -> None:
    shown = await ann.say("/threshold")
    assert shown.first_line == "🎚 Thresholds · all by default"
    assert "cpu       80% default" in shown.text
    assert "load        2 default" in shown.text
    assert shown.labels == []
    await node.thresholds.set(FLEET, "cpu", 0.7, "local:ops")
    await ann.say("/threshold web cpu 90")
    await ann.say("/threshold web2 cpu 95%")
    shown = await ann.say("/threshold cpu")
    assert shown.text.splitlines()[:4] == [
        "🎚 Thresholds · 3 set",
        "cpu       90% group web × 2",
        "          70% fleet × 1",
        "          95% host web2 × 1",
    ]
    assert shown.labels == ["✖ cpu · fleet · 70%", "✖ cpu · group web · 90%", "✖ cpu · host web2 · 95%"]
    shown = await ann.say("/threshold web1")
    assert "cpu       90% group web" in shown.text
    assert shown.labels == ["✖ cpu · group web · 90%"]


async def test_one_is_set_and_taken_back(node: Node, ann: Person) -> None:
    await ann.say("/threshold web2 cpu 95")
    shown = await ann.say("/threshold web cpu 90")
    assert shown.text.splitlines() == [
        "🎚 cpu · group web · 90%",
        "was 80% (default), 95% (host web2)",
        "web2: own threshold, 95% (host web2)",
        "In force within 20 s.",
    ]
    assert shown.labels == ["Take back", "All thresholds"]
    await ann.tap("Take back")
    shown = ann.last
    assert shown.text.splitlines() == [
        "🎚 cpu · group web · default",
        "was 90% (group web), 95% (host web2)",
        "now 80% (default), 95% (host web2)",
        "In force within 20 s.",
    ]
    await ann.tap("All thresholds")
    shown = ann.last
    assert shown.first_line == "🎚 Thresholds · 1 set"
    await ann.tap("✖ cpu · host web2 · 95%")
    assert [row.metric for row in node.thresholds.rows()] == []
    shown = await ann.say("/threshold web2 cpu default")
    assert "None was set there." in shown.text
    said = [
        row.summary for row in await node.audit.latest(50) if row.kind == "intent" and row.action == "set_threshold"
    ]
    assert said[-1] == "Set the threshold of cpu of host web2 to 95%"
    assert "Set the threshold of cpu of group web to default" in said


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("web cpu 0.9", "'0.9' is out of the range of cpu|0.9 is out of the range of cpu"),
        ("web cpu abc", "'abc' is no threshold of cpu"),
        ("web speed 90", "'speed' has no threshold"),
        ("web9 cpu 90", "web9 is not in the inventory"),
        ("web* cpu 90", "Name one host, a group, or all"),
        ("web cpu 90 now", "too many words"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_remedy(node: Node, ann: Person, text: str, refusal: str) -> None:
    shown = await ann.say(f"/threshold {text}")
    assert any(each in shown.text for each in refusal.split("|"))
    await node.thresholds.refresh()
    assert list(node.thresholds.rows()) == []


async def test_in_chinese(node: Node, ann: Person) -> None:
    await ann.say("/threshold web cpu 90")
    reader = node.person(1002, "zh_TW")
    shown = await reader.say("/threshold web cpu 85")
    assert shown.text.splitlines()[:2] == ["🎚 cpu · 群組 web · 85%", "原為 90% (群組 web)"]
    shown = await reader.say("/threshold")
    assert shown.first_line == "🎚 門檻 · 已設定 1 個"
    shown = await reader.say("/threshold web cpu 5")
    assert "5 超出 cpu 的範圍" in shown.text
    assert "請輸入 10 到 100 的百分比" in shown.text
