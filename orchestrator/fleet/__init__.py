"""What can be done with hosts."""

from orchestrator.fleet.answers import Answers
from orchestrator.fleet.choose import closable, parse_port
from orchestrator.fleet.clean import clean, clean_line
from orchestrator.fleet.close import CloseOutcome, CloseState, Ending, Inspection, Target, Unit
from orchestrator.fleet.fanout import FanOut, Run
from orchestrator.fleet.fleet import Fleet
from orchestrator.fleet.ports import Ownership, Port, PortsAnswer, Process, Protocol
from orchestrator.fleet.report import Group, Report, exit_status
from orchestrator.fleet.vitals import Disk, Vitals, VitalsAnswer

__all__ = [
    "Answers",
    "CloseOutcome",
    "CloseState",
    "Disk",
    "Ending",
    "FanOut",
    "Fleet",
    "Group",
    "Inspection",
    "Ownership",
    "Port",
    "PortsAnswer",
    "Process",
    "Protocol",
    "Report",
    "Run",
    "Target",
    "Unit",
    "Vitals",
    "VitalsAnswer",
    "clean",
    "clean_line",
    "closable",
    "exit_status",
    "parse_port",
]
