"""The chat commands, one module a family."""

from orchestrator.bot.commands.build import build_router
from orchestrator.bot.commands.services import Services
from orchestrator.bot.render.health import SelfReport

__all__ = ["SelfReport", "Services", "build_router"]
