"""Which chats hear of a host's alerts, and when they make no sound."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestrator.inventory import Host, load
from orchestrator.inventory.routes import all_chats, parse_quiet_hours, routes, targets
from orchestrator.settings import ChatTarget
from tests.inventory.conftest import Write

ALL = (ChatTarget(1),)
HOSTS = """
all:
  vars: {quiet_hours: "22:00-07:00"}
  hosts:
    plain:
  children:
    web:
      vars: {alert_chats: "-100123:42"}
      hosts:
        web1:
        web2: {alert_chats: [5, "-7"], quiet_hours: no}
    db:
      vars:
        alert_chats:
          critical: ["-100123:7", 9]
          info: 11
      hosts: {db1: }
"""


@pytest.mark.parametrize(
    ("host", "severity", "chats"),
    [
        ("plain", "critical", ALL),
        ("web1", "info", (ChatTarget(-100123, 42),)),
        ("web2", "warning", (ChatTarget(5), ChatTarget(-7))),
        ("db1", "critical", (ChatTarget(-100123, 7), ChatTarget(9))),
        ("db1", "warning", ALL),
        ("db1", "info", (ChatTarget(11),)),
        ("gone", "critical", ALL),
        ("Server", "critical", ALL),
        (None, "critical", ALL),
    ],
)
def test_where_alerts_go(write: Write, host: str | None, severity: str, chats: tuple[ChatTarget, ...]) -> None:
    assert targets(host, severity, load(write({"hosts.yml": HOSTS})), ALL) == chats


def test_all_chats(write: Write) -> None:
    chats = {(chat.chat, chat.topic) for chat in all_chats(load(write({"hosts.yml": HOSTS})), ALL)}
    assert chats == {(1, None), (-100123, 42), (-100123, 7), (5, None), (-7, None), (9, None), (11, None)}


def test_quiet_hours_by_group_and_host(write: Write) -> None:
    inventory = load(write({"hosts.yml": HOSTS}))
    quiet = routes("web1", inventory).quiet
    assert quiet == routes("plain", inventory).quiet
    assert quiet
    assert routes("web2", inventory).quiet is None
    assert routes("gone", inventory).quiet is None


@pytest.mark.parametrize(
    ("hours", "at", "covered"),
    [
        ("22:00-07:00", "21:59", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "00:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("9:30 – 12:00", "09:29", False),
        ("9:30 – 12:00", "11:59", True),
        ("9:30 – 12:00", "12:00", False),
    ],
)
def test_when_it_is_quiet(hours: str, at: str, covered: bool) -> None:
    (quiet,) = parse_quiet_hours(hours)
    assert quiet.cover(datetime.fromisoformat(f"2026-01-05T{at}")) is covered


def test_routes_do_not_make_another_host(write: Write) -> None:
    host = load(write({"hosts.yml": HOSTS})).hosts["web1"]
    assert host == Host("web1", "web1")
