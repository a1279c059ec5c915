"""Pictures as files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.monitor.charts import Picture


async def write_picture(file: Path, picture: Picture) -> None:
    """Draw a PNG into a file, and say so. Raises OSError."""
    from orchestrator.cli.output import note
    from orchestrator.monitor.charts import Charts

    png = await Charts().draw(picture)
    await asyncio.to_thread(file.write_bytes, png)
    note(f"chart in {file}")
