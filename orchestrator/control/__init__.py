"""The one door: who may do what, and the evidence of it."""

from orchestrator.control import evidence
from orchestrator.control.actions import (
    Action,
    Actor,
    CheckPlaybook,
    ClosePort,
    EditInventory,
    Exec,
    Face,
    ForgetKey,
    ListPorts,
    Reconnect,
    Risk,
    RunPlaybook,
    ShowHosts,
    StopUnit,
    TrustKey,
)
from orchestrator.control.door import CONFIRM_WITHIN_S, Door, NotConfirmed, Passage

__all__ = [
    "CONFIRM_WITHIN_S",
    "Action",
    "Actor",
    "CheckPlaybook",
    "ClosePort",
    "Door",
    "EditInventory",
    "Exec",
    "Face",
    "ForgetKey",
    "ListPorts",
    "NotConfirmed",
    "Passage",
    "Reconnect",
    "Risk",
    "RunPlaybook",
    "ShowHosts",
    "StopUnit",
    "TrustKey",
    "evidence",
]
