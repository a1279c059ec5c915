"""Which sessions a host's reboot ends: told by what it boots, not by its clock."""

from __future__ import annotations

from datetime import UTC

import pytest

from orchestrator.inventory.model import Host
from orchestrator.logins.book import Greeting
from orchestrator.logins.greeting import greet
from orchestrator.logins.parse import parse_line
from orchestrator.store.loginboots import Boot
from tests.fleet.processes import ShellRun
from tests.logins.desk import Desk, came

ONE = Boot("5f9b", "31", 0.0)


async def reached(desk: Desk, boot: Boot) -> None:
    await desk.book.greet("web1", Greeting(boot=boot))
    await desk.book.settle("web1")


async def open_pids(desk: Desk) -> list[int]:
    return sorted(row.pid or 0 for row in await desk.sessions() if row.ended_at is None)


@pytest.mark.parametrize("again", [Boot("5f9b", "31", 10.0), Boot("5f9b", "", None), Boot("", "31", 10.0), Boot()])
async def test_a_clock_that_steps_ends_no_session(desk: Desk, again: Boot) -> None:
    """Nor does what could not be read this time."""
    await reached(desk, ONE)
    await desk.read(came())
    for up in (desk.now + 86400, None):
        await reached(desk, Boot(again.kernel, again.ticks, up))
    assert await open_pids(desk) == [731]


@pytest.mark.parametrize("another", [Boot("77aa", "31"), Boot("5f9b", "908"), Boot("77aa", "")])
@pytest.mark.parametrize("up", [-3600.0, 3600.0, None])
async def test_another_boot_ends_what_was_there_whatever_its_clock(desk: Desk, another: Boot, up: float | None) -> None:
    await reached(desk, ONE)
    await desk.read(came())
    began = desk.now
    desk.now += 60
    await reached(desk, Boot(another.kernel, another.ticks, None if up is None else desk.now + up))
    (session,) = await desk.sessions()
    assert session.ending == "unknown"
    assert session.ended_at is not None
    assert began <= session.ended_at <= desk.now


async def test_what_is_read_after_a_reboot_belongs_to_it_unless_it_began_before(desk: Desk) -> None:
    await reached(desk, ONE)
    await desk.read(came(pid=1, port=1))
    desk.now += 60
    await desk.book.greet("web1", Greeting(boot=Boot("77aa", "31", desk.now)))
    desk.now -= 30
    await desk.read(came(pid=2, port=2))
    desk.now += 60
    await desk.read(came(pid=3, port=3))
    assert await open_pids(desk) == [1, 2, 3], "its end may come yet"
    # We were ended, too, before that was settled; and its clock has stepped since.
    await reached(desk, Boot("77aa", "31", desk.now + 999))
    assert await open_pids(desk) == [3]
    await reached(desk, Boot("77aa", "31", desk.now + 999))
    assert await open_pids(desk) == [3]


async def test_what_is_read_while_it_was_not_known_which_boot_it_is_stays(desk: Desk) -> None:
    await reached(desk, ONE)
    await desk.read(came(pid=1, port=1))
    desk.now += 60
    await reached(desk, Boot())
    await desk.read(came(pid=2, port=2))
    await reached(desk, Boot())
    await reached(desk, Boot("77aa", "31", desk.now - 30))
    assert await open_pids(desk) == [2]


async def test_a_first_contact_ends_nothing_nor_does_another_host(desk: Desk) -> None:
    await desk.read(came(), host="web2")
    await desk.read(came())
    await reached(desk, ONE)
    assert len(await open_pids(desk)) == 2
    await reached(desk, Boot("77aa", "31", desk.now + 5))
    rows = {row.host: row.ended_at is None for row in await desk.sessions()}
    assert rows == {"web1": False, "web2": True}


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "fe80::1%eth0", "fe80::1%br_LAN@0.100"])
async def test_a_host_says_where_we_come_from_as_its_log_does(address: str) -> None:
    run = ShellRun(env={"PATH": "/usr/bin:/bin", "SSH_CONNECTION": f"{address} 50000 fe80::2 22"})
    seen = parse_line(f"Jan 1 00:00:00 h {came(address=address)}".encode(), host="h", source="f", now=0.0, zone=UTC)
    assert seen is not None
    assert (await greet(Host("web1", "192.0.2.1"), run, lambda _: None)).address == seen.address


async def test_a_host_says_which_boot_it_is() -> None:
    first, again = [(await greet(Host("web1", "192.0.2.1"), ShellRun(), lambda _: None)).boot for _ in range(2)]
    assert first == again
    assert len(first.kernel) == 36
    assert first.ticks.isdigit()
    assert first.up is not None
