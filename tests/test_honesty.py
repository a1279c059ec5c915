"""The test run itself: what was not run is never silent."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.order import SECONDS, seconds

_CONFTEST = Path(__file__).with_name("conftest.py")
_NOT_ROOT = "import os\nos.geteuid = lambda: 1000\n"
_SUITE = """
import pytest

def test_runs(): pass

@pytest.mark.lab
def test_on_hosts(): pass
"""
_SKIPS = """
import pytest

@pytest.mark.skipif(True, reason="no time")
def test_skips(): pass

@pytest.mark.xfail(reason="known")
def test_fails_as_known(): assert False
"""


def run(pytester: pytest.Pytester, suite: str, *options: str, prelude: str = "") -> str:
    """Output of a run of this suite under our conftest, in a process of its own."""
    first = "from __future__ import annotations\n"
    pytester.makeconftest(_CONFTEST.read_text().replace(first, first + prelude))
    pytester.makeini("[pytest]\nmarkers = lab: needs booted hosts\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(suite)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options).stdout.str()


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(_CONFTEST.parents[1]))


def test_without_root_the_summary_says_what_was_left_out(pytester: pytest.Pytester) -> None:
    output = run(pytester, _SUITE, prelude=_NOT_ROOT)
    assert "1 tests on booted hosts were NOT run: they need root." in output
    assert "1 passed, 1 deselected" in output


def test_as_root_nothing_is_left_out(pytester: pytest.Pytester) -> None:
    output = run(pytester, _SUITE, prelude=_NOT_ROOT.replace("1000", "0"))
    assert "2 passed" in output
    assert "NOT run" not in output


def test_a_skip_fails_where_everything_could_run(pytester: pytest.Pytester) -> None:
    output = run(pytester, _SKIPS, "--no-skips")
    assert "1 xfailed, 1 error" in output
    assert "no time" in output
    assert "1 skipped, 1 xfailed" in run(pytester, _SKIPS)


def test_a_module_that_skips_itself_fails_too(pytester: pytest.Pytester) -> None:
    output = run(pytester, "import pytest\npytest.skip('not today', allow_module_level=True)\n", "--no-skips")
    assert "1 error" in output
    assert "not today" in output


def test_coverage_comes_before_the_last_line(pytester: pytest.Pytester) -> None:
    run(pytester, _SUITE)
    lines = pytester.run(sys.executable, "-m", "coverage", "run", "-m", "pytest").stdout.lines
    table = next(number for number, line in enumerate(lines) if line.startswith("TOTAL"))
    assert "passed" in lines[-1]
    assert table < len(lines) - 1


def test_workers_side_by_side_tell_what_they_left_out(pytester: pytest.Pytester) -> None:
    output = run(pytester, _SUITE, "-n", "2", prelude=_NOT_ROOT)
    assert "1 tests on booted hosts were NOT run: they need root." in output
    assert "1 passed" in output


def test_a_skip_in_a_worker_fails_too(pytester: pytest.Pytester) -> None:
    output = run(pytester, _SKIPS, "--no-skips", "-n", "2")
    assert "1 xfailed, 1 error" in output


def test_long_files_are_known_by_their_names() -> None:
    """A file that was renamed would be taken for a short one."""
    assert [name for name in SECONDS if not (_CONFTEST.parents[1] / name).exists()] == []
    assert list(SECONDS.values()) == sorted(SECONDS.values(), reverse=True)
    assert [seconds(f"{name}::test_it[a::b]") for name in SECONDS] == list(SECONDS.values())
    assert seconds("tests/test_short.py::test_it") == 0
