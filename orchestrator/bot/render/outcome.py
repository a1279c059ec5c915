"""One mark and one word for each way in which a host can answer, or not."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.phrases import translate
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


def word(result: Result, locale: Locale) -> str:
    """``ok``, ``exit 3``, ``unreachable`` ..."""
    _ = locale.gettext
    if result.status is Status.FAILED and result.exit_code is not None:
        return _("exit {code}").format(code=result.exit_code)
    return _(WORDS[result.status])


def reason(detail: str, locale: Locale) -> str:
    """A detail in brackets, or nothing."""
    return f" ({translate(detail, locale)})" if detail else ""


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
