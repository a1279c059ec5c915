"""What Prometheus is to scrape, as http_sd wants it (prometheus.io/docs/prometheus/latest/http_sd)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.inventory.model import Host
from orchestrator.monitor.configure import spelled

_OURS = ("host", "instance", "job")


def path_of(host: Host) -> str:
    """Where we serve the metrics of `host`. Names of an inventory have no slashes, and need no escaping otherwise."""
    return f"/hosts/{host.name}/metrics"


def targets(hosts: Iterable[Host], address: str) -> list[dict[str, Any]]:
    """A target for each of `hosts` with an exporter, to be scraped at `address` (``127.0.0.1:8002``), which is us.

    Labels are those of the inventory, ``host`` (its name), and ``instance`` (its address with the exporter's port);
    the inventory's own labels of these names are left out. Hosts that are scraped directly are not among them.
    """
    return [
        {"targets": [address], "labels": {**_labels(host), "__metrics_path__": path_of(host)}}
        for host in hosts
        if host.exporter and not host.direct
    ]


def direct_targets(hosts: Iterable[Host]) -> list[dict[str, Any]]:
    """A target for each of `hosts` that is scraped directly, at its own address, with the same labels."""
    found = [_labels(host) for host in hosts if host.exporter and host.direct]
    return [{"targets": [labels["instance"]], "labels": labels} for labels in found]


def _labels(host: Host) -> dict[str, str]:
    assert host.exporter is not None
    labels = {name: value for name, value in host.labels.items() if name not in _OURS}
    return labels | {"host": host.name, "instance": spelled((host.address, host.exporter[1]))}
