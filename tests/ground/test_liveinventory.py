"""An edit of the inventory while the program runs: in force when it is good, told and left alone when it is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.app import App
from orchestrator.demo import demo_fleet
from orchestrator.errors import InventoryError
from orchestrator.home import Home
from orchestrator.inventory import Inventory
from orchestrator.liveinventory import Broken, LiveInventory, Mended, difference
from orchestrator.ssh import Phase

GOOD = "web:\n  hosts:\n    web1: {address: 10.0.0.1}\n    web2: {address: 10.0.0.2}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text(GOOD)
    return tmp_path


async def until(true: Callable[[], bool], bound: float = 40.0) -> None:
    async with asyncio.timeout(bound):
        while not true():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.02)


def test_without_a_first_good_inventory_there_is_none(folder: Path) -> None:
    (folder / "hosts.yml").write_text("web: [")
    with pytest.raises(InventoryError, match="hosts.yml:2: is not YAML"):
        LiveInventory(folder)


async def test_a_good_edit_takes_effect_and_a_bad_one_does_not(folder: Path) -> None:
    live = LiveInventory(folder)
    told: list[Inventory] = []
    live.subscribe(told.append)
    (folder / "hosts.yml").write_text(GOOD + "    web3:\n")
    await live.refresh()
    assert live.current.hosts.names == ("web1", "web2", "web3")
    assert told == [live.current]
    (folder / "hosts.yml").write_text(GOOD + "    web4: {port: x}\n")
    await live.refresh()
    assert live.problem.startswith("hosts.yml:5: port 'x' of web4 is not a port")
    assert live.current.hosts.names == ("web1", "web2", "web3")
    (folder / "hosts.yml").write_text(GOOD)
    await live.refresh()
    assert (live.problem, len(told)) == ("", 2)


@pytest.mark.parametrize("name", ["more.yml", "group_vars/web.yml", "host_vars/web1.yml"])
async def test_files_beside_count_and_so_does_their_absence(folder: Path, name: str) -> None:
    live = LiveInventory(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("user: deploy\n" if "vars" in name else "web:\n  vars: {user: deploy}\n")
    await live.refresh()
    assert live.current.host("web1").user == "deploy"
    (folder / name).unlink()
    await live.refresh()
    assert live.current.host("web1").user is None


async def test_an_edit_of_the_same_size_within_the_same_second_counts(folder: Path) -> None:
    live = LiveInventory(folder)
    status = (folder / "hosts.yml").stat()
    (folder / "new").write_text(GOOD.replace("10.0.0.1", "10.0.0.9"))
    (folder / "new").replace(folder / "hosts.yml")
    os.utime(folder / "hosts.yml", ns=(status.st_atime_ns, status.st_mtime_ns))
    await live.refresh()
    assert live.current.host("web1").address == "10.0.0.9"


async def test_what_changed_is_said_in_short(folder: Path) -> None:
    live = LiveInventory(folder)
    before = live.current
    (folder / "hosts.yml").write_text("web:\n  hosts:\n    web2: {address: 10.0.0.2, x: 1}\n    web3:\n    web4:\n")
    await live.refresh()
    assert difference(before, live.current) == "added web[3-4]; removed web1; changed web2"


async def test_hosts_join_and_leave_a_running_program() -> None:
    with demo_fleet() as fleet:
        file = fleet.home / "inventory" / "hosts.yml"
        whole = file.read_text()
        file.write_text("\n".join(line for line in whole.splitlines() if "db1" not in line) + "\n")
        async with App.open(Home(fleet.home), ask_passphrase=lambda _: None) as app, app.connected():
            assert "db1" not in app.inventory.hosts
            await until(lambda: app.pool.state(app.inventory.host("web1")).phase is Phase.UP)
            gone = app.inventory.host("web2")
            file.write_text("\n".join(line for line in whole.splitlines() if "web2" not in line) + "\n")
            await until(lambda: "db1" in app.inventory.hosts)
            await until(lambda: app.pool.state(app.inventory.host("db1")).phase is Phase.UP)
            await until(lambda: app.pool.state(gone).phase is not Phase.UP)
            assert app.pool.state(app.inventory.host("web1")).phase is Phase.UP


async def test_what_breaks_is_told_once_and_what_was_mended_then(folder: Path) -> None:
    live = LiveInventory(folder)
    told: list[Broken | Mended] = []
    seen: list[str] = []

    async def watch(event: Broken | Mended) -> None:
        told.append(event)
        seen.append(live.version)

    live.watch(watch)
    for text in ("web: [", "web: [", GOOD + "    web4: {port: x}\n", GOOD + "    web3:\n", GOOD):
        (folder / "new").write_text(text)
        (folder / "new").replace(folder / "hosts.yml")
        await live.refresh()
    broken, otherwise, mended = told
    assert isinstance(broken, Broken)
    assert (broken.error.where, broken.hosts) == ("hosts.yml:2", 2)
    assert isinstance(otherwise, Broken)
    assert otherwise.error.where == "hosts.yml:5"
    assert mended == Mended({"added": "web3"})
    assert len(set(seen)) == 3


async def test_half_an_edit_is_not_read(folder: Path) -> None:
    """An editor that writes in place leaves an empty file for a moment: an inventory without hosts."""
    live = LiveInventory(folder)
    counts: list[int] = []
    live.subscribe(lambda inventory: counts.append(len(inventory.hosts)))
    following = asyncio.create_task(live.follow())
    for _ in range(12):
        (folder / "hosts.yml").write_text("")
        await asyncio.sleep(0.1)
        (folder / "hosts.yml").write_text(GOOD + "    web3:\n")
        await asyncio.sleep(0.1)
    await until(lambda: bool(counts))
    following.cancel()
    assert counts == [3]


async def test_an_edit_is_seen_within_two_seconds(folder: Path) -> None:
    live = LiveInventory(folder)
    following = asyncio.create_task(live.follow())
    (folder / "hosts.yml").write_text(GOOD + "    web3:\n")
    await until(lambda: "web3" in live.current.hosts)
    following.cancel()
