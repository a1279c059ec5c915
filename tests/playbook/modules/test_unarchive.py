"""Archives unpacked in every shell, with GNU tar and with busybox's; hostile ones stay in their folder."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Result, TaskFailed, TaskSkipped
from orchestrator.playbook.modules.unarchive import MODULE, UnarchiveArguments
from tests.playbook.modules.fileserver import serving
from tests.playbook.modules.target import LocalTarget

_FORMATS = {"tar": "w:", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "top"
    (folder / "sub").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "one").write_text("one\n")
    (folder / "one").chmod(0o640)
    (folder / "sub" / "two words").write_text("two\n")
    (folder / "link").symlink_to("one")
    return folder


def _pack(source: Path, name: str) -> Path:
    path = source.parent.parent / f"archive.{name}"
    if name == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(source.rglob("*")):
                if not file.is_symlink():
                    archive.write(file, file.relative_to(source.parent))
    elif name == "tar.zst":
        subprocess.run(["tar", "--zstd", "-cf", path, "-C", source.parent, source.name], check=True)
    else:
        with tarfile.open(path, _FORMATS[name]) as archive:  # type: ignore[call-overload]  # the mode is a literal there
            archive.add(source, source.name)
    return path


def _tar(path: Path, *members: tuple[str, bytes, str]) -> Path:
    """An archive of (name, type, link target or content)."""
    with tarfile.open(path, "w") as archive:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
            else:
                member.linkname = text
                archive.addfile(member)
    return path


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    folder = tmp_path / "dest"
    folder.mkdir()
    return folder


async def _run(target: LocalTarget, src: Path | str, dest: Path, **arguments: Any) -> Result:
    wish = UnarchiveArguments.model_validate({"src": str(src), "dest": str(dest), **arguments})
    return await MODULE.run(wish, target)


@pytest.mark.parametrize("name", [*_FORMATS, "tar.zst", "zip"])
async def test_an_archive_is_unpacked_once(target: LocalTarget, source: Path, dest: Path, name: str) -> None:
    archive = _pack(source, name)
    if (name, target.shell.name) == ("tar.zst", "busybox"):
        with pytest.raises(TaskFailed, match="could not read the archive"):
            await _run(target, archive, dest)
        return
    target.check = True
    assert (await _run(target, archive, dest)).changed
    assert list(dest.iterdir()) == []
    target.check = False
    first = await _run(target, archive, dest, list_files=True)
    assert first.changed
    assert first.keys["extract_results"]["rc"] == 0
    assert "top/sub/two words" in first.keys["files"]
    assert (dest / "top/sub/two words").read_text() == "two\n"
    assert (dest / "top/one").stat().st_mode & 0o7777 == 0o640
    assert (dest / "top/empty").is_dir()
    assert not (await _run(target, archive, dest)).changed
    (dest / "top/one").write_text("changed")
    target.check = True
    assert (await _run(target, archive, dest)).changed
    target.check = False
    assert (await _run(target, archive, dest)).changed
    assert (dest / "top/one").read_text() == "one\n"


async def test_a_large_archive_travels_only_if_it_is_wanted(target: LocalTarget, source: Path, dest: Path) -> None:
    (source / "large").write_bytes(os.urandom(400_000))
    archive = _pack(source, "tgz")
    assert (await _run(target, archive, dest)).changed
    assert target.told
    with pytest.raises(TaskSkipped, match="skipped, since .*/large exists"):
        await _run(target, archive, dest, creates=str(dest / "top/large"))
    assert len(target.told) == 1


async def test_some_of_it(target: LocalTarget, source: Path, dest: Path) -> None:
    for name in ("tgz", "zip"):
        archive = _pack(source, name)
        folder = dest / name
        folder.mkdir()
        if (target.shell.name, name) == ("busybox", "tgz"):
            with pytest.raises(TaskFailed, match="exclude need GNU tar"):
                await _run(target, archive, folder, exclude=["top/one"])
        else:
            for changed in (True, False):
                assert (await _run(target, archive, folder, exclude=["top/one"])).changed == changed
            assert (folder / "top").exists()
            assert not (folder / "top/one").exists()
        folder = dest / f"{name}.included"
        folder.mkdir()
        for changed in (True, False):
            assert (await _run(target, archive, folder, include=["top/one"])).changed == changed
        assert [path.name for path in folder.rglob("*")] == ["top", "one"]


async def test_options_reach_tar(target: LocalTarget, source: Path, dest: Path) -> None:
    archive = _pack(source, "tgz")
    for changed in (True, False):
        assert (await _run(target, archive, dest, extra_opts=["--strip-components=1"])).changed == changed
    assert (dest / "sub/two words").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")
async def test_owner_and_mode_of_all_of_it(target: LocalTarget, source: Path, dest: Path) -> None:
    for name in ("tgz", "zip"):
        archive = _pack(source, name)
        folder = dest / name
        folder.mkdir()
        for changed in (True, False):
            result = await _run(target, archive, folder, owner="1234", mode="u=rwX,go=")
            assert result.changed == changed
        assert (folder / "top").stat().st_uid == (folder / "top/one").stat().st_uid == 1234
        assert (folder / "top").stat().st_mode & 0o7777 == 0o700
        assert (folder / "top/one").stat().st_mode & 0o7777 == 0o600
        assert folder.stat().st_uid == 0


async def test_from_the_host_and_from_a_url(target: LocalTarget, source: Path, dest: Path) -> None:
    archive = _pack(source, "tgz")
    for changed in (True, False):
        assert (await _run(target, archive, dest, remote_src=True)).changed == changed
    with serving() as server, pytest.raises(TaskFailed, match="Failed to find handler"):
        await _run(target, f"{server.url}/file", dest, remote_src=True)


async def test_hostile_names_stay_inside(target: LocalTarget, tmp_path: Path, dest: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("mine")
    (outside / "kept").chmod(0o644)
    archive = _tar(
        tmp_path / "evil.tar",
        ("../outside/kept", tarfile.REGTYPE, "theirs"),
        (f"{outside}/new", tarfile.REGTYPE, "theirs"),
        ("way", tarfile.SYMTYPE, str(outside)),
        ("way/kept", tarfile.REGTYPE, "theirs"),
        ("-rf", tarfile.REGTYPE, "x"),
    )
    try:
        await _run(target, archive, dest, mode="0600")
    except TaskFailed as failure:
        assert "unpack" in failure.msg or "symbolic link" in failure.msg or "read the archive" in failure.msg  # noqa: PT017
    assert (outside / "kept").read_text() == "mine"
    assert (outside / "kept").stat().st_mode & 0o7777 == 0o644
    assert [path.name for path in outside.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is 0 bytes"),
        (b"no archive at all", "Failed to find handler"),
        (b"PK\3\4", "Failed to find handler"),
    ],
)
async def test_what_is_no_archive(
    target: LocalTarget, tmp_path: Path, dest: Path, content: bytes, message: str
) -> None:
    archive = tmp_path / "bad"
    archive.write_bytes(content)
    for remote in (True, False):
        with pytest.raises(TaskFailed, match=message):
            await _run(target, archive, dest, remote_src=remote)


async def test_what_is_not_there(target: LocalTarget, source: Path, dest: Path) -> None:
    archive = _pack(source, "tgz")
    with pytest.raises(TaskFailed, match="must be an existing dir"):
        await _run(target, archive, dest / "nosuch")
    with pytest.raises(TaskFailed, match="Source '/nosuch' does not exist"):
        await _run(target, "/nosuch", dest, remote_src=True)
    assert not list(Path("/tmp").glob(".fetch.*"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"src": "http://x/y.tgz"},
        {"copy": True, "remote_src": True},
        {"include": "a", "exclude": "b"},
        {"src": "x://y", "remote_src": True},
    ],
)
def test_wishes_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UnarchiveArguments.model_validate({"src": "a", "dest": "b", **arguments})
