"""What every suite shares: the lab's fixtures, and honesty about tests that did not run."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Generator
from typing import Any

import coverage
import pytest
from coverage.exceptions import CoverageWarning, NoDataError

from tests.order import seconds

pytest_plugins = ["pytester", "tests.lab.fixtures"]

_LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--no-skips`, for runs on a machine that has everything."""
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails: this machine can run them all")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long files first. Without root, leave out the tests that need booted hosts; the summary says so."""
    items.sort(key=lambda item: -seconds(item.nodeid))
    if os.geteuid() == 0:
        return
    left_out = [item for item in items if item.get_closest_marker("lab")]
    config.stash[_LEFT_OUT] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("lab")]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells its controller what it left out; they all leave out the same."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The controller listens."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", 0)
    node.config.stash[_LEFT_OUT] = max(left_out, node.config.stash.get(_LEFT_OUT, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out for want of root, and what the tests covered, before pytest's own last line."""
    if measured := coverage.Coverage.current():
        terminalreporter.section("coverage")
        terminalreporter.write(_coverage_table(measured))
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.section("left out")
        terminalreporter.line(f"{left_out} tests on booted hosts were NOT run: they need root.")


def _coverage_table(measured: coverage.Coverage) -> str:
    table = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CoverageWarning)  # that nothing was measured is said by the error below, too
        measured.stop()
        try:
            measured.report(file=table, skip_covered=True, skip_empty=True)
        except NoDataError:
            return "nothing of ours was imported\n"
    return table.getvalue()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With `--no-skips`, count a skipped test as failed; an expected failure is not a skip."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skips was given: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that skips itself."""
    report = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skips was given: {report.longrepr}"
    return report
