"""The one door: who may do what, and the evidence of it."""

from orchestrator.control import evidence
from orchestrator.control.actions import (
    Action,
    Actor,
    ClosePort,
    Exec,
    Face,
    ForgetKey,
    ListPorts,
    Reconnect,
    Risk,
    ShowHosts,
    StopUnit,
    TrustKey,
)
from orchestrator.control.door import CONFIRM_WITHIN_S, Door, NotConfirmed, Passage

__all__ = [
    "CONFIRM_WITHIN_S",
    "Action",
    "Actor",
    "ClosePort",
    "Door",
    "Exec",
    "Face",
    "ForgetKey",
    "ListPorts",
    "NotConfirmed",
    "Passage",
    "Reconnect",
    "Risk",
    "ShowHosts",
    "StopUnit",
    "TrustKey",
    "evidence",
]
