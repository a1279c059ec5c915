"""Charts: what is on them, by their pixels, and that nothing on them is beyond the fonts or matplotlib's own tricks."""

from __future__ import annotations

import asyncio
import io
import math
import threading
from collections.abc import Sequence
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageColor

from orchestrator.monitor.charts import DARK, LIGHT, Chart, Charts, Line, draw
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
    return Chart(title, lines, start, END, 40.0, zone, threshold, dark=dark)


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
