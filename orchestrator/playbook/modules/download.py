"""What a download on a host is told: the same request in the words of curl and of wget."""

from __future__ import annotations

import re
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, field_validator, model_validator

from orchestrator.playbook.modules.base import Arguments
from orchestrator.playbook.modules.fields import Flag, TextList, Whole, Words, also
from orchestrator.playbook.modules.library import library
from orchestrator.playbook.modules.ownership import FILES

FETCH = library("fetch", FILES)
SCHEMES = ("http", "https", "ftp", "file")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class DownloadArguments(Arguments):
    """Ansible's arguments of whatever downloads. `timeout`, in seconds, bounds connecting, and any silence after it."""

    http_agent: Words = "ansible-httpget"
    use_proxy: Flag = True
    validate_certs: Flag = True
    url_username: Words | None = also("url_username", "username", default=None)
    url_password: Words | None = also("url_password", "password", default=None)
    force_basic_auth: Flag = False
    client_cert: Words | None = None
    client_key: Words | None = None
    timeout: Whole = 10
    headers: dict[Words, Words] = Field(default_factory=dict)
    ciphers: TextList | None = None
    decompress: Flag = True
    use_netrc: Flag = True
    tmp_dest: Words | None = None

    @field_validator("headers", mode="before")
    @classmethod
    def _no_headers(cls, headers: Any) -> Any:
        return {} if headers is None else headers

    @model_validator(mode="after")
    def _single_lines(self) -> Self:
        texts = [self.http_agent, self.url_username, self.url_password, self.client_cert, self.client_key]
        texts += [*self.headers, *self.headers.values(), *(self.ciphers or ())]
        if any(_CONTROL.search(text) for text in texts if text):
            raise ValueError("headers, names and passwords of a request are single lines")
        return self


def downloadable(url: str) -> str:
    """`url`, if it is one that can be fetched. Raises ValueError."""
    if urlsplit(url).scheme not in SCHEMES:
        raise ValueError(f"{masked(url)} is not a URL of {', '.join(SCHEMES)}")
    if _CONTROL.search(url) or " " in url:
        raise ValueError(f"{masked(url)} holds a blank or a control character: write them as %20 and so on")
    return url


def is_url(text: str) -> bool:
    """Whether `text` begins as a URL that can be fetched does."""
    return urlsplit(text).scheme in SCHEMES


def masked(url: str) -> str:
    """`url` without the name and password in it, as Ansible shows it."""
    parts = urlsplit(url)
    who, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    return urlunsplit(parts._replace(netloc=f"{'****:****' if ':' in who else '****'}@{host}"))


def request(url: str, arguments: DownloadArguments) -> dict[str, Any]:
    """The variables of ``fetch.sh`` for a download of `url`."""
    parts = urlsplit(url)
    who, at, host = parts.netloc.rpartition("@")
    name, _, password = who.partition(":")
    user = unquote(name) if at else arguments.url_username
    secret = unquote(password) if at else arguments.url_password or ""
    bare = urlunsplit(parts._replace(netloc=host))
    curl = {
        "url": bare,
        "user-agent": arguments.http_agent,
        "user": None if user is None else f"{user}:{secret}",
        "cert": arguments.client_cert,
        "key": arguments.client_key,
        "ciphers": ":".join(arguments.ciphers) if arguments.ciphers else None,
    }
    wget = {
        "user_agent": arguments.http_agent,
        "user": user,
        "password": None if user is None else secret,
        "certificate": arguments.client_cert,
        "private_key": arguments.client_key,
        "ciphers": curl["ciphers"],
        "auth_no_challenge": "on" if arguments.force_basic_auth else None,
    }
    headers = [f"{name}: {value}" for name, value in arguments.headers.items()]
    for_curl = [f"{key} = {_quoted(value)}" for key, value in curl.items() if value is not None]
    for_curl += [f"header = {_quoted(header)}" for header in headers]
    for_curl += [] if user is None else ["basic" if arguments.force_basic_auth else "anyauth"]
    for_wget = [f"{key} = {value}" for key, value in wget.items() if value is not None]
    for_wget += [f"header = {header}" for header in headers]
    return {
        "url": bare,
        "for_curl": "\n".join(for_curl),
        "for_wget": "\n".join(for_wget),
        "secret": user is not None or bool(headers) or bool(arguments.client_cert or arguments.ciphers),
        "agent": arguments.http_agent,
        "patience": str(arguments.timeout),
        "certain": arguments.validate_certs,
        "proxied": arguments.use_proxy,
        "netrc": arguments.use_netrc,
        "decompress": arguments.decompress,
        "tmp_dest": arguments.tmp_dest or "",
    }


def _quoted(text: str) -> str:
    """`text` as curl's configuration reads it (curl(1), ``--config``)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
