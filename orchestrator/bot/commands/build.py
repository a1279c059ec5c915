"""All commands and taps of the chat, put together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from orchestrator.bot.alertview import AlertView
from orchestrator.bot.commands import bootstrapping, closing, execution, hostediting, playing, ports
from orchestrator.bot.commands.agents import Agents
from orchestrator.bot.commands.alerts import USAGE as ALERTS_USAGE
from orchestrator.bot.commands.alerts import Alerts
from orchestrator.bot.commands.blocking import UNBLOCK_USAGE, Blocking
from orchestrator.bot.commands.blocking import USAGE as BLOCK_USAGE
from orchestrator.bot.commands.bootstrapping import Bootstrapping
from orchestrator.bot.commands.closing import Closing
from orchestrator.bot.commands.execution import Executor
from orchestrator.bot.commands.general import General
from orchestrator.bot.commands.grafana import USAGE as CHART_USAGE
from orchestrator.bot.commands.grafana import GrafanaCharts
from orchestrator.bot.commands.hostediting import HostEditing
from orchestrator.bot.commands.hostform import HostForm
from orchestrator.bot.commands.hostwriting import HostWriter
from orchestrator.bot.commands.logins import USAGE as LOGINS_USAGE
from orchestrator.bot.commands.logins import Logins
from orchestrator.bot.commands.pictures import Pictures
from orchestrator.bot.commands.playing import Playing
from orchestrator.bot.commands.ports import Ports
from orchestrator.bot.commands.processes import USAGE as TOP_USAGE
from orchestrator.bot.commands.processes import Processes
from orchestrator.bot.commands.readings import PICTURE_USAGE, Monitoring
from orchestrator.bot.commands.readings import USAGE as READING_USAGE
from orchestrator.bot.commands.services import Services
from orchestrator.bot.commands.sessions import KICK_USAGE, Sessions
from orchestrator.bot.commands.sessions import USAGE as WHO_USAGE
from orchestrator.bot.commands.silencing import USAGE as SILENCE_USAGE
from orchestrator.bot.commands.silencing import Silencing
from orchestrator.bot.commands.status import OwnStatus
from orchestrator.bot.commands.summary import USAGE as SUMMARY_USAGE
from orchestrator.bot.commands.summary import DailySummary
from orchestrator.bot.commands.thresholds import USAGE as THRESHOLD_USAGE
from orchestrator.bot.commands.thresholds import ThresholdCommands
from orchestrator.bot.commands.trusting import Trusting
from orchestrator.bot.language import N_
from orchestrator.bot.router import CommandSpec, Handler, Router
from orchestrator.monitor.query import Metric

METRICS = (
    (Metric.CPU, N_("CPU now"), N_("Chart of the CPU")),
    (Metric.MEMORY, N_("Memory now"), N_("Chart of the memory")),
    (Metric.DISK, N_("Disks now"), N_("Chart of the disks")),
)


def build_router(services: Services) -> Router:
    """The router of both faces, Telegram and the terminal."""
    commands: list[CommandSpec] = []
    general = General(services.inventory, services.preferences, services.catalogues, lambda: commands)
    status = OwnStatus(services.self_report, services.catalogues)
    agents = Agents(
        services.inventory,
        services.state,
        services.fleet,
        services.door,
        services.catalogues,
        readings=services.readings,
        retry=services.retry,
    )
    executor = Executor(services.inventory, services.fleet, services.door, services.runs, services.catalogues)
    port_list = Ports(services.inventory, services.fleet, services.door, services.catalogues)
    closer = Closing(
        services.inventory, services.fleet, services.door, services.catalogues, list_ports=port_list.op_port
    )

    player = Playing(services.playbooks, services.door, services.runs, services.catalogues)
    silencing = Silencing(
        services.inventory, services.alerts, services.alertmanager, services.door, services.catalogues
    )
    limits = ThresholdCommands(services.inventory, services.thresholds, services.door, services.catalogues)
    alerts = Alerts(
        services.inventory,
        services.alerts,
        services.alertmanager,
        services.door,
        watchdog=services.watchdog,
        view=AlertView(services.inventory, services.readings),
        end_silence=silencing.end_one,
        catalogues=services.catalogues,
    )

    writer = HostWriter(
        inventory=services.inventory,
        editor=services.editor,
        refresh=services.refresh,
        trust=services.trust,
        door=services.door,
        catalogues=services.catalogues,
    )
    form = HostForm(services.inventory, writer, services.dialogues, services.catalogues)
    editing = HostEditing(
        inventory=services.inventory,
        writer=writer,
        trust=services.trust,
        state=services.state,
        door=services.door,
        catalogues=services.catalogues,
        form=form,
    )
    trusting = Trusting(
        inventory=services.inventory,
        trust=services.trust,
        scan=services.scan,
        retry=services.retry,
        door=services.door,
        catalogues=services.catalogues,
    )

    bootstrapper = Bootstrapping(
        inventory=services.inventory,
        bootstrap=services.bootstrap,
        refresh=services.refresh,
        door=services.door,
        runs=services.runs,
        catalogues=services.catalogues,
    )

    def command(name: str, description: str, handler: Handler, usage: str = "", *, reads_only: bool = True) -> None:
        commands.append(CommandSpec(name, description, usage, handler, reads_only))

    command("agents", N_("All hosts: state, CPU, memory, disk"), agents.agents)
    command("op_exec", N_("Run a command"), executor.op_exec, execution.EXEC_USAGE, reads_only=False)
    command(
        "broadcast", N_("Run a command on all hosts"), executor.broadcast, execution.BROADCAST_USAGE, reads_only=False
    )
    command("op_port", N_("Listening ports and their owners"), port_list.op_port, ports.USAGE)
    command("op_stop", N_("Close a port"), closer.op_stop, closing.USAGE, reads_only=False)
    people, people_taps = _people(services)
    commands.extend(people)
    command("play", N_("Run a playbook"), player.play, playing.USAGE)
    readings, readings_taps = _readings(services)
    commands.extend(readings)
    command("alerts", N_("What fires now"), alerts.alerts, ALERTS_USAGE)
    command("threshold", N_("From where readings are high"), limits.threshold, THRESHOLD_USAGE, reads_only=False)
    command("silence", N_("Mute alerts for a while"), silencing.silence, SILENCE_USAGE, reads_only=False)
    command("silences", N_("What is muted"), silencing.silences)
    command("host_add", N_("Add a host"), editing.add, hostediting.ADD_USAGE, reads_only=False)
    command("host_set", N_("Change a host"), editing.set, hostediting.SET_USAGE, reads_only=False)
    command("host_remove", N_("Remove a host"), editing.remove, hostediting.REMOVE_USAGE)
    command("bootstrap", N_("Make a host managed"), bootstrapper.bootstrap, bootstrapping.USAGE)
    command("status", N_("How the orchestrator itself is"), status.status)
    command("language", N_("Choose the language"), general.language)
    command("id", N_("Your numbers for the settings"), general.id)
    command("start", N_("Greeting and keyboard"), general.start)
    command("help", N_("All I can do"), general.help, N_("[<command>]"))
    # Telegram's menu takes lower case only; typed, it is understood as /more_info_GitHub, too.
    command("more_info_github", N_("The project's page"), general.project)
    taps: Mapping[str, Handler] = {
        "agents.show": agents.show,
        "agents.refresh": agents.refresh,
        "agents.retry": agents.retry,
        "exec.run": executor.run,
        "exec.refuse": executor.refuse,
        "exec.again": executor.again,
        "exec.file": executor.as_file,
        "run.stop": executor.stop,
        "ports.show": port_list.show,
        "close.ask": closer.ask,
        "close.do": closer.close,
        "close.unit": closer.stop_unit,
        "close.keep": closer.keep,
        **people_taps,
        "play.plan": player.plan,
        "play.run": player.run,
        "play.refuse": player.refuse,
        "form.set": form.begin_set,
        "form.ask": form.ask,
        "form.put": form.put,
        "form.group": form.group,
        "form.write": form.write,
        "form.cancel": form.cancel,
        "host.ask_removal": editing.ask_removal,
        "host.remove": editing.removal,
        "host.keep": editing.keep,
        "trust.ask": trusting.ask,
        "trust.pin": trusting.pin,
        "trust.refuse": trusting.refuse,
        "bootstrap.ask": bootstrapper.ask,
        "bootstrap.again": bootstrapper.again,
        "bootstrap.trust": bootstrapper.trust,
        "bootstrap.refuse": bootstrapper.refuse,
        "bootstrap.run": bootstrapper.run,
        **readings_taps,
        "threshold.show": limits.show,
        "threshold.reset": limits.reset,
        "alerts.show": alerts.show,
        "alerts.open": alerts.open,
        "alert.ack": alerts.acknowledge,
        "alert.mute": alerts.mute,
        "alert.unmute": alerts.unmute,
        "silences.show": silencing.show,
        "silences.end": silencing.end,
        "silences.undo": silencing.undo,
        "status.show": status.status,
        "language.set": general.set_language,
    }
    return Router(commands, taps, services.buttons, services.catalogues, talk=form.talk)


def _readings(services: Services) -> tuple[list[CommandSpec], Mapping[str, Handler]]:
    """How hosts are and were, in words and pictures."""
    parts = (services.inventory, services.readings, services.easel, services.door, services.catalogues)
    monitoring, pictures = Monitoring(*parts), Pictures(*parts)
    daily = DailySummary(services.inventory, services.summaries, services.telling, services.door, services.catalogues)
    panels = GrafanaCharts(services.inventory, services.grafana, services.easel, services.door, services.catalogues)
    commands = []
    for metric, value, picture in METRICS:
        now, drawn = partial(monitoring.reading, metric), partial(monitoring.picture, metric)
        commands.append(CommandSpec(f"mon_{metric}", value, READING_USAGE, now, reads_only=True))
        commands.append(CommandSpec(f"mon_{metric}_picture", picture, PICTURE_USAGE, drawn, reads_only=True))
    commands.append(CommandSpec("chart", N_("A panel of Grafana"), CHART_USAGE, panels.chart, reads_only=True))
    commands.append(CommandSpec("summary", N_("The daily summary"), SUMMARY_USAGE, daily.summary, reads_only=False))
    taps: Mapping[str, Handler] = {
        "mon.now": monitoring.refresh,
        "mon.chart": monitoring.chart,
        "mon.style": monitoring.style,
        "picture.new": pictures.new,
        "picture.show": pictures.show,
        "picture.style": pictures.style,
        "grafana.panels": panels.panels,
        "grafana.new": panels.new,
        "grafana.show": panels.show,
        "summary.now": daily.now,
    }
    return commands, taps


def _people(services: Services) -> tuple[list[CommandSpec], Mapping[str, Handler]]:
    """What runs on hosts, who is on them, and keeping somebody away."""
    parts = (services.inventory, services.fleet, services.door, services.catalogues)
    processes, sessions, blocking = Processes(*parts), Sessions(*parts), Blocking(*parts)
    logins = Logins(
        services.inventory,
        services.logins,
        services.thresholds,
        services.easel,
        door=services.door,
        catalogues=services.catalogues,
    )
    commands = [
        CommandSpec("top", N_("The busiest processes"), TOP_USAGE, processes.top, reads_only=True),
        CommandSpec("logins", N_("Who came in, who tried"), LOGINS_USAGE, logins.logins, reads_only=False),
        CommandSpec("who", N_("Who is logged in"), WHO_USAGE, sessions.who, reads_only=True),
        CommandSpec("kick", N_("End a session"), KICK_USAGE, sessions.kick, reads_only=False),
        CommandSpec("block", N_("Block an address"), BLOCK_USAGE, blocking.block, reads_only=False),
        CommandSpec("unblock", N_("Unblock an address"), UNBLOCK_USAGE, blocking.unblock, reads_only=False),
    ]
    taps: Mapping[str, Handler] = {
        "top.show": processes.show,
        "logins.list": logins.list,
        "logins.show": logins.last,
        "logins.picture": logins.picture,
        "logins.redraw": logins.redraw,
        "logins.style": logins.style,
        "logins.rules": logins.rules,
        "logins.reset": logins.reset,
        "who.show": sessions.show,
        "kick.ask": sessions.ask,
        "kick.do": sessions.end,
        "kick.keep": sessions.keep,
        "block.ask": blocking.ask,
        "block.do": blocking.do,
        "block.keep": blocking.keep,
        "block.undo": blocking.undo,
        "block.list": blocking.list,
    }
    return commands, taps
