"""reboot: restart the host, and wait until it is another boot that answers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from orchestrator.playbook.modules.base import Arguments, Module, Program, Result, Target, TaskFailed, Unreachable
from orchestrator.playbook.modules.fields import TextList, Whole, Words, also
from orchestrator.playbook.modules.library import library

_PROGRAM: Program = library("reboot")
_FOLDERS = ("/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin")
_CONNECT_TIMEOUT = 10.0
_PAUSE = 1.0
"""Seconds between two looks at a host that answers."""
_RETRY = 3.0
"""Seconds between two tries to log in. pam_nologin(8) refuses users while a host goes down and comes up, and sshd since
9.8 adds 5 s to a source's penalty for each refusal, to act on 15: faster tries would lock us out of a slow boot."""


class RebootArguments(Arguments):
    """As Ansible documents them; times in seconds."""

    pre_reboot_delay: Whole = also("pre_reboot_delay", "pre_reboot_delay_sec", default=0)
    post_reboot_delay: Whole = also("post_reboot_delay", "post_reboot_delay_sec", default=0)
    reboot_timeout: Whole = also("reboot_timeout", "reboot_timeout_sec", default=600)
    connect_timeout: Whole | None = also("connect_timeout", "connect_timeout_sec", default=None)
    test_command: Words = "whoami"
    msg: Words = "Reboot initiated by Ansible"
    search_paths: TextList = list(_FOLDERS)  # noqa: RUF012  frozen
    boot_time_command: Words | None = None
    reboot_command: Words | None = None


class Reboot(Module[RebootArguments]):
    """The boot id of the kernel tells one boot from the next; a connection that breaks on the way is expected."""

    name = "ansible.builtin.reboot"
    arguments = RebootArguments

    async def run(self, arguments: RebootArguments, target: Target) -> Result:
        """The keys ``rebooted`` and ``elapsed`` (seconds). Raises TaskFailed when the host does not come back."""
        if target.check:
            return Result(changed=True, keys={"rebooted": True, "elapsed": 0})
        if await target.boot_id() == _our_boot():
            msg = "this would reboot the control node: the host shares its kernel"
            raise TaskFailed(msg, changed=False, elapsed=0, rebooted=False)
        before = await self._boot(arguments, target)
        await self._go_down(arguments, target)
        began = time.monotonic()
        await asyncio.sleep(max(0, arguments.post_reboot_delay))
        try:
            target.progress("waiting for the next boot")
            await self._until_booted(arguments, target, before, began + arguments.reboot_timeout)
            target.progress("booted, trying the test command")
            await self._until_ready(arguments, target, time.monotonic() + arguments.reboot_timeout)
        except TimeoutError as error:
            elapsed = int(time.monotonic() - began)
            raise TaskFailed(str(error), rebooted=True, changed=False, elapsed=elapsed) from None
        return Result(changed=True, keys={"rebooted": True, "elapsed": int(time.monotonic() - began)})

    async def _boot(self, arguments: RebootArguments, target: Target) -> str:
        if arguments.boot_time_command is None:
            return await target.boot_id()
        answer = await target.sh(_PROGRAM, "reboot_line", arguments.boot_time_command)
        told = answer.stdout.decode("utf-8", "replace").strip()
        if answer.rc != 0:
            errors = answer.stderr.decode("utf-8", "replace")
            raise TaskFailed(f"failed to get host boot time info, rc: {answer.rc}, stdout: {told}, stderr: {errors}")
        return told

    async def _go_down(self, arguments: RebootArguments, target: Target) -> None:
        minutes = max(0, arguments.pre_reboot_delay) // 60
        try:
            answer = await target.sh(
                _PROGRAM,
                "reboot_now",
                str(minutes),
                arguments.msg,
                folders=arguments.search_paths,
                command=arguments.reboot_command,
            )
        except Unreachable as error:
            if not error.may_have_run:
                raise
            return
        if answer.rc == 0:
            return
        outputs = ", ".join(text.decode("utf-8", "replace").strip() for text in (answer.stdout, answer.stderr))
        reason = answer.get("failed") or f"Reboot command failed. Error was: '{outputs}'"
        raise TaskFailed(reason, rebooted=False, elapsed=0)

    async def _until_booted(self, arguments: RebootArguments, target: Target, before: str, end: float) -> None:
        """Until another boot than `before` answers. Raises TimeoutError at `end`."""
        timeout = f"Timed out waiting for last boot time check (timeout={arguments.reboot_timeout})"
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(timeout)
            try:
                await target.reconnect(
                    timeout=left, connect_timeout=arguments.connect_timeout or _CONNECT_TIMEOUT, delay=_RETRY
                )
                now = await self._boot(arguments, target)
            except TimeoutError:
                raise TimeoutError(timeout) from None
            except (Unreachable, TaskFailed):  # it went away between the two
                now = ""
            if now not in ("", before):
                return
            await asyncio.sleep(_PAUSE)

    async def _until_ready(self, arguments: RebootArguments, target: Target, end: float) -> None:
        """Until the test command succeeds. Raises TimeoutError at `end`."""
        last: dict[str, Any] = {}
        while time.monotonic() < end:
            try:
                answer = await target.sh(_PROGRAM, "reboot_line", arguments.test_command)
            except Unreachable as error:
                last["why"] = error.detail
            else:
                if answer.rc == 0:
                    return
                last["why"] = f"it ended with status {answer.rc}"
            await asyncio.sleep(_PAUSE)
        why = f": {last['why']}" if last else ""
        raise TimeoutError(f"Timed out waiting for post-reboot test command (timeout={arguments.reboot_timeout}){why}")


def _our_boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


MODULE = Reboot()
