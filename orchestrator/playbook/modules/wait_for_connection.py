"""wait_for_connection: until the host can be worked with."""

from __future__ import annotations

import asyncio
import time

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target, TaskFailed, TaskSkipped
from orchestrator.playbook.modules.fields import Whole


class WaitForConnectionArguments(Arguments):
    """All in seconds; ``sleep`` is between tries."""

    connect_timeout: Whole = 5
    delay: Whole = 0
    sleep: Whole = 1
    timeout: Whole = 600


class WaitForConnection(Module[WaitForConnectionArguments]):
    """A fresh connection has to answer: one that was open before proves nothing."""

    name = "ansible.builtin.wait_for_connection"
    check = "none"
    arguments = WaitForConnectionArguments

    async def run(self, arguments: WaitForConnectionArguments, target: Target) -> Result:
        """The key ``elapsed``, in whole seconds. Raises TaskFailed when the time is over."""
        if target.check:
            raise TaskSkipped("")
        began = time.monotonic()
        await asyncio.sleep(arguments.delay)
        try:
            await target.reconnect(
                timeout=arguments.timeout, connect_timeout=arguments.connect_timeout, delay=arguments.sleep
            )
        except TimeoutError as error:
            elapsed = int(time.monotonic() - began)
            raise TaskFailed(f"timed out waiting for the host to answer: {error}", elapsed=elapsed) from None
        return Result(keys={"elapsed": int(time.monotonic() - began)})


MODULE = WaitForConnection()
