"""authorized_keys.sh under every shell that hosts have: whole answers, whole files, and refusals."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.inventory.model import Host
from orchestrator.rotation.authorized import AuthorizedKeys, Trouble
from orchestrator.ssh.result import Command, Result, Status
from tests.fleet.processes import ShellRun

HOST = Host("here", "127.0.0.1")
BEFORE = b"# first\nssh-ed25519 AAAA \xff\0 no end"
AFTER = b"\0# all new\r\n" * 9000
PATH = "/usr/bin:/bin"
KILLED = '#!/bin/sh\nkill -9 "$PPID"\n'
KILLED_AFTER = '#!/bin/sh\nPATH={path} {name} "$@"\nkill -9 "$PPID"\n'
FAILS = "#!/bin/sh\nexit 1\n"


class Account:
    """An account with a home of its own, and the shell that programs run in."""

    def __init__(self, home: Path, shell: str = "/bin/sh", path: str = PATH, prefix: Sequence[str] = ()) -> None:
        self.home = home
        self.file = home / ".ssh" / "authorized_keys"
        if not self.file.parent.exists():
            self.file.parent.mkdir(mode=0o700, parents=True)
            self.file.write_bytes(BEFORE)
            self.file.chmod(0o640)
        self._run = ShellRun(prefix, shell, {"PATH": path, "HOME": str(home)})

    @property
    def keys(self) -> AuthorizedKeys:
        return AuthorizedKeys(self.ask)

    async def ask(self, command: Command) -> Result:
        return await self._run(HOST, command)

    async def edit(self) -> None:
        await self.keys.edit(lambda _: AFTER)


@pytest.fixture(params=["dash", "bash --posix", "busybox ash", "busybox alone"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Account:
    if request.param != "busybox alone":
        return Account(tmp_path / "home", request.param)
    folder = tmp_path / "bin"
    folder.mkdir()
    busybox = next(path for path in map(Path, ("/bin/busybox", "/usr/bin/busybox")) if path.exists())
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        (folder / applet).symlink_to(busybox)
    return Account(tmp_path / "home", f"{busybox} ash", str(folder))


async def test_reading_and_replacing(account: Account) -> None:
    second = account.file.with_name("authorized_keys2")
    second.write_bytes(b"")
    found = await account.keys.read()
    assert {name: file.content for name, file in found.items()} == {
        "authorized_keys": BEFORE, "authorized_keys2": b""
    }  # fmt: skip
    held = await account.keys.edit(lambda content: AFTER if content else content)
    assert held == {"authorized_keys": AFTER, "authorized_keys2": b""}
    assert account.file.read_bytes() == AFTER
    assert account.file.stat().st_mode & 0o777 == 0o640
    assert {path.name for path in account.file.parent.iterdir()} == {"authorized_keys", "authorized_keys2"}


async def test_no_file_is_none(account: Account) -> None:
    account.file.unlink()
    assert await account.keys.edit(lambda _: AFTER) == {}
    account.file.parent.rmdir()
    assert await account.keys.read() == {}


async def test_somebody_elses_change_is_not_lost(account: Account) -> None:
    seen: list[bytes] = []

    def change(content: bytes) -> bytes:
        seen.append(content)
        if len(seen) < 3:
            account.file.write_bytes(content + b"\nmore")
        return content + b"\nours"

    await account.keys.edit(change)
    assert account.file.read_bytes() == BEFORE + b"\nmore\nmore\nours"
    with pytest.raises(Trouble, match="again and again"):
        await account.keys.edit(lambda content: (account.file.write_bytes(content + b"!"), content + b"?")[1])


async def test_what_is_not_edited(account: Account) -> None:
    real = account.file.rename(account.file.with_name("real"))
    account.file.symlink_to(real)
    with pytest.raises(Trouble, match="is a symbolic link"):
        await account.edit()
    account.file.unlink()
    account.file.mkdir()
    with pytest.raises(Trouble, match="is not a regular file"):
        await account.edit()
    account.file.rmdir()
    account.file.write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(Trouble, match="larger than 1 MiB"):
        await account.edit()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_what_belongs_to_another(account: Account) -> None:
    os.chown(account.file, 12345, 12345)
    with pytest.raises(Trouble, match="belongs to user 12345"):
        await account.edit()
    assert account.file.read_bytes() == BEFORE


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users get into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("mode", "kept"), [(0o600, True), (0o644, True), (0o640, False)])
async def test_a_group_that_cannot_be_kept_matters_if_it_has_rights(open_folder: Path, mode: int, kept: bool) -> None:
    made = Account(open_folder / "home")
    made.file.chmod(mode)
    for path in (made.home, made.file.parent, made.file):
        os.chown(path, 12345, 0)
    account = Account(made.home, prefix=("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"))
    if kept:
        await account.edit()
        status = account.file.stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12345, 12345, mode)
    else:
        with pytest.raises(Trouble, match="cannot be kept"):
            await account.edit()
    assert account.file.read_bytes() == (AFTER if kept else BEFORE)


@pytest.mark.parametrize("how", [KILLED, KILLED_AFTER, FAILS], ids=["killed", "killed after", "fails"])
@pytest.mark.parametrize("name", ["find", "mktemp", "cp", "cat", "wc", "sha256sum", "sync", "mv", "rm", "id", "ls"])
async def test_whatever_ends_it_the_file_is_whole(tmp_path: Path, name: str, how: str) -> None:
    account = Account(tmp_path / "home")
    found = await account.keys.read()
    file = found["authorized_keys"]
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / name).write_text(how.format(name=name, path=PATH))
    (tools / name).chmod(0o755)
    broken = Account(account.home, path=f"{tools}:{PATH}")
    words = ["write", "authorized_keys", file.checksum, str(len(AFTER))]
    try:
        await broken.keys._ask(words, AFTER)
        told = True
    except Trouble:
        told = False
    except BrokenPipeError:
        told = False
    content = account.file.read_bytes()
    assert content in (BEFORE, AFTER)
    assert content == AFTER or not told
    # Whatever it left behind, the next one is not in its way.
    await account.edit()
    assert account.file.read_bytes() == AFTER
    assert account.file.stat().st_mode & 0o777 == 0o640


async def test_what_a_killed_run_left_is_cleared_away_later(tmp_path: Path) -> None:
    account = Account(tmp_path / "home")
    old, fresh = (account.file.with_name(f"authorized_keys.orchestrator.{name}") for name in ("aaaaaa", "bbbbbb"))
    for path in (old, fresh):
        path.touch()
    os.utime(old, (0, 0))
    await account.edit()
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"end",
        b"end\nend\n",
        b"Welcome!\nend\n",
        b"keys ../x 1 0\n\nend\n",
        b"keys authorized_keys x 0\n\nend\n",
        b"keys authorized_keys 1 3\nabc",
        b"keys authorized_keys 1 3\nabcd\nend\n",
        b"keys authorized_keys 1 9999999\nabc\nend\n",
    ],
)
async def test_an_answer_that_is_none(answer: bytes) -> None:
    async def run(_: Command) -> Result:
        return Result("web1", Status.OK, 0, b"Welcome!\norchestrator authorized_keys\n" + answer)

    with pytest.raises(Trouble, match="cannot read the answer"):
        await AuthorizedKeys(run).read()


async def test_what_start_up_files_say_is_not_taken_for_the_answer(account: Account) -> None:
    async def noisy(command: Command) -> Result:
        return await account.ask(replace(command, script=f"echo keys are welcome; echo end\n{command.script}"))

    await AuthorizedKeys(noisy).edit(lambda _: AFTER)
    assert account.file.read_bytes() == AFTER


async def test_silence_is_no_answer() -> None:
    async def run(_: Command) -> Result:
        return Result("web1", Status.OK, 0, b"end\n")

    with pytest.raises(Trouble, match="cannot read the answer"):
        await AuthorizedKeys(run).read()
