"""Kill the follower of logins and the host's sshd over and over, and count what is lost: python -m benchmarks.follow

    nice python -m benchmarks.follow --lines 1000000 --kills 500 --session-kills 100 --seed 1

Needs root, for the lab. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.lab.lab import Lab
from tests.logins.harness import Plan, run


def main() -> int:
    """0 if nothing was lost and nothing came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("lines", 1_000_000), ("kills", 500), ("session-kills", 100), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--pause", type=float, default=0.3)
    parser.add_argument("--source", choices=("auth.log", "journal"), default="auth.log")
    given = parser.parse_args()
    plan = Plan(given.seed, given.lines, given.kills, given.session_kills, given.pause, given.source)
    with Lab(1, name=f"follow-{os.getpid()}") as lab, tempfile.TemporaryDirectory() as folder:
        outcome = run(lab, lab.hosts[0], Path(folder) / "home", plan)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.ours.lost == outcome.ours.repeated == outcome.gaps == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
