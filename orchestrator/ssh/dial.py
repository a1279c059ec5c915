"""Making one SSH connection: name, TCP or tunnel, host key, authentication - each failure told apart."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import asyncssh

from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh.authority import Authority
from orchestrator.ssh.failure import Hangup, NoConnection, auth_failed, unreachable
from orchestrator.ssh.hostkey import distrust, host_key_algorithms
from orchestrator.ssh.keys import Keys
from orchestrator.ssh.limits import Limits
from orchestrator.ssh.link import Link
from orchestrator.ssh.method import Candidate, Fresh, Passwords, Usable
from orchestrator.ssh.resolve import resolve
from orchestrator.ssh.result import Status
from orchestrator.ssh.trust import HostKey, Pins, Trust

_HANGUP_TRIES = 3

# AES-GCM costs a quarter to a third less CPU than ChaCha20 here (measured); nothing with SHA-1 is offered.
_KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
)
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
_MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")


OnDial = Callable[[Host, str, int], Awaitable[None]]
"""Told of each connection to a host itself, before the host knows of it: our address and our port."""


class _Client(Candidate):
    """Remembers what the server showed. It trusts nothing by itself: only the pins handed to asyncssh can."""

    def __init__(self, keys: Sequence[Usable | Fresh] = (), password: str | None = None) -> None:
        super().__init__(keys, password)
        self._on_lost: Callable[[Exception | None], None] | None = None
        self._lost: list[Exception | None] = []
        self.connection: asyncssh.SSHClientConnection | None = None
        self.presented: HostKey | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.append(exc)
        if self._on_lost is not None:
            self._on_lost(exc)

    def report_to(self, on_lost: Callable[[Exception | None], None]) -> None:
        """Call `on_lost` when the connection ends; now if it has already."""
        self._on_lost = on_lost
        if self._lost:
            on_lost(self._lost[0])

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.presented = HostKey.of(key)
        return False

    @property
    def ungreeted(self) -> bool:
        """True while we are connected and the server has not sent its SSH version."""
        return self.connection is not None and self.connection.get_extra_info("server_version") is None


@dataclass(slots=True)
class Attempt:
    """One try to connect: to whom, how, and how far it came."""

    host: Host
    pins: Pins
    tunnel: Link | None
    keys: Sequence[Usable | Fresh] = ()
    password: str | None = field(default=None, repr=False)
    client: _Client = field(init=False)
    stage: str = field(default="looking up the name")

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start afresh, after a try in which nothing was sent."""
        self.client = _Client(self.keys, self.password)


class Dialer:
    """Opens connections, `limits.connects` at a time, each within `limits.connect_timeout` seconds."""

    def __init__(
        self,
        trust: Trust,
        keys: Keys,
        limits: Limits,
        authority: Authority | None = None,
        passwords: Passwords | None = None,
        *,
        on_dial: OnDial | None = None,
    ) -> None:
        asyncssh.set_log_level(logging.WARNING)
        self._trust = trust
        self._keys = keys
        self._authority = authority
        self._passwords = passwords
        self._on_dial = on_dial
        self._limits = limits
        self._connects = asyncio.Semaphore(limits.connects)
        self._lookups = asyncio.Semaphore(limits.connects)
        self._doors: dict[tuple[str, int], asyncio.Semaphore] = {}

    async def dial(self, host: Host, tunnel: Link | None, on_spent: Callable[[], None]) -> Link:
        """An authenticated connection to `host`, through `tunnel` if given. Raises NoConnection."""
        password = self._password(host)
        keys = await self._offered_to(host, only_way=password is None)
        for promise in (host.fingerprint, None):
            pins = self._pins(host)
            attempt = Attempt(host, pins, tunnel, keys, password)
            try:
                connection = await self._persist(attempt)
            except asyncssh.HostKeyNotVerifiable as error:
                shown = attempt.client.presented
                if promise and not pins.keys and shown and shown.fingerprint == promise.rstrip("="):
                    self._trust.pin(host, shown)
                    continue
                raise distrust(host, pins, shown, str(error)) from error
            link = Link(connection, self._limits, tunnel, on_spent, attempt.client.method)
            attempt.client.report_to(link.detach)
            return link
        raise AssertionError("unreachable: the second round has no promise")

    async def scan(self, host: Host, tunnel: Link | None) -> HostKey:
        """The host key that `host` shows now, without authenticating. Raises NoConnection."""
        pins = Pins(match=((), (), (), (), (), (), ()))
        attempt = Attempt(host, pins, tunnel)
        try:
            connection = await self._persist(attempt)
        except asyncssh.HostKeyNotVerifiable as error:
            if attempt.client.presented is None:
                raise unreachable(host.name, error) from error
            return attempt.client.presented
        connection.abort()
        raise AssertionError("unreachable: nothing is pinned, so no key can be accepted")

    async def _offered_to(self, host: Host, *, only_way: bool) -> Sequence[Usable | Fresh]:
        """A certificate of our authority, then plain keys; without any, NoConnection if there is no other way in."""
        offered: list[Usable | Fresh] = []
        problem: KeyFileError | None = None
        try:
            identity = await self._authority.identity(host) if self._authority else None
            offered += [identity] if identity else []
        except KeyFileError as error:
            problem = error
        try:
            offered += await self._keys.offered_to(host)
        except KeyFileError as error:
            problem = problem or error
        if problem and only_way and not offered:
            raise auth_failed(host.name, "", f"no usable key: {problem}") from problem
        return offered

    def _password(self, host: Host) -> str | None:
        password = self._passwords(host) if self._passwords else None
        if password and any(0xD800 <= ord(letter) <= 0xDFFF for letter in password):
            raise auth_failed(host.name, "", "the password is not valid UTF-8")
        return password or None

    def _pins(self, host: Host) -> Pins:
        try:
            return self._trust.lookup(host)
        except KeyFileError as error:
            raise NoConnection(host.name, Status.HOST_KEY_UNKNOWN, str(error), parked=True) from error

    async def _persist(self, attempt: Attempt) -> asyncssh.SSHClientConnection:
        """Connect; again when a full server (MaxStartups, sshd_config(5)) drops us before its greeting.

        Raises NoConnection and HostKeyNotVerifiable.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.connect_timeout
        for tries in range(1, _HANGUP_TRIES + 1):
            try:
                return await self._connect(attempt)
            except Hangup as error:
                pause = random.uniform(0.1, 0.4) * 2**tries  # noqa: S311  spreads load, hides nothing
                if tries == _HANGUP_TRIES or loop.time() + pause > end:
                    raise unreachable(attempt.host.name, error) from error
                await asyncio.sleep(pause)
                attempt.begin()
        raise AssertionError("unreachable: the last try raises")

    async def _connect(self, attempt: Attempt) -> asyncssh.SSHClientConnection:
        host, limits = attempt.host, self._limits
        door = self._doors.setdefault((host.address, host.port), asyncio.Semaphore(limits.connects_per_door))
        async with door, self._connects:
            try:
                async with asyncio.timeout(limits.connect_timeout):
                    return await self._handshake(attempt)
            except TimeoutError as error:
                detail = f"no answer within {limits.connect_timeout:g} s ({attempt.stage})"
                if attempt.client.sent:
                    raise auth_failed(host.name, host.user or "", f"{detail}, the password was sent") from error
                raise NoConnection(host.name, Status.UNREACHABLE, detail) from error
            except asyncssh.HostKeyNotVerifiable:
                raise
            except asyncssh.PermissionDenied as error:
                client = attempt.client
                raise auth_failed(host.name, host.user or "", client.refusal, key_refused=client.key_refused) from error
            except (asyncssh.Error, OSError, EOFError) as error:
                if attempt.client.sent:  # whatever happened then: by ourselves we don't send it again
                    raise auth_failed(host.name, host.user or "", attempt.client.refusal) from error
                if isinstance(error, asyncssh.DisconnectError) and "authentication failures" in error.reason:
                    reason = "the server wants no more keys; name the right one with `key:`"
                    raise auth_failed(
                        host.name, host.user or "", reason, key_refused=attempt.client.key_refused
                    ) from error
                if isinstance(error, asyncssh.ConnectionLost | ConnectionError) and attempt.client.ungreeted:
                    raise Hangup from error
                raise unreachable(host.name, error) from error
            except ValueError as error:
                detail = f"the host cannot be addressed as written: {error}"
                raise NoConnection(host.name, Status.UNREACHABLE, detail, parked=True) from error

    async def _handshake(self, attempt: Attempt) -> asyncssh.SSHClientConnection:
        host, limits = attempt.host, self._limits
        way: dict[str, object] = {}
        sock = None
        if attempt.tunnel is None:
            sock = way["sock"] = await self._tcp(attempt)
            await self._tell(host, sock)
        else:
            way["tunnel"] = attempt.tunnel.connection
        if host.user is not None:
            way["username"] = host.user
        attempt.stage = "waiting for the SSH greeting"
        try:
            return await asyncssh.connect(
                host.address,
                host.port,
                config=None,
                client_factory=lambda: attempt.client,
                known_hosts=attempt.pins.match,
                server_host_key_algs=host_key_algorithms(attempt.pins, promised=host.fingerprint is not None),
                host_key_alias=host.address.lower(),  # certificates are for names in small letters, as ssh(1) has it
                x509_trusted_certs=None,
                client_keys=None,  # the client hands them out one by one
                agent_path=None,
                preferred_auth="publickey" if attempt.password is None else "publickey,password,keyboard-interactive",
                gss_host=None,
                kex_algs=_KEX,
                encryption_algs=_CIPHERS,
                mac_algs=_MACS,
                compression_algs=None,
                keepalive_interval=limits.keepalive,
                keepalive_count_max=limits.keepalive_count,
                **way,
            )
        except BaseException:
            if attempt.client.connection is not None and not attempt.client.ungreeted:
                attempt.stage = "during the SSH handshake"
            if sock is not None and attempt.client.connection is None:
                sock.close()
            raise

    async def _tell(self, host: Host, sock: socket.socket) -> None:
        """Say which connection this is, and close it when that is not wanted any more."""
        try:
            if self._on_dial is not None:
                await self._on_dial(host, *sock.getsockname()[:2])
        except BaseException:
            sock.close()
            raise

    async def _tcp(self, attempt: Attempt) -> socket.socket:
        """A connected socket to the first of the host's addresses that answers."""
        async with self._lookups:
            addresses = await resolve(attempt.host.address, attempt.host.port)
        attempt.stage = "connecting"
        loop = asyncio.get_running_loop()
        problem: OSError = OSError(errno.EHOSTUNREACH, "no address")
        for family, address in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                async with asyncio.timeout(self._limits.connect_timeout / len(addresses)):
                    await loop.sock_connect(sock, address)
                return sock
            except OSError as error:
                sock.close()
                problem = OSError(errno.ETIMEDOUT, "no answer") if isinstance(error, TimeoutError) else error
            except BaseException:
                sock.close()
                raise
        raise problem
