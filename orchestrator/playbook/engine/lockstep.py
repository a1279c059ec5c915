"""One play on one batch of hosts: each task on all of them at once, nobody ahead of the others (Ansible's linear)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count

from orchestrator.errors import OrchestratorError
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.model import Host
from orchestrator.playbook.engine.attempt import Attempt, Workshop
from orchestrator.playbook.engine.cursor import Cursor
from orchestrator.playbook.engine.done import Done, failed
from orchestrator.playbook.engine.handlers import Handlers
from orchestrator.playbook.engine.includes import Includer
from orchestrator.playbook.engine.keywords import Reading
from orchestrator.playbook.engine.learning import Learning
from orchestrator.playbook.engine.meta import run_meta
from orchestrator.playbook.engine.plan import INCLUDE_ROLE, INCLUDE_TASKS, Leaf, Node, Order
from orchestrator.playbook.engine.prepared import Prepared
from orchestrator.playbook.engine.roster import Roster
from orchestrator.playbook.engine.variables import PlayVariables
from orchestrator.playbook.events import HostDone, Outcome, TaskEnded, TaskStarted
from orchestrator.playbook.templating import Templar, TemplateFault


class Ending(Enum):
    """How a batch ended: the next may begin, the play is over (``end_play``), or nothing more shall begin."""

    NEXT = auto()
    PLAY_OVER = auto()
    BREAK = auto()


@dataclass(slots=True)
class Course:
    """What a batch is played with.

    `window` bounds how many hosts at once, `left` is told of the hosts that left the play, `max_fail` is a percentage
    of the batch.
    """

    shop: Workshop
    roster: Roster
    play: PlayVariables
    handlers: Handlers
    includer: Includer
    numbers: count[int]
    window: int
    left: Callable[[set[str]], None]
    max_fail: float | None = None


@dataclass(slots=True)
class _Step:
    """One task on its way through the batch; a `fault` is why no host can do it."""

    leaf: Leaf
    number: int
    hosts: list[Host]
    name: str
    begun: float
    once: bool = False
    fatal: bool = False
    fault: str = ""
    done: dict[str, Done] = field(default_factory=dict)


class Lockstep:
    """Plays `nodes` on `batch`. `removed` collects the hosts that left the play; `aborted` is why all others had to."""

    def __init__(self, course: Course, batch: HostSet, nodes: tuple[Node, ...], removed: set[str]) -> None:
        self.course = course
        self.batch = batch
        self.removed = removed
        self.aborted = ""
        self.ending = Ending.NEXT
        self.cursors = {host.name: Cursor(nodes) for host in batch}
        self.order = Order(nodes)
        self._prepared: dict[Leaf, Prepared] = {}
        self._window = asyncio.Semaphore(course.window)
        self._learning = Learning(course.shop.variables, batch, course.roster)
        self._failed_before = frozenset(course.roster.failed)
        for name in course.roster.failed & self.cursors.keys():
            self.cursors[name].fail()
            removed.add(name)
        removed |= course.roster.unreachable & self.cursors.keys()
        course.left(removed)

    async def run(self) -> Ending:
        """Go on until no host has anything left to do, or the run is stopped."""
        stop = self.course.shop.services.stop
        while not stop.is_set():
            before = {host: leaf for host in self.left if (leaf := self.cursors[host.name].peek())}
            if not before:
                break
            leaf = self.order.step(set(before.values()))
            hosts = [host for host, wanted in before.items() if wanted is leaf]
            for host in hosts:
                self.cursors[host.name].advance()
            if leaf.meta:
                run_meta(self, leaf, hosts)
            else:
                await self._task(leaf, hosts)
        self.course.roster.failed |= {name for name, cursor in self.cursors.items() if cursor.failed}
        return self.ending

    @property
    def left(self) -> list[Host]:
        """Hosts that can be reached, as far as is known; those that failed have nothing left to do."""
        return [host for host in self.batch if host.name not in self.course.roster.unreachable]

    def templar(self, leaf: Leaf, host: Host) -> Templar:
        """What renders `leaf` on `host`."""
        shop = self.course.shop
        return shop.templar(shop.variables.view(host, self.course.play, leaf), leaf.task)

    def leave(self, host: Host) -> None:
        """The host leaves the play, in good order or not."""
        self.removed.add(host.name)
        self.course.left(self.removed)

    def fail(self, hosts: Iterable[Host]) -> None:
        """`hosts` go to their nearest ``rescue`` or ``always``, or out of the play."""
        for host in hosts:
            self.cursors[host.name].fail()
            self.removed.add(host.name)
        self.course.left(self.removed)

    def end_play(self) -> None:
        """Nothing of the play comes after this batch."""
        self.ending = Ending.PLAY_OVER

    def forgive(self) -> None:
        """Failed and unreachable hosts may go on, those that are out of this play in the next."""
        for host in self.batch:
            self.course.roster.failed.discard(host.name)
            self.course.roster.unreachable.discard(host.name)
            self.cursors[host.name].forgive()

    async def _task(self, leaf: Leaf, hosts: list[Host]) -> None:
        step = self._begin(leaf, hosts)
        shop = self.course.shop
        for host in self.batch if step.once else hosts:
            self.cursors[host.name].notified.discard(leaf)
        try:
            await self._attempts(step)
            if leaf.task.module in (INCLUDE_TASKS, INCLUDE_ROLE):
                self._include(step)
        finally:
            shop.on_event(TaskEnded(step.number, time.monotonic() - step.begun))
        self._consequences(step)

    def _begin(self, leaf: Leaf, hosts: list[Host]) -> _Step:
        """Announce the task, with what holds for all its hosts as the first of them sees it."""
        task, shop = leaf.task, self.course.shop
        step = _Step(leaf, next(self.course.numbers), hosts, str(task.name), time.monotonic())
        try:
            first = Reading(self.templar(leaf, hosts[0]), task.at)
            module = self._prepare(leaf).module
            step.once = first.flag(task.keywords.run_once, "run_once") or bool(module and module.once)
            fatal = step.once or first.flag(task.keywords.any_errors_fatal, "any_errors_fatal")
            step.fatal = fatal and not first.flag(task.keywords.ignore_errors, "ignore_errors")
        except OrchestratorError as error:
            step.fault = str(error)
        else:
            with suppress(TemplateFault):  # as Ansible does, the name is then shown as it is written
                step.name = str(first.rendered(task.name))
        step.name = shop.mask(step.name)
        step.hosts = hosts[:1] if step.once else hosts
        names = tuple(host.name for host in step.hosts)
        handler = self.cursors[hosts[0].name].in_handlers
        role = task.role.name if task.role else ""
        shop.on_event(TaskStarted(step.number, step.name, task.module, names, task.at, handler, role))
        return step

    async def _attempts(self, step: _Step) -> None:
        """The task on all its hosts; when it is stopped, hosts not yet begun are left out."""

        attempts: dict[str, Attempt] = {}
        stop = self.course.shop.services.stop

        async def one(host: Host) -> None:
            async with self._window:
                if stop.is_set():
                    return
                if step.fault:
                    self._settle(step, host, Done(failed(step.fault)))
                    return
                attempt = attempts[host.name] = Attempt(
                    self.course.shop, step.leaf, self._prepare(step.leaf), host, self.course.play, step.number
                )
                try:
                    done = await attempt.run()
                except asyncio.CancelledError:
                    if not stop.is_set():
                        raise
                    done = Done(failed("stopped on request, not at its end"), stopped=True)
                self._settle(step, host, done)

        tasks = {asyncio.create_task(one(host)): host for host in step.hosts}
        try:
            await self._until_stopped(step, tasks, attempts)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_stopped(
        self, step: _Step, tasks: dict[asyncio.Task[None], Host], attempts: Mapping[str, Attempt]
    ) -> None:
        """Wait for all; after a stop only as long as stopping what runs on a host may take."""
        services = self.course.shop.services
        stopping = asyncio.create_task(services.stop.wait())
        waiting: set[asyncio.Task[None]] = set(tasks)
        try:
            while waiting and not stopping.done():
                done, _ = await asyncio.wait((*waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
                waiting -= done
            # What only waits here can be dropped; what runs on a host is being stopped there.
            for task in [task for task in waiting if not _on_host(attempts.get(tasks[task].name))]:
                task.cancel()
            if waiting:
                _, waiting = await asyncio.wait(waiting, timeout=services.grace)
        finally:
            stopping.cancel()
        for task in waiting:
            self.course.roster.may_be_running[tasks[task].name] = step.name or step.leaf.task.module
        for task in tasks:
            if task.done() and not task.cancelled():
                task.result()  # a fault of the engine itself ends the run

    def _settle(self, step: _Step, host: Host, done: Done) -> None:
        """Take in how the task ended on `host`."""
        course, cursor, task = self.course, self.cursors[host.name], step.leaf.task
        step.done[host.name] = done
        if done.may_be_alive:
            place = done.place or host
            course.roster.may_be_running[place.name] = step.name or task.module
        if done.outcome is Outcome.CHANGED and (unknown := self._notify(cursor, done.notify)):
            done.result |= failed(f"there is no handler {unknown!r}, neither by name nor listening")
            done.result["changed"] = True
        outcome = done.outcome
        if outcome is Outcome.FAILED and not done.ignored:
            done.rescued = cursor.rescuing
            self._failed(step, host)
            if done.rescued:
                self.removed.discard(host.name)
                course.left(self.removed)
                self._learning.failed(host, task, done)
        elif outcome is Outcome.UNREACHABLE and not done.ignored:
            course.roster.unreachable.add(host.name)
            self.leave(host)
        if outcome is not Outcome.SKIPPED and outcome is not Outcome.UNREACHABLE and task.role:
            cursor.ran.add(task.role.instance)
        self._learning.take(step.once and bool(task.keywords.run_once), host, task, done)
        if not (done.includes and outcome in (Outcome.OK, Outcome.CHANGED)):
            self._tell(step, host, done)

    def _tell(self, step: _Step, host: Host, done: Done) -> None:
        self._count(host, done)
        self._show(step, host, done)

    def _count(self, host: Host, done: Done) -> None:
        changed = bool(done.result.get("changed"))
        self.course.roster.count_outcome(
            host.name, done.outcome, ignored=done.ignored, rescued=done.rescued, changed=changed
        )

    def _show(self, step: _Step, host: Host, done: Done) -> None:
        shop = self.course.shop
        shop.on_event(HostDone(step.number, done.shown(host.name, shop.mask)))

    def _notify(self, cursor: Cursor, names: Sequence[str]) -> str | None:
        """Remember `names` for the host; the first that is no handler, if any."""
        for name in names:
            found = self.course.handlers.find(name)
            if not found:
                return name
            if cursor.in_handlers:
                cursor.notified.update(found)
            else:
                cursor.notifications[name] = None
        return None

    def _failed(self, step: _Step, host: Host) -> None:
        self.fail(self.left if step.once and step.leaf.task.keywords.run_once else [host])
        if self.cursors[host.name].failed:
            self.course.roster.failed.add(host.name)

    def _consequences(self, step: _Step) -> None:
        """What follows once all hosts are done: errors that concern everybody."""
        outcomes = {name: done.outcome for name, done in step.done.items()}
        wrong = [name for name, outcome in outcomes.items() if outcome is Outcome.FAILED]
        lost = [name for name, outcome in outcomes.items() if outcome is Outcome.UNREACHABLE]
        others = [host for host in self.left if host.name not in wrong]
        at = step.leaf.task.at
        if step.fatal and (wrong or lost):
            self._abort(others, f"the task at {at} went wrong, which ends the play for all its hosts")
        share = self.course.max_fail
        failed_here = len((self.course.roster.failed - self._failed_before) & self.cursors.keys())
        if share is not None and failed_here / len(self.batch) > share / 100:
            self._abort(others, f"more than {share:g}% of the hosts failed, the last at {at}")
            self.ending = Ending.BREAK

    def _abort(self, others: list[Host], why: str) -> None:
        active = [host for host in others if not self.cursors[host.name].out]
        self.course.roster.failed.update(host.name for host in others)
        self.fail(others)
        if active:
            self.aborted = why

    def _include(self, step: _Step) -> None:
        """Put what the task included before the hosts that did it."""
        hosts = [h for h in step.hosts if h.name in step.done and step.done[h.name].outcome is Outcome.OK]
        bring: dict[str, list[Node]] = {host.name: [] for host in hosts}
        line: list[Node] = []
        for inclusion in self.course.includer.group(step.leaf, [(h, step.done[h.name].includes) for h in hosts]):
            dones = [(host, step.done[host.name]) for host in inclusion.hosts]
            try:
                nodes = self.course.includer.load(inclusion)
            except OrchestratorError as error:
                for host, done in dones:
                    done.result = failed(str(error))
                    done.ignore_errors = False  # as Ansible: what was to come is missing, so the host is out
                    self._failed(step, host)
            else:
                line += nodes
                for host in inclusion.hosts:
                    bring[host.name] += nodes
            for host, done in dones:
                self._count(host, done)
        for host in hosts:
            self._show(step, host, step.done[host.name])
            if step.done[host.name].outcome is Outcome.OK:
                self.cursors[host.name].insert(tuple(bring[host.name]))
        self.order.insert(line)

    def _prepare(self, leaf: Leaf) -> Prepared:
        prepared = self._prepared.get(leaf)
        if prepared is None:
            prepared = self._prepared[leaf] = Prepared(leaf.task)
        return prepared


def _on_host(attempt: Attempt | None) -> bool:
    return attempt is not None and attempt.on_host
