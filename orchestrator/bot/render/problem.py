"""What went wrong, for a person: what, why, what now."""

from __future__ import annotations

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import bold, cut_units, esc, lines
from orchestrator.errors import OrchestratorError, UnknownHost, UsageError
from orchestrator.monitor.client import PrometheusError

PART_LIMIT = 1000  # UTF-16 units of each part: an error may quote what was typed


def problem(error: OrchestratorError, locale: Locale) -> Message:
    """An error as a message. A misunderstanding is silent; what stopped the work is not."""
    said = translate(error.what, locale)
    if isinstance(error, PrometheusError):  # where it is helps nobody in a chat
        advice = locale.gettext(
            "/status says how it is, the log of serve says more. /mon_cpu asks the hosts themselves."
        )
        return Message(lines((bold(f"⛔ {cut_units(said, PART_LIMIT)}"), esc(advice))), silent=False)
    what = f"{error.where}: {said}" if error.where else said
    harmless = isinstance(error, UsageError | UnknownHost)
    mark = "❔" if harmless else "⛔"
    return Message(
        lines(
            (
                bold(f"{mark} " + cut_units(what, PART_LIMIT)),
                esc(cut_units(translate(error.remedy, locale), PART_LIMIT)),
            )
        ),
        silent=harmless,
    )
