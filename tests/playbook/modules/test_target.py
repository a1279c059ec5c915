"""The double keeps the contract of Target that the modules rely on."""

from __future__ import annotations

import pytest

from orchestrator.playbook.modules import Program
from tests.playbook.modules.target import LocalTarget

_BASE = Program("base", 'twice() { say twice "$1$1"; }')
_ECHO = Program(
    "echo",
    r"""
    tell() {
        twice "$1"
        say text "$text"
        say number "$((number + 1))"
        say yes "$yes"; say no "$no"; say unset "${nothing-unset}"
        eval "set -- $list"
        for word; do say word "$word"; done
        cat
        exit 3
    }
    """,
    (_BASE,),
)


async def test_parameters_arrive_as_they_were_given(target: LocalTarget) -> None:
    nasty = 'a\'b "$(id)" \\ \n* \u00e9\udcff'
    answer = await target.sh(
        _ECHO,
        "tell",
        nasty,
        text=nasty,
        number=41,
        yes=True,
        no=False,
        nothing=None,
        list=[nasty, "", "b"],
        stdin=b"\0x",
    )
    assert answer.get("twice") == nasty * 2
    assert answer.get("text") == nasty
    assert answer.get("number") == "42"
    assert answer.flag("yes")
    assert answer.has("no")
    assert not answer.flag("no")
    assert answer.get("unset") == "unset"
    assert answer.all("word") == [nasty, "", "b"]
    assert (answer.rc, answer.stdout, answer.stderr) == (3, b"\0x", b"")


async def test_a_deadline_ends_the_program(target: LocalTarget) -> None:
    with pytest.raises(TimeoutError):
        await target.sh(Program("slow", "slow() { sleep 60; }"), "slow", timeout=0.2)
