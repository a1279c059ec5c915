"""Why there is no connection: every way a connect fails, as one status and one line for a person."""

from __future__ import annotations

import errno
import socket

import asyncssh

from orchestrator.errors import OrchestratorError
from orchestrator.ssh.result import Status

_ERRNO = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.ETIMEDOUT: "no answer",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTDOWN: "host is down",
    errno.EACCES: "a local firewall forbids the connection",
    errno.EPERM: "a local firewall forbids the connection",
    errno.EMFILE: "we are out of file descriptors (ulimit -n)",
}


class NoConnection(OrchestratorError, ConnectionError):
    """A host could not be connected to: `status` and `detail` as in a Result; `parked` if only a person can help.

    `key_refused` when the host was asked about each key that we offered, and knows none of them for this account.
    """

    exit_status = 4

    def __init__(
        self, host: str, status: Status, detail: str, *, parked: bool = False, key_refused: bool = False
    ) -> None:
        self.host = host
        self.status = status
        self.detail = one_line(detail)
        super().__init__(self.detail, where=f"host {host}")
        self.parked = parked
        self.key_refused = key_refused


class PortClosed(OrchestratorError, ConnectionError):
    """A host is connected, but a port on its side cannot be; `detail` says why in one line, `forbidden` that the host's
    SSH server does not let us try."""

    exit_status = 4

    def __init__(self, where: str, detail: str, *, forbidden: bool = False) -> None:
        """`where` is ``ADDRESS:PORT``, as the host sees it."""
        self.detail = one_line(detail)
        self.forbidden = forbidden
        super().__init__(self.detail, where=where)


class Hangup(Exception):
    """The server closed the connection before its SSH greeting; nothing was exchanged, so trying again is safe."""


def unreachable(host: str, error: Exception) -> NoConnection:
    """A failure below authentication and host keys."""
    return NoConnection(host, Status.UNREACHABLE, _plain(error))


def auth_failed(host: str, user: str, reason: str, *, key_refused: bool = False) -> NoConnection:
    """The server did not let us in; trying again by ourselves would only earn a penalty."""
    detail = f"{reason} for user {user}" if user else reason
    return NoConnection(host, Status.AUTH_FAILED, detail, parked=True, key_refused=key_refused)


def port_closed(where: str, error: Exception) -> PortClosed:
    """Why `where` cannot be connected to from its host."""
    if not isinstance(error, asyncssh.ChannelOpenError):
        return PortClosed(where, _plain(error))
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        why = "the host's SSH server forbids it (AllowTcpForwarding, PermitOpen, or `restrict`)"
        return PortClosed(where, why, forbidden=True)
    return PortClosed(where, f"nothing answers there: {error.reason}")


def one_line(text: str) -> str:
    """`text` fit to be shown: a server's words may hold anything, so only printable ones stay, and few of them."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:300].strip()


def _plain(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return "the name server does not answer"
        return "name does not resolve"
    if isinstance(error, Hangup):
        return (
            "the server closed the connection before its SSH greeting: it is full (MaxStartups) or refuses our address "
            "for a while (PerSourcePenalties)"
        )
    if isinstance(error, asyncssh.ChannelOpenError):
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            return "the jump host forbids forwarding"
        return f"the jump host cannot reach it: {error.reason}"
    if isinstance(error, asyncssh.ProtocolNotSupported | asyncssh.ProtocolError):
        return f"does not speak SSH as it should: {error.reason}"
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return f"no algorithm in common: {error.reason}"
    if isinstance(error, asyncssh.ConnectionLost):
        return f"the connection broke while it was made: {error.reason}"
    if isinstance(error, asyncssh.Error):
        return f"the server ended the connection: {error.reason}"
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0) or (error.strerror or str(error)).lower()
    return str(error)
