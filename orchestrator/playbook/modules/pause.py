"""pause: wait some time, or for a person."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Self

from pydantic import model_validator

from orchestrator.playbook.modules.base import Arguments, Module, Result, Target
from orchestrator.playbook.modules.fields import Flag, Whole, Words


class PauseArguments(Arguments):
    """See ansible.builtin.pause."""

    minutes: Whole | None = None
    seconds: Whole | None = None
    prompt: Words | None = None
    echo: Flag = True

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.minutes is not None and self.seconds is not None:
            raise ValueError("takes minutes or seconds, not both")
        return self


class Pause(Module[PauseArguments]):
    """Pauses once for all hosts. Where nobody can be asked it goes on at once, as Ansible does without a terminal."""

    name = "ansible.builtin.pause"
    once = True
    arguments = PauseArguments

    async def run(self, arguments: PauseArguments, target: Target) -> Result:
        """See Module."""
        start, begun = str(datetime.now()), time.monotonic()  # noqa: DTZ005  Ansible's keys are local times
        answer = ""
        seconds = arguments.seconds if arguments.minutes is None else arguments.minutes * 60
        if seconds is None:
            answer = await target.ask(arguments.prompt or "Press enter to continue") or ""
        else:
            target.progress(f"pausing for {max(1, seconds)} s" + (f": {arguments.prompt}" if arguments.prompt else ""))
            await asyncio.sleep(max(1, seconds))
        took = time.monotonic() - begun
        unit, spelled = (
            ("minutes", took / 60) if arguments.minutes is not None or seconds is None else ("seconds", took)
        )
        keys = {
            "rc": 0,
            "stdout": f"Paused for {round(spelled, 2)} {unit}",
            "stderr": "",
            "start": start,
            "stop": str(datetime.now()),  # noqa: DTZ005  Ansible's keys are local times
            "delta": int(took),
            "echo": arguments.echo,
            "user_input": answer,
        }
        return Result(keys=keys)


MODULE = Pause()
