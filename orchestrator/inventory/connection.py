"""From a host's variables to the way it is reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, TypeVar

from orchestrator.errors import InventoryError
from orchestrator.inventory.model import EXPORTER, Become, Host
from orchestrator.inventory.names import is_address
from orchestrator.inventory.routes import NO_CHATS, Routes, parse_alert_chats, parse_quiet_hours
from orchestrator.inventory.sshargs import find_jump
from orchestrator.inventory.templates import StillVaulted, resolve
from orchestrator.inventory.variables import Var, plain

# Our short name first, then Ansible's, its older spellings last. All of a line mean the same.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "address": ("address", "ansible_host", "ansible_ssh_host"),
    "port": ("port", "ansible_port", "ansible_ssh_port"),
    "user": ("user", "ansible_user", "ansible_ssh_user"),
    "key": ("key", "ansible_ssh_private_key_file", "ansible_private_key_file"),
    "jump": ("jump",),
    "fingerprint": ("fingerprint",),
    "labels": ("labels",),
    "exporter": ("exporter",),
    "scrape": ("scrape",),
    "alert_chats": ("alert_chats",),
    "quiet_hours": ("quiet_hours",),
    "login_log": ("login_log",),
    "connection": ("ansible_connection",),
    "become": ("become", "ansible_become"),
    "become_user": ("ansible_become_user", "ansible_sudo_user"),
    "become_method": ("ansible_become_method",),
    "become_password": ("ansible_become_password", "ansible_become_pass", "ansible_sudo_password", "ansible_sudo_pass"),
}
_SSH_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
VARIABLES = (*(name for names in SYNONYMS.values() for name in names), *_SSH_ARGUMENTS)
"""The names of all variables that are read here."""
_SSH_CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[^\s:/\\\"'`$;&|<>()-][^\s:/\"'`$;&|<>()]*")
_T = TypeVar("_T")
_TRUE, _FALSE = ("yes", "y", "true", "t", "on", "1"), ("no", "n", "false", "f", "off", "0")


@dataclass(frozen=True, slots=True)
class Jump:
    """The jump hosts a host asks for, as written (``user@bastion:22,inner``), and where."""

    text: str
    where: str


def read_host(name: str, groups: tuple[str, ...], variables: Mapping[str, Var]) -> tuple[Host, Jump | None]:
    """A host as its variables say, its `jump` not yet looked up.

    Raises InventoryError for a value that cannot be meant, for two names of one thing with different values, and for
    templates and vaulted values that the connection depends on.
    """
    reader = _Reader(name, variables)
    local = reader.get("connection", _connection) == "local"
    host = Host(
        name=name,
        address=reader.get("address", _address) or name,
        port=reader.get("port", parse_port) or 22,
        user=reader.get("user", parse_user),
        key=reader.get("key", _text),
        become=reader.become(),
        fingerprint=reader.get("fingerprint", _fingerprint),
        local=local,
        exporter=reader.exporter(),
        direct=reader.direct(),
        groups=groups,
        vars=MappingProxyType(plain(variables)),
        labels=MappingProxyType(reader.get("labels", _labels) or {}),
        routes=reader.routes(),
        login_log=reader.get("login_log", _log) or "",
    )
    # Ways through SSH are often given to a whole group; to a local host they mean nothing.
    return host, None if local else reader.jump()


def parse_port(value: Any) -> int:
    """A TCP port, 1 to 65535; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(r"[0-9]{1,5}", str(value)):
        raise ValueError("is not a port")
    if not 1 <= int(value) <= 65535:
        raise ValueError("is not a port: 1 to 65535")
    return int(value)


def parse_user(value: Any) -> str:
    """A user's name on a host; raises ValueError."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _USER.fullmatch(text) or not text.isprintable():
        raise ValueError("is not the name of a user")
    return text


class _Reader:
    def __init__(self, host: str, variables: Mapping[str, Var]) -> None:
        self._host = host
        self._variables = variables

    def get(self, field: str, parse: Callable[[Any], _T]) -> _T | None:
        """The value of a field under whichever of its names it is given; None when under none."""
        found: tuple[str, _T] | None = None
        for name in SYNONYMS[field]:
            if name not in self._variables:
                continue
            value = resolve(name, self._host, self._variables)
            if value is None:
                continue
            parsed = self._parse(name, value, parse)
            if found and found[1] != parsed:
                raise self._conflict(found[0], name)
            found = found or (name, parsed)
        return found[1] if found else None

    def jump(self) -> Jump | None:
        """The jump hosts, from ``jump`` or from arguments for ssh; ``none`` and nothing are the same."""
        found: tuple[str, str] | None = None
        for name in ("jump", *_SSH_ARGUMENTS):
            if name not in self._variables:
                continue
            value = resolve(name, self._host, self._variables)
            text = None if value is None else self._parse(name, value, _text if name == "jump" else _jump_of_arguments)
            if text is None:
                continue
            if found and found[1] != text:
                raise self._conflict(found[0], name)
            found = found or (name, text)
        if not found or found[1].lower() == "none":
            return None
        return Jump(found[1], self._variables[found[0]].where)

    def exporter(self) -> tuple[str, int] | None:
        """Where the host's exporter listens, on the host's own side; None for ``exporter: false``."""
        places = self.get("exporter", _exporter)
        if places is None:
            return (self._own_address(), EXPORTER[1]) if self.direct() else EXPORTER
        return places[0] if places else None

    def direct(self) -> bool:
        """Whether Prometheus reads the exporter by itself."""
        return self.get("scrape", _scrape) == "direct"

    def _own_address(self) -> str:
        """Where an exporter listens that is read from outside: at the host's address, if that is known, else at all."""
        address = self.get("address", _address) or self._host
        try:
            return str(ip_address(address))
        except ValueError:
            return "0.0.0.0"  # noqa: S104 - with TLS and a password

    def routes(self) -> Routes:
        """Where alerts of the host go, and when they are silent."""
        chats, quiet = self.get("alert_chats", parse_alert_chats), self.get("quiet_hours", parse_quiet_hours)
        return Routes(chats or NO_CHATS, quiet[0] if quiet else None)

    def become(self) -> Become | None:
        """How to act as another user, when the host asks for it; else its become variables are not looked at."""
        if not self.get("become", _yes):
            return None
        default = Become()
        return Become(
            method=self.get("become_method", _text) or default.method,
            user=self.get("become_user", parse_user) or default.user,
            password=self._password(),
        )

    def _password(self) -> str | None:
        """The become password; None where it is vaulted, for playbooks to decrypt (see `Doubts`)."""
        try:
            return self.get("become_password", _secret)
        except StillVaulted:
            return None

    def _parse(self, name: str, value: Any, parse: Callable[[Any], _T]) -> _T:
        try:
            return parse(value)
        except ValueError as error:
            shown = "" if parse is _secret else f" {value!r}"
            raise InventoryError(f"{name}{shown} of {self._host} {error}", where=self._variables[name].where) from error

    def _conflict(self, first: str, second: str) -> InventoryError:
        return InventoryError(
            f"{second} of {self._host} differs from {first} in {self._variables[first].where}, and both mean the same",
            where=self._variables[second].where,
            remedy="Keep one of them.",
        )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("is not a line of text")
    return value.strip()


def _secret(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("is not a line of text")
    if "\n" in str(value) or "\0" in str(value):
        raise ValueError("is more than one line")
    return str(value)


def _address(value: Any) -> str:
    text = _text(value)
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not is_address(bare):
        hint = " (the port goes into port)" if ":" in bare else ""
        raise ValueError(f"is not a host name or an IP address{hint}")
    return bare


def _connection(value: Any) -> str:
    text = _text(value).removeprefix("ansible.builtin.")
    if text not in ("local", *_SSH_CONNECTIONS):
        raise ValueError("is not supported: only ssh and local are")
    return "local" if text == "local" else "ssh"


def _yes(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise ValueError("is neither yes nor no")
    return text in _TRUE


def _fingerprint(value: Any) -> str:
    text = _text(value)
    if not _FINGERPRINT.fullmatch(text):
        raise ValueError("is not a fingerprint as ssh-keygen -l prints it (SHA256:...)")
    return text.removesuffix("=")


def _log(value: Any) -> str:
    """The path of a file, of letters that no shell could mistake; raises ValueError."""
    if not isinstance(value, str) or not re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", value) or len(value) > 200:
        raise ValueError("is not the path of a file: /var/log/sshd.log, of letters, digits and ._- alone")
    return value


def _exporter(value: Any) -> list[tuple[str, int]]:
    """The one place that ``host:port``, or a port on loopback, names; none at all for a no."""
    text = str(value).strip()
    if value is False or text.lower() in ("no", "false", "off"):
        return []
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if colon else EXPORTER[0]
    if (
        isinstance(value, bool)
        or not is_address(host)
        or not re.fullmatch("[0-9]{1,5}", port)
        or not 0 < int(port) < 65536
    ):
        raise ValueError("is neither host:port, as the host itself sees it, nor false")
    return [(host, int(port))]


def _scrape(value: Any) -> str:
    if value not in ("ssh", "direct"):
        raise ValueError("is neither ssh nor direct")
    return str(value)


def _labels(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("is not a mapping of names to values")
    labels: dict[str, str] = {}
    for name, each in value.items():
        if not (isinstance(name, str) and _LABEL.fullmatch(name)) or name.startswith("__"):
            raise ValueError(f"has the label {name!r}: letters, digits and underscores only")
        if not isinstance(each, str | int | float):
            raise ValueError(f"gives {name} a value that is neither text nor a number")
        labels[name] = str(each).lower() if isinstance(each, bool) else str(each)
    return labels


def _jump_of_arguments(value: Any) -> str | None:
    try:
        return find_jump(value) if isinstance(value, str) else None
    except ValueError as error:
        raise ValueError(f"cannot be used: {error}") from error
