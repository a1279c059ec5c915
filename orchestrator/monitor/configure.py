"""``prometheus/prometheus.yml``: what Prometheus is told, kept and put in force as `kept.py` says."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.monitor.direct import USER, DirectScraping
from orchestrator.monitor.kept import ConfigurationError, Kept, is_ours, judged, marked, steadily
from orchestrator.monitor.rules import RuleFiles, with_copies
from orchestrator.monitor.window import SCRAPE_S

log = logging.getLogger(__name__)

NAME = "prometheus.yml"
IN_FORCE = ".in-force.yml"

# Targets come with their own address and path (GET /sd), so nothing here changes when hosts do. What a host says is
# passed on packed, so it is here that a host which says too much, lies about when, or says what only rules may say (a
# second host:threshold:ratio would break the rule for all hosts) is kept from doing harm.
_SNIPPET = """\
  - job_name: orchestrator-hosts
    honor_timestamps: false
    body_size_limit: 64MB
    sample_limit: 100000
    label_limit: 64
    label_value_length_limit: 4096
    http_sd_configs:
      - url: http://{address}/sd
        refresh_interval: 5s
    metric_relabel_configs:
      - {{source_labels: [__name__], regex: '.*:.*|ALERTS.*', action: drop}}
  - job_name: orchestrator
    scrape_interval: 5s
    scrape_timeout: 5s
    static_configs:
      - targets: ["{address}"]
"""

_DIRECT = """\
  - job_name: orchestrator-direct
    scheme: https
    tls_config: {{ca_file: {authority}}}
    basic_auth: {{username: {user}, password_file: {password}}}
    honor_timestamps: false
    body_size_limit: 64MB
    sample_limit: 100000
    label_limit: 64
    label_value_length_limit: 4096
    http_sd_configs:
      - url: http://{address}/sd/direct
        refresh_interval: 5s
    relabel_configs:
      - {{target_label: job, replacement: orchestrator-hosts}}
    metric_relabel_configs:
      - {{source_labels: [__name__], regex: '.*:.*|ALERTS.*', action: drop}}
"""

# The orchestrator is asked more often than rules are evaluated, so that a threshold acts at the next evaluation.
_WHOLE = """\
global:
  scrape_interval: {scrape}s
  scrape_timeout: 10s
  evaluation_interval: {scrape}s

# Those that came with the orchestrator, and whatever you put beside them.
rule_files:
  - rules/*.yml

{alerting}
scrape_configs:
{jobs}\
  - job_name: prometheus
    static_configs:
      - targets: ["{own}"]
"""


def snippet(listen: tuple[str, int]) -> str:
    """What to put under ``scrape_configs`` of a Prometheus so that it scrapes through us."""
    return _SNIPPET.format(address=spelled(listen))


def direct_snippet(listen: tuple[str, int], direct: DirectScraping) -> str:
    """The job for hosts that are scraped directly; they count as hosts like the others."""
    return _DIRECT.format(
        address=spelled(listen),
        authority=json.dumps(str(direct.authority)),
        user=USER,
        password=json.dumps(str(direct.password)),
    )


def spelled(listen: tuple[str, int]) -> str:
    """``127.0.0.1:8002``, ``[::1]:8002``."""
    address, port = listen
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Wiring:
    """Who Prometheus works with.

    It listens on `own`; our ``/sd`` and ``/metrics`` are at `scraped`; `alerting` is the section of its configuration
    that says where alerts go; `direct` is what hosts are scraped directly with.
    """

    own: tuple[str, int]
    scraped: tuple[str, int]
    alerting: str
    direct: DirectScraping | None = None

    @property
    def body(self) -> str:
        """The file as we write it, without the line by which we know it again."""
        jobs = snippet(self.scraped) + (direct_snippet(self.scraped, self.direct) if self.direct else "")
        return _WHOLE.format(scrape=SCRAPE_S, alerting=self.alerting, jobs=jobs, own=spelled(self.own))


def generated(wiring: Wiring) -> str:
    """The whole file as we write it."""
    return marked(wiring.body)


async def put_in_force(folder: Path, wiring: Wiring, rules: RuleFiles, promtool: Path) -> tuple[Path, str]:
    """Write, or keep, the configuration in `folder` and the rules, check them, and put them in force.

    Returns the file to start with and, in one line, why all stays as it was, which is logged, too; "" when it does not.
    Raises ConfigurationError when there is nothing before.
    """
    texts: Mapping[str, str] = {}

    async def judge(source: Path) -> str:
        nonlocal texts
        _say_what_lacks(source, wiring)
        # promtool judges the rule files that the configuration names, too.
        texts, problem = await steadily(rules.read, lambda: judged(promtool, "check", "config", source))
        return problem

    kept = Kept(folder / NAME, folder / IN_FORCE, judge, adapt=with_copies)
    try:
        await asyncio.to_thread(rules.provide)
        problem = await kept.put_in_force(wiring.body)
        if not problem:
            await asyncio.to_thread(rules.put_in_force, texts)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"its rules cannot be used: {error}", where=str(folder)) from None
    return kept.in_force, problem


def _say_what_lacks(source: Path, wiring: Wiring) -> None:
    """Of a file that somebody edited, or that is of an older version."""
    text = source.read_text(encoding="utf-8")
    if is_ours(text):
        return
    if f"http://{spelled(wiring.scraped)}/sd" not in text:
        log.warning(
            "%s does not scrape our hosts. Add this to its scrape_configs:\n%s", source, snippet(wiring.scraped)
        )
    if "rule_files:" not in text:
        log.warning("%s has no rules, so nothing alerts. Add this to it:\nrule_files:\n  - rules/*.yml", source)
    if "alerting:" not in text:
        log.warning("%s sends alerts to nobody. Add this to it:\n%s", source, wiring.alerting)
