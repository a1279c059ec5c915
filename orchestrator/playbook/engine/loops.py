"""Loops: what each turn knows, and the turns as one result (executor/task_executor.py)."""

from __future__ import annotations

from typing import Any

from orchestrator.playbook.engine.done import Done
from orchestrator.playbook.events import Outcome
from orchestrator.playbook.model import Loop


def turn(loop: Loop, items: list[Any], index: int) -> dict[str, Any]:
    """The variables of one turn of a loop, which its result holds too."""
    names: dict[str, Any] = {loop.var: items[index], "ansible_loop_var": loop.var}
    if loop.index_var:
        names |= {loop.index_var: index, "ansible_index_var": loop.index_var}
    if loop.extended:
        length = len(items)
        about: dict[str, Any] = {
            "index": index + 1,
            "index0": index,
            "first": index == 0,
            "last": index + 1 == length,
            "length": length,
            "revindex": length - index,
            "revindex0": length - index - 1,
            "allitems": items,
        }
        if index + 1 < length:
            about["nextitem"] = items[index + 1]
        if index > 0:
            about["previtem"] = items[index - 1]
        names["ansible_loop"] = about
    return names


def together(dones: list[Done]) -> Done:
    """A loop's items as one result."""
    outcomes = [done.outcome for done in dones]
    wrong = [done for done in dones if done.result.get("failed")]
    lost = [done for done in dones if done.result.get("unreachable")]
    result: dict[str, Any] = {
        "results": [done.result for done in dones],
        "skipped": all(outcome is Outcome.SKIPPED for outcome in outcomes),
    }
    if any(done.result.get("changed") for done in dones):
        result["changed"] = True
    if wrong:
        result |= {"failed": True, "msg": "One or more items failed"}
    elif lost:
        result["msg"] = "The host could not be reached"
    else:
        result["msg"] = "All items skipped" if result["skipped"] else "All items completed"
    if lost:
        result["unreachable"] = True
    return Done(
        result,
        items=tuple(dones),
        no_log=any(done.no_log for done in dones),
        ignore_errors=all(done.ignore_errors for done in wrong),
        ignore_unreachable=all(done.ignore_unreachable for done in lost),
        notify=tuple(name for done in dones for name in done.notify),
        place=dones[-1].place,
        facts_to=dones[-1].facts_to,
        includes=tuple(include for done in dones for include in done.includes),
        may_have_run=any(done.may_have_run for done in dones),
        may_be_alive=any(done.may_be_alive for done in dones),
        stopped=any(done.stopped for done in dones),
    )
