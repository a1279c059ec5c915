"""ansible.builtin.file on a real folder, by a real shell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.file import MODULE, FileModuleArguments
from tests.playbook.modules.target import LocalTarget


async def file(target: LocalTarget, path: object, **more: Any) -> Result:
    before = target.exchanges
    result = await MODULE.run(FileModuleArguments.model_validate({"path": str(path), **more}), target)
    assert target.exchanges == before + 1
    return result


def mode_of(path: Path) -> str:
    return f"{path.lstat().st_mode & 0o7777:04o}"


async def twice(target: LocalTarget, path: object, **more: Any) -> Result:
    """Predicted, done, and then found done; what was done."""
    target.check = True
    predicted = await file(target, path, **more)
    target.check = False
    done = await file(target, path, **more)
    assert predicted.changed == done.changed
    assert not (await file(target, path, **more)).changed
    return done


async def test_folders_with_missing_parents(target: LocalTarget, tmp_path: Path) -> None:
    result = await twice(target, tmp_path / "a" / "b c" / "d", state="directory", mode="2750", owner="daemon")
    assert result.changed
    assert result.keys["path"] == str(tmp_path / "a" / "b c" / "d")
    assert (result.keys["state"], result.keys["mode"], result.keys["owner"]) == ("directory", "02750", "daemon")
    for made in ("a", "a/b c", "a/b c/d"):
        assert mode_of(tmp_path / made) == "2750"
        assert (tmp_path / made).stat().st_uid == 1
    assert (await twice(target, tmp_path / "a", state="directory", mode="0755")).changed
    assert mode_of(tmp_path / "a") == "0755"


async def test_a_folder_where_a_file_is(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TaskFailed, match="already exists as a file"):
        await file(target, tmp_path / "file", state="directory")


async def test_a_link_to_a_folder_is_that_folder(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    result = await twice(target, tmp_path / "link", state="directory", mode="0700")
    assert result.keys["path"] == str(tmp_path / "real")
    assert mode_of(tmp_path / "real") == "0700"


async def test_absent(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "f").touch()
    (tmp_path / "link").symlink_to("kept")
    for name in ("d", "link"):
        result = await twice(target, tmp_path / name, state="absent")
        assert result.keys == {"path": str(tmp_path / name), "state": "absent"}
        assert not os.path.lexists(tmp_path / name)
    assert (tmp_path / "kept" / "f").exists()
    with pytest.raises(TaskFailed, match="will not remove /"):
        await file(target, "/..", state="absent")


async def test_touch_always_changes_unless_times_are_kept(target: LocalTarget, tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert (await file(target, path, state="touch", mode="0600")).keys["dest"] == str(path)
    assert mode_of(path) == "0600"
    os.utime(path, (1, 1))
    assert (await file(target, path, state="touch")).changed
    assert path.stat().st_mtime > 1
    assert path.stat().st_atime > 1
    times = {"modification_time": "preserve", "access_time": "preserve"}
    assert not (await file(target, path, state="touch", **times)).changed
    target.check = True
    assert (await file(target, path, state="touch")).changed
    assert (await file(target, tmp_path / "new", state="touch")).changed
    assert not (tmp_path / "new").exists()


async def test_times(target: LocalTarget, tmp_path: Path) -> None:
    target.environment = {"TZ": "UTC"}
    path = tmp_path / "file"
    path.touch()
    result = await twice(target, path, state="file", modification_time="202001020304.05", access_time="200001010000.00")
    assert result.changed
    assert (path.stat().st_mtime, path.stat().st_atime) == (1577934245.0, 946684800.0)
    os.utime(path, ns=(946684800_000000000, 1577934245_500000000))
    again = {"modification_time": "2020-01-02 03:04:05", "modification_time_format": "%Y-%m-%d %H:%M:%S"}
    assert (await twice(target, path, state="file", **again)).changed
    with pytest.raises(TaskFailed, match="Error while obtaining timestamp"):
        await MODULE.run(
            FileModuleArguments.model_validate({"path": str(path), "state": "file", "access_time": "soon"}), target
        )


async def test_a_file_must_exist(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="is absent, cannot continue"):
        await file(target, tmp_path / "none", mode="0600")
    with pytest.raises(TaskFailed, match="is directory, cannot continue"):
        await file(target, tmp_path, state="file")
    assert (await file(target, tmp_path, mode="0700")).keys["state"] == "directory"


async def test_links(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    link = tmp_path / "link"
    result = await twice(target, link, state="link", src="real")
    assert result.changed
    assert result.keys["src"] == "real"
    assert result.keys["dest"] == str(link)
    assert result.keys["state"] == "link"
    assert str(link.readlink()) == "real"
    with pytest.raises(TaskFailed, match="src file does not exist"):
        await file(target, link, state="link", src="none")
    assert (await twice(target, link, state="link", src="none", force=True, follow=False)).changed
    assert str(link.readlink()) == "none"
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere").mkdir()
    link.unlink()
    link.symlink_to("folder")
    assert (await twice(target, link, state="link", src="elsewhere")).changed
    assert str(link.readlink()) == "elsewhere"
    assert not list((tmp_path / "folder").iterdir())
    with pytest.raises(TaskFailed, match="refusing to convert from file to symlink"):
        await file(target, tmp_path / "real", state="link", src="folder")
    assert (await twice(target, tmp_path / "real", state="link", src="folder", force=True)).changed
    (tmp_path / "elsewhere" / ".hidden").touch()
    with pytest.raises(TaskFailed, match="is not empty, refusing to convert it"):
        await file(target, tmp_path / "elsewhere", state="link", src="/", force=True)
    assert (await twice(target, tmp_path / "folder", state="link", src="/", force=True)).changed


async def test_a_followed_link_passes_its_attributes_on(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    assert (await twice(target, tmp_path / "link", state="link", src="real", mode="0600", owner="daemon")).changed
    assert mode_of(tmp_path / "real") == "0600"
    assert ((tmp_path / "real").stat().st_uid, (tmp_path / "link").lstat().st_uid) == (1, 0)
    assert (await twice(target, tmp_path / "link", state="link", src="real", owner="bin", follow=False)).changed
    assert ((tmp_path / "real").stat().st_uid, (tmp_path / "link").lstat().st_uid) == (1, 2)


async def test_hard_links(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "other").write_text("y")
    result = await twice(target, tmp_path / "hard", state="hard", src=str(tmp_path / "real"))
    assert result.keys["state"] == "hard"
    assert (tmp_path / "hard").samefile(tmp_path / "real")
    with pytest.raises(TaskFailed, match="Cannot link, different hard link exists at destination"):
        await file(target, tmp_path / "hard", state="hard", src=str(tmp_path / "other"))
    assert (await twice(target, tmp_path / "hard", state="hard", src=str(tmp_path / "other"), force=True)).changed
    assert (tmp_path / "hard").read_text() == "y"
    with pytest.raises(TaskFailed, match="src does not exist"):
        await file(target, tmp_path / "hard", state="hard", src=str(tmp_path / "none"))
    with pytest.raises(TaskFailed, match="Cannot link, file exists at destination"):
        await file(target, tmp_path / "real", state="hard", src=str(tmp_path / "other"))


async def test_recursion(target: LocalTarget, tmp_path: Path) -> None:
    top = tmp_path / "top"
    for name in ("a/b", "a/-rf", "a/new\nline", "a/trailing\n", "a/x:y *"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("x")
    (top / "a" / "run").write_text("x")
    (top / "a" / "run").chmod(0o700)
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "f").write_text("x")
    (top / "link").symlink_to("../outside/deep")
    (top / "loop").symlink_to(".")
    (top / "broken").symlink_to("none")
    result = await twice(
        target, top, state="directory", recurse=True, mode="u=rwX,go=rX", owner="daemon", group="daemon", follow=False
    )
    assert result.changed
    for path in top.rglob("*"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (1, 1), path
        if not path.is_symlink():
            assert mode_of(path) == ("0755" if path.is_dir() or path.name == "run" else "0644"), path
    assert (outside / "deep" / "f").stat().st_uid == 0
    assert (await twice(target, top, state="directory", recurse=True, owner="bin")).changed
    assert (outside / "deep").stat().st_uid == (outside / "deep" / "f").stat().st_uid == 2
    assert outside.stat().st_uid == 0


async def test_names_are_only_names(target: LocalTarget, tmp_path: Path) -> None:
    for name in ("-rf", "a b\n", "$(id)", "'\"*"):
        assert (await twice(target, name, state="directory", mode="0700")).changed
        assert mode_of(tmp_path / name) == "0700"
        assert (await twice(target, tmp_path / name / "l", state="link", src=name, force=True, follow=False)).changed
        assert str((tmp_path / name / "l").readlink()) == name
        assert (await twice(target, name, state="absent")).changed
        assert not (tmp_path / name).exists()


async def test_the_diff_names_each_difference(target: LocalTarget, tmp_path: Path) -> None:
    target.diff = True
    (tmp_path / "d").mkdir(0o755)
    (tmp_path / "d" / "e").mkdir()
    (tmp_path / "d" / "f").touch()
    changed = await file(target, tmp_path / "d", mode="0700", owner="daemon")
    path = str(tmp_path / "d")
    assert json.loads(changed.diffs[0].before) == {"mode": "0755", "owner": 0, "path": path}
    assert json.loads(changed.diffs[0].after) == {"mode": "0700", "owner": 1, "path": path}
    inside = await file(target, tmp_path / "d", state="directory", recurse=True, owner="daemon")
    assert (inside.changed, inside.diffs) == (True, ())
    gone = await file(target, tmp_path / "d", state="absent")
    content = {"directories": [f"{path}/e"], "files": [f"{path}/f"]}
    assert json.loads(gone.diffs[0].before) == {"path": path, "path_content": content, "state": "directory"}
    assert json.loads(gone.diffs[0].after) == {"path": path, "state": "absent"}


def test_wrong_arguments_are_refused() -> None:
    for wrong in ({"mode": "rw"}, {"mode": "999"}, {"recurse": True, "state": "file"}, {"src": "x", "state": "absent"}):
        with pytest.raises(ValueError, match="mode|recurse|src"):
            FileModuleArguments.model_validate({"path": "/x", **wrong})
