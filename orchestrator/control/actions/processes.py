"""Actions on processes and the ports that they hold."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.control.action import OnHost, OnHosts, Risk


@dataclass(frozen=True)
class ListPorts(OnHosts):
    """List listening sockets."""

    kind = "list_ports"
    risk = Risk.READ
    sentence = "List ports of {hosts}"


@dataclass(frozen=True)
class ClosePort(OnHost):
    """Free a port by ending the processes that hold it."""

    kind = "close_port"
    risk = Risk.DESTRUCTIVE
    sentence = "Close {action.protocol} {action.port} on {hosts}"
    port: int
    protocol: str


@dataclass(frozen=True)
class StopUnit(OnHost):
    """Stop the systemd unit that keeps a port open."""

    kind = "stop_unit"
    risk = Risk.DESTRUCTIVE
    sentence = "Stop {action.unit} on {hosts} to close {action.protocol} {action.port}"
    unit: str
    port: int
    protocol: str


@dataclass(frozen=True)
class ListProcesses(OnHosts):
    """See the busiest processes."""

    kind = "list_processes"
    risk = Risk.READ
    sentence = "List the busiest processes of {hosts}"
