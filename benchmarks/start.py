"""How long the command line takes to say what it can do, beside an empty interpreter and the peers' command lines."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from benchmarks.timing import program, seconds, table

OURS = "orchestrator --help"


def main() -> None:
    """Print the table."""
    commands = {
        OURS: [sys.executable, "-m", "orchestrator", "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    folder = str(Path(sys.executable).parent)
    for peer in ("ansible", "clush", "fab"):
        if found := shutil.which(peer, path=folder):
            commands[f"{peer} --help"] = [found, "--help"]
    print(table(OURS, {name: seconds(program(argv, os.environ)) for name, argv in commands.items()}))


if __name__ == "__main__":
    main()
