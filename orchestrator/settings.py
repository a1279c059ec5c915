"""Settings: ``.env`` of the home folder and the environment, checked once at the start.

The environment wins over ``.env``. Secrets are `SecretStr`: no repr, log or traceback shows them. A wrong value is a
`SettingsError` that names the variable, what is wrong with it, and an example; the value itself is never repeated,
since it may be a secret pasted into the wrong place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from orchestrator.errors import SettingsError
from orchestrator.home import Home
from orchestrator.permissions import refuse_if_others_can_read

# Shape of a bot token: https://core.telegram.org/bots/api#authorizing-your-bot
TOKEN = re.compile(r"\d{1,20}:[\w-]{20,100}", re.ASCII)

HEADER_WORD = re.compile(r"[!-~]{1,500}")  # what can stand in an Authorization header

_DURATION = re.compile(r"(\d{1,4})([mhd])", re.ASCII)
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}

YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")

EXAMPLES: Final[Mapping[str, str]] = {
    "BOT_TOKEN": "BOT_TOKEN=123456789:AAE… as @BotFather gave it",
    "BOT_TOKEN_FILE": "BOT_TOKEN_FILE=/etc/orchestrator/bot-token",
    "ALLOWED_USERS": "ALLOWED_USERS=123456789,987654321 (your number: send /id to the bot)",
    "ALERT_CHAT_ID": "ALERT_CHAT_ID=-1001234567890:42",
    "TELEGRAM_API_URL": "TELEGRAM_API_URL=http://127.0.0.1:8081",
    "PROMETHEUS_URL": "PROMETHEUS_URL=http://127.0.0.1:9090",
    "ALERTMANAGER_URL": "ALERTMANAGER_URL=http://127.0.0.1:9093",
    "GRAFANA_URL": "GRAFANA_URL=http://127.0.0.1:3000",
    "GRAFANA_TOKEN": "GRAFANA_TOKEN=glsa_… of a service account with the role Viewer",
    "GRAFANA_TOKEN_FILE": "GRAFANA_TOKEN_FILE=/etc/orchestrator/grafana-token",
    "LISTEN": "LISTEN=127.0.0.1:8002",
    "PROMETHEUS_LISTEN": "PROMETHEUS_LISTEN=127.0.0.1:9090",
    "ALERTMANAGER_LISTEN": "ALERTMANAGER_LISTEN=127.0.0.1:9093",
    "HEARTBEAT_URL": "HEARTBEAT_URL=https://hc-ping.com/your-uuid",
    "LOGINS_SINCE": "LOGINS_SINCE=2h",
    "ORCHESTRATOR_LANGUAGE": "ORCHESTRATOR_LANGUAGE=zh-TW",
    "TZ": "TZ=Asia/Taipei",
    "SSH_PASSPHRASE_FILE": "SSH_PASSPHRASE_FILE=/etc/orchestrator/passphrase",
    "SSH_AGENT": "SSH_AGENT=yes",
    "VAULT_PASSWORD_FILE": "VAULT_PASSWORD_FILE=/etc/orchestrator/vault-password",
}


@dataclass(frozen=True, slots=True)
class ChatTarget:
    """A chat that receives alerts: `topic` is a forum topic's message_thread_id, or None."""

    chat: int
    topic: int | None = None


class Settings(BaseModel):
    """Everything that can be set from outside, validated."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    bot_token: SecretStr | None = None
    bot_token_file: Path | None = None
    telegram: bool = False
    """True when a token was given, be it looked at or not."""
    allowed_users: frozenset[int] = frozenset()
    alert_chat_id: tuple[ChatTarget, ...] = ()
    telegram_api_url: str | None = None
    prometheus_url: str | None = None
    alertmanager_url: str | None = None
    grafana_url: str | None = None
    grafana_token: SecretStr | None = None
    grafana_token_file: Path | None = None
    listen: tuple[str, int] = ("127.0.0.1", 8002)
    prometheus_listen: tuple[str, int] = ("127.0.0.1", 9090)
    alertmanager_listen: tuple[str, int] = ("127.0.0.1", 9093)
    heartbeat_url: SecretStr | None = None
    logins_since: float = 0.0
    """How far back (seconds) a host's log of logins is read when it is followed for the first time."""
    orchestrator_language: str | None = None
    tz: str | None = None
    ssh_passphrase_file: Path | None = None
    ssh_agent: bool = False
    vault_password_file: Path | None = None

    @classmethod
    def load(cls, home: Home, environ: Mapping[str, str] = os.environ, *, telegram: bool = True) -> Settings:
        """Read ``.env`` of `home` and `environ`; raises `SettingsError` for the first thing that is wrong.

        Without `telegram` the bot token is not looked at, and left out: a wrong one is no matter of who needs none.
        """
        dotenv = home.path / ".env"
        refuse_if_others_can_read(dotenv)
        given = {**_dotenv(dotenv), **environ}
        try:
            names = cls.model_fields.keys() - {"telegram"} - (set() if telegram else {"bot_token"})
            settings = cls.model_validate({name: given[name.upper()] for name in names if given.get(name.upper())})
        except ValidationError as error:
            raise _explain(error) from None
        passphrase = settings.ssh_passphrase_file or _credential(environ, "ssh-passphrase")
        if passphrase:
            _refuse_unless_private(passphrase, "SSH_PASSPHRASE_FILE")
        alerts = settings.alert_chat_id or _first_user(given.get("ALLOWED_USERS") or "")
        update = {
            "bot_token": _bot_token(settings, environ) if telegram else None,
            "telegram": bool(given.get("BOT_TOKEN") or settings.bot_token_file or _credential(environ, "bot-token")),
            "ssh_passphrase_file": passphrase,
            "alert_chat_id": alerts,
            "grafana_token": _grafana_token(settings, environ),
        }
        return settings.model_copy(update=update)

    @property
    def zone(self) -> ZoneInfo | None:
        """Time zone of times shown; None is the system's."""
        return ZoneInfo(self.tz) if self.tz else None

    @property
    def language(self) -> str | None:
        """``en``, ``zh_TW``, or None: chosen by each user."""
        return self.orchestrator_language

    @field_validator("bot_token", mode="before")
    @classmethod
    def _token(cls, value: str) -> str:
        if not TOKEN.fullmatch(value.strip()):
            raise ValueError("does not look like a bot token (digits, a colon, then 35 letters, digits, - or _)")
        return value.strip()

    @field_validator("grafana_token", mode="before")
    @classmethod
    def _grafana(cls, value: str) -> str:
        if not HEADER_WORD.fullmatch(value.strip()):
            raise ValueError("does not look like a token (letters, digits and signs, no blanks)")
        return value.strip()

    @field_validator("allowed_users", mode="before")
    @classmethod
    def _users(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        users = frozenset(_number(part, "is not a numeric user id") for part in _parts(value))
        if any(user <= 0 for user in users):
            raise ValueError("user ids are positive; a negative number is a group")
        return users

    @field_validator("alert_chat_id", mode="before")
    @classmethod
    def _chats(cls, value: Any) -> Any:
        return tuple(parse_chat(part) for part in _parts(value)) if isinstance(value, str) else value

    @field_validator(
        "telegram_api_url", "prometheus_url", "alertmanager_url", "heartbeat_url", "grafana_url", mode="before"
    )
    @classmethod
    def _url(cls, value: str) -> str:
        url = urlsplit(value.strip())
        # Reading the port checks it, too: it raises ValueError.
        if url.scheme not in ("http", "https") or not url.hostname or url.port == 0:
            raise ValueError("is not an http:// or https:// address")
        return value.strip().rstrip("/")

    @field_validator("listen", "prometheus_listen", "alertmanager_listen", mode="before")
    @classmethod
    def _listen(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        address, colon, port = value.rpartition(":")
        if not colon or not address or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("is not ADDRESS:PORT with a port from 1 to 65535")
        return address.strip("[]"), int(port)

    @field_validator("prometheus_listen", "alertmanager_listen")
    @classmethod
    def _only_here(cls, value: tuple[str, int]) -> tuple[str, int]:
        if value[0] != "localhost" and not _is_loopback(value[0]):
            raise ValueError("can be reached from elsewhere, and what listens there asks nobody who they are")
        return value

    @field_validator("logins_since", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = _DURATION.fullmatch(value.strip().lower())
        if not match:
            raise ValueError("is not a number of minutes, hours or days")
        return int(match[1]) * _SECONDS[match[2]]

    @field_validator("orchestrator_language", mode="before")
    @classmethod
    def _language(cls, value: str) -> str:
        languages = {"en": "en", "zh-tw": "zh_TW"}
        try:
            return languages[value.strip().lower().replace("_", "-")]
        except KeyError:
            raise ValueError("is neither en nor zh-TW") from None

    @field_validator("ssh_agent", mode="before")
    @classmethod
    def _agent(cls, value: Any) -> Any:
        word = value.strip().lower() if isinstance(value, str) else value
        if isinstance(word, str) and word not in (*YES, *NO):
            raise ValueError("is neither yes nor no")
        return word in YES if isinstance(word, str) else word

    @field_validator("tz", mode="before")
    @classmethod
    def _zone(cls, value: str) -> str | None:
        # As tzset(3) takes them: a colon before a name or a path is common in the environment of a whole system.
        name = value.strip().removeprefix(":").removeprefix("/usr/share/zoneinfo/")
        if name == "/etc/localtime":
            return None
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is not a time zone of the tz database") from None
        return name


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _dotenv(path: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"cannot be read: {reason}", where=str(path), remedy="Make it a text file of yours"
        ) from None


def _refuse_unless_private(path: Path, variable: str) -> None:
    refuse_if_others_can_read(path)
    if not path.is_file():
        raise SettingsError(f"{path} is not a file", where=variable, remedy=f"Example: {EXAMPLES[variable]}")


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _number(text: str, problem: str) -> int:
    if not re.fullmatch(r"-?\d{1,19}", text):
        raise ValueError(problem)
    return int(text)


def parse_chat(text: str) -> ChatTarget:
    """A chat as ``ID`` or ``ID:TOPIC``; raises ValueError."""
    chat, colon, topic = text.partition(":")
    problem = "is not ID or ID:TOPIC, both numbers"
    return ChatTarget(_number(chat, problem), _number(topic, problem) if colon else None)


def _first_user(text: str) -> tuple[ChatTarget, ...]:
    """The chat of the first allowed user: the id of a private chat is that of its user."""
    return tuple(ChatTarget(int(part)) for part in _parts(text)[:1])


def _credential(environ: Mapping[str, str], name: str) -> Path | None:
    """A credential handed over by systemd (``LoadCredential=``, systemd.exec(5)), if there is one."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, name) if folder else None
    return path if path and path.is_file() else None


def _bot_token(settings: Settings, environ: Mapping[str, str]) -> SecretStr | None:
    token = settings.bot_token
    if token is None and (path := settings.bot_token_file or _credential(environ, "bot-token")):
        token = SecretStr(_token_in(path))
    if token and not settings.allowed_users:
        raise SettingsError(
            "is missing: with a bot token and no allowed users, nobody could use the bot",
            where="ALLOWED_USERS",
            remedy=f"Example: {EXAMPLES['ALLOWED_USERS']}",
        )
    return token


def _token_in(path: Path) -> str:
    remedy = f"Example: {EXAMPLES['BOT_TOKEN_FILE']}"
    refuse_if_others_can_read(path)
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not plain text"
        raise SettingsError(f"cannot read {path}: {reason}", where="BOT_TOKEN_FILE", remedy=remedy) from None
    if not TOKEN.fullmatch(token):
        raise SettingsError(f"{path} does not hold a bot token", where="BOT_TOKEN_FILE", remedy=remedy)
    return token


def _grafana_token(settings: Settings, environ: Mapping[str, str]) -> SecretStr | None:
    path = settings.grafana_token_file or _credential(environ, "grafana-token")
    if settings.grafana_token or path is None:
        return settings.grafana_token
    _refuse_unless_private(path, "GRAFANA_TOKEN_FILE")
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not HEADER_WORD.fullmatch(token):
        remedy = f"Example: {EXAMPLES['GRAFANA_TOKEN']}, alone in the file"
        raise SettingsError(f"{path} does not hold a token", where="GRAFANA_TOKEN_FILE", remedy=remedy)
    return SecretStr(token)


def _explain(error: ValidationError) -> SettingsError:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0]).upper()
    what = str(first["msg"]).removeprefix("Value error, ")
    return SettingsError(what, where=name, remedy=f"Example: {EXAMPLES[name]}")
