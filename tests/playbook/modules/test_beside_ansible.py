"""file, and copy with remote_src, on twin folders: same end, same ``changed``, same keys, and predicted alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import TaskFailed, module
from tests.playbook.modules.oracle import Oracle
from tests.playbook.modules.target import LocalTarget

CASES: list[tuple[str, dict[str, Any]]] = [
    ("file", {"path": "new/a/b", "state": "directory", "mode": "0750"}),
    ("file", {"path": "new/a/", "state": "directory", "owner": "daemon", "group": "12"}),
    ("file", {"path": "dir", "state": "directory"}),
    ("file", {"path": "dir", "state": "directory", "mode": "u=rwx,go="}),
    ("file", {"path": "dir", "state": "directory", "mode": "g+s,o-rwx,+t"}),
    ("file", {"path": "sticky", "state": "directory", "mode": "0755"}),
    ("file", {"path": "todir", "state": "directory", "mode": "0700"}),
    ("file", {"path": "todir", "state": "directory", "mode": "0700", "follow": False}),
    ("file", {"path": "file", "state": "directory"}),
    ("file", {"path": "dir", "state": "directory", "recurse": True, "mode": "u=rwX,g=rX,o=", "owner": "daemon"}),
    ("file", {"path": "dir", "recurse": True, "group": "daemon", "follow": False}),
    ("file", {"path": "newer", "recurse": True}),
    ("file", {"path": "file", "recurse": True}),
    ("file", {"path": "file", "state": "file", "mode": "0600"}),
    ("file", {"path": "file", "mode": "a+x,g-r"}),
    ("file", {"path": "suid", "owner": "daemon"}),
    ("file", {"path": "suid", "owner": "daemon", "mode": "4755"}),
    ("file", {"path": "tofile", "state": "file", "mode": "0600"}),
    ("file", {"path": "tofile", "state": "file", "owner": "daemon", "follow": False}),
    ("file", {"path": "tofile", "mode": "0600"}),
    ("file", {"path": "none", "state": "file"}),
    ("file", {"path": "none"}),
    ("file", {"path": "dir", "state": "file"}),
    ("file", {"path": "none", "state": "absent"}),
    ("file", {"path": "dir", "state": "absent"}),
    ("file", {"path": "todir", "state": "absent"}),
    ("file", {"path": "file", "state": "absent"}),
    ("file", {"path": "none", "state": "touch"}),
    ("file", {"path": "none", "state": "touch", "mode": "0640", "owner": "daemon"}),
    ("file", {"path": "file", "state": "touch"}),
    ("file", {"path": "file", "state": "touch", "access_time": "preserve", "modification_time": "preserve"}),
    ("file", {"path": "file", "state": "touch", "access_time": "preserve", "modification_time": "200001010000.00"}),
    ("file", {"path": "file", "state": "file", "modification_time": "200001010000.00"}),
    ("file", {"path": "tofile", "state": "touch", "mode": "0600"}),
    ("file", {"path": "dir", "state": "touch", "mode": "0700"}),
    ("file", {"path": "none/none", "state": "touch"}),
    ("file", {"path": "link", "state": "link", "src": "file"}),
    ("file", {"path": "link", "state": "link", "src": "{D}/dir"}),
    ("file", {"path": "link", "state": "link", "src": "none"}),
    ("file", {"path": "link", "state": "link", "src": "none", "force": True, "follow": False, "owner": "daemon"}),
    ("file", {"path": "tofile", "state": "link", "src": "file"}),
    ("file", {"path": "tofile", "state": "link", "src": "dir"}),
    ("file", {"path": "tofile", "state": "link"}),
    ("file", {"path": "tofile", "state": "link", "src": "file", "mode": "0600", "owner": "daemon"}),
    ("file", {"path": "tofile", "state": "link", "src": "file", "owner": "daemon", "follow": False}),
    ("file", {"path": "todir", "state": "link", "src": "file"}),
    ("file", {"path": "broken", "state": "link", "src": "file"}),
    ("file", {"path": "file", "state": "link", "src": "dir"}),
    ("file", {"path": "file", "state": "link", "src": "dir", "force": True}),
    ("file", {"path": "dir", "state": "link", "src": "file", "force": True}),
    ("file", {"path": "dir", "state": "link", "src": "../file"}),
    ("file", {"path": "empty", "state": "link", "src": "../file", "force": True}),
    ("file", {"path": "none", "state": "link"}),
    ("file", {"path": "hard", "state": "hard", "src": "{D}/file"}),
    ("file", {"path": "hard", "state": "hard", "src": "{D}/file", "mode": "0600"}),
    ("file", {"path": "hard", "state": "hard", "src": "{D}/none"}),
    ("file", {"path": "twin", "state": "hard", "src": "{D}/twin2"}),
    ("file", {"path": "twin", "state": "hard", "src": "{D}/file"}),
    ("file", {"path": "twin", "state": "hard", "src": "{D}/file", "force": True}),
    ("file", {"path": "suid", "state": "hard", "src": "{D}/file"}),
    ("file", {"path": "suid", "state": "hard", "src": "{D}/file", "force": True}),
    ("file", {"path": "none", "state": "hard"}),
    ("file", {"path": "file", "owner": "no-such-user"}),
    ("file", {"path": "file", "group": "no-such-group"}),
    ("copy", {"src": "{D}/file", "dest": "{D}/copied", "remote_src": True}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/copied", "remote_src": True, "mode": "preserve"}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/file", "remote_src": True}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/tofile", "remote_src": True}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/tofile", "remote_src": True, "follow": True}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/dir", "remote_src": True, "owner": "daemon", "mode": "0604"}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/made/up/", "remote_src": True, "directory_mode": "0700"}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/not/there", "remote_src": True}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/file", "remote_src": True, "force": False}),
    ("copy", {"src": "{D}/suid", "dest": "{D}/file", "remote_src": True, "validate": "/bin/false %s"}),
    ("copy", {"src": "{D}/none", "dest": "{D}/file", "remote_src": True}),
    ("copy", {"src": "{D}/dir", "dest": "{D}/copied", "remote_src": True}),
    ("copy", {"src": "{D}/dir/", "dest": "{D}/copied", "remote_src": True, "owner": "daemon"}),
    ("copy", {"src": "{D}/dir/", "dest": "{D}/other", "remote_src": True, "local_follow": True}),
    ("copy", {"src": "{D}/dir", "dest": "{D}/other", "remote_src": True, "group": "daemon", "mode": "0700"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with Oracle(tmp_path_factory.mktemp("oracle")) as running:
        yield running


def plant(folder: Path) -> None:
    (folder / "dir" / "sub").mkdir(parents=True)
    (folder / "dir" / "sub" / "deep").write_text("deep")
    (folder / "dir" / "run").write_text("#!/bin/sh\n")
    (folder / "dir" / "run").chmod(0o700)
    (folder / "dir" / "in").symlink_to("sub/deep")
    (folder / "other" / "sub").mkdir(parents=True)
    (folder / "other" / "sub" / "deep").write_text("other")
    (folder / "other" / "own").write_text("own")
    (folder / "empty").mkdir()
    (folder / "sticky").mkdir()
    (folder / "sticky").chmod(0o3777)
    (folder / "file").write_text("file")
    (folder / "suid").write_text("suid")
    (folder / "suid").chmod(0o6711)
    (folder / "twin").write_text("twin")
    os.link(folder / "twin", folder / "twin2")
    (folder / "tofile").symlink_to("file")
    (folder / "todir").symlink_to("dir")
    (folder / "broken").symlink_to("nowhere")
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Type, mode, owner, content and, where an hour or more ago, time of everything below `folder`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        if isinstance(content, Path) and content.is_absolute():
            content = content.relative_to(folder)
        old = status.st_mtime if status.st_mtime < 1_710_000_000 and not path.is_dir() else None
        links = status.st_nlink if path.is_file() else None
        found[str(path.relative_to(folder))] = (oct(status.st_mode), status.st_uid, status.st_gid, content, old, links)
    return found


@pytest.mark.parametrize(("name", "arguments"), CASES)
async def test_same_end(oracle: Oracle, tmp_path: Path, name: str, arguments: dict[str, Any]) -> None:
    theirs, ours = tmp_path / "hers", tmp_path / "ours"
    for folder in (theirs, ours):
        folder.mkdir()
        plant(folder)
    one = module(f"ansible.builtin.{name}")
    for check in (True, False):
        given = placed(arguments, theirs)
        result = oracle.run(name, given, check=check)
        target = LocalTarget(tmp_path, "dash", check=check)
        if result.get("failed"):
            with pytest.raises(TaskFailed) as caught:
                await one.run(one.arguments.model_validate(placed(arguments, ours)), target)
            if "exception" not in result and "there was an" not in result["msg"].lower():
                said = result["msg"].replace(str(theirs), str(ours))
                assert caught.value.msg.startswith(said.split(" - ")[0].rstrip(".")) or "No such" in caught.value.msg
            continue
        done = await one.run(one.arguments.model_validate(placed(arguments, ours)), target)
        assert snapshot(ours) == snapshot(theirs)
        assert done.changed == result["changed"], ("check" if check else "real", result)
        if check:
            continue
        told = {key: str(value).replace(str(ours), "D") for key, value in done.keys.items()}
        wanted = {
            key: str(value).replace(str(theirs), "D")
            for key, value in result.items()
            if key not in ("changed", "invocation", "diff", "warnings") and value is not None
        }
        if wanted.get("state") == "directory":
            told["size"] = wanted["size"]  # the file system's business
        assert {key: told.get(key) for key in wanted} == wanted


def placed(arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
    given = dict(arguments)
    for key in ("src", "dest"):
        if key in given:
            given[key] = given[key].replace("{D}", str(folder))
    if "path" in given:
        given["path"] = f"{folder}/{given['path']}"
    return given
