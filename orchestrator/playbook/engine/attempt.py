"""One task on one host: conditions, loop, retries, what counts as changed and failed (executor/task_executor.py)."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.model import Host
from orchestrator.playbook.engine.done import Done, Include, Mask, failed
from orchestrator.playbook.engine.facts import injected, namespaced
from orchestrator.playbook.engine.identity import Password, become_of, reach_of
from orchestrator.playbook.engine.keywords import Reading
from orchestrator.playbook.engine.layers import Layers
from orchestrator.playbook.engine.learning import PLAIN_FACTS
from orchestrator.playbook.engine.loops import together, turn
from orchestrator.playbook.engine.plan import INCLUDE_ROLE, INCLUDE_TASKS, Leaf
from orchestrator.playbook.engine.prepared import Prepared
from orchestrator.playbook.engine.target import PlayTarget, Services, Stopped
from orchestrator.playbook.engine.variables import PlayVariables, Variables
from orchestrator.playbook.events import ItemDone, OnEvent, Outcome, Progress
from orchestrator.playbook.model import Task
from orchestrator.playbook.modules import Result, TaskFailed, TaskSkipped, Unreachable
from orchestrator.playbook.templating import Templar, TemplateFault, UndefinedFault

_log = logging.getLogger(__name__)

_DEFAULT_RETRIES = 3
_DEFAULT_DELAY = 5.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every attempt of a run needs. `find_host` gives the host that ``delegate_to`` names."""

    variables: Variables
    services: Services
    password: Password
    templar: Callable[[Layers, Task], Templar]
    find_host: Callable[[str], Host]
    on_event: OnEvent
    mask: Mask
    check: bool
    diff: bool
    timeout: float


@dataclass(slots=True)
class Attempt:
    """`leaf` on `host`, as number `number` of the run."""

    shop: Workshop
    leaf: Leaf
    prepared: Prepared
    host: Host
    play: PlayVariables
    number: int
    view: Layers = field(init=False)
    templar: Templar = field(init=False)
    _target_now: PlayTarget | None = None

    @property
    def on_host(self) -> bool:
        """Whether something of it runs on the host right now, or is being stopped there."""
        return self._target_now is not None and self._target_now.calls > 0

    async def run(self) -> Done:
        """Do it. Never raises for what happens on the host, nor for a fault of a module."""
        begun = time.monotonic()
        try:
            self.view = self.shop.variables.view(self.host, self.play, self.leaf)
            self.templar = self.shop.templar(self.view, self.leaf.task)
            done = await self._whole()
        except Exception as error:  # noqa: BLE001  one host's trouble must not be another's
            done = Done(self._problem(error), no_log=self.leaf.task.keywords.no_log is not None)
        done.result.setdefault("changed", False)
        done.duration = time.monotonic() - begun
        return done

    async def _whole(self) -> Done:
        """The task with its loop, if it has one."""
        reading = Reading(self.templar, self.leaf.task.at)
        try:
            items, trouble = self._items()
            return await (self._once(self.templar, trouble) if items is None else self._loop(items, reading))
        except Stopped as error:
            return self._start(reading, failed(error.detail), stopped=True)
        except Exception as error:  # noqa: BLE001  there is no loop to tell of
            return self._start(reading, self._problem(error))

    def _items(self) -> tuple[list[Any] | None, Exception | None]:
        """The loop's items, or why there are none: `when` may still say that it does not matter."""
        loop = self.leaf.task.loop
        if loop is None:
            return None, None
        at = self.leaf.task.at
        try:
            if loop.lookup != "loop":
                return self.templar.loop_items(loop.lookup, loop.items, at, module=self.leaf.task.module), None
            items = self.templar.render(loop.items, at)
        except UndefinedFault as error:
            return None, error
        if not isinstance(items, list):
            raise TaskFailed(f"loop needs a list, not {type(items).__name__}")
        return items, None

    async def _loop(self, items: list[Any], reading: Reading) -> Done:
        loop = self.leaf.task.loop
        assert loop is not None
        if not items:
            result = {"changed": False, "skipped": True, "skipped_reason": "No items in the list", "results": []}
            return Done(result)
        pause = reading.number(loop.pause, "loop_control.pause", 0)
        dones: list[Done] = []
        learnt: dict[str, Any] = {}
        for index, item in enumerate(items):
            if index and pause:
                await self._wait(pause)
            await asyncio.sleep(0)  # items that wait for nothing would keep other hosts, and a stop, from their turn
            names = turn(loop, items, index)
            done = await self._once(self.templar.with_variables(learnt | names), None, names)
            done.result |= names
            learnt |= self._learnt(done, learnt)
            done.label = self._label(learnt | names, item)
            dones.append(done)
            shown = done.shown(self.host.name, self.shop.mask)
            self.shop.on_event(ItemDone(self.number, self.shop.mask(done.label) if not done.no_log else "", shown))
            if done.stopped or (done.outcome is Outcome.UNREACHABLE and not done.ignore_unreachable):
                break
        return together(dones)

    def _learnt(self, done: Done, before: Mapping[str, Any]) -> dict[str, Any]:
        """What the next turns of a loop know from this one: lists are gathered so with ``set_fact``."""
        task, facts = self.leaf.task, done.result.get("ansible_facts")
        learnt: dict[str, Any] = {task.register: done.result} if task.register else {}
        if not isinstance(facts, Mapping) or done.facts_to is not None:
            return learnt
        if task.module in PLAIN_FACTS:
            return {**facts, **learnt}
        known = before.get("ansible_facts", self.shop.variables.facts(self.host))
        return {**injected(facts), "ansible_facts": {**known, **namespaced(facts)}, **learnt}

    def _label(self, names: Mapping[str, Any], item: Any) -> str:
        loop = self.leaf.task.loop
        assert loop is not None
        if loop.label is None:
            return str(item)
        try:
            return str(self.templar.with_variables(names).render(loop.label, self.leaf.task.at))
        except TemplateFault as error:
            return f"({error.msg})"

    async def _once(self, templar: Templar, trouble: Exception | None, names: Mapping[str, Any] | None = None) -> Done:
        """The task, or one item of its loop, which `templar` knows by `names`. `trouble` counts if it is to be done."""
        task = self.leaf.task
        begun = time.monotonic()
        reading = Reading(templar, task.at)
        done = self._start(reading, {})
        try:
            holds, false_one = templar.condition(task.keywords.when, task.at)
            if not holds:
                why = {"skip_reason": "Conditional result was False", "false_condition": _plain(false_one)}
                done.result = {"changed": False, "skipped": True, **why}
                return done
            if trouble is not None:
                raise trouble
            if task.module in (INCLUDE_TASKS, INCLUDE_ROLE):
                done.includes = (Include(self.prepared.plain(templar), names or {}),)
                done.result = {"changed": False}
                return done
            await self._work(done, templar, reading, names or {})
        except Unreachable as error:
            done.result = {"changed": False, "unreachable": True, "msg": error.detail}
            done.may_have_run = error.may_have_run
        except Stopped as error:
            done.result = failed(error.detail)
            done.stopped, done.ignore_errors = True, False
        except Exception as error:  # noqa: BLE001  a module's fault must not stop other hosts
            done.result = self._problem(error)
        done.may_be_alive = self._target_now is not None and self._target_now.may_be_alive
        done.duration = time.monotonic() - begun
        return done

    def _start(self, reading: Reading, result: dict[str, Any], *, stopped: bool = False) -> Done:
        """`result` with what is hidden and forgiven; where that cannot be told all is hidden, nothing forgiven."""
        keywords = self.leaf.task.keywords
        done = Done(result, no_log=True, stopped=stopped)
        with suppress(OrchestratorError):
            done.no_log = reading.flag(keywords.no_log, "no_log")
        if not stopped:
            with suppress(OrchestratorError):
                done.ignore_errors = reading.flag(keywords.ignore_errors, "ignore_errors")
                done.ignore_unreachable = reading.flag(keywords.ignore_unreachable, "ignore_unreachable")
        return done

    def _problem(self, error: Exception) -> dict[str, Any]:
        """The result that tells of `error`; an unforeseen one goes to the log."""
        if isinstance(error, TaskFailed):
            return failed(error.msg, **error.keys)
        if isinstance(error, OrchestratorError):
            return failed(str(error))
        task = self.leaf.task
        # Where it happened tells nothing secret; what was said may.
        said = "" if task.keywords.no_log is not None else self.shop.mask(str(error))
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s on %s (%s) met %s: %s\n%s", task.module, self.host.name, task.at, type(error), said, where)
        return failed(f"internal error ({type(error).__name__}) in {task.module}, see the log")

    async def _work(self, done: Done, templar: Templar, reading: Reading, names: Mapping[str, Any]) -> None:
        """Run the module until it is well or its retries are used up; fills `done`."""
        task = self.leaf.task
        target = self._target_now = await self._target(done, templar, reading, names)
        arguments = self.prepared.arguments(templar)
        limit = reading.number(task.keywords.timeout, "timeout", 0)
        tries = 1 + max(0, int(reading.number(task.retries, "retries", _DEFAULT_RETRIES if task.until else 0)))
        delay = reading.number(task.delay, "delay", _DEFAULT_DELAY)
        for attempt in range(1, tries + 1):
            if self.shop.services.stop.is_set():
                raise Stopped("stopped before it began")
            await self._module(done, arguments, target, limit)
            known = self._assess(done.result, templar, attempt if tries > 1 else None)
            if tries == 1 or done.result.get("unreachable"):
                break
            if known.condition(task.until, task.at)[0] if task.until else not done.result["failed"]:
                break
            if attempt < tries:
                self._tell(f"retrying ({tries - attempt} retries left)")
                await self._wait(delay if delay >= 0 else 1)
        else:
            done.result |= {"attempts": tries - 1, "failed": True}
        done.notify = reading.texts(task.notify)

    async def _target(self, done: Done, templar: Templar, reading: Reading, names: Mapping[str, Any]) -> PlayTarget:
        """Where it runs, and as whom."""
        task, keywords, variables = self.leaf.task, self.leaf.task.keywords, self.shop.variables
        home, view, there = self.host, self.view.over(names) if names else self.view, reading
        delegate = reading.rendered(keywords.delegate_to)
        if delegate is not None:
            if not str(delegate).strip():
                raise TaskFailed("delegate_to names no host")
            home = done.place = self.shop.find_host(str(delegate))
            view = variables.view(home, self.play, self.leaf).over(names)
            there = Reading(self.shop.templar(view, task), task.at)
            if reading.flag(keywords.delegate_facts, "delegate_facts"):
                done.facts_to = home
        become = await become_of(home, keywords.become, view, there, self.shop.password)
        return PlayTarget(
            host=self.host.name,
            check=reading.flag(keywords.check_mode, "check_mode", self.shop.check),
            diff=reading.flag(keywords.diff, "diff", self.shop.diff),
            facts=variables.facts(home),
            place=reach_of(home, view, there, keywords.remote_user),
            become=become,
            environment=reading.environment(keywords.environment),
            timeout=self.shop.timeout,
            search=task.search,
            templar=templar,
            on_progress=self._tell,
            services=self.shop.services,
        )

    async def _module(self, done: Done, arguments: Any, target: PlayTarget, limit: float) -> None:
        """One run of the module, its result into `done`."""
        module = self.prepared.module
        assert module is not None
        if target.check and module.check == "none":
            msg = f"{module.name} does not support check mode"
            done.result = {"changed": False, "skipped": True, "msg": msg}
            return
        try:
            async with asyncio.timeout(limit or None):
                found: Result = await module.run(arguments, target)
        except TimeoutError:
            if not limit:
                raise
            done.result = failed(f"no end within {limit:g} s, which the keyword timeout allows")
        except TaskFailed as error:
            done.result = failed(error.msg, **error.keys)
        except TaskSkipped as error:
            done.result = {"changed": False, "skipped": True, "msg": error.msg, **error.keys}
        else:
            done.result = {key: value for key, value in found.keys.items() if not key.startswith("_ansible_")}
            done.result["changed"] = found.changed
            if found.msg:
                done.result.setdefault("msg", found.msg)
            done.cacheable = bool(found.keys.get("_ansible_facts_cacheable"))
            done.diffs = found.diffs if target.diff else ()

    def _assess(self, result: dict[str, Any], templar: Templar, attempt: int | None) -> Templar:
        """Complete `result` with what counts as failed and changed; gives what ``until`` is judged with."""
        task = self.leaf.task
        result.setdefault("failed", result.get("rc", 0) not in (0, "0"))
        if attempt is not None:
            result["attempts"] = attempt
        extra: dict[str, Any] = {task.register: result} if task.register else {}
        found = result.get("ansible_facts")
        if isinstance(found, Mapping):
            extra = injected(found) | extra
        known = templar.with_variables(extra) if extra else templar
        if result.get("skipped"):
            return known
        which = "changed"
        try:
            if task.changed_when:
                result["changed"] = known.condition(task.changed_when, task.at)[0]
            which = "failed"
            if task.failed_when:
                result["failed"] = result["failed_when_result"] = known.condition(task.failed_when, task.at)[0]
        except TemplateFault as error:
            result |= {"failed": True, f"{which}_when_result": str(error), "msg": f"{which}_when: {error}"}
        return known

    def _tell(self, text: str) -> None:
        self.shop.on_event(Progress(self.number, self.host.name, self.shop.mask(text)))

    async def _wait(self, seconds: float) -> None:
        """Sleep, but not through a stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.shop.services.stop.wait()
        except TimeoutError:
            return
        raise Stopped("stopped while waiting")


def _plain(value: Any) -> Any:
    """`value` as it may be shown and kept: text that is no template any more."""
    return str.__str__(value) if isinstance(value, str) else value
