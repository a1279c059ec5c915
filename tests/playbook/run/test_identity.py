"""Whom a task runs as: keywords, variables over them, and a password asked for once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.inventory.model import Become, Host
from orchestrator.playbook.engine.identity import Password, become_of, reach_of
from orchestrator.playbook.engine.keywords import Reading
from orchestrator.playbook.model import BecomeKeywords
from orchestrator.playbook.templating import LookupContext, Templar
from orchestrator.playbook.text import NOWHERE, Text

_PLAIN = Host("web1", "10.0.0.1")
_SUDO = Host("web1", "10.0.0.1", become=Become(user="admin", password="given"))
_KEYWORD = BecomeKeywords(become=True)


async def _become(host: Host, keywords: BecomeKeywords, variables: Mapping[str, Any]) -> Become | None:
    reading = Reading(Templar(variables, lookups=LookupContext()), NOWHERE)
    return await become_of(host, keywords, variables, reading, Password(None, lambda _: None))


@pytest.mark.parametrize(
    ("host", "keywords", "variables", "expected"),
    [
        (_PLAIN, BecomeKeywords(), {}, None),
        (_PLAIN, _KEYWORD, {}, Become()),
        (_PLAIN, BecomeKeywords(become=True, user="db", method="su"), {}, Become("su", "db")),
        (_PLAIN, BecomeKeywords(user="db"), {}, None),
        (_PLAIN, BecomeKeywords(become=Text("{{ wanted }}")), {"wanted": "yes"}, Become()),
        (_PLAIN, _KEYWORD, {"ansible_become": False}, None),
        (_PLAIN, BecomeKeywords(), {"ansible_become": Text("yes")}, Become()),
        (_PLAIN, BecomeKeywords(become=True, user="db"), {"ansible_become_user": "web"}, Become(user="web")),
        (_PLAIN, _KEYWORD, {"ansible_become_method": "ansible.builtin.su"}, Become("su")),
        (_PLAIN, _KEYWORD, {"ansible_become_password": Text("{{ p }}"), "p": "x"}, Become(password="x")),
        (_PLAIN, _KEYWORD, {"ansible_sudo_pass": "old"}, Become(password="old")),
        (_SUDO, BecomeKeywords(), {}, _SUDO.become),
        (_SUDO, BecomeKeywords(become=False), {}, _SUDO.become),
        (_SUDO, BecomeKeywords(become=False), {"ansible_become": False}, None),
        (_SUDO, BecomeKeywords(user="db"), {}, Become(user="db", password="given")),
    ],
)
async def test_variables_outrank_keywords(
    host: Host, keywords: BecomeKeywords, variables: Mapping[str, Any], expected: Become | None
) -> None:
    assert await _become(host, keywords, variables) == expected


@pytest.mark.parametrize("flags", ["", "-H -S -n", "-HSn", "-s /bin/sh", " -n "])
async def test_flags_that_change_nothing_are_taken(flags: str) -> None:
    assert await _become(_PLAIN, BecomeKeywords(become=True, flags=Text(flags)), {}) == Become()


@pytest.mark.parametrize("flags", ["-i", "-", "-l", "-u other", "-H -i", "-s"])
async def test_other_flags_are_refused(flags: str) -> None:
    with pytest.raises(UsageError, match="become_flags"):
        await _become(_PLAIN, BecomeKeywords(become=True), {"ansible_become_flags": flags})


async def test_the_password_is_asked_for_once_and_remembered_as_a_secret() -> None:
    asked: list[int] = []
    secrets: list[str] = []

    async def ask() -> str:
        asked.append(1)
        return "hunter2"

    password = Password(ask, secrets.append)
    reading = Reading(Templar({}, lookups=LookupContext()), NOWHERE)
    for _ in range(3):
        become = await become_of(_PLAIN, _KEYWORD, {}, reading, password)
        assert become == Become(password="hunter2")
    assert asked == [1]
    assert secrets == ["hunter2"]


async def test_nobody_is_asked_when_no_password_is_needed() -> None:
    async def ask() -> str:
        raise AssertionError

    reading = Reading(Templar({}, lookups=LookupContext()), NOWHERE)
    password = Password(ask, lambda _: None)
    assert await become_of(_PLAIN, BecomeKeywords(), {}, reading, password) is None
    variables = {"ansible_become_password": "known"}
    assert await become_of(_PLAIN, _KEYWORD, variables, reading, password) == Become(password="known")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, _PLAIN),
        ({"ansible_host": "10.0.0.1"}, _PLAIN),
        ({"ansible_host": Text("10.0.0.{{ last }}"), "last": 9}, Host("web1", "10.0.0.9")),
        ({"ansible_user": "root", "ansible_port": "2222"}, Host("web1", "10.0.0.1", 2222, "root")),
        ({"ansible_connection": "local"}, Host("web1", "10.0.0.1", local=True)),
        ({"ansible_connection": "ssh"}, _PLAIN),
    ],
)
def test_variables_say_where_a_host_is(variables: Mapping[str, Any], expected: Host) -> None:
    assert reach_of(_PLAIN, variables, Reading(Templar(variables, lookups=LookupContext()), NOWHERE)) == expected


def test_remote_user_counts_where_nothing_else_names_the_user() -> None:
    def user(host: Host, variables: Mapping[str, Any]) -> str | None:
        reading = Reading(Templar(variables, lookups=LookupContext()), NOWHERE)
        return reach_of(host, variables, reading, Text("{{ who }}")).user

    assert user(_PLAIN, {"who": "deploy"}) == "deploy"
    assert user(_PLAIN, {"who": "deploy", "ansible_user": "ops"}) == "ops"
    assert user(Host("web1", "10.0.0.1", user="admin"), {"who": "deploy"}) == "admin"
