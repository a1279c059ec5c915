"""What pictures of a fleet are made of, from a real Prometheus with a day of series."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.monitor.query import Metric, Metrics
from orchestrator.monitor.window import Window
from tests.monitor.history import Story, remembering

HOSTILE = 'a"} or up{host=~".*\\x'
STORIES = (
    Story("web1", cpu=0.4, fired=(("AgentHighCPU", 6, 5), ("AgentHighCPU", 2, 1.5), ("AgentDown", 9, 8))),
    Story("web2", memory=0.9, away=(4, 3), fired=(("AgentHighMemory", 4.5, 4.2),)),
    Story("web3", cpu=0.2, swing=0.1, burst=(6, 5.8, 0.97)),
    Story("db1", disks=(0.5, 0.2, 0.95), away=(5, -1)),
    Story(HOSTILE, cpu=0.2, fired=(("AgentHighCPU", 3, 2.9),)),
)


async def test_courses_and_episodes(tmp_path: Path) -> None:
    async with remembering(tmp_path, STORIES) as client:
        metrics, now = Metrics(client), time.time()
        day = Window.last(1440, datetime.now(UTC))

        # A value an hour, none where the host was away.
        hourly = await metrics.over(Metric.MEMORY, ["web1", "web2"], day, 900)
        points = {series.host: dict(series.points) for series in hourly}
        assert len(points["web1"]) == 97
        assert 97 - 5 <= len(points["web2"]) <= 97 - 3
        assert all(value > 0.7 for value in points["web2"].values())
        averages = await metrics.over(Metric.MEMORY, ["web2"], Window(day.start, day.end + 600), 900, averaged=True)
        assert 90 < len(averages[0].points) <= 97
        assert averages[0].points[-1][0] > now, "what has begun has an average, too"
        away = [at for at, _ in averages[0].points if now - 4 * 3600 + 900 < at < now - 3 * 3600]
        assert away == [], "nothing is made up for a time of which nothing is known"
        # After a gap a counter is not there for the whole range of its rate: a host is no busier for that.
        busy = await metrics.over(Metric.CPU, ["web2"], day, 900)
        assert max(value for _, value in busy[0].points) < 0.7
        disks = await metrics.over(Metric.DISK, ["db1"], day, 900)
        assert [series.mount for series in disks] == ["/var/lib/postgresql", "/", "/boot"]
        assert disks[0].points[-1][0] < now - 4.5 * 3600, "it is away since"

        # When alerts fired: those about the metric, each on its own, of the host asked for.
        fired = await metrics.firing(Metric.CPU, ["web1"], day)
        assert {episode.host for episode in fired} == {"web1"}
        back = [(now - at) / 3600 for episode in fired for at in (episode.start, episode.end)]
        assert back == pytest.approx([6, 5, 2, 1.5], abs=0.15)
        assert len(await metrics.firing(Metric.MEMORY, ["web1", "web2"], day)) == 1
        assert await metrics.firing(Metric.DISK, ["web1", "web2"], day) == ()
        # Shorter than the step of a long picture: seen all the same.
        week = Window.last(10080, datetime.now(UTC))
        assert len(await metrics.firing(Metric.CPU, [HOSTILE], week)) == 1

        # How high it went.
        def between(first: float, last: float) -> Window:
            return Window(int(now - first * 3600), int(now - last * 3600))

        assert (await metrics.peak(Metric.CPU, "web3", between(7, 5)))[""] > 0.93
        assert (await metrics.peak(Metric.CPU, "web3", between(4, 1)))[""] < 0.6
        assert await metrics.peak(Metric.DISK, "db1", between(4, 1)) == {}, "it was away"
        assert set(await metrics.peak(Metric.DISK, "db1", between(9, 6))) == {"/", "/boot", "/var/lib/postgresql"}
        assert set(await metrics.peak(Metric.CPU, HOSTILE, between(7, 6.999))) == {""}

        # Names are data, in every question that pictures ask.
        assert {episode.host for episode in await metrics.firing(Metric.CPU, [HOSTILE], day)} == {HOSTILE}
        assert {series.host for series in await metrics.over(Metric.CPU, [HOSTILE], day, 900)} == {HOSTILE}
        for name in (".*", 'x"} or ALERTS{host!="', "web1|web2", "web[12]"):
            assert await metrics.firing(Metric.CPU, [name], day) == ()
            assert await metrics.over(Metric.CPU, [name], day, 900) == ()
