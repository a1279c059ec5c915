"""ansible.builtin.copy: texts, files, trees, and from the host to itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.copy import MODULE, CopyArguments
from tests.playbook.modules.target import LocalTarget


async def copy(target: LocalTarget, dest: object, **more: Any) -> Result:
    return await MODULE.run(CopyArguments.model_validate({"dest": str(dest), **more}), target)


def tree(folder: Path) -> dict[str, str]:
    """Every name below `folder` with its mode and content, for a comparison by eye."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = f"{path.lstat().st_mode & 0o7777:04o}"
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        else:
            found[str(path.relative_to(folder))] = mode if path.is_dir() else f"{mode} {path.read_text()}"
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """What trees are copied from."""
    folder = tmp_path / "files" / "src"
    for name in ("top", "a/one", "a/b/two", "a/sp ace\\x", "-rf"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "a" / "one").chmod(0o755)
    (folder / "a" / "empty").touch()
    (folder / "void").mkdir()
    (folder / "to_file").symlink_to("a/one")
    (folder / "to_folder").symlink_to("a/b")
    (folder / "loop").symlink_to("..")
    (folder / "broken").symlink_to("none")
    return folder


async def test_content_is_text_and_mappings_are_json(target: LocalTarget, tmp_path: Path) -> None:
    for content, expected in (("x\n", "x\n"), ({"a": [1, True]}, '{"a": [1, true]}'), (5, "5"), ("", "")):
        result = await copy(target, tmp_path / "file", content=content)
        assert (tmp_path / "file").read_text() == expected
        assert "path" not in result.keys


async def test_a_file_with_its_mode(target: LocalTarget, source: Path, tmp_path: Path) -> None:
    result = await copy(target, tmp_path / "dest", src="src/a/one", mode="preserve")
    assert result.keys["mode"] == "0755"
    assert result.keys["src"] == str(source / "a" / "one")
    with pytest.raises(TaskFailed, match="does not match the expected checksum"):
        await copy(target, tmp_path / "dest", src="src/top", checksum="0" * 40)
    with pytest.raises(TaskFailed, match="nothere"):
        await copy(target, tmp_path / "dest", src="nothere")


@pytest.mark.usefixtures("source")
async def test_a_tree(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    arguments: dict[str, Any] = {"src": "src/", "mode": "0640", "directory_mode": "0750", "local_follow": False}
    target.check = True
    assert (await copy(target, dest, **arguments)).changed
    assert not dest.exists()
    target.check = False
    target.exchanges = 0
    result = await copy(target, dest, **arguments)
    assert result.changed
    assert result.keys["dest"] == f"{dest}/"
    assert target.exchanges == 4
    assert tree(dest) == {
        "-rf": "0640 -rf",
        "a": "0750",
        "a/b": "0750",
        "a/b/two": "0640 a/b/two",
        "a/empty": "0640 ",
        "a/one": "0640 a/one",
        "a/sp ace\\x": "0640 a/sp ace\\x",
        "broken": "-> none",
        "loop": "-> ..",
        "to_file": "-> a/one",
        "to_folder": "-> a/b",
        "top": "0640 top",
        "void": "0750",
    }
    assert dest.stat().st_mode & 0o777 == 0o750
    assert not (await copy(target, dest, **arguments)).changed
    (dest / "a" / "one").write_text("other")
    (dest / "top").chmod(0o600)
    (dest / "to_file").unlink()
    target.check = True
    assert (await copy(target, dest, **arguments)).changed
    target.check = False
    before = (dest / "a" / "b" / "two").stat().st_ino
    assert (await copy(target, dest, **arguments)).changed
    assert tree(dest)["a/one"] == "0640 a/one"
    assert tree(dest)["top"] == "0640 top"
    assert (dest / "a" / "b" / "two").stat().st_ino == before


@pytest.mark.usefixtures("source")
async def test_a_tree_keeps_modes_and_follows_links_here(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    assert (await copy(target, dest, src="src", mode="preserve")).changed
    assert not (await copy(target, dest, src="src", mode="preserve")).changed
    assert tree(dest)["src/to_file"] == "0755 a/one"
    assert tree(dest)["src/to_folder/two"] == "0644 a/b/two"
    assert tree(dest)["src/broken"] == "-> none"


async def test_a_tree_without_force_adds_only(target: LocalTarget, source: Path, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    (dest / "a").mkdir(parents=True)
    (dest / "a" / "one").write_text("mine")
    assert (await copy(target, dest, src="src/", force=False)).changed
    assert not (await copy(target, dest, src="src/", force=False)).changed
    assert (dest / "a" / "one").read_text() == "mine"
    assert (dest / "a" / "b" / "two").read_text() == "a/b/two"
    assert (source / "a" / "one").read_text() == "a/one"


async def test_a_tree_with_large_files_and_diffs(target: LocalTarget, source: Path, tmp_path: Path) -> None:
    (source / "large").write_bytes(os.urandom(300_000))
    assert (await copy(target, tmp_path / "dest", src="src/")).changed
    assert (tmp_path / "dest" / "large").read_bytes() == (source / "large").read_bytes()
    target.diff = True
    (tmp_path / "dest" / "top").write_text("old")
    result = await copy(target, tmp_path / "dest", src="src/")
    assert [(diff.before, diff.after) for diff in result.diffs] == [("old", "top")]


async def test_odd_things_in_a_tree_are_refused(target: LocalTarget, source: Path, tmp_path: Path) -> None:
    (source / "new\nline").touch()
    with pytest.raises(TaskFailed, match="names with line breaks"):
        await copy(target, tmp_path / "dest", src="src/")
    (source / "new\nline").unlink()
    os.mkfifo(source / "pipe")
    with pytest.raises(TaskFailed, match="neither a file nor a folder"):
        await copy(target, tmp_path / "dest", src="src/")


async def test_a_pipe_or_a_device_is_not_waited_for(target: LocalTarget, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(TaskFailed, match=f"{name} is neither a file nor a folder"):
            await copy(target, tmp_path / "dest", src=name)
    await copy(target, tmp_path / "dest", src="/dev/null")
    assert (tmp_path / "dest").read_bytes() == b""
    # Content for a pipe takes its place, as everything is renamed into its own.
    await copy(target, tmp_path / "pipe", content="x")
    assert (tmp_path / "pipe").read_text() == "x"


async def test_a_file_of_the_host(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "from").write_text("x")
    (tmp_path / "from").chmod(0o750)
    os.utime(tmp_path / "from", (5, 5))
    dest = tmp_path / "dest"
    target.check = True
    assert (await copy(target, dest, src=f"{tmp_path}/from", remote_src=True)).changed
    assert not dest.exists()
    target.check = False
    result = await copy(target, dest, src=f"{tmp_path}/from", remote_src=True)
    assert result.changed
    assert (dest.stat().st_mode & 0o777, dest.stat().st_mtime) == (0o644, 5)
    assert result.keys["checksum"] == "11f6ad8ec52a2984abaafd7c3b516503785c2072"
    assert result.keys["md5sum"] == "9dd4e461268c8034f5c8564e155c67a6"
    assert not (await copy(target, dest, src=f"{tmp_path}/from", remote_src=True)).changed
    (tmp_path / "from").write_text("y")
    assert (await copy(target, dest, src=f"{tmp_path}/from", remote_src=True, backup=True)).keys["backup_file"]
    assert dest.stat().st_mode & 0o777 == 0o750
    assert (await copy(target, dest, src=f"{tmp_path}/from", remote_src=True, mode="0600")).changed
    assert (await copy(target, dest, src=f"{tmp_path}/from", remote_src=True, mode="preserve")).changed
    assert dest.stat().st_mode & 0o777 == 0o750
    with pytest.raises(TaskFailed, match="Source .* not found"):
        await copy(target, dest, src=f"{tmp_path}/none", remote_src=True)


async def test_a_folder_of_the_host(target: LocalTarget, source: Path, tmp_path: Path) -> None:
    (source / "new\nline").write_text("odd")
    (source / "loop").unlink()
    dest = tmp_path / "dest"
    arguments: dict[str, Any] = {"src": f"{source}/", "remote_src": True, "owner": "daemon"}
    target.check = True
    assert (await copy(target, dest, **arguments)).changed
    assert not dest.exists()
    target.check = False
    assert (await copy(target, dest, **arguments)).changed
    assert tree(dest) == tree(source)
    assert {path.lstat().st_uid for path in dest.rglob("*")} == {1}
    assert not (await copy(target, dest, **arguments)).changed
    (dest / "a" / "one").write_text("other")
    (dest / "mine").touch()
    (dest / "void").rmdir()
    assert (await copy(target, dest, **arguments)).changed
    assert tree(dest) == tree(source) | {"mine": "0644 "}
    assert (await copy(target, dest, src=str(source), remote_src=True)).changed
    assert tree(dest / "src") == tree(source)


def test_wrong_arguments_are_refused() -> None:
    for wrong, reason in (
        ({}, "src .or content. is required"),
        ({"src": "a", "content": "b"}, "mutually exclusive"),
        ({"content": "b", "dest": "/x/"}, "can not use content with a dir as dest"),
        ({"src": "a", "mode": "worng"}, "is no mode"),
        ({"src": "a", "directory_mode": "9"}, "is no mode"),
        ({"src": "a", "setype": "_default"}, "not supported"),
    ):
        with pytest.raises(ValueError, match=reason):
            CopyArguments.model_validate({"dest": "/x", **wrong})
