from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.fleet import Report
from orchestrator.ssh.result import Result, Status


def ok(host: str, stdout: bytes = b"x\n") -> Result:
    return Result(host, Status.OK, 0, stdout)


RESULTS = [
    *(ok(f"web{number}", b"6.1.0-37\n") for number in range(1, 10)),
    ok("cache1", b"6.1.0-37\n"),
    ok("db2", b"6.1.0-40\n"),
    Result("db1", Status.UNREACHABLE, detail="no route to host"),
]


def test_identical_answers_fold_biggest_first() -> None:
    groups = Report.of(RESULTS).groups
    assert [(len(group.hosts), group.folded) for group in groups] == [(10, "cache1 web[1-9]"), (1, "db1"), (1, "db2")]
    assert groups[0].sample.stdout == b"6.1.0-37\n"


@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_show(chance: random.Random) -> None:
    shuffled = RESULTS.copy()
    chance.shuffle(shuffled)
    assert Report.of(shuffled) == Report.of(RESULTS)
    assert Report.of(shuffled).groups == Report.of(RESULTS).groups


def test_hosts_stand_in_natural_order() -> None:
    report = Report.of([ok("web10"), ok("web2"), ok("10.0.0.9"), ok("web"), ok("web02"), ok("10.0.0.10")])
    assert [result.host for result in report.results] == ["10.0.0.9", "10.0.0.10", "web", "web2", "web02", "web10"]


@pytest.mark.parametrize(
    "other",
    [
        Result("b", Status.OK, 0, b"x\n", b"warning"),
        Result("b", Status.OK, 0, b"x"),
        Result("b", Status.FAILED, 1, b"x\n"),
        Result("b", Status.FAILED, 0, b"x\n"),
    ],
)
def test_answers_that_differ_in_anything_stay_apart(other: Result) -> None:
    assert len(Report.of([ok("a"), other]).groups) == 2


def test_reasons_that_differ_stay_apart_but_remarks_do_not() -> None:
    unreachable = [Result(host, Status.UNREACHABLE, detail=why) for host, why in (("a", "refused"), ("b", "no route"))]
    assert len(Report.of(unreachable).groups) == 2
    remarked = [
        Result("a", Status.OK, 0, detail="a background process kept the output open"),
        Result("b", Status.OK, 0),
    ]
    assert len(Report.of(remarked).groups) == 1


def test_hosts_and_counts_by_status() -> None:
    report = Report.of(RESULTS)
    assert report.hosts[Status.UNREACHABLE] == ("db1",)
    assert list(report.hosts) == [Status.OK, Status.UNREACHABLE]
    assert report.counts[Status.OK] == 11
    assert report.counts[Status.LOST] == 0
    assert sum(report.counts.values()) == len(RESULTS)


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ([], 0),
        (["ok"], 0),
        (["ok", "failed"], 1),
        (["ok", "cancelled"], 1),
        (["failed", "unreachable"], 4),
        (["ok", "timeout"], 4),
        (["ok", "lost"], 4),
        (["ok", "auth_failed"], 4),
        (["ok", "host_key_unknown"], 4),
        (["ok", "host_key_changed"], 4),
    ],
)
def test_the_worst_of_4_1_0_wins(statuses: list[str], worst: int) -> None:
    assert Report.of(Result(str(n), Status(status)) for n, status in enumerate(statuses)).exit_status == worst


def test_no_status_but_ok_ends_with_0() -> None:
    for status in Status:
        assert (Report.of([Result("a", status)]).exit_status == 0) == (status is Status.OK)


def test_json() -> None:
    late = Result("web2", Status.TIMEOUT, None, b"\xff\x00\n", b"", 3, 0, True, None, 1.23456, "no end after 1 s", True)
    document = json.loads(json.dumps(Report.of([late, ok("web1")]).to_json()))
    assert document["hosts"][1] == {
        "host": "web2",
        "status": "timeout",
        "exit_code": None,
        "stdout": "\ufffd\x00\n",
        "stderr": "",
        "truncated": True,
        "duration_s": 1.235,
        "detail": "no end after 1 s",
    }
    assert document["summary"] == {
        "ok": 1,
        "failed": 0,
        "timeout": 1,
        "unreachable": 0,
        "auth_failed": 0,
        "host_key_unknown": 0,
        "host_key_changed": 0,
        "lost": 0,
        "cancelled": 0,
    }
