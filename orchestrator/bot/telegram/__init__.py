"""The chat in Telegram: updates taken at most once, judged by their sender, answered within Telegram's limits."""

from orchestrator.bot.telegram.application import TelegramFace

__all__ = ["TelegramFace"]
