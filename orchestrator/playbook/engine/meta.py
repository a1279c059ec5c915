"""``meta`` tasks: they steer the play and are counted nowhere (ansible-core, StrategyBase._execute_meta)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.model import Host
from orchestrator.playbook.engine.plan import Leaf
from orchestrator.playbook.events import HostDone, Outcome, TaskEnded, TaskResult, TaskStarted

if TYPE_CHECKING:
    from orchestrator.playbook.engine.lockstep import Lockstep

ACTIONS = frozenset(
    (
        "clear_facts", "clear_host_errors", "end_batch", "end_host", "end_play", "end_role", "flush_handlers", "noop",
        "refresh_inventory", "reset_connection", "role_complete",
    )
)  # fmt: skip
"""The actions that are supported."""

# What the others are asked for on each host, these the first host decides for all.
_FOR_ALL = frozenset(("clear_facts", "clear_host_errors", "end_batch", "end_play", "refresh_inventory"))


def run_meta(lockstep: Lockstep, leaf: Leaf, hosts: list[Host]) -> None:
    """Do what `leaf` says for `hosts`, those of them for whom its ``when`` holds."""
    action = leaf.meta
    if action == "flush_handlers":
        lockstep.order.insert(lockstep.course.handlers.all)
    for host in hosts[:1] if action in _FOR_ALL else hosts:
        try:
            holds = (
                not leaf.task.keywords.when
                or lockstep.templar(leaf, host).condition(leaf.task.keywords.when, leaf.task.at)[0]
            )
        except OrchestratorError as error:
            _fault(lockstep, leaf, host, str(error))
            continue
        if holds:
            _do(lockstep, action, leaf, host)


def _do(lockstep: Lockstep, action: str, leaf: Leaf, host: Host) -> None:
    cursor = lockstep.cursors[host.name]
    match action:
        case "flush_handlers":
            handlers = lockstep.course.handlers
            cursor.notified.update(found for name in cursor.notifications for found in handlers.find(name))
            cursor.notifications.clear()
            cursor.flush(handlers.all)
        case "end_host":
            cursor.end()
            lockstep.leave(host)
        case "end_batch" | "end_play":
            for each in lockstep.left:
                lockstep.cursors[each.name].end()
                lockstep.leave(each)
            if action == "end_play":
                lockstep.end_play()
        case "end_role":
            cursor.end_role()
        case "role_complete":
            if leaf.task.role and leaf.task.role.instance in cursor.ran:
                cursor.completed.add(leaf.task.role.instance)
        case "clear_facts":
            for each in lockstep.batch:
                lockstep.course.shop.variables.forget(each)
        case "clear_host_errors":
            lockstep.forgive()
        case _:  # noop; refresh_inventory and reset_connection: what is known and held open is fresh by itself
            pass


def _fault(lockstep: Lockstep, leaf: Leaf, host: Host, msg: str) -> None:
    """A condition that cannot be evaluated fails its host, visibly."""
    course, number = lockstep.course, next(lockstep.course.numbers)
    begun = time.monotonic()
    result = TaskResult(host.name, Outcome.FAILED, {"failed": True, "msg": msg}, course.shop.mask(msg))
    course.shop.on_event(TaskStarted(number, leaf.meta, leaf.task.module, (host.name,), leaf.task.at))
    course.roster.count(host.name, "failed")
    course.shop.on_event(HostDone(number, result))
    course.shop.on_event(TaskEnded(number, time.monotonic() - begun))
    lockstep.fail([host])
    if lockstep.cursors[host.name].failed:
        course.roster.failed.add(host.name)
