"""Content from here becomes a file there, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.playbook.modules import TaskFailed
from orchestrator.playbook.modules.delivery import AT_ONCE, Content, DeliveryArguments, deliver
from tests.playbook.modules.target import LocalTarget


def wanting(dest: object, **more: object) -> DeliveryArguments:
    return DeliveryArguments.model_validate({"dest": str(dest), **more})


def mode_of(path: Path) -> str:
    return f"{path.stat().st_mode & 0o7777:04o}"


async def test_a_new_file_takes_the_umask_and_tells_all_of_itself(target: LocalTarget, tmp_path: Path) -> None:
    result = await deliver(Content.of(b"hello\n"), wanting(tmp_path / "new"), target)
    assert (tmp_path / "new").read_bytes() == b"hello\n"
    assert mode_of(tmp_path / "new") == "0644"
    assert result.changed
    assert result.keys["checksum"] == "f572d396fae9206628714fb2ce00f72e94f2258f"
    assert result.keys["md5sum"] == "b1946ac92492d2347c6235b4d2611184"
    assert {key: result.keys[key] for key in ("dest", "mode", "owner", "uid", "size", "state")} == {
        "dest": str(tmp_path / "new"),
        "mode": "0644",
        "owner": "root",
        "uid": 0,
        "size": 6,
        "state": "file",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert target.exchanges == 1


async def test_the_same_content_changes_nothing(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_bytes(b"\0binary\xff\n")
    before = dest.stat()
    result = await deliver(Content.of(b"\0binary\xff\n"), wanting(dest, mode="0644"), target)
    assert not result.changed
    assert dest.stat().st_mtime_ns == before.st_mtime_ns
    assert dest.stat().st_ino == before.st_ino
    assert result.keys["checksum"] == Content.of(b"\0binary\xff\n").sha1


async def test_attributes_alone_are_a_change(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_bytes(b"same")
    result = await deliver(Content.of(b"same"), wanting(dest, mode="u=rw,g=r,o=", owner="daemon", group=12), target)
    assert result.changed
    assert mode_of(dest) == "0640"
    assert (dest.stat().st_uid, dest.stat().st_gid) == (1, 12)
    assert (result.keys["owner"], result.keys["gid"], result.keys["mode"]) == ("daemon", 12, "0640")


async def test_a_replaced_file_keeps_its_owner_and_mode(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_bytes(b"old")
    os.chown(dest, 1, 12)
    dest.chmod(0o4750)
    result = await deliver(Content.of(b"new"), wanting(dest), target)
    assert result.changed
    assert dest.read_bytes() == b"new"
    assert (dest.stat().st_uid, dest.stat().st_gid, mode_of(dest)) == (1, 12, "4750")


async def test_owner_alone_keeps_the_setuid_bit_of_what_it_replaces(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_bytes(b"old")
    dest.chmod(0o4755)
    await deliver(Content.of(b"new"), wanting(dest, owner="1"), target)
    assert (dest.stat().st_uid, mode_of(dest)) == (1, "4755")


async def test_check_mode_predicts_and_leaves_all_alone(target: LocalTarget, tmp_path: Path) -> None:
    target.check = True
    dest = tmp_path / "file"
    dest.write_bytes(b"old")
    for content, more, changed in (
        (b"new", {}, True),
        (b"old", {}, False),
        (b"old", {"mode": "0600"}, True),
        (b"old", {"owner": "daemon"}, True),
    ):
        before = dest.stat()
        result = await deliver(Content.of(content), wanting(dest, **more), target)
        assert result.changed is changed, more
        assert (dest.stat().st_ino, dest.stat().st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert (await deliver(Content.of(b"x"), wanting(tmp_path / "no" / "where"), target)).changed
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_a_backup_is_the_old_file_itself(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_bytes(b"old")
    dest.chmod(0o600)
    inode = dest.stat().st_ino
    result = await deliver(Content.of(b"new"), wanting(dest, backup=True), target)
    kept = Path(result.keys["backup_file"])
    assert kept.read_bytes() == b"old"
    assert kept.stat().st_ino == inode
    assert mode_of(kept) == "0600"
    assert kept.name.startswith("file.")
    assert kept.name.endswith("~")
    assert dest.stat().st_nlink == kept.stat().st_nlink == 1


async def test_a_failed_validation_leaves_the_old_file(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "my file.conf"
    dest.write_bytes(b"old")
    command = 'sh -c \'cat "$1"; echo "bad $1" >&2; exit 3\' sh %s'
    with pytest.raises(TaskFailed) as caught:
        await deliver(Content.of(b"new"), wanting(dest, validate=command), target)
    assert caught.value.keys["exit_status"] == 3
    assert caught.value.keys["stdout"] == "new"
    assert caught.value.keys["stderr"].strip().endswith(".conf")
    assert dest.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["my file.conf"]
    await deliver(Content.of(b"new"), wanting(dest, validate="grep -q new %s", mode="0600"), target)
    assert dest.read_bytes() == b"new"


async def test_a_link_is_replaced_unless_followed(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("real")
    result = await deliver(Content.of(b"new"), wanting(link, follow=True), target)
    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert result.keys["dest"] == str(tmp_path / "real")
    assert (await deliver(Content.of(b"new"), wanting(link), target)).changed
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


async def test_a_folder_takes_the_file_under_its_name(target: LocalTarget, tmp_path: Path) -> None:
    await deliver(Content.of(b"x", "name"), wanting(tmp_path), target)
    assert (tmp_path / "name").read_bytes() == b"x"
    with pytest.raises(TaskFailed, match="can not use content with a dir as dest"):
        await deliver(Content.of(b"x"), wanting(tmp_path), target)


async def test_missing_folders_are_made_for_a_slash_only(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="Destination directory .*/a does not exist"):
        await deliver(Content.of(b"x", "name"), wanting(tmp_path / "a" / "b"), target)
    dest = f"{tmp_path}/a/b/"
    result = await deliver(Content.of(b"x", "name"), wanting(dest, mode="0600"), target, directory_mode="750")
    assert result.keys["dest"] == f"{tmp_path}/a/b/name"
    assert mode_of(tmp_path / "a") == mode_of(tmp_path / "a" / "b") == "0750"
    assert mode_of(tmp_path / "a" / "b" / "name") == "0600"


async def test_force_no_writes_only_what_is_missing(target: LocalTarget, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    assert (await deliver(Content.of(b"one"), wanting(dest, force=False), target)).changed
    assert not (await deliver(Content.of(b"two"), wanting(dest, force=False, mode="0600"), target)).changed
    assert dest.read_bytes() == b"one"
    assert mode_of(dest) == "0644"


async def test_large_content_travels_only_when_needed(target: LocalTarget, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(AT_ONCE + 1))
    content = Content.of_file(source)
    assert content.data == source
    assert (await deliver(content, wanting(tmp_path / "dest"), target)).changed
    assert target.exchanges == 2
    assert target.told == ["sending 0.3 MiB"]
    assert (tmp_path / "dest").read_bytes() == source.read_bytes()
    assert not (await deliver(content, wanting(tmp_path / "dest"), target)).changed
    assert target.exchanges == 3


async def test_content_cut_short_never_becomes_the_file(target: LocalTarget, tmp_path: Path) -> None:
    whole = Content.of(b"all of it")
    short = Content(b"all of", whole.sha1, whole.md5, whole.size)
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(TaskFailed, match="does not have the expected size"):
        await deliver(short, wanting(tmp_path / "file"), target)
    source = tmp_path / "source"
    source.write_bytes(b"a" * (AT_ONCE + 1))
    large = Content.of_file(source)
    source.write_bytes(b"b" * (AT_ONCE + 1))
    with pytest.raises(TaskFailed, match="does not match the expected checksum"):
        await deliver(large, wanting(tmp_path / "file"), target)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "source"]


async def test_diffs_show_text_and_only_name_what_is_not(target: LocalTarget, tmp_path: Path) -> None:
    target.diff = True
    dest = tmp_path / "file"
    first = await deliver(Content.of(b"one\n"), wanting(dest), target)
    assert [(d.before, d.after, d.before_header, d.after_header) for d in first.diffs] == [
        ("", "one\n", "/dev/null", str(dest))
    ]
    second = await deliver(Content.of(b"two\n"), wanting(dest), target)
    assert [(d.before, d.after, d.before_header) for d in second.diffs] == [("one\n", "two\n", str(dest))]
    third = await deliver(Content.of(b"\0"), wanting(dest), target)
    assert third.diffs[0].prepared == "diff skipped: source file appears to be binary\n"
    fourth = await deliver(Content.of(b"x" * 104449), wanting(dest), target)
    assert "destination file appears to be binary" in fourth.diffs[0].prepared
    assert "source file size is greater than 104448" in fourth.diffs[0].prepared
    fifth = await deliver(Content.of(b"x"), wanting(dest), target)
    assert fifth.diffs[0].prepared == "diff skipped: destination file size is greater than 104448\n"
    assert not (await deliver(Content.of(b"x"), wanting(dest), target)).diffs


@pytest.mark.parametrize("name", ["-rf", "a b", "new\nline", "$(id)", "'q\"", "*", "é"])
async def test_names_are_only_names(target: LocalTarget, tmp_path: Path, name: str) -> None:
    result = await deliver(Content.of(b"x"), wanting(tmp_path / name, mode="0600", owner="daemon"), target)
    assert result.keys["dest"] == str(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"x"
    relative = await deliver(Content.of(b"y"), wanting(name, backup=True), target)
    assert relative.changed
    assert (tmp_path / name).read_bytes() == b"y"
    assert mode_of(tmp_path / name) == "0600"


async def test_home_and_variables_in_a_path(target: LocalTarget, tmp_path: Path) -> None:
    target.environment = {"WHERE": "some where"}
    (tmp_path / "some where").mkdir()
    await deliver(Content.of(b"x"), wanting("~/$WHERE/${WHERE}-$MISSING-$"), target)
    assert (tmp_path / "some where" / "some where-$MISSING-$").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("mode", "was", "becomes"),
    [
        ("u=rwX,g=rX,o=", 0o600, "0640"),
        ("a+X", 0o744, "0755"),
        ("a+X", 0o644, "0644"),
        ("u+s,g+s,+t", 0o755, "7755"),
        ("g=u", 0o740, "0770"),
        ("o=g-w", 0o775, "0775"),
        ("u=rw-x+X", 0o700, "0600"),
        ("=rw", 0o000, "0644"),
        ("+w", 0o444, "0644"),
        ("0600", 0o644, "0600"),
        (0o640, 0o644, "0640"),
        ("ug+x-w", 0o664, "0554"),
    ],
)
async def test_symbolic_modes(target: LocalTarget, tmp_path: Path, mode: object, was: int, becomes: str) -> None:
    dest = tmp_path / "file"
    dest.write_bytes(b"x")
    dest.chmod(was)
    result = await deliver(Content.of(b"x"), wanting(dest, mode=mode), target)
    assert mode_of(dest) == becomes
    assert result.changed is (f"{was:04o}" != becomes)


async def test_unknown_owners_fail_and_leave_nothing(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="failed to look up user nobody-here"):
        await deliver(Content.of(b"x"), wanting(tmp_path / "file", owner="nobody-here"), target)
    with pytest.raises(TaskFailed, match="failed to look up group none-here"):
        await deliver(Content.of(b"x"), wanting(tmp_path / "file", group="none-here"), target)
    assert not list(tmp_path.iterdir())
