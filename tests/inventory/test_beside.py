"""Variables beside a playbook, and files of variables that are encrypted as a whole."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

from orchestrator.inventory.load import load
from tests.inventory.oracle import clean_environment

_LEVELS = ("inv_all", "inv_group", "ga_inv", "ga_play", "gg_inv", "gg_play", "inv_host", "h_inv", "h_play")


def _names(level: str) -> dict[str, str]:
    """Variables that a level shares with every other: which value wins shows the order of all pairs."""
    pairs = ("_".join(sorted(pair)) for pair in itertools.combinations(_LEVELS, 2) if level in pair)
    return dict.fromkeys((*pairs, "everywhere"), level)


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def test_every_level_has_ansibles_strength(tmp_path: Path) -> None:
    inventory, playbooks = tmp_path / "inventory", tmp_path / "playbooks"
    group = {"vars": _names("inv_group"), "hosts": {"web1": _names("inv_host")}}
    _write(inventory / "hosts.yml", {"all": {"vars": _names("inv_all"), "children": {"web": group}}})
    for folder, which in ((inventory, "inv"), (playbooks, "play")):
        _write(folder / "group_vars/all.yml", _names(f"ga_{which}"))
        _write(folder / "group_vars/web/some.yml", _names(f"gg_{which}"))
        _write(folder / "host_vars/web1.yml", _names(f"h_{which}"))
    program = Path(sys.executable).parent / "ansible-inventory"
    listed = subprocess.run(
        [str(program), "-i", str(inventory), "--playbook-dir", str(playbooks), "--host", "web1"],
        check=True, capture_output=True, text=True, env=clean_environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    loaded = load(inventory, beside=playbooks)
    assert dict(loaded.hosts["web1"].vars) == json.loads(listed.stdout)
    assert loaded.warnings == ()
    assert playbooks / "host_vars/web1.yml" in loaded.sources
    assert dict(load(inventory).hosts["web1"].vars) != json.loads(listed.stdout)


def test_a_playbook_beside_the_inventory_changes_nothing(tmp_path: Path) -> None:
    _write(tmp_path / "hosts.yml", {"all": {"hosts": {"web1": {}}}})
    _write(tmp_path / "group_vars/all.yml", {"a": 1})
    (tmp_path / "site.yml").write_text("[]")
    folder = tmp_path / "inventory"
    folder.mkdir()
    (tmp_path / "hosts.yml").rename(folder / "hosts.yml")
    (tmp_path / "group_vars").rename(folder / "group_vars")
    assert load(folder, beside=folder) == load(folder)


def test_encrypted_files_are_opened(tmp_path: Path) -> None:
    folder = tmp_path / "inventory"
    _write(folder / "hosts.yml", {"all": {"hosts": {"web1": {}}}})
    secret = folder / "group_vars/all/vault.yml"
    secret.parent.mkdir(parents=True)
    secret.write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    asked: list[tuple[bytes, str]] = []

    def decrypt(data: bytes, where: str) -> bytes:
        asked.append((data, where))
        return b"token: hunter2\n"

    inventory = load(folder, decrypt=decrypt)
    assert dict(inventory.hosts["web1"].vars) == {"token": "hunter2"}
    assert inventory.warnings == ()
    assert asked == [(secret.read_bytes(), "group_vars/all/vault.yml")]
    assert "encrypted with ansible-vault" in load(folder).warnings[0]
