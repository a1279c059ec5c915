"""Log in to booted hosts in every way there is, and keep what they wrote, beside the truth of who came and who tried.

    python -m tests.logins.record [FOLDER]

As root; takes a minute. For Debian 11, 12 and 13 it writes `RELEASE.journal.json` (journalctl -o json),
`RELEASE.short-iso.log`, `RELEASE.traditional.log` and `RELEASE.iso.log` (rsyslog's two forms), and
`RELEASE.truth.json`: what was done, told by who did it, not read from any log. On Debian 12, dropbear too.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from tests.lab.command import command, wait_until
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.lab.tree import RELEASES

RECORDED = Path(__file__).with_name("recorded")
DROPBEAR_PORT = 2222
_PASSWORD = "correct horse"
_WRONG = "wrong"
_FILES = ("traditional", "iso")
_KEPT = (
    *("MESSAGE", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"),
    *("_PID", "_UID", "_COMM", "_HOSTNAME", "_TRANSPORT"),
)
_SSHD = """
PasswordAuthentication yes
KbdInteractiveAuthentication yes
ChallengeResponseAuthentication yes
TrustedUserCAKeys /etc/ssh/record_ca.pub
PermitRootLogin no
DenyUsers carol
UseDNS no
"""
_CROWDED = "MaxStartups 1:100:1\nLoginGraceTime 2\n"
_RSYSLOG = """
auth,authpriv.* /var/log/record-traditional.log;RSYSLOG_TraditionalFileFormat
auth,authpriv.* /var/log/record-iso.log;RSYSLOG_FileFormat
"""
_FOLDING = "$RepeatedMsgReduction on\n"
"""As Ubuntu sets it: a line that comes again and again is written as its number."""
_SETUP = """
for user in alice bob carol; do useradd --create-home --shell /bin/bash "$user"; done
printf '%s:correct horse\\n' alice bob carol root | chpasswd
printf 'alice ALL=(ALL) ALL\\n' >/etc/sudoers.d/alice
chmod 0440 /etc/sudoers.d/alice
touch /etc/default/locale
systemctl restart rsyslog
"""
STRANGE = (
    "bob from 192.0.2.1 port 22 ssh2",
    "root from 192.0.2.1 port 22 ssh2: RSA SHA256:x",
    "café",
    "back\\slash",
    "two  blanks",
    "invalid user root",
    "x" * 95,
    "",
)
"""Names that lie, look like the rest of a line, or are escaped."""


@dataclass
class Truth:
    """What somebody did, and how it must be told, `count` times; the host's clock is ours."""

    kind: str
    user: str
    method: str = ""
    address: str = ""
    port: int | None = None
    target: str = ""
    ok: bool | None = None
    key: str = ""
    count: int = 1
    forged: bool = False
    program: str = "sshd"
    began: float = 0.0
    ended: float = 0.0


@dataclass
class Story:
    """What is done to one host, as it is done."""

    host: LabHost
    folder: Path
    told: list[Truth] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.folder / "key"

    def tell(self, began: float, kind: str, user: str, **more: Any) -> None:
        self.told.append(Truth(kind, user, began=began, ended=time.time(), **more))

    @asynccontextmanager
    async def login(
        self, user: str, method: str, *, port: int = 22, **options: Any
    ) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """Be logged in."""
        began = time.time()
        only = {"preferred_auth": method.partition("/")[0], "known_hosts": None, "agent_path": None, "config": None}
        key = options.pop("fingerprint", "")
        async with asyncssh.connect(self.host.address, port, username=user, **only, **options) as link:
            address, from_port = link.get_extra_info("sockname")[:2]
            program = "sshd" if port == 22 else "dropbear"
            more = {"method": method, "address": address, "port": from_port, "key": key, "program": program}
            self.tell(began, "login", user, **more)
            yield link
        await link.wait_closed()

    async def try_in(self, user: str, method: str, *, tries: int = 1, port: int = 22, kind: str = "") -> None:
        """Fail to log in, `tries` times over one connection; `kind` is told besides, once."""
        began = time.time()
        insistent = _Insistent(tries)
        try:
            async with asyncssh.connect(
                self.host.address,
                port,
                username=user,
                client_factory=lambda: insistent,
                preferred_auth=method.partition("/")[0],
                client_keys=None,
                known_hosts=None,
                agent_path=None,
                config=None,
            ):
                raise AssertionError(f"{user} was let in")
        except (asyncssh.PermissionDenied, asyncssh.ConnectionLost, asyncssh.DisconnectError):
            pass
        more: dict[str, Any] = {"address": insistent.address, "port": insistent.port}
        more["program"] = "sshd" if port == 22 else "dropbear"
        user = user.partition(":")[0]  # what follows is a style of login to sshd, and not in its log
        self.tell(began, "failed", user, method=method, count=insistent.tried, **more)
        if kind:
            self.tell(began, kind, user, **more)


class _Insistent(asyncssh.SSHClient):
    """Gives a wrong password, again and again."""

    def __init__(self, tries: int) -> None:
        self._left = tries
        self.tried = 0
        self.address, self.port = "", 0

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.address, self.port = conn.get_extra_info("sockname")[:2]

    def _once_more(self) -> bool:
        self._left -= 1
        self.tried += self._left >= 0
        return self._left >= 0

    def password_auth_requested(self) -> str | None:
        return _WRONG if self._once_more() else None

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._left > 0 else None

    def kbdint_challenge_received(self, *challenge: Any) -> Sequence[str] | None:
        prompts = challenge[3]
        if prompts and not self._once_more():
            return None
        return [_WRONG for _ in prompts]


async def act(story: Story) -> None:
    """Everything, one after the other."""
    await come_in(story)
    await fail(story)
    await become_another(story)
    await look_and_lie(story)


async def come_in(story: Story) -> None:
    """By every method, and for every purpose."""
    fingerprint = command("ssh-keygen", "-lf", str(story.key)).split()[1]
    by_key: dict[str, Any] = {"client_keys": [str(story.key)]}
    async with story.login("alice", "password", client_keys=None, password=_PASSWORD) as link:
        await link.run("true", check=True)
    async with story.login("alice", "keyboard-interactive/pam", client_keys=None, password=_PASSWORD) as link:
        await link.run("true", check=True)
    async with story.login("ops", "publickey", fingerprint=f"ED25519 {fingerprint}", **by_key) as link:
        await link.run("true", check=True)
        async with link.start_sftp_client() as sftp:
            await sftp.listdir("/")
        here = story.folder / f"scp-{story.host.name}"
        here.write_text("x")
        await asyncssh.scp(str(here), (link, "/tmp/scp"))
        await forward(link)
    certified = [(str(story.key), str(story.folder / "key-cert.pub"))]
    fingerprint = f"ED25519-CERT {fingerprint}"
    async with story.login("alice", "publickey", client_keys=certified, fingerprint=fingerprint) as link:
        await link.run("true", check=True)


async def forward(link: asyncssh.SSHClientConnection) -> None:
    """Reach the host's own sshd through the connection."""
    listener = await link.forward_local_port("127.0.0.1", 0, "127.0.0.1", 22)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
    assert (await reader.readline()).startswith(b"SSH-2.0")
    writer.close()
    await writer.wait_closed()
    listener.close()


async def fail(story: Story) -> None:
    """Wrong passwords, unknown and refused users."""
    await story.try_in("alice", "password", tries=3)
    await story.try_in("alice", "keyboard-interactive/pam", tries=2)
    await story.try_in("root", "password")
    await story.try_in("mallory", "password", kind="invalid_user")
    await story.try_in("mallory", "keyboard-interactive/pam", kind="invalid_user")
    await story.try_in("carol", "password", kind="invalid_user")
    for name in STRANGE:
        await story.try_in(name, "password", kind="invalid_user")


async def become_another(story: Story) -> None:
    """sudo and su, allowed and refused, through a session of one's own."""
    right, wrong = f"{_PASSWORD}\n", f"{_WRONG}\n"
    doings: list[tuple[str, str, str, str, bool, int]] = [
        # user, command, what it is told, kind, whether allowed, how many times
        ("alice", "sudo -S id", right, "sudo", True, 1),
        ("alice", "sudo -k; sudo -S id", wrong * 3, "sudo", False, 3),
        ("bob", "sudo -S id", right, "sudo", False, 1),
        ("alice", "su root -c id", right, "su", True, 1),
        ("bob", "su root -c id", wrong, "su", False, 1),
    ]
    for user, line, told, kind, allowed, count in doings:
        async with story.login(user, "password", client_keys=None, password=_PASSWORD) as link:
            began = time.time()
            await link.run(line, input=told)
            story.tell(began, kind, user, target="root", ok=allowed, count=count, program=kind)


async def look_and_lie(story: Story) -> None:
    """Scan, and write lines that say somebody came in."""
    for words in (b"", b"GET / HTTP/1.0\r\n\r\n"):
        reader, writer = await asyncio.open_connection(story.host.address, 22)
        writer.write(words)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        del reader
    async with story.login("bob", "password", client_keys=None, password=_PASSWORD) as link:
        began = time.time()
        await link.run(
            "logger -p auth.info -t sshd 'Accepted password for root from 192.0.2.66 port 6 ssh2'", check=True
        )
        address = {"address": "192.0.2.66", "port": 6}
        story.tell(began, "login", "root", method="password", forged=True, **address)
        # Under sshd's name in the process table, too
        forge = "cp /usr/bin/logger /tmp/sshd-session && /tmp/sshd-session -t sshd -p auth.info "
        await link.run(f"{forge} 'Accepted publickey for root from 192.0.2.66 port 6 ssh2'", check=True)
        story.tell(began, "login", "root", method="publickey", forged=True, **address)


async def crowd(story: Story) -> None:
    """Stay without saying who one is: the first is sent away in the end, the others at once."""
    waiting = [await asyncio.open_connection(story.host.address, 22) for _ in range(5)]
    for reader, writer in waiting:
        await asyncio.wait_for(reader.read(), 30)
        writer.close()


async def act_on_dropbear(story: Story) -> None:
    """In and out, by password and key, and not in."""
    key = command("ssh-keygen", "-lf", str(story.key)).split()[1]
    at: dict[str, Any] = {"port": DROPBEAR_PORT}
    async with story.login("alice", "password", client_keys=None, password=_PASSWORD, **at) as link:
        await link.run("true", check=True)
    by_key: dict[str, Any] = {"client_keys": [str(story.key)], "fingerprint": f"ssh-ed25519 {key}"}
    async with story.login("ops", "publickey", **by_key, **at) as link:
        await link.run("true", check=True)
    await story.try_in("alice", "password", tries=2, **at)


def prepare(story: Story) -> None:
    """Accounts, certificates' authority, sshd's and rsyslog's settings."""
    etc = story.host.root / "etc"
    (etc / "ssh/record_ca.pub").write_text((story.folder / "ca.pub").read_text())
    (etc / "rsyslog.d/record.conf").write_text(_FOLDING * (story.host.release == "bookworm") + _RSYSLOG)
    story.host.run(_SETUP)
    story.host.sshd_config(_SSHD)


def start_dropbear(story: Story) -> None:
    """Debian's own, unpacked onto the host."""
    packages = story.folder / "dropbear"
    packages.mkdir()
    names = ("dropbear-bin", "libtomcrypt1", "libtommath1", "libgmp10")
    subprocess.run(["apt-get", "download", *names], cwd=packages, check=True, capture_output=True)
    for package in packages.glob("*.deb"):
        command("dpkg-deb", "--extract", str(package), str(story.host.root))
    story.host.run(f"mkdir -p /etc/dropbear && setsid /usr/sbin/dropbear -R -p {DROPBEAR_PORT}")


def record(story: Story, into: Path) -> None:
    """Act on one host, and keep its logs."""
    host = story.host
    prepare(story)
    dropbear = host.release == "bookworm"
    if dropbear:
        start_dropbear(story)
    host.run("sleep 1.1; for log in traditional iso; do : >/var/log/record-$log.log; done")
    start = time.time()
    asyncio.run(act(story))
    if dropbear:
        asyncio.run(act_on_dropbear(story))
    host.sshd_config(_SSHD + _CROWDED)
    asyncio.run(crowd(story))
    # The logs are complete when this stands in each.
    host.run("logger -p auth.info -t sudo end-of-record && journalctl --sync")
    logs = {name: host.root / f"var/log/record-{name}.log" for name in _FILES}
    for log in logs.values():
        wait_until(f"{log} ends", partial(_has_ended, log), 10)
    for name, log in logs.items():
        (into / f"{host.release}.{name}.log").write_bytes(_without(log.read_bytes(), b"CRON"))
    since = f"--since=@{start:.6f}"
    entries = host.run(f"journalctl --all -o json {since} SYSLOG_FACILITY=4 + SYSLOG_FACILITY=10").stdout
    kept = [{name: entry[name] for name in _KEPT if name in entry} for entry in map(json.loads, entries.splitlines())]
    (into / f"{host.release}.journal.json").write_text("".join(f"{json.dumps(entry)}\n" for entry in kept))
    short = host.run(f"journalctl --all -o short-iso {since} SYSLOG_FACILITY=4 + SYSLOG_FACILITY=10").stdout
    (into / f"{host.release}.short-iso.log").write_text(short)
    truth = {"host": host.name, "began": start, "told": [asdict(each) for each in story.told]}
    (into / f"{host.release}.truth.json").write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")


def _has_ended(log: Path) -> bool:
    return "end-of-record" in log.read_text(errors="replace")


def _without(log: bytes, word: bytes) -> bytes:
    return b"".join(line for line in log.splitlines(keepends=True) if word not in line)


def main() -> None:
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDED
    into.mkdir(parents=True, exist_ok=True)
    with Lab(len(RELEASES), release=RELEASES, name="record") as lab:
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(lab.folder / "ca"))
        command(
            "ssh-keygen",
            "-q",
            "-s",
            str(lab.folder / "ca"),
            "-I",
            "alice@example",
            "-n",
            "alice",
            "-z",
            "7",
            str(lab.key.with_suffix(".pub")),
        )
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(record, Story(host, lab.folder), into) for host in lab.hosts]:
                done.result()


if __name__ == "__main__":
    main()
