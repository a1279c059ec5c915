"""Folders: what is read of them, what is refused, what a person is warned of."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import InventoryError
from orchestrator.inventory import load, load_file
from tests.inventory.conftest import Write

HOSTS = "all:\n  hosts:\n    web1: {address: 10.0.0.1}\n"
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_an_empty_folder_is_an_empty_inventory_and_says_so(write: Write) -> None:
    folder = write({})
    inventory = load(folder)
    assert len(inventory.hosts) == 0
    assert list(inventory.groups) == ["all", "ungrouped"]
    assert inventory.warnings == (f"{folder}: there is no inventory file in it yet",)


@pytest.mark.parametrize("text", ["", "---\n", "all:\n", "# nothing\n", "{}\n"])
def test_a_file_without_hosts_is_no_mistake(text: str, write: Write) -> None:
    assert len(load(write({"hosts.yml": text})).hosts) == 0


def test_sources_are_all_files_read(write: Write) -> None:
    files = {
        "b.yml": HOSTS, "a.ini": "[web]\n", "deep/c.yaml": "web:\n", "agent_name_ip.txt": "x 10.0.0.2:9100\n",
        "group_vars/web/1.yml": "a: 1\n", "group_vars/other.yml": "a: 1\n", "host_vars/web1": "a: 1\n",
        ".git": "", "README.md": "",
    }  # fmt: skip
    folder = write(files)
    read = [str(path.relative_to(folder)) for path in load(folder).sources]
    assert read == ["a.ini", "agent_name_ip.txt", "b.yml", "deep/c.yaml", "group_vars/web/1.yml", "host_vars/web1"]


def test_a_single_file_with_its_variables(write: Write) -> None:
    folder = write({"a.yml": HOSTS, "b.yml": "all:\n  hosts:\n    db1:\n", "host_vars/db1.yml": "port: 2222\n"})
    inventory = load_file(folder / "b.yml")
    assert [(host.name, host.port) for host in inventory.hosts] == [("db1", 2222)]


@pytest.mark.parametrize(
    ("files", "warning"),
    [
        (
            {"hosts.yml": "all:\n  hosts:\n    web2: {address: 10.0.0.2}\n    web3: {address: 10.0.0.2}\n"},
            "hosts.yml:4: web2 and web3 have the same address 10.0.0.2",
        ),
        ({"hosts.ini": "a ansible_host=b\nb\n"}, "hosts.ini:2: a and b have the same address b"),
        ({"hosts.ini": "w[1:9] ansible_host=b\n"}, "hosts.ini:1: w[1-9] have the same address b"),
        (
            {"hosts.yml": "web:\n  host:\n    web1:\n"},
            'hosts.yml:2: unexpected key "host" in group web is skipped: only hosts, children and vars count',
        ),
        (
            {"hosts.yml": "db:\n  hosts:\n    db:\n"},
            "hosts.yml:3: db is the name of a host and of a group; patterns take the host",
        ),
        (
            {"hosts.ini": "web1\nweb1:2222\n"},
            "hosts.ini:2: the port 2222 is ignored: web1 was first mentioned without it in hosts.ini:1",
        ),
        ({"hosts.yml": HOSTS, "group_vars/wbe.yml": "a: 1\n"}, "group_vars/wbe.yml: there is no such group"),
        ({"hosts.yml": HOSTS, "host_vars/web9": "a: 1\n"}, "host_vars/web9: there is no such host"),
        (
            {"hosts.yml": HOSTS, "group_vars/all/x.yml": "a: 1\n", "group_vars/all.yml": "a: 2\n"},
            "group_vars/all.yml: is not read, because all is there",
        ),
        (
            {"hosts.yml": HOSTS, "group_vars/all/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n3132\n"},
            "group_vars/all/vault.yml:1: is encrypted with ansible-vault; its variables are not known here",
        ),
    ],
)
def test_warnings(files: dict[str, str], warning: str, write: Write) -> None:
    assert load(write(files)).warnings == (warning,)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            "all:\n  hosts:\n    web1: {ports: {80: http, 443: https}, <<: {x: {1.5: a}}}\n",
            [{80: "http", 443: "https"}, {1.5: "a"}],
        ),
        ('{\n\t"all": {"hosts": {"web1": {"a": "x\\ty"}}}\n}', ["x\ty"]),
        ("{all: {hosts: {web1: {a: 'x\ty'}}}}", ["x\ty"]),
        ("all:\n  hosts:\n    web1: {a: !unsafe {b: '{{c}}'}}\n", [{"b": "{{c}}"}]),
    ],
)
def test_values_of_variables_are_kept(text: str, values: list[object], write: Write) -> None:
    assert sorted(load(write({"hosts.yml": text})).host("web1").vars.values(), key=str) == sorted(values, key=str)


def test_hosts_at_one_address_behind_different_ports_or_gates_are_different(write: Write) -> None:
    hosts = "    a:\n    b: {port: 23}\n    c: {jump: gate}\n    d: {jump: a}\n"
    text = f"all:\n  vars: {{address: 10.0.0.1}}\n  hosts:\n{hosts}"
    assert load(write({"hosts.yml": text})).warnings == ()


@pytest.mark.parametrize("name", ["hosts.yml", "group_vars", "group_vars/all.yml", "."])
@pytest.mark.parametrize("mode", [0o666, 0o777, 0o602])
def test_what_others_can_write_is_refused(name: str, mode: int, write: Write) -> None:
    folder = write({"hosts.yml": HOSTS, "group_vars/all.yml": "a: 1\n"})
    path = folder / name
    path.chmod(mode | 0o100 if path.is_dir() else mode)
    with pytest.raises(InventoryError, match=r"can be written by others \(mode 0\d+\)\. Run: chmod go-w /") as caught:
        load(folder)
    assert str(path) in caught.value.remedy
    path.chmod(0o700)
    load(folder)


@as_root
def test_what_a_foreign_group_can_write_is_refused(write: Write) -> None:
    folder = write({"hosts.yml": HOSTS})
    os.chown(folder / "hosts.yml", 0, NOBODY)
    (folder / "hosts.yml").chmod(0o664)
    with pytest.raises(InventoryError, match="can be written by others"):
        load(folder)


@as_root
def test_what_a_users_own_group_can_write_is_fine(write: Write) -> None:
    folder = write({"hosts.yml": HOSTS})
    folder.chmod(0o775)
    (folder / "hosts.yml").chmod(0o664)
    assert load(folder).hosts.names == ("web1",)
    os.chown(folder / "hosts.yml", 0, 54321)
    with pytest.raises(InventoryError, match="can be written by others"):
        load(folder)


@as_root
def test_what_belongs_to_somebody_else_is_refused(write: Write) -> None:
    folder = write({"hosts.yml": HOSTS})
    os.chown(folder / "hosts.yml", NOBODY, NOBODY)
    with pytest.raises(
        InventoryError, match=f"^hosts.yml: belongs to user {NOBODY}, who could change it. Run: chown 0 /"
    ):
        load(folder)


@as_root
def test_what_cannot_be_read_is_named(write: Write) -> None:
    folder = write({"hosts.yml": HOSTS})
    (folder / "hosts.yml").chmod(0o000)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(InventoryError, match="cannot be read: permission denied"):
            load(folder)
    finally:
        os.seteuid(0)


def _missing(folder: Path) -> None:
    (folder / "hosts.yml").symlink_to("nowhere")


def _folder(folder: Path) -> None:
    (folder / "hosts.yml").mkdir()


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "hosts.yml")


def _latin1(folder: Path) -> None:
    (folder / "hosts.yml").write_bytes(b"all:\n  hosts:\n    caf\xe9:\n")


def _huge(folder: Path) -> None:
    with (folder / "hosts.yml").open("wb") as file:
        file.truncate(1 << 30)


def _round(folder: Path) -> None:
    (folder / "again").symlink_to(".")


def _vars_file(folder: Path) -> None:
    (folder / "host_vars").write_text("")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_missing, "hosts.yml: cannot be read: no such file or directory"),
        (_folder, "hosts.yml: cannot be read: is a directory"),
        (_fifo, "hosts.yml: is not a regular file. Put a file in its place or remove it."),
        (_latin1, "hosts.yml:3: is not UTF-8 text. Save it as UTF-8."),
        (_huge, "hosts.yml: is larger than 16 MiB. Split it into several files."),
        (_round, "too many levels of symbolic links"),
        (_vars_file, "host_vars: cannot be read: not a directory"),
    ],
)
def test_what_is_no_readable_file_is_refused(make: Callable[[Path], None], error: str, write: Write) -> None:
    folder = write({})
    make(folder)
    with pytest.raises(InventoryError) as caught:
        load(folder)
    assert str(caught.value).endswith(error)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="nowhere: there is no such folder. Make it, or name another home."):
        load(tmp_path / "nowhere")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(write: Write) -> None:
    folder = write({"hosts.yml": "\ufeff" + HOSTS.replace("\n", "\r\n"), "hosts.ini": "[db]\r\ndb1 port=1\r\n"})
    assert [(host.name, host.port) for host in load(folder).hosts] == [("db1", 1), ("web1", 22)]


NEST = "".join(f"b{at}: &b{at} [*b{at - 1}, *b{at - 1}]\n" for at in range(1, 40))
MERGE = "".join(f"m{at}: &m{at} {{<<: [*m{at - 1}, *m{at - 1}]}}\n" for at in range(1, 40))


@pytest.mark.parametrize(
    "text",
    [
        "all: " + "[" * 1_000_000,
        "- " * 1_000_000,
        "{a: " * 1_000_000,
        "all: &a {children: {web: *a}}",
        "all: &a {<<: *a}",
        "x: {vars: {a: &a [*a]}}",
        f"x:\n  vars:\n    b0: &b0 [1]\n    {NEST.replace(chr(10), chr(10) + '    ')}",
        f"x:\n  vars:\n    m0: &m0 {{k: 1}}\n    {MERGE.replace(chr(10), chr(10) + '    ')}",
    ],
    ids=["lists", "dashes", "mappings", "own child", "own merge", "own value", "billion laughs", "billion merges"],
)
def test_bombs_end_soon_and_clearly(text: str, write: Write) -> None:
    folder = write({"hosts.yml": text})
    started = time.monotonic()
    with pytest.raises(InventoryError, match=r"hosts.yml:\d+: .*(levels deep|without end)"):
        load(folder)
    assert time.monotonic() - started < 20


def test_five_thousand_hosts_load_soon(write: Write) -> None:
    lines = ["all:", "  vars: {user: ops}", "  hosts:"]
    for at in range(5000):
        lines += [
            f"    host{at}:",
            f"      address: 10.0.{at >> 8}.{at & 255}",
            "      port: 22",
            "      labels: {rack: a}",
        ]
    folder = write({"hosts.yml": "\n".join(lines) + "\n"})
    started = time.process_time()
    inventory = load(folder)
    # About a second is the aim; the bound leaves room for a busy machine and still catches anything quadratic.
    assert time.process_time() - started < 4
    assert inventory.hosts.folded == "host[0-4999]"
