"""Pictures of readings, made to be read on a phone: drawn one at a time, in a thread; warm, one takes about 0.15 s."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor

from orchestrator.monitor.charts.line import Chart
from orchestrator.monitor.charts.style import DARK, DPI, LIGHT, WIDTH, Picture
from orchestrator.monitor.fonts import can_draw


class Charts:
    """Draws one picture at a time, off the event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="charts")

    def warm(self) -> None:
        """Begin to load what drawing needs, which takes seconds the first time on a machine. Returns at once."""
        self._thread.submit(draw, Chart("", (), 0, 60, 15, None))

    async def draw(self, picture: Picture) -> bytes:
        """The picture as PNG, `WIDTH` by its own height in pixels."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, draw, picture)

    async def can_draw(self, text: str) -> bool:
        """True when a picture can show every letter of `text`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, can_draw, text)

    def close(self) -> None:
        """Draw nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def draw(picture: Picture) -> bytes:
    """`Charts.draw`, in this thread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = DARK if picture.dark else LIGHT
    figure = Figure(figsize=(WIDTH / DPI, picture.height / DPI), dpi=DPI, facecolor=style.ground)
    FigureCanvasAgg(figure)
    picture.paint(figure, style)
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()
