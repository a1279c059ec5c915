"""The command line: one thin command a verb.

Nothing heavy is imported until a verb runs, so that ``--help`` and completion answer at once.
"""

from orchestrator.cli.main import main

__all__ = ["main"]
