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
    the inventory's own labels of these names are left out.
    """
    found = []
    for host in hosts:
        if host.exporter is None:
            continue
        labels = {name: value for name, value in host.labels.items() if name not in _OURS}
        labels |= {
            "host": host.name,
            "instance": spelled((host.address, host.exporter[1])),
            "__metrics_path__": path_of(host),
        }
        found.append({"targets": [address], "labels": labels})
    return found
