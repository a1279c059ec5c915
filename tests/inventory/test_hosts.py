"""How hosts are reached, by what the inventory says of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.inventory import Become, Host, load
from tests.inventory.conftest import Write

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data/hosts.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_hosts_are_reached_as_written(case: dict[str, Any], write: Write) -> None:
    inventory = load(write(case["files"]))
    assert {host.name: _seen(host) for host in inventory.hosts} == {
        name: _seen(Host(name, expected["address"])) | expected for name, expected in case["hosts"].items()
    }
    assert list(inventory.hosts.names) == list(case["hosts"])


def _seen(host: Host) -> dict[str, Any]:
    fields = ("address", "port", "user", "key", "fingerprint", "local")
    seen = {name: getattr(host, name) for name in fields}
    become = list(asdict(host.become).values()) if host.become else None
    return (
        seen
        | {"become": become, "labels": dict(host.labels), "jump": _chain(host.jump)}
        | {"exporter": "{}:{}".format(*host.exporter) if host.exporter else None}
    )


def _chain(hop: Host | None) -> list[str] | None:
    """The hops from the control node outwards, each as ``name address port user``."""
    if hop is None:
        return None
    return [*(_chain(hop.jump) or []), f"{hop.name} {hop.address} {hop.port} {hop.user or 'null'}"]


def test_the_server_is_local_unless_the_inventory_says_otherwise(write: Write) -> None:
    inventory = load(write({"hosts.yml": "all:\n  hosts:\n    web1:\n"}))
    assert inventory.server == Host("Server", "127.0.0.1", local=True)
    assert inventory.select("Server").names == ("Server",)
    assert inventory.host("Server") is inventory.server
    assert "Server" not in inventory.hosts


def test_a_server_in_the_inventory_is_a_host(write: Write) -> None:
    inventory = load(write({"hosts.yml": "all:\n  hosts:\n    Server: {address: 192.0.2.1}\n"}))
    assert inventory.server == Host("Server", "192.0.2.1")
    assert inventory.select("all").names == ("Server",)


def test_secrets_are_in_no_repr(write: Write) -> None:
    files = {
        "hosts.yml": "all:\n  hosts:\n    web1: {become: yes, ansible_become_password: s3cret, x: !vault v4ulted}\n"
    }
    inventory = load(write(files))
    assert inventory.host("web1").become == Become(password="s3cret")
    for secret in ("s3cret", "v4ulted"):
        assert secret not in repr(inventory) + repr(inventory.host("web1")) + repr(inventory.host("web1").vars["x"])
