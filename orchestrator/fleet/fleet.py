"""What can be asked of hosts: run a command, list ports, free one, read vital signs, see and end what runs there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import aclosing
from functools import partial
from ipaddress import ip_address
from typing import TypeVar

from orchestrator.errors import UsageError
from orchestrator.fleet.blocks import (
    BlockOutcome,
    BlocksAnswer,
    BlockState,
    Network,
    argument,
    read_block,
    read_blocks,
    read_unblock,
)
from orchestrator.fleet.close import CloseOutcome, CloseState, Inspection, Target
from orchestrator.fleet.fanout import FanOut, Run
from orchestrator.fleet.hostctl import Frame, HostCtl, UnreadableAnswer, read_frame
from orchestrator.fleet.ports import PortsAnswer, Protocol, read_more, read_ports
from orchestrator.fleet.processes import TopAnswer, read_top
from orchestrator.fleet.sessions import KickOutcome, KickState, Session, WhoAnswer, read_kick, read_who
from orchestrator.fleet.verdict import read_close, read_inspection, read_unit_stop
from orchestrator.fleet.vitals import VitalsAnswer, read_vitals
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Command, Result, Status

_NOT_REACHED = frozenset(
    {Status.UNREACHABLE, Status.AUTH_FAILED, Status.HOST_KEY_UNKNOWN, Status.HOST_KEY_CHANGED},
)
CLOSE_TIMEOUT = 90.0
STOP_TIMEOUT = 60.0

Answer = TypeVar("Answer", TopAnswer, WhoAnswer, BlocksAnswer)


class Fleet:
    """Work on hosts through `run` (the pool's). Outcomes are values with a status, never exceptions.

    `own_ports` are the ports that the orchestrator itself serves; on the machine it runs on, whoever holds one of them
    is never closed. (The processes that carry a request, the orchestrator among them on `Server`, never are.)

    >>> fleet = Fleet(pool.run, own_ports=(8002, 9090, 9093))          # doctest: +SKIP
    >>> async with aclosing(fleet.exec(hosts, "uptime")) as results:   # doctest: +SKIP
    ...     async for result in results: ...
    """

    def __init__(
        self, run: Run, *, hostctl: HostCtl | None = None, own_ports: Collection[int] = (), window: int = 256
    ) -> None:
        self._run = run
        self._hostctl = hostctl or HostCtl.packaged()
        self._own_ports = tuple(sorted(own_ports))
        self._fanout = FanOut(run, window=window)

    def exec(
        self,
        hosts: Iterable[Host],
        script: str,
        *,
        timeout: float = 60.0,
        serial: int | None = None,
        max_fail: int | None = None,
        stop: asyncio.Event | None = None,
    ) -> AsyncGenerator[Result]:
        """Run a shell program on every host; see `FanOut.stream`. `timeout` is in seconds, for each host."""
        command = Command(script, timeout=timeout)
        return self._fanout.stream(hosts, command, stop=stop, serial=serial, max_fail=max_fail)

    async def ports(self, hosts: Iterable[Host], *, stop: asyncio.Event | None = None) -> AsyncGenerator[PortsAnswer]:
        """The listening sockets of every host, as hosts answer."""
        command = self._hostctl.command("ports")
        async with aclosing(self._fanout.stream(hosts, command, stop=stop)) as results:
            async for result in results:
                yield _ports(result)

    async def vitals(self, hosts: Iterable[Host], *, stop: asyncio.Event | None = None) -> AsyncGenerator[VitalsAnswer]:
        """One reading of every host, as hosts answer."""
        command = self._hostctl.command("vitals")
        async with aclosing(self._fanout.stream(hosts, command, stop=stop)) as results:
            async for result in results:
                yield _vitals(result)

    def top(self, hosts: Iterable[Host], *, stop: asyncio.Event | None = None) -> AsyncGenerator[TopAnswer]:
        """The busiest processes of every host, by time and by memory, as hosts answer (after a second)."""
        return self._answers(hosts, "top", TopAnswer, read_top, stop)

    def who(self, hosts: Iterable[Host], *, stop: asyncio.Event | None = None) -> AsyncGenerator[WhoAnswer]:
        """The sessions of every host, as hosts answer."""
        return self._answers(hosts, "who", WhoAnswer, read_who, stop)

    def blocks(self, hosts: Iterable[Host], *, stop: asyncio.Event | None = None) -> AsyncGenerator[BlocksAnswer]:
        """The addresses that every host drops for us, as hosts answer."""
        return self._answers(hosts, "blocks", BlocksAnswer, read_blocks, stop)

    async def kick(self, host: Host, session: Session) -> KickOutcome:
        """End exactly this session: HUP, TERM, then KILL to all of it, each after 2 s. Refused when it is ours."""
        result = await self._run(host, self._hostctl.command("kick", session.argument, timeout=STOP_TIMEOUT))
        frame, undone, detail = _outcome(result, "kick")
        if frame is not None:
            try:
                return read_kick(host.name, frame, result.duration)
            except UnreadableAnswer as error:
                undone, detail = False, str(error)
        state = KickState.NOT_DONE if undone else KickState.UNKNOWN
        return KickOutcome(host.name, state, detail, result.duration)

    async def block(
        self,
        hosts: Iterable[Host],
        network: Network,
        seconds: int | None,
        *,
        behind: Callable[[Host], Iterable[Network]] = lambda _: (),
        stop: asyncio.Event | None = None,
    ) -> AsyncGenerator[BlockOutcome]:
        """Let every host drop what comes from `network`, for `seconds`; for None, also after a reboot.

        Refused by a host that has that address, a gateway there, or our request from there; or, as `behind` gives them,
        a host that is reached through it.
        """
        time = "permanent" if seconds is None else str(seconds)
        read = partial(_block_read, network=network, seconds=seconds)
        for alike, keep, local in _alike(hosts, behind):
            arguments = ["local" if local else "ssh", argument(network), time, *(["--keep", keep] if keep else [])]
            async with aclosing(self._blocking(alike, "block", arguments, read, stop)) as outcomes:
                async for outcome in outcomes:
                    yield outcome

    def unblock(
        self, hosts: Iterable[Host], network: Network, *, stop: asyncio.Event | None = None
    ) -> AsyncGenerator[BlockOutcome]:
        """Let every host take what comes from `network` again; it is named as it was blocked."""
        read = partial(_unblock_read, network=network)
        return self._blocking(hosts, "unblock", [argument(network)], read, stop)

    async def _answers(
        self,
        hosts: Iterable[Host],
        verb: str,
        kind: type[Answer],
        read: Callable[[str, Frame], Answer],
        stop: asyncio.Event | None,
    ) -> AsyncGenerator[Answer]:
        async with aclosing(self._fanout.stream(hosts, self._hostctl.command(verb), stop=stop)) as results:
            async for result in results:
                frame, status, detail = _frame(result, verb)
                if frame is not None:
                    try:
                        yield read(result.host, frame)
                        continue
                    except UnreadableAnswer as error:
                        status, detail = Status.FAILED, str(error)
                yield kind(result.host, status, detail)

    async def _blocking(
        self,
        hosts: Iterable[Host],
        verb: str,
        arguments: list[str],
        read: Callable[[str, Frame], BlockOutcome],
        stop: asyncio.Event | None,
    ) -> AsyncGenerator[BlockOutcome]:
        command = self._hostctl.command(verb, *arguments)
        async with aclosing(self._fanout.stream(hosts, command, stop=stop)) as results:
            async for result in results:
                yield _blocked(result, verb, read)

    async def inspect(self, host: Host, port: int, protocol: Protocol | None = None) -> Inspection:
        """What listens on a port (of both protocols unless one is named), and what closing it would end.

        Raises UsageError for a port that is none.
        """
        _check_port(port)
        arguments = [*self._keep(host), str(port), *([protocol] if protocol else [])]
        result = await self._run(host, self._hostctl.command("inspect", *arguments))
        frame, status, detail = _frame(result, "inspect")
        if frame is not None:
            try:
                return read_inspection(host.name, port, frame)
            except UnreadableAnswer as error:
                status, detail = Status.FAILED, str(error)
        return Inspection(host.name, status, port, detail=detail)

    async def close(self, host: Host, targets: Collection[Target]) -> CloseOutcome:
        """End exactly `targets`, as inspected: TERM, KILL after 5 s, then look again. All are of one protocol and port.

        A target that is not what it was is left alone, and a protected one makes the whole request refused.
        Raises UsageError when `targets` is empty or names two ports.
        """
        held = {(target.protocol, target.port) for target in targets}
        if len(held) != 1:
            raise UsageError("close wants the targets of one port", remedy="Inspect the port first")
        ((protocol, port),) = held
        ordered = tuple(targets)
        arguments = [*self._keep(host), protocol, str(port), *(target.argument for target in ordered)]
        result = await self._run(host, self._hostctl.command("close", *arguments, timeout=CLOSE_TIMEOUT))
        frame, state, detail = _change(result, "close")
        if frame is not None:
            try:
                return read_close(host.name, port, ordered, frame, result.duration)
            except UnreadableAnswer as error:
                state, detail = CloseState.UNKNOWN, str(error)
        return CloseOutcome(host.name, state, detail, duration=result.duration)

    async def stop_unit(self, host: Host, unit: str, port: int, protocol: Protocol) -> CloseOutcome:
        """Stop the system unit that holds the port, and the socket units that would start it again; then look again.

        Refused when the unit is one that carries us. Raises UsageError for a port that is none.
        """
        _check_port(port)
        arguments = [*self._keep(host), unit, protocol, str(port)]
        result = await self._run(host, self._hostctl.command("unit-stop", *arguments, timeout=STOP_TIMEOUT))
        frame, state, detail = _change(result, "unit-stop")
        if frame is not None:
            try:
                return read_unit_stop(host.name, port, unit, frame, result.duration)
            except UnreadableAnswer as error:
                state, detail = CloseState.UNKNOWN, str(error)
        return CloseOutcome(host.name, state, detail, duration=result.duration)

    def _keep(self, host: Host) -> list[str]:
        if not self._own_ports or not (host.local or _ourselves(host)):
            return []
        return ["--keep-ports", ",".join(map(str, self._own_ports))]


def _check_port(port: int) -> None:
    if not 0 < port < 65536:
        raise UsageError(f"{port} is not a port", remedy="Give a number from 1 to 65535")


def _ourselves(host: Host) -> bool:
    """True if the host is this machine under another name, so that our ports are its ports."""
    if host.jump is not None:
        return False
    try:
        address = ip_address(host.address)
    except ValueError:
        return host.address in ("localhost", socket.gethostname())
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET) as probe:
        try:
            probe.bind((str(address), 0))  # the kernel binds to addresses of this machine only, ip(7)
        except OSError:
            return False
    return True


def _frame(result: Result, verb: str) -> tuple[Frame | None, Status, str]:
    """The whole answer, or None with the status and the reason why there is none."""
    if not result.status.answered:
        return None, result.status, result.detail
    try:
        frame = read_frame(result, verb)
    except UnreadableAnswer as error:
        return None, Status.FAILED, str(error)
    if frame.error or result.status is not Status.OK:
        return None, Status.FAILED, frame.error or f"hostctl ended with exit status {result.exit_code}"
    return frame, Status.OK, ""


def _change(result: Result, verb: str) -> tuple[Frame | None, CloseState, str]:
    """As `_frame`, for verbs that change the host: without a whole answer, may anything have been done?

    The script writes ``began`` before it acts, and what came first is never cut out of an output.
    """
    frame, undone, detail = _outcome(result, verb)
    return frame, CloseState.NOT_DONE if undone else CloseState.UNKNOWN, detail


def _outcome(result: Result, verb: str) -> tuple[Frame | None, bool, str]:
    """As `_change`; True: without a whole answer, it is known that nothing was done."""
    frame, status, detail = _frame(result, verb)
    undone = status in _NOT_REACHED or (result.status.answered and b"\nbegan\t" not in result.stdout)
    return frame, undone, detail or status.value


def _blocked(result: Result, verb: str, read: Callable[[str, Frame], BlockOutcome]) -> BlockOutcome:
    frame, undone, detail = _outcome(result, verb)
    if frame is not None:
        try:
            return read(result.host, frame)
        except UnreadableAnswer as error:
            undone, detail = False, str(error)
    if not undone:
        return BlockOutcome(result.host, BlockState.UNKNOWN, detail)
    return BlockOutcome(result.host, BlockState.FAILED if result.status.answered else BlockState.NOT_DONE, detail)


def _block_read(host: str, frame: Frame, *, network: Network, seconds: int | None) -> BlockOutcome:
    return read_block(host, network, seconds, frame)


def _unblock_read(host: str, frame: Frame, *, network: Network) -> BlockOutcome:
    return read_unblock(host, network, frame)


def _alike(
    hosts: Iterable[Host], behind: Callable[[Host], Iterable[Network]]
) -> Iterable[tuple[list[Host], str, bool]]:
    """The hosts that are asked the same, with the addresses behind them as the script takes them."""
    groups: dict[tuple[str, bool], list[Host]] = {}
    for host in hosts:
        keep = ",".join(sorted({each.network_address.packed.hex() for each in behind(host)}))
        groups.setdefault((keep, host.local), []).append(host)
    return [(group, keep, local) for (keep, local), group in groups.items()]


def _ports(result: Result) -> PortsAnswer:
    frame, status, detail = _frame(result, "ports")
    if frame is not None:
        try:
            frame.only(("byteorder", "view", "socket", "owner", "process", "more"))
            return PortsAnswer(result.host, Status.OK, read_ports(frame), read_more(frame))
        except UnreadableAnswer as error:
            status, detail = Status.FAILED, str(error)
    return PortsAnswer(result.host, status, detail=detail)


def _vitals(result: Result) -> VitalsAnswer:
    frame, status, detail = _frame(result, "vitals")
    if frame is not None:
        try:
            return VitalsAnswer(result.host, Status.OK, read_vitals(frame))
        except UnreadableAnswer as error:
            status, detail = Status.FAILED, str(error)
    return VitalsAnswer(result.host, status, detail=detail)
