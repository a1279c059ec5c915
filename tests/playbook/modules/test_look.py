"""stat, slurp and fetch: what is there, told exactly, and kept here safely."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Answer, Result, TaskFailed, TaskSkipped, module
from tests.playbook.modules.oracle import Oracle
from tests.playbook.modules.target import LocalTarget


async def run(target: LocalTarget, name: str, **arguments: Any) -> Result:
    one = module(f"ansible.builtin.{name}")
    return await one.run(one.arguments.model_validate(arguments), target)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with Oracle(tmp_path_factory.mktemp("oracle")) as running:
        yield running


@pytest.fixture
def things(tmp_path: Path) -> Path:
    """One of each kind of file."""
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / "text").write_text("hello\n")
    (folder / "text").chmod(0o6751)
    os.utime(folder / "text", ns=(1_700_000_000_123_456_789, 1_600_000_000_000_000_001))
    (folder / "binary").write_bytes(bytes(range(256)))
    os.chown(folder / "binary", 54321, 54321)
    (folder / "-e empty\n").touch()
    (folder / "link").symlink_to("text")
    (folder / "broken").symlink_to("none")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "device", 0o60600, os.makedev(259, 70000))
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "socket"))
    return folder


async def test_stat_tells_what_ansible_tells(target: LocalTarget, oracle: Oracle, things: Path) -> None:
    for path in [*things.iterdir(), things / "none", things / "text" / "none", Path("/proc/self/mounts")]:
        for more in (
            {},
            {"follow": True},
            {"checksum_algorithm": "sha256", "get_mime": False, "get_attributes": False},
        ):
            expected = oracle.run("stat", {"path": str(path), **more})
            if expected.get("failed"):
                with pytest.raises(TaskFailed, match=expected["msg"]):
                    await run(target, "stat", path=str(path), **more)
                continue
            told = (await run(target, "stat", path=str(path), **more)).keys["stat"]
            # Reading a file here changes it there; busybox has neither file nor lsattr; /proc is another one's.
            volatile = {"atime"}
            if target.shell.name == "busybox":
                volatile |= {"mimetype", "charset", "version", "attributes", "attr_flags"}
                if str(path).endswith("broken"):
                    volatile |= {"lnk_source"}
            if str(path).startswith("/proc"):
                volatile |= {"mtime", "ctime", "inode", "checksum"}
            wanted = {key: value for key, value in expected["stat"].items() if key not in volatile}
            assert {key: value for key, value in told.items() if key not in volatile} == wanted


async def test_stat_needs_no_more_than_it_asks(target: LocalTarget, things: Path) -> None:
    told = (await run(target, "stat", path=str(things / "text"), get_checksum=False, get_mime=False)).keys["stat"]
    assert not {"checksum", "mimetype"} & told.keys()
    assert (told["atime"], told["mtime"]) == ((things / "text").stat().st_atime, 1_600_000_000.000000001)
    assert target.exchanges == 1


async def test_slurp(target: LocalTarget, things: Path) -> None:
    result = await run(target, "slurp", src=str(things / "binary"))
    assert base64.b64decode(result.keys["content"]) == bytes(range(256))
    assert result.keys["source"] == str(things / "binary")
    assert result.keys["encoding"] == "base64"
    for name, reason in (("none", "File not found"), ("folder", "Source is a directory and must be a file")):
        with pytest.raises(TaskFailed, match=f"{reason}: {things}/{name}"):
            await run(target, "slurp", path=str(things / name))
    with (things / "huge").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(TaskFailed, match="larger than 64 MiB: use fetch"):
        await run(target, "slurp", path=str(things / "huge"))
    assert (await run(target, "slurp", path="/proc/sys/kernel/ostype")).keys["content"] == "TGludXgK"


@pytest.mark.parametrize("name", ["pipe", "device", "socket"])
async def test_what_may_never_end_is_not_read(target: LocalTarget, things: Path, tmp_path: Path, name: str) -> None:
    target.variables["playbook_dir"] = str(tmp_path)
    for called in ("fetch", "slurp"):
        with pytest.raises(TaskFailed, match=f"{name} is not a regular file"):
            await run(target, called, src=str(things / name), **({"dest": "kept"} if called == "fetch" else {}))
    with pytest.raises(TaskFailed, match=f"{name} is not a regular file"):
        await run(target, "fetch", src=str(things / "text"), dest=str(things / name), flat=True)


async def test_fetch(target: LocalTarget, things: Path, tmp_path: Path) -> None:
    target.variables["playbook_dir"] = str(tmp_path)
    result = await run(target, "fetch", src=str(things / "binary"), dest="kept")
    dest = tmp_path / "kept" / "local" / str(things / "binary").lstrip("/")
    assert dest.read_bytes() == bytes(range(256))
    assert result.changed
    assert result.keys["dest"] == str(dest)
    assert result.keys["checksum"] == result.keys["remote_checksum"] == "4916d6bdb7f78e6803698cab32d1586ea457dfc8"
    assert target.exchanges == 1
    again = await run(target, "fetch", src=str(things / "binary"), dest="kept")
    assert not again.changed
    assert again.keys["md5sum"] == result.keys["md5sum"] == "e2c865db4162bed963bfaa9ef6ac18f0"
    dest.chmod(0o640)
    (things / "binary").write_text("new")
    assert (await run(target, "fetch", src=str(things / "binary"), dest="kept")).changed
    assert (dest.read_text(), dest.stat().st_mode & 0o777) == ("new", 0o640)
    assert [path.name for path in dest.parent.iterdir()] == ["binary"]


async def test_fetch_flat_and_home(target: LocalTarget, things: Path, tmp_path: Path) -> None:
    target.variables["playbook_dir"] = "/nowhere"
    for src, dest in ((str(things / "text"), f"{tmp_path}/one"), ("~/things/text", f"{tmp_path}/flat/")):
        result = await run(target, "fetch", src=src, dest=dest, flat=True)
        assert result.changed
        assert Path(result.keys["dest"]).read_text() == "hello\n"
        assert not (await run(target, "fetch", src=src, dest=dest, flat=True)).changed
    assert (tmp_path / "flat" / "text").exists()
    with pytest.raises(TaskFailed, match="use a trailing slash"):
        await run(target, "fetch", src=str(things / "text"), dest=str(tmp_path), flat=True)


async def test_fetch_in_pieces(target: LocalTarget, tmp_path: Path) -> None:
    target.variables["playbook_dir"] = str(tmp_path)
    large = tmp_path / "large"
    large.write_bytes(os.urandom((4 << 20) + 5))
    result = await run(target, "fetch", src=str(large), dest="kept")
    assert Path(result.keys["dest"]).read_bytes() == large.read_bytes()
    assert target.exchanges == 3
    assert target.told[-1] == "fetched 4.0 of 4.0 MiB"


async def test_fetch_of_what_is_not_there(target: LocalTarget, things: Path, tmp_path: Path) -> None:
    target.variables["playbook_dir"] = str(tmp_path)
    for name, reason in (("none", "does not exist"), ("folder", "cannot work on directories")):
        with pytest.raises(TaskFailed, match=reason):
            await run(target, "fetch", src=str(things / name), dest="kept")
        result = await run(target, "fetch", src=str(things / name), dest="kept", fail_on_missing=False)
        assert not result.changed
        assert reason in result.keys["msg"]
    target.check = True
    with pytest.raises(TaskSkipped):
        await run(target, "fetch", src=str(things / "text"), dest="kept")
    assert not (tmp_path / "kept").exists()


class Liar(LocalTarget):
    """A host that answers what it likes."""

    records: tuple[tuple[str, bytes], ...] = ()
    stdout = b""

    async def sh(self, *_: Any, **__: Any) -> Answer:
        self.exchanges += 1
        return Answer(0, self.stdout, b"", self.records)


async def test_a_hostile_host_cannot_choose_where_a_file_goes(tmp_path: Path) -> None:
    base = tmp_path / "base"
    liar = Liar(base, variables={"playbook_dir": str(base)})
    digest = b"11f6ad8ec52a2984abaafd7c3b516503785c2072"
    for told in (b"/../../../escaped", b"../../escaped", b"/x/../../../../escaped"):
        liar.records, liar.stdout = (("path", told), ("size", b"1"), ("sha1", digest)), b"x"
        result = await run(liar, "fetch", src="~/x", dest="kept")
        assert Path(result.keys["dest"]).is_relative_to(base / "kept" / "local")
        Path(result.keys["dest"]).unlink()
        await run(liar, "fetch", src="~/x", dest="kept/", flat=True)
        assert (base / "kept" / "escaped").exists()
        (base / "kept" / "escaped").unlink()
    assert not (tmp_path / "escaped").exists()


async def test_a_hostile_host_cannot_fill_the_disk_or_pass_off_another_file(tmp_path: Path) -> None:
    liar = Liar(tmp_path, variables={"playbook_dir": str(tmp_path)})
    digest = b"11f6ad8ec52a2984abaafd7c3b516503785c2072"
    liar.records = (("path", b"/x"), ("size", b"9" * 18), ("sha1", digest))
    with pytest.raises(TaskFailed, match="more than are free"):
        await run(liar, "fetch", src="/x", dest="kept")
    liar.records, liar.stdout = (("path", b"/x"), ("size", b"1"), ("sha1", digest)), b"y"
    with pytest.raises(TaskFailed, match="checksum mismatch"):
        await run(liar, "fetch", src="/x", dest="kept")
    liar.records = (("path", b"/x"), ("size", b"-1"), ("sha1", b"../../x"))
    with pytest.raises(TaskFailed, match="could not read"):
        await run(liar, "fetch", src="/x", dest="kept")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
