"""Private keys: which are offered, when somebody is asked, and what is refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, Keys, Pool, Status, Trust, passphrase_file
from orchestrator.ssh.keymaking import PREDECESSOR
from tests.ssh.conftest import QUICK
from tests.sshd import Fleet, keygen, run

HOST = Host("a", "a.example")


class Person:
    """Answers passphrase questions and counts them."""

    def __init__(self, *answers: str | None) -> None:
        self.asked: list[Path] = []
        self._answers = list(answers)

    def __call__(self, path: Path) -> str | None:
        self.asked.append(path)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def kinds(offered: object) -> list[str]:
    assert isinstance(offered, list)
    return [key.get_algorithm() for key in offered]


async def test_passphrase_is_asked_once_for_twenty_hosts(own_fleet: Fleet) -> None:
    servers = [own_fleet.add() for _ in range(2)]
    (own_fleet.keys / "id_ed25519").unlink()
    (own_fleet.keys / "id_ed25519.pub").unlink()
    keygen(own_fleet.keys / "id_ed25519", passphrase="open sésame")
    shutil.copy(own_fleet.keys / "id_ed25519.pub", own_fleet.keys / "authorized_keys")
    person = Person("wrong", "open sésame")
    hosts = [replace(servers[n % 2].host(f"a{n}"), fingerprint=f"SHA256:{n}") for n in range(20)]
    keys = Keys(own_fleet.keys, passphrase=person)
    async with Pool(trust=Trust(own_fleet.keys / "known_hosts"), keys=keys, limits=QUICK) as pool:
        results = await asyncio.gather(*(pool.run(host, Command("true")) for host in hosts))
    assert {result.status for result in results} == {Status.OK}
    assert person.asked == [own_fleet.keys / "id_ed25519"] * 2


async def test_refusing_the_passphrase_is_remembered_until_a_person_acts(own_fleet: Fleet) -> None:
    server = own_fleet.add()
    locked = keygen(own_fleet.keys / "locked", passphrase="secret")
    person = Person(None, "secret")
    keys = Keys(own_fleet.keys, passphrase=person)
    async with Pool(trust=Trust(own_fleet.keys / "known_hosts"), keys=keys, limits=QUICK) as pool:
        hosts = [replace(server.host(f"a{n}", key=locked), fingerprint=f"SHA256:{n}") for n in range(5)]
        results = await asyncio.gather(*(pool.run(host, Command("true")) for host in hosts))
        assert {result.status for result in results} == {Status.AUTH_FAILED}
        assert "no passphrase" in results[0].detail
        assert len(person.asked) == 1
        with (own_fleet.keys / "authorized_keys").open("a") as file:
            file.write(locked.with_suffix(".pub").read_text())
        await pool.retry(hosts[0])
        assert (await pool.run(hosts[0], Command("true"))).status is Status.OK
    assert len(person.asked) == 2


async def test_wrong_passphrase_gives_up(tmp_path: Path) -> None:
    keygen(tmp_path / "id_ed25519", passphrase="right")
    person = Person("wrong")
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        await Keys(tmp_path, passphrase=person).offered_to(HOST)
    assert len(person.asked) == 3


async def test_encrypted_and_nobody_to_ask(tmp_path: Path) -> None:
    keygen(tmp_path / "id_ed25519", passphrase="right")
    with pytest.raises(KeyFileError, match="is encrypted"):
        await Keys(tmp_path).offered_to(HOST)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
async def test_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    keygen(tmp_path / "id_ed25519").chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {tmp_path}/id_ed25519"):
        await Keys(tmp_path).offered_to(HOST)


async def test_no_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="orchestrator keys init"):
        await Keys(tmp_path).offered_to(HOST)


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
async def test_file_that_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id_x").write_bytes(content)
    (tmp_path / "id_x").chmod(0o600)
    with pytest.raises(KeyFileError, match="not a private key"):
        await Keys(tmp_path).offered_to(HOST)


async def test_one_bad_file_does_not_hide_a_good_key(tmp_path: Path) -> None:
    keygen(tmp_path / "id_a", passphrase="locked")
    keygen(tmp_path / "id_b", kind="ecdsa")
    assert kinds(await Keys(tmp_path).offered_to(HOST)) == ["ecdsa-sha2-nistp256"]


async def test_key_of_a_host_is_the_only_one_offered(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    keygen(keys / "id_ed25519")
    keygen(keys / "special", kind="ecdsa")
    keygen(tmp_path / "outside", kind="rsa")
    offered = [
        kinds(await Keys(keys).offered_to(replace(HOST, key=name)))
        for name in ("special", "keys/special", "outside", str(tmp_path / "outside"))
    ]
    assert offered == [["ecdsa-sha2-nistp256"]] * 2 + [["ssh-rsa"]] * 2
    with pytest.raises(KeyFileError, match="missing"):
        await Keys(keys).offered_to(replace(HOST, key="missing"))


async def test_a_key_in_rotation_keeps_its_predecessor_however_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    home = tmp_path / "home"
    home.symlink_to("real")
    for name in ("id_ed25519", PREDECESSOR):
        keygen(home / name)
    keys = Keys(home)
    for named in ("id_ed25519", "../real/id_ed25519", str(home / "id_ed25519"), str(tmp_path / "real/id_ed25519")):
        assert len(await keys.offered_to(replace(HOST, key=named))) == 2, named


async def test_changed_file_is_read_again(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    keygen(tmp_path / "id_x")
    assert kinds(await keys.offered_to(HOST)) == ["ssh-ed25519"]
    (tmp_path / "id_x").unlink()
    (tmp_path / "id_x.pub").unlink()
    keygen(tmp_path / "id_x", kind="ecdsa")
    assert kinds(await keys.offered_to(HOST)) == ["ecdsa-sha2-nistp256"]


def test_passphrase_file(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_text("open sésame\nmore\n")
    path.chmod(0o600)
    assert passphrase_file(path)(tmp_path / "id") == "open sésame"
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        passphrase_file(path)(tmp_path / "id")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """The socket of an ssh-agent of our own."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        while not path.exists():
            assert process.poll() is None
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def add_to(agent: Path, key: Path) -> None:
    subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, "SSH_AUTH_SOCK": str(agent)}, check=True)


async def test_key_of_the_agent(own_fleet: Fleet, agent: Path) -> None:
    servers = [own_fleet.add() for _ in range(2)]
    add_to(agent, own_fleet.keys / "id_ed25519")
    (own_fleet.keys / "id_ed25519").unlink()
    keys = Keys(own_fleet.keys, agent=str(agent))
    async with Pool(trust=Trust(own_fleet.keys / "known_hosts"), keys=keys, limits=QUICK) as pool:
        results = await asyncio.gather(*(pool.run(server.host("a"), Command("true")) for server in servers))
    assert [result.status for result in results] == [Status.OK] * 2


async def test_the_agent_is_not_asked_unless_named(
    own_fleet: Fleet, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_fleet.add()
    add_to(agent, own_fleet.keys / "id_ed25519")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    monkeypatch.setenv("HOME", str(own_fleet.folder))
    (own_fleet.keys / "id_ed25519").rename(own_fleet.keys / "elsewhere")
    async with Pool(trust=Trust(own_fleet.keys / "known_hosts"), keys=Keys(own_fleet.keys), limits=QUICK) as pool:
        assert (await pool.run(server.host("a"), Command("true"))).status is Status.AUTH_FAILED
    assert "Connection from" not in server.log


async def test_agent_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="agent"):
        await Keys(tmp_path, agent=str(tmp_path / "none")).offered_to(HOST)


async def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    keygen(tmp_path / "id_ed25519", passphrase="hunter2")
    keys = Keys(tmp_path, passphrase=Person("hunter2"))
    offered = await keys.offered_to(HOST)
    private = run("ssh-keygen", "-y", "-P", "hunter2", "-f", str(tmp_path / "id_ed25519"))
    assert private.startswith("ssh-ed25519")
    for shown in (repr(keys), repr(offered), str(vars(keys))):
        assert "hunter2" not in shown
        assert "PRIVATE" not in shown
