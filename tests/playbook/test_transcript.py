"""What a run reads like, line by line."""

from __future__ import annotations

from orchestrator.playbook.events import Counts, Diff, Ended, HostDone, Outcome, TaskEnded, TaskResult, TaskStarted
from orchestrator.playbook.story import Story
from orchestrator.playbook.text import Position
from orchestrator.playbook.transcript import recap_lines, task_lines, unified

AT = Position("roles/app/tasks/main.yml", 4)


def _told(started: TaskStarted, *results: TaskResult) -> list[str]:
    story = Story()
    story.tell(started)
    for result in results:
        story.tell(HostDone(started.number, result))
    story.tell(TaskEnded(started.number, 0.1))
    return [line.text for line in task_lines(story.tasks[0])]


def test_trouble_is_told_with_role_and_place_and_the_host_it_was_delegated_to() -> None:
    started = TaskStarted(1, "Ask", "ansible.builtin.command", ("web1", "web2", "web3"), AT, role="app")
    troubles = [TaskResult(host, Outcome.FAILED, message="no", delegated_to="db1") for host in ("web1", "web2")]
    assert _told(started, *troubles, TaskResult("web3", Outcome.FAILED, message="no")) == [
        "  ✖ app : Ask  3 failed",
        "      roles/app/tasks/main.yml:4",
        "      web[1-2] -> db1: no",
        "      web3: no",
    ]


def test_what_goes_well_is_one_line() -> None:
    started = TaskStarted(1, "", "ansible.builtin.command", ("web1",), AT, handler=True, role="app")
    assert _told(started, TaskResult("web1", Outcome.CHANGED)) == ["  ± handler: app : command  1 changed"]


def test_a_diff_is_headed_by_the_file_it_is_about() -> None:
    assert list(unified(Diff("", "x\n", "/dev/null", "/etc/motd")))[:2] == ["--- /dev/null", "+++ /etc/motd"]


def test_an_early_end_names_the_hosts_on_which_nothing_was_begun() -> None:
    ended = Ended({"web1": Counts(failed=1)}, aborted="too many failed", not_begun=("web2", "web3"))
    assert [line.text for line in recap_lines(ended)][2:] == [
        "Stopped early: too many failed",
        "Nothing was begun on: web[2-3]",
    ]
