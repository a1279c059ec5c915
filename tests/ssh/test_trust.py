"""Host keys: what is trusted, what is refused and as what, judged by ssh-keygen where it can."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh import Command, HostKey, NoConnection, Phase, Pool, Status, Trust
from tests.sshd import Fleet, Sshd, fingerprint, keygen, run

Pools = Callable[..., Pool]
TRUE = Command("echo ran")


def known(fleet: Fleet) -> Path:
    return fleet.keys / "known_hosts"


def name_of(server: Sshd) -> str:
    return f"[{server.address}]:{server.port}"


def public(path: Path) -> str:
    return " ".join(path.read_text().split()[:2])


def other_key(server: Sshd, kind: str = "ed25519") -> str:
    """A host key that is not the server's, as known_hosts has it."""
    return public(keygen(server.folder / f"other_{kind}", kind=kind).with_suffix(".pub"))


async def test_unknown_key(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    known(own_fleet).unlink()
    pool = pool_of(own_fleet.keys)
    result = await pool.run(server.host("a"), TRUE)
    assert (result.status, result.stdout, result.may_be_alive) == (Status.HOST_KEY_UNKNOWN, b"", False)
    assert server.fingerprint in result.detail
    assert pool.state(server.host("a")).phase is Phase.PARKED
    assert not known(own_fleet).exists()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_changed_key_of_any_kind(own_fleet: Fleet, pool_of: Pools, kind: str) -> None:
    server = own_fleet.add()
    known(own_fleet).write_text(f"{name_of(server)} {other_key(server, kind)}\n")
    pool = pool_of(own_fleet.keys)
    result = await pool.run(server.host("a"), TRUE)
    assert (result.status, result.stdout) == (Status.HOST_KEY_CHANGED, b"")
    assert server.fingerprint in result.detail
    assert fingerprint(server.folder / f"other_{kind}.pub") in result.detail
    connections = server.log.count("Connection from")
    assert (await pool.run(server.host("a"), TRUE)).status is Status.HOST_KEY_CHANGED
    assert server.log.count("Connection from") == connections, "a parked host is left alone"


async def test_key_that_changes_between_two_connections(own_fleet: Fleet, pool_of: Pools) -> None:
    server, healthy = own_fleet.add(), own_fleet.add()
    pool = pool_of(own_fleet.keys)
    assert (await pool.run(server.host("a"), TRUE)).status is Status.OK
    server.stop()
    for path in server.folder.glob("host_key*"):
        path.unlink()
    server.start()
    assert (await pool.run(server.host("a"), TRUE)).status is Status.HOST_KEY_CHANGED
    assert (await pool.run(healthy.host("b"), TRUE)).status is Status.OK


async def test_pinning_unparks_even_from_another_process(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    known(own_fleet).unlink()
    pool = pool_of(own_fleet.keys)
    host = server.host("a")
    assert (await pool.run(host, TRUE)).status is Status.HOST_KEY_UNKNOWN
    key = await pool.scan(host)
    assert (key.algorithm, key.fingerprint, key.line) == (
        "ssh-ed25519",
        server.fingerprint,
        public(server.folder / "host_key.pub"),
    )
    Trust(known(own_fleet)).pin(host, key)
    assert (await pool.run(host, TRUE)).status is Status.OK
    assert known(own_fleet).read_text() == f"{server.host_key_line}\n"
    assert known(own_fleet).stat().st_mode & 0o777 == 0o600


async def test_inventory_promises_the_fingerprint(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    known(own_fleet).unlink()
    host = replace(server.host("a"), fingerprint=server.fingerprint)
    assert (await pool_of(own_fleet.keys).run(host, TRUE)).status is Status.OK
    assert known(own_fleet).read_text() == f"{server.host_key_line}\n"


async def test_inventory_promises_another_fingerprint(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    known(own_fleet).unlink()
    other_key(server)
    promise = fingerprint(server.folder / "other_ed25519.pub")
    host = replace(server.host("a"), fingerprint=promise)
    result = await pool_of(own_fleet.keys).run(host, TRUE)
    assert result.status is Status.HOST_KEY_CHANGED
    assert promise in result.detail
    assert server.fingerprint in result.detail
    assert not known(own_fleet).exists()


async def test_a_promise_never_overrules_a_pin(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    text = f"{name_of(server)} {other_key(server)}\n"
    known(own_fleet).write_text(text)
    host = replace(server.host("a"), fingerprint=server.fingerprint)
    assert (await pool_of(own_fleet.keys).run(host, TRUE)).status is Status.HOST_KEY_CHANGED
    assert known(own_fleet).read_text() == text


async def test_hashed_names(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    run("ssh-keygen", "-q", "-H", "-f", str(known(own_fleet)))
    assert server.address not in known(own_fleet).read_text()
    assert (await pool_of(own_fleet.keys).run(server.host("a"), TRUE)).status is Status.OK


async def test_revoked_key(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    with known(own_fleet).open("a") as file:
        file.write(f"@revoked * {public(server.folder / 'host_key.pub')}\n")
    result = await pool_of(own_fleet.keys).run(server.host("a"), TRUE)
    assert (result.status, result.stdout) == (Status.HOST_KEY_CHANGED, b"")
    assert "revoked" in result.detail
    assert server.fingerprint in result.detail


def certify(server: Sshd, authority: Path, *, principal: str, validity: str = "-1d:+1d") -> None:
    """Give the server a host certificate and restart it."""
    public_key = str(server.folder / "host_key.pub")
    run("ssh-keygen", "-q", "-s", str(authority), "-I", "t", "-h", "-n", principal, "-V", validity, public_key)
    server.stop()
    server.options = (f"HostCertificate {server.folder}/host_key-cert.pub",)
    server.start()


async def test_certificate_of_a_pinned_authority(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    authority = keygen(own_fleet.folder / "ca")
    certify(server, authority, principal=server.address)
    known(own_fleet).write_text(f"@cert-authority [127.0.*]:* {public(authority.with_suffix('.pub'))}\n")
    assert (await pool_of(own_fleet.keys).run(server.host("a"), TRUE)).status is Status.OK


@pytest.mark.parametrize("wrong", ["authority", "principal", "expired", "none", "revoked"])
async def test_certificate_that_proves_nothing(own_fleet: Fleet, pool_of: Pools, wrong: str) -> None:
    server = own_fleet.add()
    authority = keygen(own_fleet.folder / "ca")
    signer = keygen(own_fleet.folder / "ca2") if wrong == "authority" else authority
    principal = "elsewhere.example" if wrong == "principal" else server.address
    if wrong != "none":
        certify(server, signer, principal=principal, validity="-2d:-1d" if wrong == "expired" else "-1d:+1d")
    line = f"@cert-authority [127.0.*]:* {public(authority.with_suffix('.pub'))}\n"
    if wrong == "revoked":
        line += f"@revoked * {public(authority.with_suffix('.pub'))}\n"
    known(own_fleet).write_text(line)
    result = await pool_of(own_fleet.keys).run(server.host("a"), TRUE)
    expected = Status.HOST_KEY_CHANGED if wrong == "revoked" else Status.HOST_KEY_UNKNOWN
    assert (result.status, result.stdout) == (expected, b"")
    assert result.detail


async def test_host_with_a_certificate_that_is_pinned_by_its_key(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    certify(server, keygen(own_fleet.folder / "ca"), principal="whatever")
    assert (await pool_of(own_fleet.keys).run(server.host("a"), TRUE)).status is Status.OK


async def test_a_key_for_one_port_says_nothing_of_another(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    known(own_fleet).write_text(f"{server.address} {other_key(server)}\n[{server.address}]:1 {other_key2(server)}\n")
    assert (await pool_of(own_fleet.keys).run(server.host("a"), TRUE)).status is Status.HOST_KEY_UNKNOWN


def other_key2(server: Sshd) -> str:
    return public(keygen(server.folder / "second_other").with_suffix(".pub"))


async def test_damaged_file_is_named_with_its_line(own_fleet: Fleet, pool_of: Pools) -> None:
    server = own_fleet.add()
    with known(own_fleet).open("a") as file:
        file.write("# fine\n@revokd * ssh-ed25519 AAAA\n")
    with pytest.raises(KeyFileError, match=r"known_hosts:3: "):
        Trust(known(own_fleet)).lookup(server.host("a"))
    result = await pool_of(own_fleet.keys).run(server.host("a"), TRUE)
    assert (result.status, result.stdout) == (Status.HOST_KEY_UNKNOWN, b"")
    assert "known_hosts:3" in result.detail


async def test_scan_through_a_closed_door(own_fleet: Fleet, pool_of: Pools) -> None:
    with pytest.raises(NoConnection, match="refused") as caught:
        await pool_of(own_fleet.keys).scan(Host("a", "127.0.4.9", port=1))
    assert caught.value.status is Status.UNREACHABLE


def make_key(folder: Path, name: str) -> HostKey:
    path = keygen(folder / name).with_suffix(".pub")
    return HostKey("ssh-ed25519", fingerprint(path), public(path))


def test_pins_are_found_by_ssh_keygen(tmp_path: Path) -> None:
    trust = Trust(tmp_path / "keys/known_hosts")
    hosts = [Host("a", "a.example"), Host("b", "b.example", port=2222), Host("c", "2001:db8::1")]
    keys = [make_key(tmp_path, host.name) for host in hosts]
    for host, key in zip(hosts, keys, strict=True):
        assert not trust.lookup(host)
        trust.pin(host, key)
        assert trust.lookup(host).keys == (key,)
    for name, key in zip(["a.example", "[b.example]:2222", "2001:db8::1"], keys, strict=True):
        assert key.line in run("ssh-keygen", "-F", name, "-f", str(tmp_path / "keys/known_hosts"))


def test_pinning_twice_changes_nothing(tmp_path: Path) -> None:
    trust, key, host = Trust(tmp_path / "known_hosts"), make_key(tmp_path, "k"), Host("a", "a.example")
    trust.pin(host, key)
    before = (tmp_path / "known_hosts").read_bytes()
    trust.pin(host, key)
    assert (tmp_path / "known_hosts").read_bytes() == before


def test_pin_keeps_what_others_wrote(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(b"# by hand \xff\nold.example ssh-ed25519 AAAA no newline")
    Trust(path).pin(Host("a", "a.example"), make_key(tmp_path, "k"))
    assert path.read_bytes().startswith(
        b"# by hand \xff\nold.example ssh-ed25519 AAAA no newline\na.example ssh-ed25519 "
    )


def test_forget_removes_plain_listed_and_hashed_names_only(tmp_path: Path) -> None:
    path, host = tmp_path / "known_hosts", Host("a", "a.example")
    keys = [make_key(tmp_path, f"k{number}") for number in range(4)]
    path.write_text(f"a.example {keys[1].line} hashed\n")
    run("ssh-keygen", "-q", "-H", "-f", str(path))
    rest = (
        "# a.example in a comment\n"
        f"*.example {keys[3].line}\n"
        f"@cert-authority a.example {keys[3].line}\n"
        f"@revoked a.example {keys[3].line}\n"
        f"aa.example {keys[2].line}\n"
        f"[a.example]:2222 {keys[2].line}\n"
    )
    with path.open("a") as file:
        file.write(f"a.example {keys[0].line} comment\nb.example,a.example,c.example {keys[1].line}\n{rest}")
    trust = Trust(path)
    assert trust.lookup(host).keys
    assert trust.forget(host) == 3
    assert path.read_text() == f"b.example,c.example {keys[1].line}\n{rest}"
    assert trust.forget(host) == 0
    assert trust.lookup(replace(host, address="b.example")).keys[0] == keys[1]


def test_change_on_disk_is_noticed(tmp_path: Path) -> None:
    trust, host = Trust(tmp_path / "known_hosts"), Host("a", "a.example")
    key = make_key(tmp_path, "k")
    assert not trust.lookup(host)
    Trust(tmp_path / "known_hosts").pin(host, key)
    assert trust.lookup(host).keys == (key,)
    (tmp_path / "known_hosts").unlink()
    assert not trust.lookup(host)


def test_pins_of_two_processes_at_once_are_both_kept(tmp_path: Path) -> None:
    key = make_key(tmp_path, "k")
    script = (
        "import sys; from pathlib import Path; from orchestrator.ssh import HostKey, Trust\n"
        "from orchestrator.inventory.model import Host\n"
        "for n in range(20): Trust(Path(sys.argv[1])).pin(Host('h', f'{sys.argv[2]}{n}'), HostKey(*sys.argv[3:6]))\n"
    )
    import subprocess
    import sys

    argv = [sys.executable, "-c", script, str(tmp_path / "known_hosts")]
    writers = [
        subprocess.Popen([*argv, name, key.algorithm, key.fingerprint, key.line]) for name in ("left", "right", "third")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len((tmp_path / "known_hosts").read_text().splitlines()) == 60


def test_lookup_of_thousands_is_parsed_once(tmp_path: Path) -> None:
    key = make_key(tmp_path, "k")
    (tmp_path / "known_hosts").write_text("".join(f"h{number}.example {key.line}\n" for number in range(2000)))
    trust = Trust(tmp_path / "known_hosts")
    assert all(trust.lookup(Host("h", f"h{number}.example")).keys == (key,) for number in range(2000))
    shutil.rmtree(tmp_path)
