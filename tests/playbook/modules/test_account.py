"""What has to be done to an account, decided without a host."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Answer, TaskFailed
from orchestrator.playbook.modules.account import (
    Account,
    Groups,
    UserArguments,
    account,
    ageing,
    create,
    modify,
    new_password,
    suspicious,
)

_TOOLS = {"useradd", "usermod", "adduser"}
_GROUPS = Groups.read("root:x:0:\nops:x:10:ann,bob\nweb:x:11:ann\nann:x:1001:\nnonsense\n")
_SHADOW = ["ann", "$6$s$h", "19000", "0", "99999", "7", "", "20000", ""]
_ANN = Account("ann", 1001, 1001, "Ann", "/home/ann", "/bin/sh", "$6$s$h", _SHADOW)


def wish(**arguments: Any) -> UserArguments:
    return UserArguments.model_validate({"name": "ann", **arguments})


def test_nothing_to_do() -> None:
    same = wish(
        uid=1001, group="ann", groups=["web", "10"], comment="Ann", home="/home/ann", shell="/bin/sh",
        expires=20000 * 86400 + 5, password="$6$s$h", password_lock=False, password_expire_max=99999,
    )  # fmt: skip
    assert modify(same, _ANN, _GROUPS, _TOOLS) == []
    assert new_password(same, _ANN) is None
    assert ageing(same, _ANN) == []


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({"uid": 5}, ["-u", "5"]),
        ({"uid": 5, "non_unique": True}, ["-u", "5", "-o"]),
        ({"group": "web"}, ["-g", "11"]),
        ({"groups": "web"}, ["-G", "web"]),
        ({"groups": "web,root"}, ["-G", "root,web"]),
        ({"groups": "root", "append": True}, ["-a", "-G", "root"]),
        ({"groups": "web", "append": True}, []),
        ({"groups": []}, ["-G", ""]),
        ({"home": "/srv/ann"}, ["-d", "/srv/ann"]),
        ({"home": "/srv/ann", "move_home": True}, ["-d", "/srv/ann", "-m"]),
        ({"shell": "/bin/zsh", "comment": "-x"}, ["-c", "-x", "-s", "/bin/zsh"]),
        ({"expires": -1}, ["-e", ""]),
        ({"expires": 0}, ["-e", "1970-01-01"]),
        ({"expires": 1893456000}, ["-e", "2030-01-01"]),
        ({"password_lock": True}, ["-L"]),
        ({"password_lock": True, "password": "$6$x$y"}, []),
        ({"password_expire_account_disable": 5}, ["-f", "5"]),
    ],
)
def test_changes(arguments: dict[str, Any], options: list[str]) -> None:
    expected = [("usermod", *options, "--", "ann")] if options else []
    assert modify(wish(**arguments), _ANN, _GROUPS, _TOOLS) == expected


def test_locks() -> None:
    locked = Account("ann", 1, 1, "", "", "", "!$6$s$h")
    assert modify(wish(password_lock=False), locked, _GROUPS, _TOOLS) == [("usermod", "-U", "--", "ann")]
    assert modify(wish(password_lock=False), Account("ann", 1, 1, "", "", "", "!"), _GROUPS, _TOOLS) == []
    assert modify(wish(password_lock=True), locked, _GROUPS, _TOOLS) == []


def test_passwords() -> None:
    assert new_password(wish(password="$6$x$y"), _ANN) == "$6$x$y"
    assert new_password(wish(password="$6$x$y", password_lock=True), _ANN) == "!$6$x$y"
    assert new_password(wish(password="$6$x$y", update_password="on_create"), _ANN) is None
    assert new_password(wish(password="$6$x$y", update_password="on_create"), None) == "$6$x$y"
    assert new_password(wish(password="!$6$s$h"), _ANN) is None
    assert new_password(wish(), _ANN) is None
    assert suspicious("secret")
    assert suspicious("$6$salt$tooshort")
    assert not suspicious("$6$salt$" + "a" * 86)
    assert not suspicious("*")


def test_ages() -> None:
    assert ageing(wish(password_expire_max=90, password_expire_min=0), _ANN) == [("chage", "-M", "90", "--", "ann")]
    assert ageing(wish(password_expire_warn=7), None) == [("chage", "-W", "7", "--", "ann")]


def test_new_accounts() -> None:
    full = wish(
        name="cy", uid=7, group="ops", groups=["web"], comment="C", home="/srv/cy", shell="/bin/sh", system=True,
        skeleton="/etc/skel2", umask="077", expires=1893456000, uid_min=5,
    )  # fmt: skip
    assert create(full, _GROUPS, _TOOLS) == [
        (
            "useradd", "-u", "7", "-g", "ops", "-G", "web", "-c", "C", "-d", "/srv/cy", "-s", "/bin/sh", "-e",
            "2030-01-01", "-m", "-k", "/etc/skel2", "-K", "UMASK=077", "-r", "-K", "UID_MIN=5", "--", "cy",
        )
    ]  # fmt: skip
    assert create(wish(create_home=False), _GROUPS, _TOOLS) == [("useradd", "-N", "-M", "--", "ann")]
    with pytest.raises(TaskFailed, match="^Group nope does not exist$"):
        create(wish(groups=["nope"]), _GROUPS, _TOOLS)


def test_busybox() -> None:
    assert create(wish(uid=7, groups="web,ops", create_home=False), _GROUPS, {"adduser"}) == [
        ("adduser", "-D", "-u", "7", "-H", "ann"), ("adduser", "ann", "ops"), ("adduser", "ann", "web"),
    ]  # fmt: skip
    assert modify(wish(groups="root,web"), _ANN, _GROUPS, {"adduser"}) == [
        ("adduser", "ann", "root"), ("delgroup", "ann", "ops"),
    ]  # fmt: skip
    with pytest.raises(TaskFailed, match="no usermod"):
        modify(wish(shell="/bin/zsh"), _ANN, _GROUPS, {"adduser"})
    with pytest.raises(TaskFailed, match="does not know expires"):
        create(wish(expires=1), _GROUPS, {"adduser"})


def test_a_hosts_nonsense() -> None:
    assert account(Answer(0, b"", b"")) is None
    for line in (b"ann:x:one:2:::", b"ann", b"ann:x:1:2:::::"):
        with pytest.raises(TaskFailed, match="makes no sense"):
            account(Answer(0, b"", b"", (("passwd", line),)))


@pytest.mark.parametrize(
    "arguments",
    [{"name": "a:b"}, {"comment": "a\nroot:x:0"}, {"password": "a\nroot:b"}, {"local": True, "umask": "077"}],
)
def test_what_would_forge_a_line_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        wish(**arguments)
