"""Includes that fail when the run comes to them."""

from __future__ import annotations

from orchestrator.playbook.events import Counts, Outcome
from tests.playbook.run.play import Stage


async def test_a_missing_include_fails_its_host_even_where_errors_are_ignored(stage: Stage) -> None:
    """As ansible-core: a host that leaves the play must not look well."""
    ended = await stage.play("""
    - hosts: one,two
      gather_facts: false
      tasks:
        - name: include
          include_tasks: "missing{{ number }}.yml"
          when: number == 1
          ignore_errors: true
        - name: after
          debug: msg=reached
    """)
    assert ended.recap["one"] == Counts(failed=1)
    assert ended.recap["two"] == Counts(ok=1, skipped=1)
    result = stage.results("include")["one"]
    assert (result.outcome, result.ignored) == (Outcome.FAILED, False)
    assert "missing1.yml" in result.message
    assert stage.results("after").keys() == {"two"}
