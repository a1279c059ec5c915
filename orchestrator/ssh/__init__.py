"""How a host is reached: pooled SSH connections that return Results. The only importer of asyncssh."""

from orchestrator.ssh.failure import NoConnection
from orchestrator.ssh.keys import Keys, Passphrase, passphrase_file
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.pool import Pool
from orchestrator.ssh.result import Command, Result, Status
from orchestrator.ssh.state import HostState, Phase
from orchestrator.ssh.trust import HostKey, Pins, Trust

__all__ = [
    "Command",
    "HostKey",
    "HostState",
    "Keys",
    "Limits",
    "NoConnection",
    "Passphrase",
    "Phase",
    "Pins",
    "Pool",
    "Result",
    "Status",
    "Trust",
    "passphrase_file",
]
