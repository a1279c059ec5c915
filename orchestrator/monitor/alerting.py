"""How Prometheus, Alertmanager and we find each other: pieces of their configurations.

The words are those of https://prometheus.io/docs/alerting/latest/configuration/ and of ``alerting`` in
https://prometheus.io/docs/prometheus/latest/configuration/configuration/.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.monitor.configure import spelled

WATCHDOG = "Watchdog"
"""The name of the alert that always fires: as long as it arrives, others would, too."""
RECEIVER = "orchestrator"
"""Our name in alertmanager.yml."""

# One message an alert and host. The first second gathers the disks of a host; a repetition tells us nothing new, as we
# keep what we were told. The Watchdog is repeated, since silence is what it is there to show.
_ROUTE = """\
route:
  receiver: orchestrator
  group_by: [alertname, host]
  group_wait: 1s
  group_interval: 10s
  repeat_interval: 4h
  routes:
    - receiver: orchestrator
      matchers: ['alertname="{watchdog}"']
      group_wait: 0s
      group_interval: 30s
      repeat_interval: 1m

# Of a host that is down nothing else is news, and where everything is away at once, it is we who are. What is said of
# ourselves, the Watchdog too, is said of the host Server, whatever its exporter does.
inhibit_rules:
  - source_matchers: ['alertname="OrchestratorDown"']
    target_matchers: ['alertname=~"ControlNodeCutOff|AgentDown|ExporterMissing"']
  - source_matchers: ['alertname="ControlNodeCutOff"']
    target_matchers: ['alertname=~"AgentDown|ExporterMissing"']
  - source_matchers: ['alertname="AgentDown"']
    target_matchers: ['alertname!~"AgentDown|ControlNodeCutOff|Orchestrator.+|{watchdog}"', 'host!=""']
    equal: [host]
  - source_matchers: ['alertname="HighMemoryUsage"']
    target_matchers: ['alertname="AgentHighMemory"']
    equal: [host]

"""

_RECEIVER = """\
receivers:
  - name: orchestrator
    webhook_configs:
      - url: http://{address}/alerts
        send_resolved: true
        http_config:
          follow_redirects: false
          authorization:
            credentials_file: {token}
"""


def alerting(url: str, password_file: Path | None = None) -> str:
    """The section of prometheus.yml that makes it send alerts to the Alertmanager at `url`, which may carry a path and
    a user, whose password is in `password_file`: others may read, keep and log the section itself.
    """
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    lines = ["alerting:", "  alertmanagers:", f"    - scheme: {parts.scheme}"]
    if parts.path.strip("/"):
        lines.append(f"      path_prefix: {json.dumps(parts.path)}")
    if parts.username:
        user, file = json.dumps(unquote(parts.username)), json.dumps(str(password_file or ""))
        lines.append(f"      basic_auth: {{username: {user}, password_file: {file}}}")
    lines += ["      static_configs:", f"        - targets: [{json.dumps(address)}]"]
    return "\n".join(lines) + "\n"


def password_of(url: str) -> str:
    """The password that a URL carries; empty without one."""
    return unquote(urlsplit(url).password or "")


def receiver(listen: tuple[str, int], token: Path) -> str:
    """The section of alertmanager.yml by which what fires is told on `listen`, with the token that a file holds."""
    return _RECEIVER.format(address=spelled(listen), token=json.dumps(str(token)))


def alertmanager_configuration(listen: tuple[str, int], token: Path) -> str:
    """The whole of alertmanager.yml as we write it."""
    return _ROUTE.format(watchdog=WATCHDOG) + receiver(listen, token)
