"""What can be done with hosts."""

from orchestrator.fleet.answers import Answers
from orchestrator.fleet.blocks import (
    Block,
    BlockOutcome,
    BlocksAnswer,
    BlockState,
    Network,
    behind,
    is_private,
    parse_duration,
    parse_network,
    said,
)
from orchestrator.fleet.choose import closable, parse_port
from orchestrator.fleet.clean import clean, clean_line
from orchestrator.fleet.close import CloseOutcome, CloseState, Ending, Inspection, Target, Unit
from orchestrator.fleet.fanout import FanOut, Run
from orchestrator.fleet.fleet import Fleet
from orchestrator.fleet.ports import Ownership, Port, PortsAnswer, Process, Protocol
from orchestrator.fleet.processes import BusyProcess, By, TopAnswer
from orchestrator.fleet.report import Group, Report, exit_status
from orchestrator.fleet.sessions import KickOutcome, KickState, Session, WhoAnswer, find_session
from orchestrator.fleet.vitals import Disk, Vitals, VitalsAnswer

__all__ = [
    "Answers",
    "Block",
    "BlockOutcome",
    "BlockState",
    "BlocksAnswer",
    "BusyProcess",
    "By",
    "CloseOutcome",
    "CloseState",
    "Disk",
    "Ending",
    "FanOut",
    "Fleet",
    "Group",
    "Inspection",
    "KickOutcome",
    "KickState",
    "Network",
    "Ownership",
    "Port",
    "PortsAnswer",
    "Process",
    "Protocol",
    "Report",
    "Run",
    "Session",
    "Target",
    "TopAnswer",
    "Unit",
    "Vitals",
    "VitalsAnswer",
    "WhoAnswer",
    "behind",
    "clean",
    "clean_line",
    "closable",
    "exit_status",
    "find_session",
    "is_private",
    "parse_duration",
    "parse_network",
    "parse_port",
    "said",
]
