"""/start /help /id /language /status /more_info_GitHub, and the keyboard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.bot.keyboards import KEYS
from orchestrator.bot.language import LANGUAGES, Languages
from orchestrator.inventory import HostSet
from orchestrator.store import Backlog
from tests.bot.conftest import Node

COMMANDS = {
    "start",
    "help",
    "id",
    "status",
    "language",
    "agents",
    "op_exec",
    "broadcast",
    "op_port",
    "op_stop",
    "play",
    "host_add",
    "host_set",
    "host_remove",
    "bootstrap",
    "alerts",
    "silence",
    "silences",
    "threshold",
    "top",
    "logins",
    "who",
    "kick",
    "block",
    "unblock",
    "chart",
    "summary",
    *(f"mon_{metric}{form}" for metric in ("cpu", "mem", "disk") for form in ("", "_picture")),
    "more_info_github",
}
# Commands that are no key: what is rare, or needs words after it.
TYPED = {
    "start",
    "id",
    "host_add",
    "host_set",
    "host_remove",
    "bootstrap",
    "alerts",
    "silence",
    "silences",
    "threshold",
    "kick",
    "block",
    "unblock",
    "chart",
    "summary",
    *(f"mon_{metric}_picture" for metric in ("cpu", "mem", "disk")),
}


async def test_all_commands_are_there_and_telegram_can_list_them(node: Node) -> None:
    assert {command.name for command in node.router.commands} == COMMANDS
    for command in node.router.commands:
        assert command.name == command.name.lower()
        assert 0 < len(command.name) <= 32
        for language in LANGUAGES:
            assert 0 < len(node.catalogues.gettext(language, command.description)) <= 256


async def test_only_what_changes_nothing_may_run_late(node: Node) -> None:
    assert {command.name for command in node.router.commands if not command.reads_only} == {
        "op_exec",
        "broadcast",
        "op_stop",
        "host_add",
        "host_set",
        "silence",
        "threshold",
        "logins",
        "kick",
        "block",
        "unblock",
        "summary",
    }


@pytest.mark.parametrize("name", ["more_info_GitHub", "more_info_github", "MORE_INFO_GITHUB"])
async def test_project_page_in_any_case(node: Node, name: str) -> None:
    answer = await node.person().say(f"/{name}")
    assert '<a href="https://github.com/cyleafish/See_Servers_Health_plus">' in answer.now.html


@pytest.mark.parametrize("language", LANGUAGES)
async def test_start_puts_up_the_keyboard_and_its_keys_are_commands(node: Node, language: str) -> None:
    answer = await node.person(language=language).say("/start")
    assert "4" in answer.first_line
    assert "web[1-3] db1" in answer.text
    labels = [label for row in answer.now.keyboard for label in row]
    assert len(labels) == len(set(labels)) == sum(map(len, KEYS))
    assert all(2 <= len(row) <= 3 for row in answer.now.keyboard)
    meant = {node.router.command_of(label) for label in labels}
    assert meant == COMMANDS - TYPED
    assert node.router.command_of("hello") is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_help_names_every_command(node: Node, language: str) -> None:
    answer = await node.person(language=language).say("/help")
    assert all(f"/{name}" in answer.text for name in COMMANDS)
    assert len(answer.text.splitlines()) == len(COMMANDS) + 2, "a line each, or nobody reads it"


async def test_help_of_a_command_says_how_to_write_it(node: Node) -> None:
    answer = await node.person().say("/help op_stop")
    assert answer.text.splitlines()[:2] == ["/op_stop <agent> <port>[/udp]", "Close a port"]
    assert "web*" in answer.text
    other = await node.person().say("/help /ID")
    assert other.text.splitlines() == ["/id", "Your numbers for the settings"]


async def test_id_tells_what_the_settings_want(node: Node) -> None:
    person = node.person(1001)
    assert (await person.say("/id")).text.splitlines() == [
        "🪪 You are 1001",
        "For the settings:",
        "ALLOWED_USERS=1001",
        "ALERT_CHAT_ID=1001",
    ]


async def test_language_is_chosen_by_a_tap_and_remembered(node: Node) -> None:
    person = node.person()
    answer = await person.say("/language")
    assert answer.labels == ["English", "繁體中文"]
    await person.tap("繁體中文")
    assert answer.text == "🌐 語言：繁體中文"
    assert person.last.text == "🌐 已切換為繁體中文"
    assert "🖥 主機" in person.last.now.keyboard[0]
    assert await node.languages.of(person.actor.id, "en") == "zh_TW"
    assert await node.languages.of("telegram:2", "en") == "en"


async def test_a_language_can_be_named_at_once(node: Node) -> None:
    person = node.person()
    await person.say("/language zh-TW")
    assert person.last.text == "🌐 已切換為繁體中文"
    await person.say("/language tlh")
    assert person.last.labels == ["English", "繁體中文"]


@pytest.mark.parametrize(
    ("default", "hint", "wanted"),
    [
        (None, None, "en"),
        (None, "de", "en"),
        (None, "zh-hant", "zh_TW"),
        (None, "zh_TW.UTF-8", "zh_TW"),
        ("zh_TW", "en", "zh_TW"),
        ("en", "zh", "en"),
    ],
)
async def test_language_when_nothing_was_chosen(node: Node, default: str | None, hint: str | None, wanted: str) -> None:
    assert await Languages(node.preferences, default).of("telegram:1", hint) == wanted


async def test_what_nobody_asked_for_is_in_the_language_last_heard(node: Node) -> None:
    await Languages(node.preferences, None).hear("telegram:1", "zh-hant")
    later = Languages(node.preferences, None)
    assert await later.of("telegram:1", None) == "zh_TW"
    assert await later.of("telegram:1", "en") == "en", "who writes is answered as they write"
    assert await later.of("telegram:2", None) == "en"
    assert await Languages(node.preferences, "en").of("telegram:1", None) == "en"
    await node.preferences.set("telegram:1", "language", "en")
    assert await later.of("telegram:1", None) == "en"


async def test_unknown_preference_is_ignored(node: Node) -> None:
    await node.preferences.set("telegram:1", "language", "tlh")
    assert await node.languages.of("telegram:1", None) == "en"


async def test_status_when_all_is_well(node: Node) -> None:
    answer = await node.person().say("/status")
    assert answer.first_line == "🩺 I am well"
    assert "version         1.2.3" in answer.text
    assert "memory          123.0 MiB" in answer.text
    assert "hosts           3 up · 1 parked" in answer.text


async def test_status_says_what_is_wrong_and_refreshes(node: Node) -> None:
    well = node.report
    node.report = replace(
        well, last_poll=datetime.now(UTC) - timedelta(minutes=5), trouble="the database is damaged", unfinished=2
    )
    person = node.person()
    answer = await person.say("/status")
    assert answer.first_line == "🩺 Something needs a look"
    assert "⚠ Telegram does not answer." in answer.text
    assert "⚠ The database: the database is damaged" in answer.text
    assert "⚠ 2 earlier requests have no known outcome." in answer.text
    assert "Telegram heard  5 min ago" in answer.text
    node.report = well
    await person.tap("↻")
    assert answer.first_line == "🩺 I am well"


async def test_status_says_why_there_are_no_charts(node: Node) -> None:
    node.report = replace(node.report, prometheus="127.0.0.1:9090: Prometheus cannot listen here")
    answer = await node.person().say("/status")
    assert answer.first_line == "🩺 Something needs a look"
    assert "⚠ There are no charts: 127.0.0.1:9090: Prometheus cannot listen here" in answer.text
    assert "目前沒有圖表" in (await node.person(language="zh_TW").say("/status")).text


async def test_status_counts_what_could_not_be_delivered(node: Node) -> None:
    well = node.report
    since = datetime.now(UTC) - timedelta(minutes=5)
    node.report = replace(well, backlog=Backlog(3, since, 1))
    answer = await node.person().say("/status")
    assert "⚠ 3 messages wait for Telegram since " in answer.text
    assert "⚠ 1 message could not be delivered." in answer.text
    node.report = replace(well, backlog=Backlog(3, datetime.now(UTC), 0))
    assert (await node.person().say("/status")).first_line == "🩺 I am well"
    node.report = replace(well, backlog=Backlog(1, since, 2))
    assert "1 則訊息" in (await node.person(language="zh_TW").say("/status")).text


async def test_status_without_telegram(node: Node) -> None:
    node.report = replace(node.report, telegram=False, last_poll=None, memory=None)
    answer = await node.person().say("/status")
    assert answer.first_line == "🩺 I am well"
    assert "Telegram" not in answer.text


async def test_greeting_of_a_huge_fleet_fits(node: Node) -> None:
    host = node.inventory.hosts["db1"]
    names = [f"{'x' * (number % 40)}-{number:05d}-host-{number * 7919 % 1000}" for number in range(5000)]
    node.inventory = replace(node.inventory, hosts=HostSet(replace(host, name=name) for name in names))
    assert "5000 hosts" in (await node.person().say("/start")).first_line
