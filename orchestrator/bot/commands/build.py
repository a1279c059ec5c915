"""All commands and taps of the chat, put together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from orchestrator.bot.commands import bootstrapping, closing, execution, hostediting, playing, ports
from orchestrator.bot.commands.agents import Agents
from orchestrator.bot.commands.bootstrapping import Bootstrapping
from orchestrator.bot.commands.closing import Closing
from orchestrator.bot.commands.execution import Executor
from orchestrator.bot.commands.general import General
from orchestrator.bot.commands.hostediting import HostEditing
from orchestrator.bot.commands.hostform import HostForm
from orchestrator.bot.commands.hostwriting import HostWriter
from orchestrator.bot.commands.playing import Playing
from orchestrator.bot.commands.ports import Ports
from orchestrator.bot.commands.readings import PICTURE_USAGE, Monitoring
from orchestrator.bot.commands.readings import USAGE as READING_USAGE
from orchestrator.bot.commands.services import Services
from orchestrator.bot.commands.status import OwnStatus
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
    monitoring = Monitoring(
        services.inventory,
        services.readings,
        services.charts,
        services.door,
        preferences=services.preferences,
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
    command("play", N_("Run a playbook"), player.play, playing.USAGE)
    for metric, value, picture in METRICS:
        name = f"mon_{metric}"
        command(name, value, partial(monitoring.reading, metric), READING_USAGE)
        command(f"{name}_picture", picture, partial(monitoring.picture, metric), PICTURE_USAGE)
    command("host_add", N_("Add a host"), editing.add, hostediting.ADD_USAGE, reads_only=False)
    command("host_set", N_("Change a host"), editing.set, hostediting.SET_USAGE, reads_only=False)
    command("host_remove", N_("Remove a host"), editing.remove, hostediting.REMOVE_USAGE)
    command("bootstrap", N_("Make a host managed"), bootstrapper.bootstrap, bootstrapping.USAGE)
    command("status", N_("How the orchestrator itself is"), status.status)
    command("language", N_("Choose the language"), general.language)
    command("id", N_("Your numbers for the settings"), general.id)
    command("start", N_("Greeting and keyboard"), general.start)
    command("help", N_("All I can do"), general.help)
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
        "mon.now": monitoring.refresh,
        "mon.chart": monitoring.chart,
        "mon.style": monitoring.style,
        "status.show": status.status,
        "language.set": general.set_language,
    }
    return Router(commands, taps, services.buttons, services.catalogues, talk=form.talk)
