"""Charts: what is on them, by their pixels, and that nothing on them is beyond the fonts or matplotlib's own tricks."""

from __future__ import annotations

import asyncio
import io
import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageColor

from orchestrator.monitor.charts import (
    DARK,
    LIGHT,
    Bar,
    Bars,
    Card,
    CardRow,
    Chart,
    Charts,
    Heat,
    HeatRow,
    Limit,
    Line,
    Mark,
    Picture,
    Spark,
    Spread,
    draw,
)
from orchestrator.monitor.fonts import can_draw, drawable

# All warnings are errors here, so a letter without a glyph fails a test.
END = 1_795_000_000
LEFT, RIGHT, TOP, BOTTOM = 96, 1247, 94, 630  # of the plot of one line, in pixels


def chart(
    *points: Sequence[tuple[float, float]],
    names: Sequence[str] = (),
    title: str = "CPU · web1",
    threshold: float | None = None,
    minutes: int = 60,
    zone: tzinfo | None = UTC,
    dark: bool = False,
) -> Chart:
    lines = [Line(names[n] if names else f"web{n + 1}", each) for n, each in enumerate(points)]
    start = END - 60 * minutes
    limits = [] if threshold is None else [Limit(threshold)]
    return Chart(title, lines, start, END, 40.0, zone, limits, dark=dark)


def flat(value: float, *, minutes: int = 60, without: tuple[int, int] = (0, 0)) -> list[tuple[float, float]]:
    """The same value every 15 s of the last `minutes`, except between two minutes of them."""
    times = range(END - 60 * minutes, END, 15)
    return [(at, value) for at in times if not without[0] <= (at - times[0]) / 60 < without[1]]


def picture(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    assert image.size == (1280, 720)
    return image


def near(image: Image.Image, x: int, y: int, colour: str, *, reach: int = 6) -> bool:
    """True when the colour is found within `reach` pixels above or below."""
    wanted = ImageColor.getrgb(colour)
    return any(image.getpixel((x, y + d)) == wanted for d in range(-reach, reach + 1))


def y_of(ratio: float) -> int:
    return round(BOTTOM - ratio * (BOTTOM - TOP))


def x_of(minute: float) -> int:
    return round(LEFT + minute / 60 * (RIGHT - LEFT))


@pytest.mark.parametrize("dark", [False, True])
def test_a_line_is_where_its_values_are(dark: bool) -> None:
    style = DARK if dark else LIGHT
    image = picture(draw(chart(flat(0.5), threshold=0.8, dark=dark)))
    assert image.getpixel((2, 2)) == ImageColor.getrgb(style.ground)
    for minute in (5, 30, 55):
        assert near(image, x_of(minute), y_of(0.5), style.lines[0])
        assert not near(image, x_of(minute), y_of(0.3), style.lines[0])
    dashes = [near(image, x, y_of(0.8), style.warning) for x in range(x_of(10), x_of(50))]
    assert 0.4 < sum(dashes) / len(dashes) < 0.9
    assert image.getpixel((x_of(33), y_of(0.25))) != ImageColor.getrgb(style.ground), "it is filled below"


def test_a_number_has_the_room_that_it_needs() -> None:
    image = picture(draw(replace(chart(flat(3.0), threshold=2.0), percent=False)))
    assert near(image, x_of(30), y_of(1 / 1.15), LIGHT.lines[0])
    assert any(near(image, x, y_of(2 / 3.45), LIGHT.warning) for x in range(x_of(10), x_of(14)))
    low = picture(draw(replace(chart(flat(0.5)), percent=False)))
    assert near(low, x_of(30), y_of(0.5 / 1.15), LIGHT.lines[0]), "what is little looks little"


def test_a_gap_is_a_gap() -> None:
    image = picture(draw(chart(flat(0.5, without=(20, 40)))))
    assert near(image, x_of(18), y_of(0.5), LIGHT.lines[0])
    assert near(image, x_of(42), y_of(0.5), LIGHT.lines[0])
    for minute in (22, 28, 33, 38):
        assert not near(image, x_of(minute), y_of(0.5), LIGHT.lines[0])
        assert image.getpixel((x_of(minute), y_of(0.25))) == ImageColor.getrgb(LIGHT.ground)


def test_one_sample_is_seen() -> None:
    image = picture(draw(chart([(END - 1800, 0.5)])))
    assert near(image, x_of(30), y_of(0.5), LIGHT.lines[0])


def test_no_more_than_eight_lines() -> None:
    quiet = [flat(n / 100) for n in range(5, 15)]
    image = picture(draw(chart(*quiet, *(flat(n / 10) for n in range(3, 10)))))
    colours = {colour for _, colour in image.getcolors(1 << 20) or []}
    assert {ImageColor.getrgb(colour) for colour in LIGHT.lines[:7]} <= colours
    assert ImageColor.getrgb(LIGHT.lines[7]) not in colours
    # The quiet ones are a band from 5 to 14 %; there are two rows of names above, so the plot is lower.
    inside = image.getpixel((x_of(35), round(630 - 0.1 * (630 - 155))))
    assert inside != ImageColor.getrgb(LIGHT.ground)


def test_names_are_no_instructions() -> None:
    """Mathematics, an underscore that hides a line from the legend, letters that no font has, and very long names."""
    odd = ["_hidden", "$x^2$", "a\u202eb", "💾\ud7ff", "x" * 300, r"\frac{1}{2}", "日本"]
    plain = chart(*(flat(n / 10) for n in range(7)), names=odd, title="$\\alpha$ 💾 磁碟")
    assert picture(draw(plain))
    hidden = picture(draw(chart(flat(0.2), flat(0.4), names=["_a", "_b"])))
    assert any(near(hidden, x, 96, LIGHT.lines[0]) for x in range(30, 70)), "the legend has it"


def test_what_cannot_be_drawn_is_a_question_mark() -> None:
    assert drawable("web1 💾") == "web1 ?"
    assert can_draw("CPU 12%–34% · ⚙"[:12])
    assert not can_draw("💾")


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Taipei"), ZoneInfo("Asia/Kathmandu"), None])
@pytest.mark.parametrize("minutes", [1, 5, 60, 1440, 10080, 44640])
def test_every_range_and_zone(minutes: int, zone: tzinfo | None) -> None:
    step = max(15, minutes * 60 // 300)
    points = [(at, 0.5 + 0.4 * math.sin(at / 900)) for at in range(END - 60 * minutes, END, step)]
    assert picture(draw(chart(points, minutes=minutes, zone=zone)))


def test_threads_do_not_mix_up_charts() -> None:
    """As they come from several at once: each is byte for byte what it is alone."""
    charts = [chart(flat(n / 10), title=f"CPU · host{n}", dark=bool(n % 2)) for n in range(8)]
    alone = [draw(each) for each in charts]
    together: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda n=n: together.__setitem__(n, draw(charts[n]))) for n in range(len(charts))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[n] for n in range(len(charts))] == alone


async def test_the_loop_turns_while_charts_are_drawn() -> None:
    charts = Charts()
    charts.warm()
    stalls: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            stalls.append(loop.time() - before)

    watching = asyncio.create_task(watch())
    pngs = await asyncio.gather(*(charts.draw(chart(flat(n / 10))) for n in range(6)))
    watching.cancel()
    charts.close()
    assert len(set(pngs)) == 6
    assert max(stalls) < 1.0


def shows(image: Image.Image, colour: str) -> int:
    """How many pixels are of a colour."""
    wanted = ImageColor.getrgb(colour)
    return sum(count for count, found in image.getcolors(1 << 22) or [] if found == wanted)


def drawn(thing: Picture) -> Image.Image:
    image = Image.open(io.BytesIO(draw(thing))).convert("RGB")
    assert image.size == (1280, thing.height)
    return image


@pytest.mark.parametrize("dark", [False, True])
def test_a_heat_map_has_a_colour_for_each_value_and_none_for_what_is_not_known(dark: bool) -> None:
    style = DARK if dark else LIGHT
    rows = [HeatRow("low", [0.0] * 24), HeatRow("high", [1.0] * 24), HeatRow("gone", [None] * 24)]
    image = drawn(Heat("CPU · web", rows, END, 3600, UTC, dark=dark))
    for row, wanted in ((0, style.heat[0]), (1, style.heat[-1])):
        assert image.getpixel((700, 95 + round((row + 0.5) * 560 / 3))) == ImageColor.getrgb(wanted)
    below = [image.getpixel((x, 95 + round(2.5 * 560 / 3))) for x in range(300, 1000)]
    assert ImageColor.getrgb(style.heat[0]) not in below
    assert len(set(below)) > 1, "hatched, so that it does not look like nothing to do"


@pytest.mark.parametrize("cells", [1, 24, 56])
@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/New_York")])
def test_heat_maps_of_every_size(cells: int, zone: tzinfo) -> None:
    rows = [HeatRow(f"$host_{n}^2$", [n / 40] * cells) for n in range(40)]
    assert drawn(Heat("💾", rows, END - END % 10800, 10800 if cells == 56 else 3600, zone)).size[1] <= 2400


@pytest.mark.parametrize("dark", [False, True])
def test_bars_are_as_long_as_their_values(dark: bool) -> None:
    style = DARK if dark else LIGHT
    image = drawn(Bars("Disk", [Bar("/", 0.5, 0.9), Bar("/var", 0.95, 0.9)], END, UTC, dark=dark))
    full, high = shows(image, style.good), shows(image, style.warning)
    assert high / full == pytest.approx(0.95 / 0.5, rel=0.03)
    assert drawn(Bars("Disk", [Bar("/" * n, 0.5, 0.9) for n in range(40)], END, UTC)).size[1] <= 2400


def test_a_spread_counts_hosts() -> None:
    values = [(f"web{n}", 0.15) for n in range(4)] + [("db1", 0.95), ("db2", 1.0)]
    image = drawn(Spread("Memory", values, 0.85, END, UTC))
    blue, red = (max(_columns(image, colour)) for colour in ("#2685be", "#dc4748"))
    assert blue / red == pytest.approx(4 / 2, rel=0.03)
    assert drawn(Spread("Memory", [(f"web{n}", n / 500) for n in range(500)], 0.85, END, UTC, dark=True))
    assert drawn(Spread("Memory", [], 0.85, END, UTC))


def _columns(image: Image.Image, colour: str) -> list[int]:
    """How many pixels of about a colour each column of pixels has."""
    wanted = ImageColor.getrgb(colour)

    def close(found: object) -> bool:
        assert isinstance(found, tuple)
        return all(abs(a - b) < 12 for a, b in zip(found, wanted, strict=True))

    return [sum(close(image.getpixel((x, y))) for y in range(95, 630, 2)) for x in range(165, 1240, 8)]


@pytest.mark.parametrize("hosts", [0, 1, 12, 13, 40])
@pytest.mark.parametrize("dark", [False, True])
def test_a_card_of_any_size(hosts: int, dark: bool) -> None:
    style = DARK if dark else LIGHT
    spark = Spark(flat(0.5, without=(20, 30)), 0.8, 0.5)
    high = Spark(flat(0.9), 0.8, 0.9)
    rows = [CardRow(f"web{n}-with-a-long-name", Mark.UP, (spark, high, Spark([], 0.9, None))) for n in range(hosts)]
    if rows:
        rows[0] = CardRow("_db1$", Mark.DOWN, (), "down 4 min · no route to host 💾" * 9)
    card = Card("40 hosts", rows, ("CPU", "記憶體", "Disk"), END - 3600, END, 40, UTC, "and 3 more", dark)
    image = drawn(card)
    assert (shows(image, style.good) > 100) == (hosts > 1)
    assert (shows(image, style.warning) > 100) == (hosts > 0)


def test_limits_and_firing_times_are_drawn() -> None:
    start, end = END - 3600, END
    limits = [Limit(0.8, "80% · group web"), Limit(0.99)]
    line = Chart("CPU", [Line("web1", flat(0.1))], start, end, 40, UTC, limits, [(start + 1200, start + 1800)])
    image = picture(draw(line))
    plain = ImageColor.getrgb(LIGHT.ground)
    assert image.getpixel((x_of(25) + 3, y_of(0.5) + 9)) != plain
    assert image.getpixel((x_of(35) + 3, y_of(0.5) + 9)) == plain
    assert sum(near(image, x, y_of(0.99), LIGHT.warning) for x in range(x_of(10), x_of(50))) > 100
