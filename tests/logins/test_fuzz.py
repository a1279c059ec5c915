"""A few seconds of the fuzzer, so that it keeps working; an hour of it is `python -m tests.logins.fuzz 3600`."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SECONDS = 5


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no package for this platform")
def test_a_few_seconds_of_fuzzing_find_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.logins.fuzz", str(SECONDS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert executed is not None
    assert int(executed[1]) > 1000
