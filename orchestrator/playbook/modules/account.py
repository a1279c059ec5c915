"""An account as a host knows it, and the commands that make it what a playbook wants."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import field_validator, model_validator

from orchestrator.playbook.modules.base import Answer, Arguments, TaskFailed
from orchestrator.playbook.modules.fields import Flag, TextList, Whole, Words, also

Command = tuple[str, ...]


class UserArguments(Arguments):
    """As Ansible documents them. Those of other systems (BSD's ``login_class``, macOS's ``hidden``, Solaris' ``role``,
    ``profile`` and ``authorization``) are taken and mean nothing on Linux, as under Ansible."""

    name: Words = also("name", "user")
    state: Literal["present", "absent"] = "present"
    uid: Whole | None = None
    non_unique: Flag = False
    seuser: Words | None = None
    group: Words | None = None
    groups: TextList | None = None
    append: Flag = False
    comment: Words | None = None
    home: Words | None = None
    shell: Words | None = None
    password: Words | None = None
    update_password: Literal["always", "on_create"] = "always"  # noqa: S105  when, and no password
    password_lock: Flag | None = None
    password_expire_max: Whole | None = None
    password_expire_min: Whole | None = None
    password_expire_warn: Whole | None = None
    password_expire_account_disable: Whole | None = None
    expires: float | None = None
    create_home: Flag = also("create_home", "createhome", default=True)
    move_home: Flag = False
    skeleton: Words | None = None
    umask: Words | None = None
    system: Flag = False
    uid_min: Whole | None = None
    uid_max: Whole | None = None
    force: Flag = False
    remove: Flag = False
    local: Flag = False
    generate_ssh_key: Flag = False
    ssh_key_bits: Whole = 0
    ssh_key_type: Words = "rsa"
    ssh_key_file: Words | None = None
    ssh_key_comment: Words | None = None
    ssh_key_passphrase: Words | None = None
    hidden: Flag | None = None
    login_class: Words | None = None
    profile: Words | None = None
    authorization: Words | None = None
    role: Words | None = None

    @field_validator("name", "comment", "home", "shell", "password")
    @classmethod
    def _one_field(cls, value: str | None, info: Any) -> str | None:
        """A colon or a line break would end the field of passwd(5) and begin another."""
        if value is not None and re.search("[\n\0]" if info.field_name == "comment" else "[:\n\0]", value):
            raise ValueError("must not hold a colon or a line break")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> UserArguments:
        for name in ("umask", "uid_min", "uid_max"):
            if self.local and getattr(self, name) is not None:
                raise ValueError(f"'{name}' can not be used with 'local'")
        return self

    @property
    def key_file(self) -> str:
        """The private key's file: absolute, or below the account's home."""
        return self.ssh_key_file or f".ssh/id_{self.ssh_key_type}"


@dataclass(frozen=True, slots=True)
class Account:
    """A line of passwd(5), with that of shadow(5) if it may be read; `password` is the hash."""

    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str
    password: str = ""
    shadow: Sequence[str] = ()

    def days(self, field_number: int) -> int:
        """A number of shadow(5) by its place from 0; -1 when it is empty or may not be read."""
        value = self.shadow[field_number] if field_number < len(self.shadow) else ""
        return int(value) if re.fullmatch(r"-?\d+", value) else -1


def account(answer: Answer) -> Account | None:
    """The account that the host told of, or None. Raises TaskFailed for nonsense."""
    if not answer.has("passwd"):
        return None
    words = answer.get("passwd").split(":")
    if len(words) != 7 or not words[2].isdecimal() or not words[3].isdecimal():
        raise TaskFailed("the host's passwd line makes no sense")
    shadow = answer.get("shadow").split(":")
    hashed = shadow[1] if len(shadow) > 1 and len(words[1]) < 2 else words[1]
    return Account(words[0], int(words[2]), int(words[3]), words[4], words[5], words[6], hashed, shadow)


@dataclass(frozen=True, slots=True)
class Groups:
    """The host's groups: number by name, and who is in which by name."""

    numbers: dict[str, int] = field(default_factory=dict)
    members: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Groups:
        """From lines of group(5)."""
        lines = [line.split(":") for line in text.splitlines()]
        known = [words for words in lines if len(words) == 4 and words[2].isdecimal()]
        members = {words[0]: frozenset(name for name in words[3].split(",") if name) for words in known}
        return cls({words[0]: int(words[2]) for words in known}, members)

    def find(self, wanted: str) -> str:
        """The name of the group that `wanted`, a name or a number, means. Raises TaskFailed when there is none."""
        for name, number in self.numbers.items():
            if wanted.isdecimal() and number == int(wanted):
                return name
        if wanted not in self.numbers:
            raise TaskFailed(f"Group {wanted} does not exist")
        return wanted

    def of(self, user: str) -> set[str]:
        """The groups that list `user`."""
        return {name for name, users in self.members.items() if user in users}


def create(wish: UserArguments, groups: Groups, tools: set[str]) -> list[Command]:
    """The commands that make the account, its password left out: that is chpasswd's, on standard input."""
    group = groups.find(wish.group) if wish.group is not None else None
    also_in = sorted(groups.find(name) for name in wish.groups or () if name)
    if "useradd" not in tools:
        return _busybox_create(wish, group, also_in)
    words = ["useradd"]
    if wish.uid is not None:
        words += ["-u", str(wish.uid), *(["-o"] if wish.non_unique else [])]
    words += _options(("-Z", wish.seuser), ("-g", group))
    if group is None and wish.name in groups.numbers:
        words.append("-N")
    words += _options(("-G", ",".join(also_in) or None), ("-c", wish.comment), ("-d", wish.home), ("-s", wish.shell))
    if wish.expires is not None:
        words += ["-e", _date(wish.expires)]
    words += _options(("-f", wish.password_expire_account_disable))
    words.append("-m" if wish.create_home else "-M")
    if wish.create_home:
        words += _options(("-k", wish.skeleton), ("-K", f"UMASK={wish.umask}" if wish.umask else None))
    words += ["-r"] if wish.system else []
    for name, value in (("UID_MIN", wish.uid_min), ("UID_MAX", wish.uid_max)):
        words += ["-K", f"{name}={value}"] if value is not None else []
    return [(*words, "--", wish.name)]


def _options(*pairs: tuple[str, Any]) -> list[str]:
    return [word for option, value in pairs if value is not None for word in (option, str(value))]


def _busybox_create(wish: UserArguments, group: str | None, also_in: list[str]) -> list[Command]:
    unknown = ("expires", "skeleton", "umask", "uid_min", "uid_max", "seuser", "password_expire_account_disable")
    for name in (*unknown, *(["non_unique"] if wish.non_unique else [])):
        if getattr(wish, name) is not None:
            raise TaskFailed(f"this host has no useradd, and its adduser does not know {name}")
    words = ["adduser", "-D", *_options(("-u", wish.uid), ("-G", group), ("-g", wish.comment), ("-h", wish.home))]
    words += _options(("-s", wish.shell))
    words += ["-H"] if not wish.create_home else []
    words += ["-S"] if wish.system else []
    return [(*words, wish.name), *(("adduser", wish.name, name) for name in also_in)]


def modify(wish: UserArguments, now: Account, groups: Groups, tools: set[str]) -> list[Command]:
    """The commands that make the account what is wished, its password left out; none when it is that already."""
    options: list[str] = []
    if wish.uid is not None and wish.uid != now.uid:
        options += ["-u", str(wish.uid), *(["-o"] if wish.non_unique else [])]
    if wish.group is not None and groups.numbers[groups.find(wish.group)] != now.gid:
        options += ["-g", str(groups.numbers[groups.find(wish.group)])]
    wanted, missing, surplus = _membership(wish, now, groups)
    busybox = "usermod" not in tools
    if (missing or surplus) and not busybox:
        options += [*(["-a"] if wish.append else []), "-G", ",".join(sorted(wanted))]
    for option, value, old in (
        ("-c", wish.comment, now.comment),
        ("-d", wish.home, now.home),
        ("-s", wish.shell, now.shell),
    ):
        if value is not None and value != old:
            options += [option, value]
            options += ["-m"] if option == "-d" and wish.move_home else []
    options += _expiry(wish, now)
    if wish.password_expire_account_disable not in (None, now.days(6)):
        options += ["-f", str(wish.password_expire_account_disable)]
    if not new_password(wish, now):
        options += _lock(wish, now)
    if not busybox:
        return [("usermod", *options, "--", wish.name)] if options else []
    if options:
        raise TaskFailed(f"this host has no usermod: cannot do what its {' '.join(options[::2])} would")
    commands = [("adduser", wish.name, name) for name in sorted(missing)]
    return [*commands, *(("delgroup", wish.name, name) for name in sorted(surplus))]


def _membership(wish: UserArguments, now: Account, groups: Groups) -> tuple[set[str], set[str], set[str]]:
    """The groups that are wished, those of them still missing, and those to be left."""
    if wish.groups is None:
        return set(), set(), set()
    wanted = {groups.find(name) for name in wish.groups if name}
    current = groups.of(now.name)
    return wanted, wanted - current, set() if wish.append else current - wanted


def _expiry(wish: UserArguments, now: Account) -> list[str]:
    if wish.expires is None:
        return []
    days = now.days(7)
    if wish.expires < 0:
        return ["-e", ""] if days >= 0 else []
    return [] if days >= 0 and _date(days * 86400) == _date(wish.expires) else ["-e", _date(wish.expires)]


def _date(seconds: float) -> str:
    """A day as usermod takes it; none for a time before 1970, which means never."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds >= 0 else ""
    except (OverflowError, ValueError, OSError):
        raise TaskFailed(f"Invalid value for 'expires' {seconds}") from None


def _lock(wish: UserArguments, now: Account) -> list[str]:
    locked = now.password.startswith("!")
    if wish.password_lock and not locked:
        return ["-L"]
    # Without a hash behind the lock there is nothing to unlock, and usermod would refuse.
    return ["-U"] if wish.password_lock is False and locked and now.password.strip("!*") else []


def suspicious(password: str) -> bool:
    """Whether that does not look like a hash of crypt(5): it would be written into /etc/shadow as it is."""
    if password in ("*", "!", "*************"):
        return False
    parts = password.split("$")
    lengths = {"1": 22, "5": 43, "6": 86, "y": 43}
    return bool(
        set(password) & set(":*!")
        or len(parts) < 3
        or re.search(r"[^a-zA-Z0-9./=]", parts[-1])
        or len(parts[-1]) != lengths.get(parts[1], len(parts[-1]))
    )


def new_password(wish: UserArguments, now: Account | None) -> str | None:
    """The hash to set, locked if it is to be; None when there is nothing to set."""
    if wish.password is None:
        return None
    if now is not None:
        known = now.password.lstrip("!") == wish.password.lstrip("!")
        if known or wish.update_password == "on_create":  # noqa: S105  when, and no password
            return None
    return f"!{wish.password}" if wish.password_lock else wish.password


def ageing(wish: UserArguments, now: Account | None) -> list[Command]:
    """chage for the ages of the password, in days, that differ."""
    wishes = (
        ("-m", wish.password_expire_min, 3),
        ("-M", wish.password_expire_max, 4),
        ("-W", wish.password_expire_warn, 5),
    )
    differing = [
        (option, days) for option, days, at in wishes if days is not None and (not now or now.days(at) != days)
    ]
    return [("chage", *_options(*differing), "--", wish.name)] if differing else []
