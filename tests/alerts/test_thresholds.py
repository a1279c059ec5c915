"""Thresholds: what is understood, which one counts, what is served, and what is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.alerts.scales import SCALES
from orchestrator.alerts.thresholds import Asked, Threshold, Thresholds
from orchestrator.errors import OrchestratorError, UnknownHost, UsageError
from orchestrator.inventory import Inventory, load
from orchestrator.inventory.departures import GONE_FOR_S
from orchestrator.store import Database
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind, ThresholdTable

HOSTS = """\
all:
  hosts:
    db1: {address: 192.0.2.9}
  children:
    site:
      children:
        web:
          hosts:
            web1: {address: 192.0.2.1}
            web2: {address: 192.0.2.2}
    aaa:
      hosts:
        web1:
    zzz:
      vars: {ansible_group_priority: 0}
      hosts:
        web1:
"""

WEB = Scope(ScopeKind.GROUP, "web")
WEB1 = Scope(ScopeKind.HOST, "web1")


class Fleet:
    """An inventory that can be edited, and its thresholds."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self.inventory = Inventory()
        self.write(HOSTS)
        self.now = 0.0
        self.thresholds = Thresholds(ThresholdTable(database), lambda: self.inventory, monotonic=lambda: self.now)

    def write(self, text: str) -> None:
        (self._folder / "hosts.yml").write_text(text)
        self.inventory = load(self._folder)

    def of(self, host: str, metric: str = "cpu") -> Threshold:
        return self.thresholds.of(self.inventory.host(host), metric)


@asynccontextmanager
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    folder = tmp_path / "inventory"
    folder.mkdir()
    database = await Database.open(tmp_path / "state" / "orchestrator.db")
    try:
        yield Fleet(folder, database)
    finally:
        await database.close()


async def test_a_host_beats_its_groups_the_deepest_first_and_they_the_fleet(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        assert here.of("web1") == Threshold(0.8, "default")
        rising = [FLEET, *(Scope(ScopeKind.GROUP, name) for name in ("zzz", "aaa", "site", "web")), WEB1]
        for number, scope in enumerate(rising):
            await here.thresholds.set(scope, "cpu", 0.5 + number / 100, "local:ops")
            assert here.of("web1") == Threshold(0.5 + number / 100, str(scope))
        assert here.of("web2").origin == "group web"
        assert here.of("db1").origin == here.of("Server").origin == "fleet"
        assert here.of("web1", "mem") == Threshold(0.85, "default")
        for scope in reversed(rising):
            assert here.of("web1").origin == str(scope)
            assert await here.thresholds.reset(scope, "cpu")
        assert here.of("web1").origin == "default"
        assert not await here.thresholds.reset(WEB1, "cpu")


async def test_groups_rank_as_with_variables(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        folder = tmp_path / "inventory" / "group_vars"
        folder.mkdir()
        for group in ("zzz", "aaa", "site", "web"):
            (folder / f"{group}.yml").write_text(f"strongest: {group}\n")
        for strongest in ("web", "site", "aaa", "zzz"):
            here.write(HOSTS)
            web1 = here.inventory.host("web1")
            assert web1.vars["strongest"] == strongest
            ranked = here.inventory.groups_of(web1)
            assert [group for group in ranked if (folder / f"{group}.yml").exists()][-1] == strongest
            (folder / f"{strongest}.yml").unlink()


async def test_only_what_differs_is_served(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        assert list(here.thresholds.differing()) == []
        await here.thresholds.set(WEB, "cpu", 0.95, "local:ops")
        await here.thresholds.set(WEB1, "cpu", 0.8, "local:ops")
        await here.thresholds.set(FLEET, "load", 4.0, "local:ops")
        assert set(here.thresholds.differing()) == {
            ("web2", "cpu", 0.95),
            *((host, "load", 4.0) for host in ("web1", "web2", "db1", "Server")),
        }


async def test_what_another_process_sets_is_seen_after_a_look(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        other = await Database.open(tmp_path / "state" / "orchestrator.db")
        await Thresholds(ThresholdTable(other), lambda: here.inventory).set(WEB1, "disk", 0.7, "local:ops")
        await other.close()
        assert here.of("web1", "disk").origin == "default"
        await here.thresholds.refresh()
        assert here.of("web1", "disk") == Threshold(0.7, "host web1")


async def test_what_left_the_inventory_has_no_effect_and_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with fleet(tmp_path) as here:
        for scope in (FLEET, WEB, WEB1):
            await here.thresholds.set(scope, "cpu", 0.95, "local:ops")
        here.write("all:\n  hosts:\n    web2: {address: 192.0.2.2}\n")
        assert [row.scope for row in here.thresholds.rows()] == [FLEET]
        assert {host for host, _, _ in here.thresholds.differing()} == {"web2", "Server"}
        await here.thresholds.forget_removed()
        here.now += GONE_FOR_S - 1
        here.write(HOSTS)  # it is back in time
        await here.thresholds.forget_removed()
        assert here.of("web1") == Threshold(0.95, "host web1")
        here.write("all:\n  hosts:\n    web2: {address: 192.0.2.2}\n")
        for passed in (0, GONE_FOR_S - 1):
            here.now += passed
            await here.thresholds.forget_removed()
        assert caplog.text == ""
        here.now += 1
        await here.thresholds.forget_removed()
        assert "group web, host web1" in caplog.text
        here.write(HOSTS)
        assert here.of("web1") == Threshold(0.95, "fleet")


async def test_who_and_when_are_remembered(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        await here.thresholds.set(WEB1, "mem", 0.9, "telegram:1001")
        await here.thresholds.set(FLEET, "mem", 0.8, "local:ops")
        rows = here.thresholds.rows()
        assert [(row.scope, row.metric, row.value, row.actor) for row in rows] == [
            (FLEET, "mem", 0.8, "local:ops"),
            (WEB1, "mem", 0.9, "telegram:1001"),
        ]
        assert all(row.at.tzinfo for row in rows)


async def test_an_agent_is_a_host_a_group_or_all(tmp_path: Path) -> None:
    async with fleet(tmp_path) as here:
        assert here.thresholds.scope("all") == FLEET
        assert here.thresholds.scope("web") == WEB
        assert here.thresholds.scope("192.0.2.1:9100") == WEB1
        assert here.thresholds.scope("Server") == Scope(ScopeKind.HOST, "Server")
        for wrong in ("web*", "web9", "web1:web2"):
            with pytest.raises(UnknownHost, match="Name one host, a group, or all"):
                here.thresholds.scope(wrong)


@pytest.mark.parametrize(
    ("metric", "text", "value"),
    [("cpu", "90", 0.9), ("cpu", "90%", 0.9), ("cpu", "87.5", 0.875), ("disk", "100", 1.0), ("load", "2.5", 2.5)],
)
def test_a_value_is_read_as_people_write_it(metric: str, text: str, value: float) -> None:
    assert SCALES[metric].parse(text) == pytest.approx(value)
    assert SCALES[metric].parse(SCALES[metric].show(value)) == pytest.approx(value)


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        *(
            ("cpu", text)
            for text in ("0.9", "9", "101", "-90", "9e1", "nan", "inf", "٩٠", "90%%", "", " 90", "default")
        ),
        *(("load", text) for text in ("0", "90%", "0.05", "1001", "x", "1_0")),
    ],
)
def test_what_is_no_threshold_is_refused_with_the_range(metric: str, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        SCALES[metric].parse(text)
    assert refused.value.remedy.startswith("Give ")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("", Asked()),
        ("web1", Asked("web1")),
        ("cpu", Asked(metric="cpu")),
        ("web cpu", Asked("web", "cpu")),
        ("cpu 90", Asked("all", "cpu", "90")),
        ("web cpu 90", Asked("web", "cpu", "90")),
        ("web CPU default", Asked("web", "cpu", "default")),
        ("cpu cpu 90", Asked("cpu", "cpu", "90")),
    ],
)
def test_the_words_of_a_request(words: str, asked: Asked) -> None:
    assert Asked.parse(words.split()) == asked


@pytest.mark.parametrize("words", ["web 90", "web cpi 90", "web cpu 90 now"])
def test_words_that_make_no_request(words: str) -> None:
    with pytest.raises(OrchestratorError) as refused:
        Asked.parse(words.split())
    assert refused.value.remedy
