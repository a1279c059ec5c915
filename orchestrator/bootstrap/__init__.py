"""From a host that can be logged in to, to a managed one, and back."""

from orchestrator.bootstrap.model import (
    Credentials,
    HostFacts,
    HostOutcome,
    KeyState,
    Manner,
    Outcome,
    Root,
    Step,
    Surveyed,
)
from orchestrator.bootstrap.names import ACCOUNT, account_of, is_managed, login_of
from orchestrator.bootstrap.steps import facts_line, steps_of
from orchestrator.bootstrap.work import Bootstrap, Parts

__all__ = [
    "ACCOUNT",
    "Bootstrap",
    "Credentials",
    "HostFacts",
    "HostOutcome",
    "KeyState",
    "Manner",
    "Outcome",
    "Parts",
    "Root",
    "Step",
    "Surveyed",
    "account_of",
    "facts_line",
    "is_managed",
    "login_of",
    "steps_of",
]
