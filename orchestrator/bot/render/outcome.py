"""One mark and one word for each way in which a host can answer, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, cut
from orchestrator.ssh.result import Result, Status

MARKS: Mapping[Status, str] = {
    Status.OK: "✔",
    Status.FAILED: "✖",
    Status.TIMEOUT: "⏱",
    Status.UNREACHABLE: "⛔",
    Status.AUTH_FAILED: "🔑",
    Status.HOST_KEY_UNKNOWN: "🔑",
    Status.HOST_KEY_CHANGED: "🚨",
    Status.LOST: "❓",
    Status.CANCELLED: "⏹",
}
WORDS: Mapping[Status, str] = {
    Status.OK: N_("ok"),
    Status.FAILED: N_("failed"),
    Status.TIMEOUT: N_("out of time"),
    Status.UNREACHABLE: N_("unreachable"),
    Status.AUTH_FAILED: N_("login refused"),
    Status.HOST_KEY_UNKNOWN: N_("host key not known"),
    Status.HOST_KEY_CHANGED: N_("host key changed"),
    Status.LOST: N_("lost"),
    Status.CANCELLED: N_("stopped"),
}


class Answer(Protocol):
    """What one host answers, whatever was asked."""

    @property
    def host(self) -> str:
        """Its name in the inventory."""

    @property
    def status(self) -> Status:
        """Whether it answered at all, and if not, what became of it."""

    @property
    def detail(self) -> str:
        """Why, in one line of English; may be empty."""


def word(result: Result, locale: Locale) -> str:
    """``ok``, ``exit 3``, ``unreachable`` ..."""
    _ = locale.gettext
    if result.status is Status.FAILED and result.exit_code is not None:
        return _("exit {code}").format(code=result.exit_code)
    return _(WORDS[result.status])


def reason(detail: str, locale: Locale) -> str:
    """A detail in brackets, or nothing."""
    return f" ({translate(detail, locale)})" if detail else ""


def unanswered(answer: Answer, locale: Locale) -> str:
    """``⛔ db1 · unreachable``: of a host that did not say what it was asked."""
    return f"{MARKS[answer.status]} {answer.host} · {locale.gettext(WORDS[answer.status])}"


def unanswered_line(answer: Answer, locale: Locale) -> str:
    """The same with why, among the lines of other hosts: ``⛔ db1 · unreachable (connection refused)``."""
    return cut(unanswered(answer, locale) + reason(answer.detail, locale), 2 * COLUMNS)


def size(count: int) -> str:
    """Bytes as a person says them: ``812 B``, ``1.4 MiB``."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"
