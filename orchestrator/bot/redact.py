"""Keeps secrets out of everything that is written: logs, tracebacks, messages."""

from __future__ import annotations

import html
import logging
import re
import sys
from collections.abc import Iterable
from types import TracebackType
from urllib.parse import quote

# The token is part of every Bot API URL, so HTTP libraries put it into log lines and exceptions
# (https://core.telegram.org/bots/api#making-requests).
TOKEN_IN_URL = re.compile(r"bot\d+(?::|%3A)[\w-]+")
HIDDEN = "[hidden]"  # no markup: it also goes into messages

# Shorter ones would shred every text, and by the holes they leave would tell where they were.
SHORTEST_SECRET = 6


class Redactor:
    """Takes registered secrets, and whatever looks like a bot token in a URL, out of text."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Hide `secret` from now on; one shorter than six characters is not hidden."""
        if len(secret) < SHORTEST_SECRET:
            return
        in_url, in_html = quote(secret, safe=""), html.escape(secret, quote=False)
        forms = {*self._secrets, secret, in_url, in_html, secret.replace(":", "%3A")}
        self._secrets = sorted(forms, key=len, reverse=True)  # one may be part of another

    def text(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return TOKEN_IN_URL.sub(HIDDEN, text)

    def content(self, content: bytes) -> bytes:
        """A file's bytes without secrets. Bytes without a secret come back as they are, whatever they mean."""
        as_text = content.decode("utf-8", "surrogateescape")
        return self.text(as_text).encode("utf-8", "surrogateescape")

    def guard(self, handler: logging.Handler) -> None:
        """Hide secrets in all that `handler` writes, tracebacks included."""
        if not isinstance(handler.formatter, RedactingFormatter):
            handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(), self))

    def install(self) -> None:
        """Guard every handler of the root logger and the traceback of a crash, and silence the HTTP libraries.

        Call it after logging is configured.
        """
        for handler in (*logging.getLogger().handlers, logging.lastResort):
            if handler is not None:
                self.guard(handler)
        # At INFO they log every URL.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        # It logs with a traceback what it also raises, and we report.
        logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
        sys.excepthook = self._excepthook

    def _excepthook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        lines = logging.Formatter().formatException((kind, error, trace))
        sys.stderr.write(self.text(lines) + "\n")


class RedactingFormatter(logging.Formatter):
    """Another formatter's lines without secrets: message, arguments, traceback and stack are one text by then."""

    def __init__(self, inner: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The finished text of a record, redacted."""
        return self._redactor.text(self._inner.format(record))
