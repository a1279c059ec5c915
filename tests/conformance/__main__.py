"""Cases by hand: `python -m tests.conformance 07 12-tags`; with `--same` ansible-playbook stands on both sides."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.conformance import recorded
from tests.conformance.cases import all_cases
from tests.conformance.trial import play_case, try_case
from tests.conformance.twins import Twins
from tests.lab.tree import RELEASES


def main() -> int:
    """Try the cases whose names begin as asked (all without); 1 if ansible-core objects to any."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--same", action="store_true", help="judge ansible-core by itself, which tries the comparison")
    parser.add_argument("--record", action="store_true", help="only write down what ansible-core does")
    parser.add_argument("--records", type=Path, default=recorded.KEPT, help="folder of recordings to write or to use")
    parser.add_argument("--release", choices=RELEASES, default="bookworm")
    parser.add_argument("names", nargs="*", metavar="CASE")
    arguments = parser.parse_args()
    cases = [case for case in all_cases() if str(case).startswith(tuple(arguments.names or ("",)))]
    bad = 0
    with Twins(f"by-hand-{os.getpid()}", arguments.release, same=arguments.same) as twins:
        for case in cases:
            began = time.monotonic()
            if arguments.record:
                side = play_case(case, twins.judge, twins.judge_lab, twins.folder / "judges-out")
                recorded.write(arguments.records, case, side)
                print(f"{case}: recorded, {time.monotonic() - began:.1f} s", flush=True)
                continue
            verdict = try_case(case, twins, arguments.records)
            bad += bool(verdict.problems)
            print(f"{case}: {'differs' if verdict.problems else 'same'}, {time.monotonic() - began:.1f} s")
            print(verdict, flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
