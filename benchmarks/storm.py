"""From an alert to its message: when all is well, and in a storm.

The storm is 500 alerts at once and their ends, while Telegram fails in every way for 60 s and we are killed twice.

Usage: python -m benchmarks.storm
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp

from tests.alerts.webhook import message, raw
from tests.telegram.emulator import ANN, Telegram
from tests.telegram.storm import GROUP
from tests.telegram.test_outbox import REPEATED
from tests.telegram.test_storm import MANY, every_one_was_told, post, pour, teller, until, within_the_limits

CALM = 40
TROUBLE_S = 60.0
KILLED_AT_S = (12.0, 40.0)
ENDED_AT_S = 30.0


async def trouble(tg: Telegram, end: float) -> None:
    """Every way to fail, one after the other, until the monotonic time `end`."""
    for way in itertools.cycle(range(5)):
        if time.monotonic() > end:
            return
        for method in ("sendMessage", "sendDocument", "editMessageText"):
            match way:
                case 0:
                    tg.refuse(method, 429, "Too Many Requests", retry_after=3, times=2)
                case 1:
                    tg.break_down(method, times=4)
                case 2:
                    tg.proxy.lose_answer(method)
                case _:
                    pass
        if way == 3:
            await tg.proxy.silence()
        elif way == 4:
            await tg.proxy.down()
        await asyncio.sleep(3)
        await tg.proxy.speak()
        await tg.proxy.up()


async def healthy() -> None:
    """One alert after the other, as slowly as a chat takes them."""
    with tempfile.TemporaryDirectory() as folder:
        async with Telegram() as tg, teller(tg, Path(folder)) as each, aiohttp.ClientSession() as session:
            took = []
            for number in range(-1, CALM):
                body = message(raw(f"calm{number}", starts=time.time(), fingerprint=f"{number + 2:016x}"))
                began = time.monotonic()
                await post(session, each.port, body)
                head = f"AgentHighCPU · calm{number} "
                await tg.expect(lambda item, head=head: item.chat_id == ANN.id and head in item.text, within=60)  # type: ignore[misc]
                if number >= 0:  # the first one waits for the process to start
                    sent = [call.at for call in tg.of("sendMessage") if int(call.fields["chat_id"]) == ANN.id]
                    took.append(sent[-1] - began)
                await asyncio.sleep(1.1)
        found = statistics.quantiles(took, n=20)
        print(f"alert to message: median {1000 * statistics.median(took):.0f} ms, p95 {1000 * found[-1]:.0f} ms")


async def main() -> None:
    """Run both, and print what came of it."""
    os.environ["no_proxy"] = "127.0.0.1"
    await healthy()
    await storm()


async def storm() -> None:
    """See above."""
    with tempfile.TemporaryDirectory() as folder:
        async with Telegram() as tg, teller(tg, Path(folder)) as each:
            began = time.monotonic()
            troubled = asyncio.create_task(trouble(tg, began + TROUBLE_S))
            took = await pour(each.port, ended=False)
            print(f"{MANY} alerts taken in after {took:.1f} s, the start of the process included")
            pouring = None
            for at in sorted((*KILLED_AT_S, ENDED_AT_S)):
                await asyncio.sleep(max(0.0, began + at - time.monotonic()))
                if at == ENDED_AT_S:
                    pouring = asyncio.create_task(pour(each.port, ended=True))
                else:
                    await each.kill()
                    await each.start()
            assert pouring
            await pouring
            await troubled
            over = time.monotonic()
            await until(lambda: not each.waiting(), 300)
            print(f"all told {time.monotonic() - over:.1f} s after the trouble of {TROUBLE_S:g} s was over")
        for name, chat in (("private chat", ANN.id), ("group", GROUP)):
            items = tg.in_chat(chat)
            every_one_was_told(items)
            within_the_limits(tg.calls, GROUP)
            repeated = sum(REPEATED in item.text for item in items)
            print(f"{name}: {len(items)} messages, {repeated} of them marked as sent again; {each.kills} kills")


if __name__ == "__main__":
    asyncio.run(main())
