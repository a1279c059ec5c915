"""A key on a security key (sk-), held by an ssh-agent: a real sshd judges what comes of it.

There is no hardware here. The agent below speaks ssh-agent's protocol (draft-ietf-sshm-ssh-agent) and signs as an
authenticator does (PROTOCOL.u2f of OpenSSH), touched or not; to sshd and to us it is one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asyncssh.packet import Byte, SSHPacket, String, UInt32
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.ssh import Command, Keys, Method, Pool, Status, Trust
from tests.ssh.conftest import QUICK
from tests.sshd import Fleet, fingerprint

KIND = "sk-ssh-ed25519@openssh.com"
APPLICATION = b"ssh:"
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14


@dataclass
class SecurityKey:
    """An authenticator with one key; `touched` tells whether somebody touches it when it is to sign."""

    touched: bool = True
    count: int = 0
    signed: list[bytes] = field(default_factory=list)
    _key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def blob(self) -> bytes:
        """The public key as SSH has it."""
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return String(KIND) + String(public) + String(APPLICATION)

    @property
    def line(self) -> str:
        """For authorized_keys."""
        return f"{KIND} {base64.b64encode(self.blob).decode()} token\n"

    def sign(self, message: bytes) -> bytes:
        """A signature over the application, the touch, a counter and the message."""
        self.count += 1
        self.signed.append(message)
        state = Byte(1 if self.touched else 0) + UInt32(self.count)
        payload = hashlib.sha256(APPLICATION).digest() + state + hashlib.sha256(message).digest()
        return String(KIND) + String(self._key.sign(payload)) + state


@asynccontextmanager
async def agent(socket: Path, key: SecurityKey) -> AsyncIterator[None]:
    """An ssh-agent at `socket` that holds `key`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(4):
            request = SSHPacket(await reader.readexactly(int.from_bytes(head, "big")))
            if request.get_byte() == _LIST:
                answer = Byte(_LISTED) + UInt32(1) + String(key.blob) + String("token")
            else:
                assert request.get_string() == key.blob
                answer = Byte(_SIGNED) + String(key.sign(request.get_string()))
            writer.write(String(answer))
        writer.close()

    async with await asyncio.start_unix_server(serve, socket):
        yield


async def login(fleet: Fleet, key: SecurityKey) -> tuple[Status, Method | None]:
    """What comes of logging in with the agent's key alone."""
    (fleet.keys / "authorized_keys").write_text(key.line)
    (fleet.keys / "id_ed25519").unlink()
    host = fleet.add().host("a")
    socket = fleet.folder / "agent"
    async with agent(socket, key):
        trust, keys = Trust(fleet.keys / "known_hosts"), Keys(fleet.keys, agent=str(socket))
        async with Pool(trust=trust, keys=keys, limits=QUICK) as pool:
            return (await pool.run(host, Command("true"))).status, pool.method(host)


async def test_security_key_in_the_agent_logs_in(own_fleet: Fleet, tmp_path: Path) -> None:
    key = SecurityKey()
    (tmp_path / "sk.pub").write_text(key.line)
    shown = fingerprint(tmp_path / "sk.pub")
    assert await login(own_fleet, key) == (Status.OK, Method("agent", shown))
    assert f"ED25519-SK {shown}" in own_fleet.servers[0].log
    assert len(key.signed) == 1


async def test_security_key_that_nobody_touched_is_refused(own_fleet: Fleet) -> None:
    assert await login(own_fleet, SecurityKey(touched=False)) == (Status.AUTH_FAILED, None)
    assert "user presence" in own_fleet.servers[0].log
