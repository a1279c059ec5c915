"""With the real Alertmanager: what it tells, what it never tells, and how it is kept running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.alerts.alertmanager import Alertmanager, AlertmanagerError, Matcher, matchers_for, matchers_of
from orchestrator.alerts.book import Muting
from orchestrator.alerts.parse import moment
from orchestrator.monitor.alertmanager import IN_FORCE, NAME
from orchestrator.monitor.kept import is_ours, marked
from tests import sshd
from tests.alerts.alertmanager import LOOPBACK, QUICK, Bench, bench, until
from tests.alerts.webhook import raw


def pids(folder: Path) -> list[int]:
    """Alertmanagers of this machine that keep their silences in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                argv = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"--storage.path=" + bytes(folder) in argv and b"prctl" not in argv:  # not yet the program
                found.append(int(entry.name))
    return found


async def tells(each: Bench, *expected: str) -> None:
    async def told() -> bool:
        return (await each.told())[-len(expected) :] == list(expected)

    try:
        await until(told)
    except AssertionError:
        assert await each.told() == list(expected)  # says what it was instead


def watchdog() -> dict[str, object]:
    return raw("Server", "Watchdog", labels={"severity": "info"}, starts=time.time())


async def test_what_it_tells_and_what_it_never_tells(tmp_path: Path) -> None:
    began = time.time() - 60
    cpu = raw(starts=began)
    down, quiet = raw("db1", "AgentDown", starts=began), raw("db1", "HighLoad", starts=began)
    async with bench(tmp_path) as each:
        await each.fire(watchdog())
        await until(lambda: _heard(each))

        # Told once, however often it is repeated.
        await each.fire(cpu)
        await tells(each, "AgentHighCPU web1 firing")
        await each.fire(cpu)

        # A silence made elsewhere is seen, and an alert that ends meanwhile is closed.
        start = time.time()
        silence = await each.client.silence(matchers_for(["web1"], "AgentHighCPU"), start, start + 60, "ann", "")
        await tells(each, "AgentHighCPU web1 firing muted")
        await each.fire(raw(starts=began, ends=time.time() - 1))
        await tells(each, "AgentHighCPU web1 firing", "AgentHighCPU web1 firing muted", "AgentHighCPU web1 ended muted")

        # So is one that ends while the host is down; and of that host nothing else is told.
        await each.fire(quiet)
        await tells(each, "HighLoad db1 firing")
        await each.fire(down)
        await tells(each, "AgentDown db1 firing")
        await each.fire(raw("db1", "HighLoad", starts=began, ends=time.time() - 1), raw("db1", "SwapHigh"))
        await tells(each, "HighLoad db1 ended")
        await each.fire(raw("db1", "AgentDown", starts=began, ends=time.time() - 1))
        await until(lambda: _last_two(each, {"AgentDown db1 ended", "SwapHigh db1 firing"}))  # each in its own time
        assert (await each.told()).count("AgentHighCPU web1 firing") == 1

        # Silences, as they are listed and ended.
        (one,) = await each.client.silences()
        assert (one.id, one.state, one.author, one.comment) == (silence, "active", "ann", "-")
        assert sorted(map(str, one.matchers)) == ['alertname="AgentHighCPU"', 'host="web1"']
        await each.client.expire(silence)
        assert [each.state for each in await each.client.silences()] == ["expired"]
        with pytest.raises(AlertmanagerError, match="Alertmanager refuses: silence"):
            await each.client.expire("00000000-0000-4000-8000-000000000000")
        assert await each.kinds() == []
    assert pids(tmp_path) == []


async def _last_two(each: Bench, expected: set[str]) -> bool:
    return set((await each.told())[-2:]) == expected


async def _heard(each: Bench) -> bool:
    return each.pipeline.watchdog.heard_at is not None


async def test_one_that_has_just_come_knows_nothing(tmp_path: Path) -> None:
    """What it does not know has not ended."""
    timing = replace(QUICK, compare_every=0.1, settled=3.0)
    async with bench(tmp_path, timing=timing) as each:
        await each.fire(watchdog(), raw(), raw("web2"))
        await until(lambda: _count(each, 2))
        (first,) = pids(tmp_path)
        os.kill(first, signal.SIGKILL)
        await until(lambda: _other(tmp_path, each, first))
        await each.fire(watchdog(), raw())
        assert each.own.problem == ""
        # web2 ended while nobody looked: that is seen once it has run for long enough to have heard of it.
        began = await each.client.started_at()
        await tells(each, "AgentHighCPU web2 ended")
        assert time.time() - began > 3
        (left,) = await each.book.current()
        assert left.host == "web1"
        assert len(await each.told()) == 3


async def _count(each: Bench, number: int) -> bool:
    return len(await each.told()) == number


async def _other(folder: Path, each: Bench, first: int) -> bool:
    return await each.client.started_at() > 0 and pids(folder) not in ([], [first])


async def test_what_it_knows_and_we_do_not_is_told(tmp_path: Path) -> None:
    """A message was lost, or our database was: it thinks that it has told us."""
    async with bench(tmp_path) as each:
        await each.fire(watchdog(), raw())
        await tells(each, "AgentHighCPU web1 firing")
        await each.database.write(lambda tx: [tx.execute(f"DELETE FROM {name}") for name in ("incidents", "outbox")])
        await tells(each, "AgentHighCPU web1 firing")


async def test_it_is_told_once_that_no_alert_would_arrive(tmp_path: Path) -> None:
    async with bench(tmp_path) as each:
        await until(lambda: _told(each, "alerts.silent"))
        assert _fault(each).startswith("rules: Alertmanager at http://127.0.0.1:")
        await each.fire(watchdog())
        await until(lambda: _told(each, "alerts.silent", "alerts.heard"))
        assert _fault(each) == ""

        # A silence that somebody made over everything is named.
        start = time.time()
        silence = await each.client.silence([Matcher("host", ".+", is_regex=True)], start, start + 60, "ann", "")
        await until(lambda: _told(each, "alerts.silent", "alerts.heard", "alerts.silent"))
        assert _fault(each) == "alertmanager: a silence covers the Watchdog"
        await each.client.expire(silence)
        await until(lambda: _told(each, *["alerts.silent", "alerts.heard"] * 2))

        # With another token than ours it is refused, which is said.
        (tmp_path / "state" / "alerts-token").write_text("another")
        await until(lambda: _told(each, *["alerts.silent", "alerts.heard"] * 2, "alerts.silent"))
        assert _fault(each) == "webhook: the token is not ours"


def _fault(each: Bench) -> str:
    fault = each.pipeline.watchdog.fault
    return f"{fault.part}: {fault.detail}" if fault else ""


async def _told(each: Bench, *kinds: str) -> bool:
    return await each.kinds() == list(kinds)


async def test_a_bad_edit_leaves_the_old_configuration_in_force(tmp_path: Path) -> None:
    file = tmp_path / "prometheus" / NAME
    async with bench(tmp_path) as each:
        good = file.read_text()
        file.write_text("route: {receiver: nobody}\n")
        await until(lambda: _verdict(each, "undefined receiver"))
        assert (tmp_path / "prometheus" / IN_FORCE).read_text() == good
        file.write_text(good)
        await until(lambda: _verdict(each, ""))
        file.unlink()
        await until(lambda: _written(file))
        assert file.read_text() == marked(each.own.body)
        await each.fire(raw())
        await tells(each, "AgentHighCPU web1 firing")
        assert "authorization" in await each.client.configuration()
        (pid,) = pids(tmp_path)
        listening = subprocess.run(["ss", "-Hltnup"], capture_output=True, text=True, check=True).stdout
        theirs = [line for line in listening.splitlines() if f"pid={pid}," in line]
        assert len(theirs) == 1
        assert f"{LOOPBACK}:{each.own.listen[1]}" in theirs[0]


async def _verdict(each: Bench, words: str) -> bool:
    return len(each.verdicts) > 1 and (words in each.verdicts[-1] if words else not each.verdicts[-1])


async def _written(file: Path) -> bool:
    return file.exists() and is_ours(file.read_text())


async def test_acknowledged_and_muted_incidents_keep_that(tmp_path: Path) -> None:
    async with bench(tmp_path) as each:
        await each.fire(raw())
        await tells(each, "AgentHighCPU web1 firing")
        (group,) = await each.book.current()
        start = time.time()
        silence = await each.client.silence(matchers_of(group), start, start + 600, "ann", "on it")
        await each.book.mute(group.id, Muting(silence, start + 600))
        await each.book.acknowledge(group.id, "Ann")
        await each.pipeline.reconciler.compare()
        (now,) = await each.book.current()
        assert (now.acked_by, now.silence) == ("Ann", silence)
        await each.client.expire(silence)
        await tells(
            each, "AgentHighCPU web1 firing muted", "AgentHighCPU web1 firing muted", "AgentHighCPU web1 firing"
        )


async def test_nobody_is_there() -> None:
    port = sshd.free_port(LOOPBACK)
    with pytest.raises(AlertmanagerError, match=f"^http://{LOOPBACK}:{port}: Alertmanager gives no answer: connection"):
        await Alertmanager(f"http://user:secret@{LOOPBACK}:{port}").alerts()


@pytest.mark.parametrize(
    ("hosts", "alert", "expected"),
    [
        (["web1"], "", ['host="web1"', 'alertname!="Watchdog"']),
        (["web1", "a.b"], "HighLoad", [r'host=~"web1|a\.b"', 'alertname="HighLoad"']),
        (None, "", ['host=~".+"', 'alertname!="Watchdog"']),
    ],
)
def test_matchers(hosts: list[str] | None, alert: str, expected: list[str]) -> None:
    assert [str(matcher) for matcher in matchers_for(hosts, alert)] == expected
    assert str(Matcher("a", "b", is_equal=False)) == 'a!="b"'


async def test_it_is_known_when_nobody_watches_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path) as each:
        watching = asyncio.create_task(each.pipeline.run())

        async def lost() -> None:
            raise KeyError("a mistake of ours")

        monkeypatch.setattr(each.pipeline.reconciler, "compare", lost)
        with pytest.raises(ExceptionGroup):
            await watching
        assert not each.pipeline.running
        assert each.pipeline.crashed, "else a new process is never asked for"


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z"])
def test_times_can_be_shown_in_any_zone(at: str) -> None:
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        assert datetime.fromtimestamp(moment(at), UTC).astimezone(ZoneInfo(zone))
