"""Logging in with a password: after the keys, once, by whichever method the server has, and never said aloud."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, Keys, Method, Phase, Pool, Result, Status, Trust
from tests.ssh import inprocess
from tests.ssh.conftest import QUICK
from tests.sshd import Fleet, fingerprint, keygen

SECRET = "pässword-0f-the-host"
TRUE = Command("true")
HIDDEN = (("Contraseña: ", False),)


@dataclass
class Server(asyncssh.SSHServer):
    """Lets `secret` in by `methods`; `heard` is every password and answer it was told."""

    methods: tuple[str, ...]
    secret: str = SECRET
    questions: Sequence[Sequence[tuple[str, bool]]] = (HIDDEN,)
    expired: bool = False
    temper: str = ""
    heard: list[str] = field(default_factory=list)
    asked: int = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return True

    def public_key_auth_supported(self) -> bool:
        return "key" in self.methods

    def password_auth_supported(self) -> bool:
        return "password" in self.methods

    async def validate_password(self, username: str, password: str) -> bool:  # noqa: ARG002
        self.heard.append(password)
        if self.temper == "silent":
            await asyncio.Event().wait()
        if self.temper == "rude":
            self.connection.abort()
        if self.expired:
            raise asyncssh.PasswordChangeRequired("Your password has expired")
        return password == self.secret

    def kbdint_auth_supported(self) -> bool:
        return "questions" in self.methods

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> asyncssh.auth.KbdIntChallenge:  # noqa: ARG002
        self.asked = 0
        return self._next()

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> asyncssh.auth.KbdIntChallenge:  # noqa: ARG002
        self.heard += responses
        return self._next() if self.asked < len(self.questions) else self.heard == [self.secret]

    def _next(self) -> asyncssh.auth.KbdIntNewChallenge:
        self.asked += 1
        return "", "", "", self.questions[self.asked - 1]


@dataclass
class Door:
    """A server in the process, and pools that know its key and have those in `keys`."""

    host: Host
    keys: Path

    @asynccontextmanager
    async def pool(self, password: str | None) -> AsyncIterator[Pool]:
        """A pool with a password for this host alone."""
        trust, keys = Trust(self.keys / "known_hosts"), Keys(self.keys)
        passwords = {self.host: password}.get
        async with Pool(trust=trust, keys=keys, limits=QUICK, passwords=passwords) as pool:
            trust.pin(self.host, await pool.scan(self.host))
            yield pool

    async def knock(self, password: str | None = SECRET) -> tuple[Result, Method | None]:
        """What comes of one try."""
        async with self.pool(password) as pool:
            return await pool.run(self.host, TRUE), pool.method(self.host)


Doors = Callable[[Server], Awaitable[Door]]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Doors]:
    """Starts a server."""
    async with AsyncExitStack() as stack:

        async def start(server: Server) -> Door:
            entered = inprocess.server(tmp_path / "server", "127.0.5.1", None, lambda: server)
            host = await stack.enter_async_context(entered)
            (tmp_path / "keys").mkdir()
            return Door(host, tmp_path / "keys")

        yield start


@pytest.mark.parametrize("methods", [("password",), ("questions",), ("password", "questions")])
async def test_password_by_any_method(door: Doors, methods: tuple[str, ...]) -> None:
    server = Server(methods)
    result, method = await (await door(server)).knock()
    assert (result.status, method, server.heard) == (Status.OK, Method("password"), [SECRET])


async def test_message_without_a_question_is_passed_over(door: Doors) -> None:
    server = Server(("questions",), questions=((), HIDDEN, ()))
    result, _ = await (await door(server)).knock()
    assert (result.status, server.heard) == (Status.OK, [SECRET])


@pytest.mark.parametrize("methods", [("password",), ("questions",), ("password", "questions")])
async def test_wrong_password_is_sent_once(
    door: Doors, methods: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server(methods, secret="another")
    entrance = await door(server)
    async with entrance.pool(SECRET) as pool:
        results = [await pool.run(entrance.host, TRUE) for _ in range(3)]
        shown = f"{pool.state(entrance.host)} {vars(pool)}"
        assert pool.state(entrance.host).phase is Phase.PARKED
        assert pool.method(entrance.host) is None
    assert server.heard == [SECRET]
    assert {result.status for result in results} == {Status.AUTH_FAILED}
    assert {result.detail for result in results} == {"permission denied, the password was refused for user anyone"}
    assert SECRET not in f"{results} {shown} {caplog.text}"


@pytest.mark.parametrize(
    ("server", "told", "detail"),
    [
        (Server(("password",), expired=True), [SECRET], "the password has expired, change it on the host first"),
        (Server(("questions",), questions=((("User: ", True),),)), [], r"cannot answer \(User:\)"),
        (Server(("questions",), questions=((("P: ", False), ("T: ", False)),)), [], r"cannot answer \(P:\)"),
        (Server(("questions",), questions=(HIDDEN, (("Code: ", False),))), [SECRET], r"after the pass.*\(Code:\)"),
        (Server(("questions",), questions=((("\x1b[2J\n" * 99, True),),)), [], r"cannot answer \(\[2J"),
        (Server(("key",)), [], "the server does not ask for a password"),
    ],
)
async def test_door_that_a_password_does_not_open(door: Doors, server: Server, told: list[str], detail: str) -> None:
    result, method = await (await door(server)).knock()
    assert (result.status, method) == (Status.AUTH_FAILED, None)
    assert server.heard == told
    assert result.detail.isprintable()
    assert len(result.detail) < 200
    assert re.search(detail, result.detail), result.detail


@pytest.mark.parametrize("temper", ["silent", "rude"])
async def test_server_that_says_nothing_of_the_password_is_not_told_it_again(door: Doors, temper: str) -> None:
    server = Server(("password", "questions"), temper=temper)
    entrance = await door(server)
    async with entrance.pool(SECRET) as pool:
        results = [await pool.run(entrance.host, TRUE) for _ in range(2)]
        assert pool.state(entrance.host).phase is Phase.PARKED
    assert {result.status for result in results} == {Status.AUTH_FAILED}
    assert "password" in results[0].detail
    assert server.heard == [SECRET]


async def test_without_a_password_none_is_tried(door: Doors) -> None:
    server = Server(("password", "questions", "key"))
    entrance = await door(server)
    keygen(entrance.keys / "id_ed25519")
    for password in (None, ""):
        result, _ = await entrance.knock(password)
        assert (result.status, result.detail) == (Status.AUTH_FAILED, "permission denied for user anyone")
    assert server.heard == []


async def test_password_that_is_no_text(door: Doors) -> None:
    server = Server(("password",))
    result, _ = await (await door(server)).knock("caf\udce9")
    assert (result.status, result.detail) == (Status.AUTH_FAILED, "the password is not valid UTF-8")
    assert server.heard == []


async def test_key_comes_before_the_password(own_fleet: Fleet) -> None:
    """sshd tells of a password only by what it logs; none is tried while a key opens."""
    host = own_fleet.add("PasswordAuthentication yes").host("a")
    keys = Keys(own_fleet.keys)
    async with Pool(trust=Trust(own_fleet.keys / "known_hosts"), keys=keys, passwords=lambda _: SECRET) as pool:
        assert (await pool.run(host, TRUE)).status is Status.OK
        assert pool.method(host) == Method("key", fingerprint(own_fleet.keys / "id_ed25519.pub"))
    assert "password" not in own_fleet.servers[0].log


async def test_the_key_that_opened_is_named_among_several(own_fleet: Fleet) -> None:
    host = own_fleet.add().host("a")
    keygen(own_fleet.keys / "id_a", kind="ecdsa")
    keygen(own_fleet.keys / "id_z")
    async with Pool(trust=Trust(own_fleet.keys / "known_hosts"), keys=Keys(own_fleet.keys), limits=QUICK) as pool:
        assert (await pool.run(host, TRUE)).status is Status.OK
        assert pool.method(host) == Method("key", fingerprint(own_fleet.keys / "id_ed25519.pub"))
