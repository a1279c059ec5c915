"""lineinfile, blockinfile and replace, case by case beside Ansible's own, and what only ours must stand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Result, TaskFailed, module
from tests.playbook.modules.oracle import Oracle
from tests.playbook.modules.target import LocalTarget

CONF = "# first\nPort 22\n#Listen 0\nListen 1\nListen 2\n\nUser me\nend"

LINES: list[tuple[str | None, dict[str, Any]]] = [
    (CONF, {"line": "Port 22"}),
    (CONF, {"line": "new"}),
    (CONF, {"line": "end"}),
    ("a\r\nb\r\n", {"line": "a"}),
    ("", {"line": "x"}),
    ("\n", {"line": ""}),
    ("a\n\nb\n", {"line": ""}),
    (CONF, {"regexp": "^Port", "line": "Port 2222"}),
    (CONF, {"regexp": "^#?Listen", "line": "Listen 3"}),
    (CONF, {"regexp": "^#?Listen", "line": "Listen 3", "firstmatch": True}),
    (CONF, {"regexp": "^Nope", "line": "Nope 1"}),
    (CONF, {"regexp": "^Nope", "line": "User me"}),
    (CONF, {"regexp": "^Nope", "line": "x", "insertafter": "^Listen"}),
    (CONF, {"regexp": "^Nope", "line": "x", "insertafter": "^Listen", "firstmatch": True}),
    (CONF, {"regexp": "^Nope", "line": "x", "insertbefore": "^Listen"}),
    (CONF, {"regexp": "^Nope", "line": "x", "insertbefore": "^Listen", "firstmatch": True}),
    (CONF, {"line": "x", "insertafter": "^Nope"}),
    (CONF, {"line": "x", "insertbefore": "^Nope"}),
    (CONF, {"line": "x", "insertafter": "EOF"}),
    (CONF, {"line": "x", "insertafter": "BOF"}),
    (CONF, {"line": "x", "insertbefore": "BOF"}),
    (CONF, {"line": "x", "insertbefore": "EOF"}),
    (CONF, {"line": "x", "insertbefore": "^# first"}),
    (CONF, {"line": "Listen 1", "insertafter": "^Port"}),
    (CONF + "\n", {"line": "x", "insertafter": "^end"}),
    (CONF, {"line": "User me", "insertbefore": "end", "firstmatch": True}),
    (CONF, {"regexp": r"^Port (\d+)", "line": r"Port \g<1>0", "backrefs": True}),
    (CONF, {"regexp": r"^Nope (\d+)", "line": r"Port \1", "backrefs": True}),
    (CONF, {"regexp": r"^(Listen) (?P<n>\d)", "line": r"\1 \g<n>\g<n>", "backrefs": True}),
    (CONF, {"regexp": r"(?i)^PORT", "line": "Port 1"}),
    (CONF, {"regexp": "2$", "line": "two\n"}),
    (CONF, {"search_string": "Listen 1", "line": "Listen 9"}),
    (CONF, {"search_string": "Listen", "line": "Listen 9", "firstmatch": True}),
    (CONF, {"search_string": "(", "line": "Listen 9"}),
    (CONF, {"regexp": "", "line": "all"}),
    ("caf\u00e9\n", {"regexp": "caf\u00e9", "line": "th\u00e9"}),
    ("caf\u00e9\n", {"regexp": "caf.$", "line": "th\u00e9"}),
    (CONF, {"state": "absent", "line": "Port 22"}),
    (CONF, {"state": "absent", "regexp": "^#?Listen"}),
    (CONF, {"state": "absent", "search_string": "e"}),
    (CONF, {"state": "absent", "line": "nothing"}),
    (CONF, {"state": "absent", "line": "end", "regexp": "^Port"}),
    (None, {"state": "absent", "line": "x"}),
    (None, {"line": "x"}),
    (None, {"line": "x", "create": True}),
    (None, {"line": "x", "create": True, "mode": "0600"}),
    (None, {"regexp": "^y", "line": "x\ny", "create": True, "insertafter": "^z"}),
    (CONF, {"line": "Port 22", "mode": "0600"}),
    (CONF, {"line": "new", "mode": "u=rw,go=", "owner": "daemon"}),
    (CONF, {"state": "absent", "regexp": "^Port", "group": "daemon"}),
    (CONF, {"line": "new", "backup": True}),
]
MARKED = "a\n# BEGIN ANSIBLE MANAGED BLOCK\nold\n# END ANSIBLE MANAGED BLOCK\nb"
BLOCKS: list[tuple[str | None, dict[str, Any]]] = [
    (CONF, {"block": "one\ntwo"}),
    (CONF, {"block": "one\ntwo\n\n"}),
    (MARKED, {"block": "one"}),
    (MARKED, {"block": "old"}),
    (MARKED, {"block": ""}),
    (MARKED, {"state": "absent"}),
    (CONF, {"state": "absent"}),
    (CONF, {"block": ""}),
    ("", {"block": "x"}),
    (CONF, {"block": "x", "insertafter": "^Listen"}),
    (CONF, {"block": "x", "insertbefore": "^Listen"}),
    (CONF, {"block": "x", "insertbefore": "BOF"}),
    (CONF, {"block": "x", "insertafter": "EOF"}),
    (CONF, {"block": "x", "insertafter": "^nope"}),
    (CONF, {"block": "x", "insertbefore": "^nope"}),
    (CONF, {"block": "x", "insertafter": r"(?m)Port 22\n#Listen"}),
    (CONF, {"block": "x", "insertbefore": r"(?m)Port 22\n#Listen"}),
    (MARKED, {"block": "x", "insertbefore": "BOF"}),
    (CONF, {"block": "x", "marker": "// {mark} of {mark}", "marker_begin": "on", "marker_end": "off"}),
    (CONF, {"block": "x", "append_newline": True, "prepend_newline": True, "insertafter": "^Port"}),
    (MARKED, {"block": "x", "append_newline": True, "prepend_newline": True}),
    ("a\n\n", {"block": "x", "append_newline": True, "prepend_newline": True}),
    ("# END ANSIBLE MANAGED BLOCK\nx\n# BEGIN ANSIBLE MANAGED BLOCK\ny\n", {"block": "z"}),
    ("# BEGIN ANSIBLE MANAGED BLOCK\nx\n", {"block": "z"}),
    ("a\rb\r\nc\n", {"block": "x\r\ny", "insertafter": "^b"}),
    (None, {"block": "x"}),
    (None, {"block": "x", "create": True}),
    (None, {"block": "x", "create": True, "mode": "0600"}),
    (None, {"state": "absent", "create": True}),
    (CONF, {"block": "x", "mode": "0600", "backup": True}),
]
REPLACES: list[tuple[str | None, dict[str, Any]]] = [
    (CONF, {"regexp": "Listen", "replace": "L"}),
    (CONF, {"regexp": r"^Listen (\d)$", "replace": r"\1 \g<1>"}),
    (CONF, {"regexp": "^#.*\n"}),
    (CONF, {"regexp": "nope", "replace": "x"}),
    (CONF, {"regexp": "Listen", "replace": "Listen"}),
    (CONF, {"regexp": "$", "replace": ";"}),
    (CONF, {"regexp": "e", "replace": "E", "after": "Listen 1"}),
    (CONF, {"regexp": "e", "replace": "E", "before": "Listen 1"}),
    (CONF, {"regexp": "e", "replace": "E", "after": "Port", "before": "User"}),
    (CONF, {"regexp": "e", "replace": "E", "after": "nope"}),
    (CONF, {"regexp": "e", "replace": "E", "after": "nope", "mode": "0600"}),
    (CONF, {"regexp": "e", "mode": "0600"}),
    (CONF, {"regexp": "nope", "mode": "0600"}),
    ("caf\u00e9", {"regexp": "\u00e9", "replace": "\u00fc"}),
    (None, {"regexp": "x"}),
    (CONF, {"regexp": r"(P)(?P<rest>ort)", "replace": r"\g<rest>\1", "backup": True}),
]
ALL = [
    (name, content, arguments)
    for name, cases in (("lineinfile", LINES), ("blockinfile", BLOCKS), ("replace", REPLACES))
    for content, arguments in cases
]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    with Oracle(tmp_path_factory.mktemp("oracle")) as running:
        yield running


async def edited(target: LocalTarget, name: str, **arguments: Any) -> Result:
    one = module(f"ansible.builtin.{name}")
    return await one.run(one.arguments.model_validate(arguments), target)


def place(folder: Path, content: str | None) -> Path:
    path = folder / "file.conf"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content.encode())
    return path


def seen(path: Path, changed: object, msg: object) -> dict[str, Any]:
    status = path.stat() if path.exists() else None
    return {
        "changed": changed,
        "msg": str(msg).replace(str(path), "PATH"),
        "content": path.read_bytes() if status else None,
        "attributes": (status.st_mode, status.st_uid, status.st_gid) if status else None,
    }


@pytest.mark.parametrize(("name", "content", "arguments"), ALL)
async def test_like_ansible(
    oracle: Oracle, tmp_path: Path, name: str, content: str | None, arguments: dict[str, Any]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    theirs, ours = place(tmp_path / "theirs", content), place(tmp_path / "ours", content)
    for check in (True, False):
        result = oracle.run(name, {**arguments, "path": str(theirs)}, check=check, diff=True)
        expected = seen(theirs, result.get("changed"), result["msg"])
        target = LocalTarget(tmp_path, check=check, diff=True)
        if result.get("failed"):
            with pytest.raises(TaskFailed) as caught:
                await edited(target, name, **arguments, path=str(ours))
            assert seen(ours, result.get("changed"), caught.value.msg) == expected
            assert caught.value.keys.get("rc") == result.get("rc")
            continue
        done = await edited(target, name, **arguments, path=str(ours))
        assert seen(ours, done.changed, done.keys["msg"]) == expected
        assert {key: done.keys.get(key) for key in ("found", "rc")} == {key: result.get(key) for key in ("found", "rc")}
        assert (done.keys.get("backup_file") is None) == (result.get("backup_file") is None)
        assert bool(done.keys.get("backup")) == bool(result.get("backup"))
        assert target.exchanges == (2 if done.changed and not check else 1)
        diffs = result.get("diff", [])
        first = next(
            (one for one in [diffs, *diffs] if isinstance(one, dict) and one.get("before") != one.get("after")), None
        )
        if first is not None and isinstance(first["before"], str):
            shown = done.diffs[0]
            assert (shown.before, shown.after) == (first["before"], first["after"])
            assert shown.before_header == first["before_header"].replace(str(theirs), str(ours))


async def test_a_last_line_without_an_end_is_not_glued_to_the_next(target: LocalTarget, tmp_path: Path) -> None:
    path = place(tmp_path, "a\nfoo")  # Ansible 2.19 makes "foobar" of it, and again each time
    assert (await edited(target, "lineinfile", path=str(path), line="bar", insertafter="foo")).changed
    assert path.read_text() == "a\nfoo\nbar\n"
    assert not (await edited(target, "lineinfile", path=str(path), line="bar", insertafter="foo")).changed


async def test_every_shell_writes_back_what_it_read(target: LocalTarget, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) + b"\nx\n\n")
    os.chown(path, 1, 1)
    path.chmod(0o640)
    result = await edited(target, "lineinfile", path=str(path), regexp="^x$", line="y", backup=True)
    assert path.read_bytes() == bytes(range(256)) + b"\ny\n\n"
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (1, 0o640)
    assert Path(result.keys["backup"]).read_bytes() == bytes(range(256)) + b"\nx\n\n"
    assert not (await edited(target, "lineinfile", path=str(path), regexp="^y$", line="y")).changed


async def test_a_link_stays_and_what_it_points_to_is_edited(target: LocalTarget, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("a\n")
    (tmp_path / "link").symlink_to("real")
    result = await edited(target, "blockinfile", path=str(tmp_path / "link"), block="x", owner="daemon", backup=True)
    assert (tmp_path / "link").is_symlink()
    assert "\nx\n" in (tmp_path / "real").read_text()
    assert ((tmp_path / "real").stat().st_uid, (tmp_path / "link").lstat().st_uid) == (0, 1)
    assert result.keys["backup_file"].startswith(f"{tmp_path}/link.")


async def test_missing_folders_are_made(target: LocalTarget, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    assert (await edited(target, "lineinfile", path=str(path), line="x", create=True)).changed
    assert path.read_text() == "x\n"


async def test_what_somebody_else_wrote_meanwhile_is_not_lost(tmp_path: Path) -> None:
    path = place(tmp_path, "a\n")

    class Meddling(LocalTarget):
        async def sh(self, *arguments: Any, **parameters: Any) -> Any:
            answer = await super().sh(*arguments, **parameters)
            if self.exchanges == 1:
                path.write_text("a\nb\n")
            return answer

    assert (await edited(Meddling(tmp_path), "lineinfile", path=str(path), line="c")).changed
    assert path.read_text() == "a\nb\nc\n"


async def test_validation_decides(target: LocalTarget, tmp_path: Path) -> None:
    path = place(tmp_path, "a\n")
    with pytest.raises(TaskFailed, match="failed to validate: rc:1"):
        await edited(target, "lineinfile", path=str(path), line="b", validate="grep -q nothing %s")
    assert path.read_text() == "a\n"
    assert [one.name for one in tmp_path.iterdir()] == ["file.conf"]
    with pytest.raises(TaskFailed, match="validate must contain %s"):
        await edited(target, "lineinfile", path=str(path), line="b", validate="true")


async def test_what_is_no_file_is_refused(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="is a directory !"):
        await edited(target, "lineinfile", path=str(tmp_path), line="b")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TaskFailed, match="is not a regular file"):
        await edited(target, "lineinfile", path=str(tmp_path / "pipe"), line="b")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(TaskFailed, match="is larger than"):
        await edited(target, "lineinfile", path=str(tmp_path / "huge"), line="b")


async def test_a_pattern_without_end_is_given_up(tmp_path: Path) -> None:
    path = place(tmp_path, "a" * 60 + "\n")
    with pytest.raises(TaskFailed, match="takes more than"):
        await edited(LocalTarget(tmp_path), "lineinfile", path=str(path), regexp="^(a+)+$x", line="b")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("lineinfile", {"line": "x", "regexp": "("}),
        ("lineinfile", {"line": "x", "regexp": r"\u0041"}),
        ("lineinfile", {}),
        ("lineinfile", {"state": "absent"}),
        ("lineinfile", {"line": r"\1", "backrefs": True}),
        ("lineinfile", {"line": "x", "insertafter": "a", "insertbefore": "b"}),
        ("blockinfile", {"block": "x", "insertafter": "a", "insertbefore": "b"}),
        ("replace", {"regexp": "("}),
        ("replace", {"regexp": "x", "encoding": "klingon"}),
    ],
)
def test_wrong_arguments_are_refused(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="regular expression|required|exclusive|encoding"):
        module(f"ansible.builtin.{name}").arguments.model_validate({"path": "/x", **arguments})
