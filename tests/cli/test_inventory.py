"""``orchestrator inventory``: what its verbs print, write and refuse."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.command import orchestrator


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "hosts.yml").write_text(
        "web:\n  hosts:\n    web1: {address: 10.0.0.1, ansible_become: true, ansible_become_password: s3cret-word}\n"
    )
    return tmp_path


def hosts_file(home: Path) -> str:
    return (home / "inventory" / "hosts.yml").read_text()


def test_a_preview_shows_the_change_and_makes_none(home: Path) -> None:
    before = hosts_file(home)
    ran = orchestrator(home, "inventory", "add", "web2", "--address", "10.0.0.2", "--group", "web", "--check")
    assert ran.status == 0
    assert "+    web2: {address: 10.0.0.2}" in ran.out.splitlines()
    assert "nothing was written" in ran.err
    assert hosts_file(home) == before


def test_the_first_host_makes_the_inventory(tmp_path: Path) -> None:
    words = ("inventory", "add", "web1", "--address", "10.0.0.1")
    assert orchestrator(tmp_path, *words, "--check").status == 0
    assert not (tmp_path / "inventory").exists()
    assert orchestrator(tmp_path, *words).status == 0
    assert "web1: {address: 10.0.0.1}" in hosts_file(tmp_path)


def test_adding_setting_and_removing_are_written_and_audited(home: Path) -> None:
    assert orchestrator(home, "inventory", "add", "web2", "--address", "10.0.0.2", "--become").status == 0
    assert orchestrator(home, "inventory", "set", "web2", "port=2222", "zone=a b").status == 0
    shown = orchestrator(home, "inventory", "show", "web2", "--json").json["hosts"][0]
    assert (shown["address"], shown["port"], shown["become"]) == ("10.0.0.2", 2222, "sudo root")
    assert shown["vars"]["zone"] == "a b"
    assert orchestrator(home, "inventory", "remove", "web2").status == 0
    assert "web2" not in hosts_file(home)
    with sqlite3.connect(home / "state" / "orchestrator.db") as database:
        rows = database.execute("SELECT * FROM audit").fetchall()
    assert sum("edit_inventory" in row for row in rows) == 6  # intent and result of each


def test_secrets_are_not_shown(home: Path) -> None:
    for ran in (orchestrator(home, "inventory", "show"), orchestrator(home, "inventory", "show", "--json")):
        assert ran.status == 0
        assert "s3cret-word" not in ran.out + ran.err
        assert "(hidden)" in ran.out


def test_check_counts_and_names_file_and_line(home: Path) -> None:
    ran = orchestrator(home, "inventory", "check")
    assert (ran.status, ran.out) == (0, "1 host in 1 group, from 1 file: no errors, 0 warnings\n")
    (home / "inventory" / "hosts.yml").write_text("web:\n  hosts:\n    web1: {prot: 22}\n    web2: {port: x}\n")
    ran = orchestrator(home, "inventory", "check")
    assert ran.status == 2
    assert "hosts.yml:4: port 'x' of web2 is not a port" in ran.err


def test_import_says_what_became_of_each_host(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "agent_name_ip.txt"
    other.write_text("web1 10.0.0.1:9100\nold1 10.0.0.9:9100\n")
    ran = orchestrator(home, "inventory", "import", str(other))
    assert ran.status == 0
    assert "web1: is here already, reached in another way, which stays" in ran.err
    assert "old1: added" in ran.err
    assert orchestrator(home, "hosts", "old1").status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "web1", "port"], "is not NAME=VALUE"),
        (["set", "web1", "port=abc"], "is not a port"),
        (["set", "nobody", "port=22"], "nobody is not in the inventory"),
        (["add", "web1"], "in the inventory already"),
        (["remove", "web7"], "Did you mean web1?"),
        (["import", "/nonexistent"], "cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(home: Path, words: list[str], said: str) -> None:
    before = hosts_file(home)
    ran = orchestrator(home, "inventory", *words)
    assert ran.status == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert hosts_file(home) == before
