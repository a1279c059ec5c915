"""The chat on a terminal: the same commands, buttons as numbers, pictures and files as file names."""

from orchestrator.bot.terminal.chat import TerminalChat
from orchestrator.bot.terminal.face import Terminal

__all__ = ["Terminal", "TerminalChat"]
