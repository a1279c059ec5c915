"""What the alerts of our own rules mean and what to do, in words; and values in their units."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.alerts.model import Alert
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.render.outcome import size
from orchestrator.fleet import clean_line

WORDS: Mapping[str, str] = {
    "AgentDown": N_("It cannot be reached. Check its power and its network; /agents says why."),
    "AgentHighCPU": N_("Its processors are busy. Top shows with what."),
    "AgentHighMemory": N_("Its memory is getting short. Top shows who holds it."),
    "HighMemoryUsage": N_("Its memory is almost gone: the kernel may soon end processes. Top shows who holds it."),
    "AgentHighDisk": N_("A disk is almost full. Make room, or make it larger."),
    "HighLoad": N_("More work waits than its processors can do. Top shows what runs."),
    "DiskFullSoon": N_("At this rate the disk is full within a day. Find out what grows."),
    "InodesLow": N_("Soon no new file fits, however much room is left. Look for very many small files."),
    "FilesystemReadOnly": N_("It takes no more writes, often after a disk error. Read dmesg before anything else."),
    "OomKill": N_("The kernel ended processes for want of memory. Its log says which."),
    "UnitFailed": N_("A service has failed. systemctl status and journalctl -u say why."),
    "ClockSkew": N_("Its clock is wrong: logs mislead, certificates may be refused. Check its time service."),
    "SwapHigh": N_("It lives on swap, and everything gets slow. It needs more memory, or less to do."),
    "NetworkErrors": N_("A network card loses packets: look at cable, port and driver."),
    "HostRebooted": N_("It was started again. If nobody meant that, find out why."),
    "ExporterMissing": N_("It has no node_exporter that answers, so no readings. /bootstrap mends that."),
    "ControlNodeCutOff": N_("Many hosts were lost at once: most likely our own network is cut off, not they."),
    "Watchdog": N_("Always on: it shows that alerts work."),
    "OrchestratorDown": N_("The orchestrator itself does not answer. Look at its service and its log."),
    "OrchestratorOutboxStuck": N_("Messages wait for Telegram and do not get there. /status says how many."),
    "OrchestratorPollingStuck": N_("Telegram has not answered us for long: check the way out to it."),
    "OrchestratorLoopStalled": N_("The orchestrator stood still for a while: is this machine overloaded?"),
    "OrchestratorScrapesFail": N_("Many scrapes of connected hosts fail, so readings have gaps."),
    "OrchestratorDatabaseUnusable": N_("Our database cannot be used: nothing is written down. Is the disk full?"),
    "OrchestratorInventoryBroken": N_("The files of the inventory cannot be read; the old one is in force."),
    "OrchestratorFilesExhausted": N_("The orchestrator has almost no more files to open. Raise its limit."),
    "OrchestratorClockSkew": N_("The clock of this machine is wrong. Check its time service."),
    "OrchestratorRulesFail": N_("Prometheus cannot evaluate rules, so alerts may be missing. Its log says which."),
    "LoginsUnwatched": N_("Who logs in there is not seen. /status says why, and what mends it."),
    "OrchestratorAlertsLost": N_("Prometheus could not hand on alerts. Is Alertmanager running?"),
}
LONGEST = 300  # characters of what a rule of somebody else says of itself

# The label that tells apart alerts of one name on one host.
_TELLING = ("mountpoint", "device", "name", "interface", "unit", "service", "job")


def meaning(alert: Alert, locale: Locale) -> str:
    """What an alert means; of a rule that is not ours, what it says itself."""
    words = WORDS.get(alert.name)
    return locale.gettext(words) if words else clean_line(alert.summary, LONGEST)


def place(alert: Alert, limit: int = 40) -> str:
    """Which mount point, device or unit of its host an alert is about; empty when it is about all of it."""
    return next((clean_line(alert.labels[label], limit) for label in _TELLING if alert.labels.get(label)), "")


def measured(alert: Alert, locale: Locale) -> str:
    """The value as people say it; empty where there is none."""
    return "" if alert.value is None else in_unit(alert.value, alert.unit, locale)


def limit(alert: Alert, locale: Locale) -> str:
    """``over 80%``; empty where the rule has no threshold."""
    if alert.threshold is None or not alert.threshold:
        return ""
    told = in_unit(alert.threshold, alert.unit, locale)
    under = alert.value is not None and abs(alert.value) < abs(alert.threshold)
    return (locale.gettext("under {value}") if under else locale.gettext("over {value}")).format(value=told)


def in_unit(value: float, unit: str, locale: Locale) -> str:
    """``97%``, ``4 min``, ``1.4 GiB``, ``2.4 per core``, ``3``."""
    match unit:
        case "ratio":
            return f"{value:.1%}" if 0 < abs(value) < 0.01 else f"{value:.0%}"
        case "seconds":
            length = abs(value)
            whole = length >= 10 or length == round(length)
            return ("-" if value < 0 else "") + (locale.ago(length) if whole else locale.took(length))
        case "bytes":
            return size(int(max(0.0, value)))
        case "per_core":
            told = f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"
            return locale.gettext("{value} per core").format(value=told)
        case _:
            return f"{value:.4g}"
