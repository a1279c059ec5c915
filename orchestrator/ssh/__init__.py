"""How a host is reached: pooled SSH connections that return Results. The only importer of asyncssh."""

from orchestrator.ssh.authority import Authority, make_authority, refuse_a_second_authority
from orchestrator.ssh.certificates import HostCertificate
from orchestrator.ssh.failure import NoConnection, PortClosed
from orchestrator.ssh.flow import Flow
from orchestrator.ssh.keymaking import KeyFile, kept_keys, key_files, make_key, refuse_a_second_key
from orchestrator.ssh.keys import Keys
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.method import Method, Passwords
from orchestrator.ssh.pool import Pool
from orchestrator.ssh.result import Command, Result, Status
from orchestrator.ssh.shell import Call, Library, Reply, Shell
from orchestrator.ssh.state import HostState, Phase
from orchestrator.ssh.stream import Stream
from orchestrator.ssh.succession import Succession, Turn
from orchestrator.ssh.trust import HostKey, Pins, Trust, read_public_key
from orchestrator.ssh.unlock import Passphrase, passphrase_file

__all__ = [
    "Authority",
    "Call",
    "Command",
    "Flow",
    "HostCertificate",
    "HostKey",
    "HostState",
    "KeyFile",
    "Keys",
    "Library",
    "Limits",
    "Method",
    "NoConnection",
    "Passphrase",
    "Passwords",
    "Phase",
    "Pins",
    "Pool",
    "PortClosed",
    "Reply",
    "Result",
    "Shell",
    "Status",
    "Stream",
    "Succession",
    "Trust",
    "Turn",
    "kept_keys",
    "key_files",
    "make_authority",
    "make_key",
    "passphrase_file",
    "read_public_key",
    "refuse_a_second_authority",
    "refuse_a_second_key",
]
