"""Edits of inventory files: what was asked for, nothing else, and no edit of anybody lost."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import InventoryError, OrchestratorError, UnknownHost, UsageError
from orchestrator.inventory import load, load_file
from orchestrator.inventory.edit import HISTORY, Editor

FLEET = """\
# our fleet
all:
  vars: {user: ops}   # for everybody
  children:
    web:
      hosts:
        web1:   # the old one
          address: "10.0.0.1"
          # do not touch before spring

    # databases
    db:
      hosts:
        db1: {address: '10.0.0.5', port: 2222}  # beware
        db2:
        rep[1:3]:
      vars: &tuned
        size: 07
    cache:
      hosts: {c1: {address: 10.0.0.8}}
      vars: *tuned
"""


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path / "inventory"
        self.path.mkdir()
        self.file = self.path / "hosts.yml"
        self.file.write_text(FLEET)
        self.history = path / "state"
        self.editor = Editor(self.path, self.history)

    def lines(self) -> list[str]:
        return self.file.read_text().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def changed(edit_diff: list[str]) -> list[str]:
    return [line for line in edit_diff if line[:1] in "+-" and line[:3] not in ("---", "+++")]


def test_adding_a_host_adds_one_line_above_the_comments_that_follow(folder: Folder) -> None:
    edit = folder.editor.add("web2", {"address": "10.0.0.2"}, ["web"])
    assert changed(edit.diff) == ["+        web2: {address: 10.0.0.2}"]
    folder.editor.write(edit)
    lines = folder.lines()
    assert lines.index("        web2: {address: 10.0.0.2}") < lines.index("    # databases")
    assert load(folder.path).host("web2").user == "ops"


def test_a_host_goes_into_several_groups_and_new_ones_are_made(folder: Folder) -> None:
    folder.editor.write(folder.editor.add("x1", {"port": 22022}, ["db", "fresh"]))
    host = load(folder.path).host("x1")
    assert (host.port, set(host.groups)) == (22022, {"db", "fresh"})


def test_a_range_adds_all_its_hosts(folder: Folder) -> None:
    edit = folder.editor.add("app[01:12]", {})
    assert {"app01", "app12"} <= set(edit.inventory.hosts.names)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "all:\n  hosts: {}\n", "all:\n", "---\nall:\n  hosts:\n"])
def test_an_empty_inventory_takes_its_first_host(folder: Folder, text: str) -> None:
    folder.file.write_text(text)
    folder.editor.write(folder.editor.add("a", {"address": "10.0.0.1"}, ["g"]))
    folder.editor.write(folder.editor.add("b", {}))
    assert load(folder.path).hosts.names == ("a", "b") or set(load(folder.path).hosts.names) == {"a", "b"}
    assert all(line in folder.lines() for line in text.splitlines() if line.startswith(("#", "---")))


def test_a_missing_file_is_made(folder: Folder) -> None:
    folder.file.unlink()
    folder.editor.write(folder.editor.add("a", {}))
    assert load(folder.path).hosts.names == ("a",)


def test_setting_a_variable_keeps_the_spelling_in_use(folder: Folder) -> None:
    folder.file.write_text("web:\n  hosts:\n    w: {ansible_port: 22}\n")
    edit = folder.editor.set("w", {"port": 2200, "user": "root"})
    assert changed(edit.diff) == ["-    w: {ansible_port: 22}", "+    w: {ansible_port: 2200, user: root}"]


def test_a_jump_host_may_be_edited_though_hosts_lie_behind_it(folder: Folder) -> None:
    folder.editor.write(folder.editor.set("db2", {"jump": "web1"}))
    folder.editor.write(folder.editor.set("web1", {"user": "gate"}))
    jump = load(folder.path).hosts["db2"].jump
    assert jump is not None
    assert jump.user == "gate"


def test_setting_one_host_of_a_range_gives_it_an_entry(folder: Folder) -> None:
    folder.editor.write(folder.editor.set("rep2", {"port": 99}))
    after = load(folder.path)
    assert [after.host(f"rep{n}").port for n in (1, 2, 3)] == [22, 99, 22]


def test_setting_and_unsetting_a_group(folder: Folder) -> None:
    folder.editor.write(folder.editor.set("web", {"user": "deploy"}))
    assert load(folder.path).host("web1").user == "deploy"
    folder.editor.write(folder.editor.set("web", {"user": None}))
    assert load(folder.path).host("web1").user == "ops"


def test_removing_a_host_keeps_the_comments_below_it(folder: Folder) -> None:
    folder.editor.write(folder.editor.remove("db1"))
    folder.editor.write(folder.editor.remove("web1"))
    assert {"db1", "web1"}.isdisjoint(load(folder.path).hosts.names)
    assert "    # databases" in folder.lines()


def test_text_that_yaml_reads_as_something_else_is_quoted(folder: Folder) -> None:
    folder.editor.write(folder.editor.set("db2", {"note": "yes", "zip": "0123", "odd": ": #'\""}))
    assert yaml.safe_load(folder.file.read_text())["all"]["children"]["db"]["hosts"]["db2"] == {
        "note": "yes",
        "zip": "0123",
        "odd": ": #'\"",
    }


@pytest.mark.parametrize("address", ["::1", "2001:db8::9", "fe80::1%eth0"])
def test_an_ipv6_address_is_read_back(folder: Folder, address: str) -> None:
    folder.editor.write(folder.editor.add("web6", {"address": address}, ["web"]))
    assert load(folder.path).host("web6").address == address
    folder.editor.write(folder.editor.set("web6", {"address": "::2"}))
    assert load(folder.path).host("web6").address == "::2"


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        (lambda e: e.add("web1", {}), UsageError, "already"),
        (lambda e: e.add("n", {"port": 99999}), InventoryError, "not a port"),
        (lambda e: e.add("a b", {}), InventoryError, "a b"),
        (lambda e: e.add("n", {"jump": "n"}), InventoryError, "jump"),
        (lambda e: e.add("x:y", {}), OrchestratorError, "x:y"),
        (lambda e: e.remove("nobody"), UnknownHost, "not in the inventory"),
        (lambda e: e.remove("rep2"), InventoryError, "range"),
        (lambda e: e.set("cache", {"size": 8}), InventoryError, "db1|db2|rep"),
        (lambda e: e.set("web1", {"port": "x"}), InventoryError, "not a port"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    folder: Folder, act: object, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        act(folder.editor)  # type: ignore[operator]
    assert folder.file.read_text() == FLEET


def test_a_host_of_another_format_is_pointed_to_import(folder: Folder) -> None:
    (folder.path / "agent_name_ip.txt").write_text("old1 10.9.9.9:9100\n")
    with pytest.raises(InventoryError, match="inventory import"):
        folder.editor.remove("old1")


def test_a_value_that_host_vars_overrides_is_refused(folder: Folder) -> None:
    (folder.path / "host_vars").mkdir()
    (folder.path / "host_vars" / "db1.yml").write_text("size: 1\n")
    with pytest.raises(InventoryError, match="also set elsewhere"):
        folder.editor.set("db1", {"size": 2})


def test_an_edit_by_hand_in_between_is_not_lost(folder: Folder) -> None:
    edit = folder.editor.add("web2", {})
    folder.file.write_text(FLEET + "# by hand\n")
    with pytest.raises(InventoryError, match="changed by somebody else"):
        folder.editor.write(edit)
    assert folder.lines()[-1] == "# by hand"


def test_many_editors_at_once_lose_nothing(folder: Folder) -> None:
    def work(number: int) -> None:
        editor = Editor(folder.path, folder.history)
        for each in range(4):
            while True:
                try:
                    editor.write(editor.add(f"n{number}x{each}", {}, ["web"]))
                    break
                except InventoryError as error:
                    assert "somebody else" in str(error)  # noqa: PT017

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {f"n{a}x{b}" for a in range(4) for b in range(4)} <= set(load(folder.path).hosts.names)


def test_old_versions_are_kept_and_bounded(folder: Folder) -> None:
    for number in range(HISTORY + 3):
        folder.editor.write(folder.editor.set("db2", {"n": number}))
    kept = sorted(folder.history.glob("hosts.yml.*"))
    assert len(kept) == HISTORY
    assert f"n: {HISTORY + 1}" in kept[-1].read_text()


def test_a_write_that_fails_leaves_the_old_file(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = folder.editor.add("web2", {})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InventoryError, match=r"no space left on device; it is as it was"):
        folder.editor.write(edit)
    assert folder.file.read_text() == FLEET
    assert [path.name for path in folder.path.iterdir()] == ["hosts.yml"]


def test_mode_and_links_survive(folder: Folder) -> None:
    real = folder.path.parent / "real.yml"
    folder.file.rename(real)
    real.chmod(0o600)
    folder.file.symlink_to(real)
    folder.editor.write(folder.editor.add("web2", {}))
    assert folder.file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent_name_ip.txt", "web1 10.0.0.1:9100\nn1 10.1.0.1:9100\n# gone\nn2 10.1.0.2:9100\n"),
        ("ssh_config", "Host n1 n2\n  HostName 10.1.0.1\n  User deploy\n  Port 2022\n"),
        ("old.ini", "[east]\nn1 ansible_host=10.1.0.1 ansible_port=2022\n[west]\nn2\n[east:vars]\nzone=1\n"),
        ("old.yml", "east:\n  hosts:\n    n1: {ansible_host: 10.1.0.1}\n    n2: {ansible_become: true}\n"),
    ],
)
def test_import_takes_over_other_lists(folder: Folder, tmp_path: Path, name: str, text: str) -> None:
    other = tmp_path / name
    other.write_text(text)
    meant = load_file(other)
    edit, notes = folder.editor.take_over(meant)
    assert edit is not None
    folder.editor.write(edit)
    after = load(folder.path)
    for host in ("n1", "n2"):
        theirs, ours = meant.host(host), after.host(host)
        assert (ours.address, ours.port, ours.become) == (theirs.address, theirs.port, theirs.become)
        assert set(theirs.groups) <= set(ours.groups) | {"ungrouped"}
        assert any(note.startswith(f"{host}: added") for note in notes)
    again, notes = folder.editor.take_over(load_file(other))
    assert again is None
    assert {note.partition(",")[0] for note in notes} >= {"n1: is here already", "n2: is here already"}


names = st.from_regex(r"[a-z]{1,4}[0-9]{0,2}", fullmatch=True)
values = st.one_of(
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="{}\ufeff"),
        min_size=1,
    ),
    st.integers(-(2**40), 2**40),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.one_of(
            st.tuples(st.just("add"), names, st.sampled_from(["web", "db", "new", "all"]), values),
            st.tuples(st.just("set"), names, st.just("note"), values),
            st.tuples(st.just("remove"), names, st.just(""), st.none()),
        ),
        max_size=8,
    )
)
def test_any_sequence_of_edits_reads_back_as_meant(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, str, str, object]]
) -> None:
    folder = Folder(tmp_path_factory.mktemp("f"))
    model = dict.fromkeys(load(folder.path).hosts.names)
    notes: dict[str, object] = {}
    for act, name, argument, value in edits:
        try:
            if act == "add":
                edit = folder.editor.add(name, {"note": value}, [argument])
            elif act == "set":
                edit = folder.editor.set(name, {"note": value})
            else:
                edit = folder.editor.remove(name)
        except (UsageError, UnknownHost, InventoryError):
            continue
        folder.editor.write(edit)
        if act == "remove":
            model.pop(name)
            notes.pop(name, None)
        else:
            model[name] = None
            notes[name] = value
    after = load(folder.path)
    assert set(after.hosts.names) == set(model)
    assert {name: after.host(name).vars["note"] for name in notes} == notes
    for comment in ("# our fleet", "# for everybody", "    # databases"):
        assert comment in folder.file.read_text()
