"""Whatever is written in a file or asked for: an inventory, an answer, or one of our own errors."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InventoryError, OrchestratorError
from orchestrator.inventory import Inventory, load, load_file

WORDS = st.sampled_from((Path(__file__).parent / "data/words.txt").read_text().split())
SCALARS = WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=20
)
VARIABLES = st.none() | st.dictionaries(WORDS, VALUES, max_size=4)
HOSTS = st.dictionaries(WORDS, VARIABLES, max_size=3)
GROUPS = st.recursive(
    st.fixed_dictionaries({}, optional={"hosts": HOSTS, "vars": VARIABLES}),
    lambda inner: st.fixed_dictionaries({"hosts": HOSTS, "children": st.dictionaries(WORDS, inner, max_size=3)}),
    max_leaves=5,
)
INVENTORIES = st.dictionaries(WORDS, GROUPS, max_size=3)
LINES = st.lists(st.lists(WORDS | st.text(max_size=4), max_size=5).map(" ".join), max_size=8).map("\n".join)
NAMES = st.sampled_from(["hosts.yml", "hosts.json", "hosts", "hosts.ini", "ssh_config", "agent_name_ip.txt"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@given(name=NAMES, text=(VALUES | INVENTORIES).map(json.dumps) | LINES | st.text())
def test_any_file_is_read_or_refused(name: str, text: str, folder: Path) -> None:
    path = folder / name
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with contextlib.suppress(InventoryError):
        _holds_together(load_file(path))
    path.unlink()


def _holds_together(inventory: Inventory) -> None:
    everyone = inventory.groups["all"].hosts
    assert everyone == inventory.hosts
    for host in inventory.hosts:
        assert inventory.host(host.name) is host
        assert 1 <= host.port <= 65535
        assert set(host.groups) == {name for name, group in inventory.groups.items() if host in group.hosts} - {"all"}


@given(
    pattern=st.lists(WORDS | st.text(max_size=3) | st.sampled_from([":", ",", "[0]", "[1:]"]), max_size=5).map("".join)
)
def test_any_pattern_means_hosts_or_is_refused(pattern: str, small: Inventory) -> None:
    with contextlib.suppress(OrchestratorError):
        assert len(small.select(pattern)) > 0
    with contextlib.suppress(OrchestratorError):
        assert small.host(pattern).name in ("web1", "web2", "a", "Server")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    folder = tmp_path_factory.mktemp("small")
    (folder / "hosts").write_text("a\n[web]\nweb[1:2]\n")
    return load(folder)
