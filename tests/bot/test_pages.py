"""Lists that are longer than a message: pages that turn in place, and nobody is left out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from orchestrator.bot.language import Catalogues
from orchestrator.bot.message import TEXT_LIMIT, Message
from orchestrator.bot.render import blocking, sessions
from orchestrator.bot.render.markup import Html, length
from orchestrator.bot.render.pages import Page
from orchestrator.fleet import Block, BlocksAnswer, Session, WhoAnswer
from orchestrator.inventory import Host, HostSet
from orchestrator.ssh.result import Status

EN = Catalogues().locale("en")
HOSTS = HostSet([Host("web1", "192.0.2.1")])
NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("count", "number", "shown", "labels"),
    [
        (0, 0, [], []),
        (5, 0, [0, 1, 2, 3, 4], []),
        (12, 0, [0, 1, 2, 3, 4], ["2/3 ▸"]),
        (12, 1, [5, 6, 7, 8, 9], ["◂ 1/3", "3/3 ▸"]),
        (12, 9, [10, 11], ["◂ 2/3"]),  # there were more when the button was made
        (12, -1, [0, 1, 2, 3, 4], ["2/3 ▸"]),
    ],
)
def test_a_page(count: int, number: int, shown: list[int], labels: list[str]) -> None:
    page = Page(range(count), number, 5)
    assert list(page.shown) == shown
    assert [button.label for button in page.buttons("x", {})] == labels


def labels(message: Message) -> list[str]:
    assert length(Html(message.html)) <= TEXT_LIMIT
    return [button.label for row in message.buttons for button in row]


def test_every_session_can_be_ended() -> None:
    many = tuple(
        Session(1000 + n, 1, f"s{n}", f"user{n}", "sshd", "tty", NOW, "203.0.113.9" * 3, terminal=f"pts/{n}")
        for n in range(40)
    )
    answer = WhoAnswer("web1", Status.OK, sessions=many)
    seen = []
    for number in range(3):
        message = sessions.who([answer], HOSTS, EN, page=number)
        assert "web1 · 40 sessions" in message.html
        seen += [label.split()[1] for label in labels(message) if label.startswith("✖ ")]
        again = next(button for row in message.buttons for button in row if button.label == "↻")
        assert again.args == {"hosts": "web1", "page": str(number)}, "it stays on its page"
    assert seen == [session.id for session in many]


def test_every_block_can_be_lifted() -> None:
    many = tuple(Block(ip_network(f"203.0.113.{n}/32"), 60) for n in range(60))
    answer = BlocksAnswer("web1", Status.OK, blocks=many, more=7)
    seen = []
    for number in range(3):
        message = blocking.blocked([answer], HOSTS, EN, page=number)
        assert "… and 7 more" in message.html, "that the host left out"
        seen += [label.split()[1] for label in labels(message) if re.match("Unblock ", label)]
    assert seen == [block.address for block in many]
