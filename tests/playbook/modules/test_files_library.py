"""The shared file functions against whoever owns the folder they write in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Answer, Program
from orchestrator.playbook.modules.ownership import FILES, FileArguments, common
from tests.playbook.modules.target import LocalTarget

# What stands in for another process that is quick enough.
_SWAP = Program(
    "swap",
    r"""
    write() {
        begin "$path"
        put "$expanded" "$meddle"
        tell "$expanded"
    }
    honest() { echo new; }
    swap() { echo new; rm "$fresh"; ln -s "$victim" "$fresh"; }
    fold() { echo new; mkdir "$path"; }
    stopped() { echo new; kill -TERM 0; sleep 1; }
    """,
    (FILES,),
)


async def write(target: LocalTarget, path: Path, meddle: str, **more: Any) -> Answer:
    arguments = FileArguments(owner="daemon", mode="0777")
    return await target.sh(_SWAP, "write", **{**common(arguments, target), "path": str(path), "meddle": meddle, **more})


async def test_a_planted_link_is_not_followed(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / ".known").symlink_to("victim")
    answer = await write(target, tmp_path / "file", "honest", token="known")
    assert "could not write beside" in answer.get("failed")
    (tmp_path / "victim").write_text("mine")
    answer = await write(target, tmp_path / "file", "honest", token="known")
    assert "could not write beside" in answer.get("failed")
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "file").exists()


async def test_a_link_put_in_its_place_gets_neither_owner_nor_mode(target: LocalTarget, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    before = victim.stat()
    await write(target, tmp_path / "file", "swap", victim=str(victim))
    after = victim.stat()
    assert victim.read_text() == "mine"
    assert (after.st_mode, after.st_uid, after.st_ino) == (before.st_mode, before.st_uid, before.st_ino)


async def test_a_folder_that_appears_is_no_place_to_move_into(target: LocalTarget, tmp_path: Path) -> None:
    answer = await write(target, tmp_path / "file", "fold")
    assert answer.get("failed").endswith("has become a directory")
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


async def test_a_backup_never_overwrites(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for _ in range(2):
        answer = await write(target, tmp_path / "file", "honest", backup=True)
        assert not answer.has("failed")
    kept = [path for path in tmp_path.iterdir() if path.name.endswith("~")]
    assert len(kept) == 2
    assert {path.read_text() for path in kept} == {"old", "new\n"}


@pytest.mark.parametrize("unsafe", [True, False])
async def test_a_file_that_cannot_be_renamed_over(target: LocalTarget, tmp_path: Path, unsafe: bool) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    inode = path.stat().st_ino
    busy = Program("busy", "mv() { echo busy >&2; return 1; }", (_SWAP,))  # as over a mount point
    parameters = common(FileArguments(unsafe_writes=unsafe, mode="0600"), target)
    answer = await target.sh(busy, "write", **{**parameters, "path": str(path), "meddle": "honest"})
    assert answer.has("failed") is not unsafe
    assert path.read_text() == ("new\n" if unsafe else "old")
    assert path.stat().st_ino == inode
    assert (path.stat().st_mode & 0o777 == 0o600) is unsafe
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


async def test_who_is_stopped_leaves_no_unfinished_file_behind(target: LocalTarget, tmp_path: Path) -> None:
    await write(target, tmp_path / "file", "stopped")
    assert list(tmp_path.iterdir()) == []
