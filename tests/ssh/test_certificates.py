"""Our own certificate authority on real sshd: what it signs, who takes it, who refuses it; stock ssh is the judge."""

from __future__ import annotations

import base64
import getpass
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest

from orchestrator.errors import KeyFileError, UsageError
from orchestrator.inventory.model import Host
from orchestrator.ssh import Authority, Command, HostKey, Keys, Pool, Result, Status, Trust, make_authority
from orchestrator.ssh.authority import HOST_KEY, USER_KEY
from orchestrator.ssh.certificates import shares_address, sources_of, user_certificate
from tests.ssh.conftest import QUICK
from tests.sshd import Fleet, Sshd, fingerprint, keygen, run

TRUE = Command("echo ran")
ME = getpass.getuser()


class Home:
    """A keys folder with an authority, over an own fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.keys = fleet.keys
        self.ca = fleet.keys / "ca"
        self.trust = Trust(fleet.keys / "known_hosts")
        make_authority(self.ca, None, self.trust)
        self.authority = Authority(self.ca, Keys(self.keys))

    def accept(self, options: str = "", *, plain: bool = False) -> None:
        """Let the hosts accept our user authority, and our plain key only if told so."""
        authorized = self.keys / "authorized_keys"
        line = f"cert-authority{options} {(self.ca / 'user_ed25519.pub').read_text()}"
        authorized.write_text(line + ((self.keys / "id_ed25519.pub").read_text() if plain else ""))

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[Pool]:
        keys = Keys(self.keys)
        async with Pool(trust=self.trust, keys=keys, limits=QUICK, authority=Authority(self.ca, keys)) as pool:
            yield pool

    async def login(self, host: Host) -> tuple[Result, str]:
        """What comes of a login, and by which kind of method."""
        async with self.pool() as pool:
            result = await pool.run(host, TRUE)
            method = pool.method(host)
            return result, method.kind if method else ""

    async def certify(self, server: Sshd, host: Host, validity: timedelta = timedelta(days=1)) -> None:
        """Give the server a certificate for its key, and no pin."""
        made = await self.authority.host_certificate(
            (server.folder / "host_key.pub").read_text(), [host.address], validity, name=host.name
        )
        install(server, made.line)
        self.trust.forget(host)


def install(server: Sshd, certificate: str) -> None:
    """Make the server show this host certificate."""
    (server.folder / "host_key-cert.pub").write_text(f"{certificate}\n")
    server.stop()
    server.options = (f"HostCertificate {server.folder}/host_key-cert.pub",)
    server.start()


@pytest.fixture
def home(own_fleet: Fleet) -> Home:
    return Home(own_fleet)


# -- what is signed


async def test_user_certificate_as_ssh_keygen_reads_it(home: Home, tmp_path: Path) -> None:
    host = Host("web1", "192.0.2.1", user="ops", vars={"bootstrap_from": "192.0.2.7, 2001:db8::/32"})
    before = datetime.now(UTC)
    make = await home.authority.identity(host)
    assert make is not None
    pair, again = make(), make()
    assert pair.key_public_data != again.key_public_data, "each login has a key of its own"
    line = f"{pair.get_algorithm()} {base64.b64encode(pair.public_data).decode()}"
    (tmp_path / "c-cert.pub").write_text(line)
    shown = run("ssh-keygen", "-L", "-f", str(tmp_path / "c-cert.pub"))
    assert "ssh-ed25519-cert-v01@openssh.com user certificate" in shown
    assert f"Signing CA: ED25519 {fingerprint(home.ca / 'user_ed25519.pub')} (using ssh-ed25519)" in shown
    assert re.search(r"Principals: \n +ops\n", shown)
    assert re.search(r"Critical Options: \n +source-address 192\.0\.2\.7/32,2001:db8::/32\n", shown)
    assert re.search(r"Extensions: \n +permit-port-forwarding\n$", shown.rstrip() + "\n")
    found = re.search(r"Valid: from (\S+) to (\S+)", shown)
    assert found
    start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in found.groups())
    assert before - timedelta(minutes=5, seconds=2) < start < before < end < before + timedelta(minutes=6)


async def test_host_certificate_as_ssh_keygen_reads_it(home: Home, tmp_path: Path) -> None:
    key = keygen(tmp_path / "host", kind="ecdsa").with_suffix(".pub")
    made = await home.authority.host_certificate(
        key.read_text(), ["WEB1.example", "192.0.2.1"], timedelta(days=7), name="web1"
    )
    (tmp_path / "c-cert.pub").write_text(made.line)
    shown = run("ssh-keygen", "-L", "-f", str(tmp_path / "c-cert.pub"))
    assert "ecdsa-sha2-nistp256-cert-v01@openssh.com host certificate" in shown
    assert f"Public key: ECDSA-CERT {fingerprint(key)}" in shown
    assert f"Signing CA: ED25519 {fingerprint(home.ca / 'host_ed25519.pub')} (using ssh-ed25519)" in shown
    assert 'Key ID: "web1"' in shown
    assert re.search(r"Principals: \n +web1\.example\n +192\.0\.2\.1\n", shown)
    assert f"to {made.until.astimezone():%Y-%m-%dT%H:%M:%S}\n" in shown
    assert abs(made.until - datetime.now(UTC) - timedelta(days=7)) < timedelta(seconds=10)
    assert made.key.fingerprint == fingerprint(key)


@pytest.mark.parametrize("principals", [[], [""], ["*"], ["a,b"], ["web?"], ["a b"]])
async def test_host_certificate_is_never_for_any_name(home: Home, tmp_path: Path, principals: list[str]) -> None:
    key = keygen(tmp_path / "host").with_suffix(".pub").read_text()
    with pytest.raises(UsageError, match="names or addresses"):
        await home.authority.host_certificate(key, principals, name="web1")


async def test_host_certificate_of_nonsense(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a public key"):
        await home.authority.host_certificate("ssh-ed25519 AAAA", ["a"])
    key = keygen(tmp_path / "host").with_suffix(".pub").read_text()
    with pytest.raises(UsageError, match="some time"):
        await home.authority.host_certificate(key, ["a"], timedelta())


@pytest.mark.parametrize(
    ("patterns", "bound"),
    [
        ("", []),
        ("192.0.2.7", ["192.0.2.7/32"]),
        ("192.0.2.7/24,2001:db8::1", ["192.0.2.0/24", "2001:db8::1/128"]),
        ("192.0.2.7,!192.0.2.8", []),
        ("192.0.2.*", []),
        ("control.example", []),
    ],
)
def test_from_that_a_certificate_can_say(patterns: str, bound: list[str]) -> None:
    assert sources_of(patterns) == bound


def test_hosts_that_a_certificate_could_not_tell_apart() -> None:
    web = Host("web", "nat.example", port=2201)
    assert shares_address(web, [web, Host("db", "NAT.example", port=2202)])
    assert not shares_address(web, [web, replace(web, name="twin", user="ops"), Host("other", "192.0.2.1", port=2202)])


def test_authority_is_made_once_and_kept_apart_from_keys(home: Home) -> None:
    with pytest.raises(UsageError, match="is there already"):
        make_authority(home.ca, None, home.trust)
    assert {path.name: path.stat().st_mode & 0o777 for path in [home.ca, *home.ca.iterdir()]} == {
        "ca": 0o700,
        "user_ed25519": 0o600,
        "user_ed25519.pub": 0o644,
        "host_ed25519": 0o600,
        "host_ed25519.pub": 0o644,
    }
    public = " ".join((home.ca / "host_ed25519.pub").read_text().split()[:2])
    assert (home.keys / "known_hosts").read_text() == f"@cert-authority * {public}\n"


# -- logging in


async def test_login_with_a_certificate(home: Home) -> None:
    home.accept(f',restrict,port-forwarding,principals="{ME}"')
    server = home.fleet.add()
    result, method = await home.login(server.host("a"))
    assert (result.status, method) == (Status.OK, "certificate")
    assert re.search(rf"Accepted publickey for {ME} .* ED25519-CERT .* ID orchestrator@.* CA ED25519", server.log)


async def test_host_that_knows_no_authority_takes_the_plain_key(home: Home) -> None:
    server = home.fleet.add()
    result, method = await home.login(server.host("a"))
    assert (result.status, method) == (Status.OK, "key")


async def test_locked_authority_does_not_keep_us_out(home: Home) -> None:
    run("ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(home.ca / "user_ed25519"))
    server = home.fleet.add()
    result, method = await home.login(server.host("a"))
    assert (result.status, method) == (Status.OK, "key")
    problems = await Authority(home.ca, Keys(home.keys)).unlock()
    assert [problem.where for problem in problems] == [str(home.ca / "user_ed25519")]


@pytest.mark.parametrize(
    ("options", "source"),
    [
        (',principals="somebody-else"', ""),
        (',from="192.0.2.7"', ""),
        ("", "192.0.2.7"),
    ],
)
async def test_login_that_sshd_refuses(home: Home, options: str, source: str) -> None:
    home.accept(options)
    server = home.fleet.add()
    host = replace(server.host("a"), vars={"bootstrap_from": source})
    result, _ = await home.login(host)
    assert result.status is Status.AUTH_FAILED


async def test_certificate_lets_us_through_a_jump_host(home: Home) -> None:
    home.accept(",restrict,port-forwarding")
    jump = home.fleet.add().host("jump")
    inner = replace(home.fleet.add().host("inner"), jump=jump)
    async with home.pool() as pool:
        assert (await pool.run(inner, TRUE)).status is Status.OK
        methods = [pool.method(jump), pool.method(inner)]
    assert [method.kind for method in methods if method] == ["certificate"] * 2


async def test_source_that_fits(home: Home) -> None:
    home.accept()
    host = replace(home.fleet.add().host("a"), vars={"bootstrap_from": "127.0.0.0/8"})
    assert (await home.login(host))[1] == "certificate"


async def test_stock_ssh_logs_in_with_our_certificate_until_it_expires(home: Home, tmp_path: Path) -> None:
    home.accept()
    server = home.fleet.add()
    host = server.host("a")
    await home.certify(server, host)
    authority = asyncssh.read_private_key(home.ca / USER_KEY)
    key = asyncssh.read_private_key(keygen(tmp_path / "mine"))
    now = datetime.now(UTC).timestamp()
    ended = {}
    for name, principal, moment in [
        ("good", ME, now),
        ("late", ME, now - 3600),
        ("early", ME, now + 3600),
        ("x", "x", now),
    ]:
        path = tmp_path / f"{name}-cert.pub"
        path.write_bytes(user_certificate(authority, key, principal, [], moment).export_certificate())
        ended[name] = stock_ssh(home, host, "-i", str(tmp_path / "mine"), "-o", f"CertificateFile={path}")
    assert {name: done.returncode for name, done in ended.items()} == {"good": 0, "late": 255, "early": 255, "x": 255}
    assert ended["good"].stdout == "ran\n"
    assert "Permission denied" in ended["late"].stderr


def stock_ssh(home: Home, host: Host, *options: str) -> subprocess.CompletedProcess[str]:
    """OpenSSH's own client, with our known_hosts and nothing of this machine's."""
    known = f"UserKnownHostsFile={home.keys}/known_hosts"
    fixed = [
        "-F",
        "none",
        "-o",
        known,
        "-o",
        "GlobalKnownHostsFile=none",
        "-o",
        "BatchMode=yes",
        "-o",
        "IdentitiesOnly=yes",
    ]
    argv = ["ssh", *fixed, "-o", "StrictHostKeyChecking=yes", *options, "-p", str(host.port), f"{ME}@{host.address}"]
    return subprocess.run(
        [*argv, "echo ran"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )


# -- hosts


async def test_host_with_our_certificate_needs_no_pin(home: Home) -> None:
    server = home.fleet.add()
    host = server.host("a")
    await home.certify(server, host)
    assert (await home.login(host))[0].status is Status.OK
    assert stock_ssh(home, host, "-i", str(home.keys / "id_ed25519")).stdout == "ran\n"
    assert len((home.keys / "known_hosts").read_text().splitlines()) == 1


async def test_host_that_is_vouched_for_under_another_address(home: Home) -> None:
    server = home.fleet.add()
    host = server.host("a")
    await home.certify(server, replace(host, address="192.0.2.9"))
    home.trust.forget(host)
    result, _ = await home.login(host)
    assert (result.status, result.detail) == (
        Status.HOST_KEY_UNKNOWN,
        "host key unknown: its certificate is for other names than this address",
    )
    assert stock_ssh(home, host, "-i", str(home.keys / "id_ed25519")).returncode == 255


async def test_expired_and_foreign_host_certificates(home: Home) -> None:
    server = home.fleet.add()
    host = server.host("a")
    home.trust.forget(host)
    public = str(server.folder / "host_key.pub")
    other = keygen(home.fleet.folder / "other_ca")
    for authority, validity, flaw in [
        (home.ca / HOST_KEY, "-2d:-1d", "has expired"),
        (home.ca / HOST_KEY, "+1d:+2d", "is not valid yet"),
        (other, "-1d:+1d", "is by an authority that is not trusted"),
    ]:
        run("ssh-keygen", "-q", "-s", str(authority), "-I", "t", "-h", "-n", host.address, "-V", validity, public)
        install(server, (server.folder / "host_key-cert.pub").read_text().strip())
        result, _ = await home.login(host)
        assert (result.status, result.stdout) == (Status.HOST_KEY_UNKNOWN, b"")
        assert flaw in result.detail
        assert stock_ssh(home, host, "-i", str(home.keys / "id_ed25519")).returncode == 255


async def test_promised_fingerprint_counts_though_an_authority_is_trusted(home: Home) -> None:
    server = home.fleet.add()
    host = server.host("a")
    await home.certify(server, replace(host, address="192.0.2.9"))
    home.trust.forget(host)
    promised = replace(host, fingerprint=server.fingerprint)
    assert (await home.login(promised))[0].status is Status.OK
    assert server.host_key_line in (home.keys / "known_hosts").read_text()


# -- keeping and revoking


async def test_pinned_host_is_certified_and_revoked(home: Home) -> None:
    server = home.fleet.add()
    host = server.host("a")
    made = await home.authority.certify(host, home.trust)
    assert home.authority.certificate_of(host) == made
    install(server, made.line)
    home.trust.forget(host)
    assert (await home.login(host))[0].status is Status.OK
    renewed = await home.authority.certify(host, home.trust)
    assert (renewed.key, renewed.principals) == (made.key, (host.address,))

    home.authority.revoke(made.key, home.trust)
    home.authority.revoke(made.key, home.trust)
    result, _ = await home.login(host)
    assert result.status is Status.HOST_KEY_CHANGED
    assert "revoked" in result.detail
    assert made.key.fingerprint in result.detail
    refused = stock_ssh(home, host, "-i", str(home.keys / "id_ed25519"))
    assert (refused.returncode, refused.stdout) == (255, "")
    assert "REVOKED" in refused.stderr or "revoked" in refused.stderr
    assert home.authority.revoked_keys.read_text() == f"{made.key.line}\n"
    with pytest.raises(KeyFileError, match="revoked"):
        await home.authority.certify(host, home.trust)


async def test_reinstalled_host_gets_a_certificate_and_its_old_key_is_revoked(home: Home, tmp_path: Path) -> None:
    host = Host("web1", "web1.example")
    old, new = (public_key(tmp_path, name) for name in ("old", "new"))
    home.trust.pin(host, old)
    await home.authority.certify(host, home.trust)
    home.trust.pin(host, new)
    await home.authority.certify(host, home.trust)
    assert home.trust.lookup(host).revoked == (), "both are pinned: both are meant"
    home.trust.forget(host)
    home.trust.pin(host, new)
    (home.ca / "hosts/web1-cert.pub").write_text(
        f"{(await home.authority.host_certificate(old.line, [host.address])).line}\n"
    )
    assert (await home.authority.certify(host, home.trust)).key == new
    assert home.trust.lookup(host).revoked == (old,)


async def test_a_key_that_another_host_is_pinned_by_is_not_revoked(home: Home, tmp_path: Path) -> None:
    clones = [Host("web1", "web1.example"), Host("web2", "web2.example")]
    shared, new = (public_key(tmp_path, name) for name in ("shared", "new"))
    for host in clones:
        home.trust.pin(host, shared)
        await home.authority.certify(host, home.trust)
    home.trust.forget(clones[0])
    home.trust.pin(clones[0], new)
    assert (await home.authority.certify(clones[0], home.trust)).key == new
    assert home.trust.lookup(clones[1]).revoked == ()


async def test_name_that_moved_to_another_address_takes_no_key_along(home: Home, tmp_path: Path) -> None:
    host = Host("web1", "web1.example")
    key = public_key(tmp_path, "old")
    home.trust.pin(host, key)
    await home.authority.certify(host, home.trust)
    assert await home.authority.certificate_for(host, home.trust)
    moved = replace(host, address="192.0.2.9")
    assert await home.authority.certificate_for(moved, home.trust) == ""
    home.authority.pin_instead(moved, home.trust)
    assert not home.trust.lookup(moved).keys
    with pytest.raises(KeyFileError, match="no key of this host is known"):
        await home.authority.certify(moved, home.trust)


async def test_kept_certificate_is_used_while_it_fits_and_lasts(home: Home, tmp_path: Path) -> None:
    host = Host("web1", "web1.example")
    home.trust.pin(host, public_key(tmp_path, "key"))
    tried = await home.authority.certificate_for(host, home.trust, keep=False)
    assert home.authority.certificate_of(host) is None, "a rehearsal keeps nothing"
    first = await home.authority.certificate_for(host, home.trust)
    assert first != tried
    assert await home.authority.certificate_for(host, home.trust) == first
    short = await home.authority.certify(host, home.trust, timedelta(days=89))
    assert await home.authority.certificate_for(host, home.trust) not in (first, short.line)
    assert await home.authority.certificate_for(Host("../web1", "web1.example"), home.trust) == ""


async def test_revoked_user_authority_is_refused_by_sshd(home: Home) -> None:
    home.accept()
    server = home.fleet.add(f"RevokedKeys {home.ca}/revoked_keys")
    home.authority.revoked_keys.write_text("")
    host = server.host("a")
    assert (await home.login(host))[1] == "certificate"
    user = home.authority.public(USER_KEY)
    assert user is not None
    home.authority.revoke(user, home.trust)
    assert (await home.login(host))[0].status is Status.AUTH_FAILED


async def test_host_of_unknown_key_or_of_a_name_that_is_no_file(home: Home, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="orchestrator keys trust web1"):
        await home.authority.certify(Host("web1", "web1.example"), home.trust)
    home.trust.pin(Host("web1", "web1.example"), public_key(tmp_path, "key"))
    for name in ("../web1", "a/b", ".hidden", ""):
        host = Host(name, "web1.example")
        with pytest.raises(KeyFileError, match="no file name"):
            await home.authority.certify(host, home.trust)


def public_key(folder: Path, name: str) -> HostKey:
    return HostKey.of(asyncssh.read_public_key(keygen(folder / name).with_suffix(".pub")))
