"""Requests find their handlers; whatever goes wrong becomes words, once, and never an exception."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import Catalogues
from orchestrator.bot.message import Message
from orchestrator.bot.router import CommandSpec, Router
from orchestrator.errors import InventoryError, OrchestratorError, StoreError, UnknownHost
from orchestrator.store import ButtonRow
from tests.bot.conftest import Node
from tests.bot.person import Person


def router_that_raises(node: Node, error: BaseException) -> Router:
    async def fail(request: Request) -> None:  # noqa: ARG001
        raise error

    return Router([CommandSpec("fail", "", "", fail, reads_only=True)], {"fail": fail}, node.buttons, node.catalogues)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UnknownHost("web9 is not in the inventory", remedy="Did you mean web1?"), "❔ web9 is not in the inventory"),
        (InventoryError("tabs <b>", where="hosts.yml:12"), "⛔ hosts.yml:12: tabs <b>"),
        (StoreError("the database refused: disk", remedy="Free some space"), "Free some space"),
        (OrchestratorError("\x1b[31mred\u202e" + "x" * 9000), "⛔ redxxx"),
    ],
)
async def test_expected_errors_are_words(node: Node, error: OrchestratorError, text: str) -> None:
    person = Person(router_that_raises(node, error), node.buttons, 1001)
    answer = await person.say("/fail")
    assert text in answer.text
    assert len(person.chat.messages) == 1


async def test_unexpected_errors_get_an_incident_that_the_log_knows(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    person = Person(router_that_raises(node, ZeroDivisionError("secret detail")), node.buttons, 1001)
    with caplog.at_level(logging.ERROR):
        answer = await person.say("/fail")
    assert "secret" not in answer.text
    incident = answer.text.rpartition("incident ")[2].rstrip(".")
    assert incident in caplog.text
    assert "ZeroDivisionError: secret detail" in caplog.text
    assert not answer.now.silent


async def test_cancellation_gets_out(node: Node) -> None:
    person = Person(router_that_raises(node, asyncio.CancelledError()), node.buttons, 1001)
    with pytest.raises(asyncio.CancelledError):
        await person.say("/fail")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/agent", "There is no command /agent\nDid you mean /agents? /help lists all."),
        ("/xyzzy", "There is no command /xyzzy\n/help lists all."),
        ("/" + "<b>" * 100, "There is no command /<b><b>"),
    ],
)
async def test_unknown_commands(node: Node, text: str, wanted: str) -> None:
    assert wanted in (await node.person().say(text)).text


async def test_verdicts_on_taps(node: Node) -> None:
    person = node.person(1001)
    tap = ButtonRow("agents.show", {}, "telegram:1001", 60, once=True)
    good, other = await node.buttons.put([tap, tap])
    [late] = await node.buttons.put([tap], now=time.time() - 100)
    [theirs] = await node.buttons.put([ButtonRow("agents.show", {}, "telegram:1", 60, once=False)])
    [strange] = await node.buttons.put([ButtonRow("no.such.verb", {}, "", 60, once=False)])
    request = Request(person.actor, person.chat, "en", "", message_id=7)

    notice, taken = await node.router.press(good, request)
    assert notice == ""
    assert taken is not None
    assert (taken.name, taken.args, taken.message_id) == ("agents.show", {}, 7)
    notices = {id_: (await node.router.press(id_, request)) for id_ in (good, other, late, theirs, strange, "forged")}
    assert all(taken is None for _, taken in notices.values())
    assert notices[good][0] == notices[other][0] == "This was already answered."
    assert notices[late][0] == "Too late: this button has expired. Please ask again."
    assert notices[theirs][0] == "Only the person who asked may press this."
    assert notices[strange][0] == notices["forged"][0] == "This button is no longer known. Please ask again."


async def test_every_button_that_is_shown_has_a_handler(node: Node) -> None:
    """Shown in every state that the other tests reach, too: an unknown verb would answer the tap with a notice."""
    person = node.person()
    for text in ("/agents", "/op_port web1", "/op_port", "/status", "/broadcast id", "/op_exec web1 id"):
        answer = await person.say(text)
        for _, button_id in answer.buttons:
            notice, taken = await node.router.press(button_id, Request(person.actor, person.chat, "en", ""))
            assert taken is not None or notice == "This was already answered."


async def test_message_without_a_database_still_says_why(node: Node) -> None:
    """No audit, no action: and the person is told."""
    router = router_that_raises(node, StoreError("the database refused: disk I/O error"))
    chat = ChatWithoutButtons()
    await router.handle(Request(node.person().actor, chat, "zh_TW", "fail"))
    assert chat.texts == ["<b>⛔ 資料庫拒絕：disk I/O error</b>"]


async def test_tap_without_a_database_is_answered(node: Node) -> None:
    [button] = await node.buttons.put([ButtonRow("status.show", {}, "", 60, once=False)])
    await node.database.write(lambda tx: tx.execute("DROP TABLE buttons"))
    person = node.person()
    notice, taken = await node.router.press(button, Request(person.actor, person.chat, "en", ""))
    assert "the database refused" in notice
    assert len(notice) <= 200
    assert taken is None


class ChatWithoutButtons:
    def __init__(self) -> None:
        self.texts: list[str] = []

    async def send(self, message: Message) -> int:
        self.texts.append(message.html)
        return 1

    async def edit(self, message_id: int, message: Message) -> None:
        raise AssertionError((message_id, message))


def test_catalogues() -> None:
    assert Catalogues().gettext("zh_TW", "Cancel") == "取消"
    assert Catalogues().ngettext("en", "{n} host", "{n} hosts", 2) == "{n} hosts"
