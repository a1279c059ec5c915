"""Which processes a request to close a port is about, or why it cannot be done."""

from __future__ import annotations

import re

from orchestrator.errors import Refused, UsageError
from orchestrator.fleet.close import Inspection, Target
from orchestrator.fleet.ports import Protocol

_PORT = re.compile(r"(?:(?P<before>tcp|udp)[ /:])?(?P<port>[0-9]{1,5})(?:[ /](?P<after>tcp|udp))?", re.ASCII)


def parse_port(text: str) -> tuple[int, Protocol | None]:
    """``8080``, ``53/udp`` or ``udp 53`` as a number and a protocol, None when none is named; else UsageError."""
    match = _PORT.fullmatch(text.strip().lower())
    if match is None or (match["before"] and match["after"]) or not 0 < int(match["port"]) < 65536:
        raise UsageError(f"{text[:40]!r} is not a port", remedy="Give a number from 1 to 65535, or 53/udp")
    protocol = match["before"] or match["after"]
    return int(match["port"]), "udp" if protocol == "udp" else "tcp" if protocol == "tcp" else None


def closable(inspection: Inspection) -> tuple[Target, ...]:
    """The processes to end so that the port is free, all of one protocol; none when nothing listens there.

    Raises `Refused` where one of them must not be ended or cannot be seen, and UsageError when both protocols are held.
    """
    if not inspection.ports:
        return ()
    protocols = sorted({port.protocol for port in inspection.ports})
    if len(protocols) > 1:
        raise UsageError(
            f"both tcp and udp {inspection.port} are open",
            where=inspection.host,
            remedy=f"Say {inspection.port}/tcp or {inspection.port}/udp",
        )
    for target in inspection.targets:
        if target.protected:
            raise Refused(
                f"{target.process.name} (pid {target.process.pid}) is not ended: {target.protected}",
                where=inspection.host,
            )
    if any(not port.processes for port in inspection.ports):
        raise Refused(
            f"who holds {protocols[0]} {inspection.port} cannot be seen",
            where=inspection.host,
            remedy="Set `become: true` for the host, or log in as root; a socket of the kernel cannot be closed",
        )
    return inspection.targets
