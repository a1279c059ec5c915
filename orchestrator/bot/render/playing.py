"""A playbook: chosen, asked for, running, done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import TEXT_LIMIT, Button, Message
from orchestrator.bot.render.markup import COLUMNS, Html, bold, code, cut, cut_units, esc, length, lines, pre, table
from orchestrator.bot.render.sections import HEADING
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet.clean import clean_line
from orchestrator.inventory import fold
from orchestrator.playbook.events import Counts, Outcome
from orchestrator.playbook.story import Story, TaskStory

if TYPE_CHECKING:
    from orchestrator.playbook.playbooks import Plan

ROWS = 12  # tasks of a running playbook, the newest ones
PLAN_ROWS = 40
PICKED = 30
TROUBLES = 6
_MARKS = {
    Outcome.FAILED: "✖",
    Outcome.UNREACHABLE: "⛔",
    Outcome.CHANGED: "±",
    Outcome.OK: "✔",
    Outcome.SKIPPED: "–",
}
_COLUMNS = {
    "ok": N_("ok"),
    "changed": N_("changed"),
    "failed": N_("failed"),
    "unreachable": N_("unreachable"),
    "skipped": N_("skipped"),
    "rescued": N_("rescued"),
    "ignored": N_("ignored"),
}


def pick(names: Sequence[str], usage: str, locale: Locale) -> Message:
    """Which playbook? A button each."""
    _ = locale.gettext
    if not names:
        what = _("There are no playbooks yet. They are the *.yml files in the folder playbooks/.")
        return Message(lines((bold("📜 " + _("No playbooks")), esc(what))))
    buttons = tuple((Button(cut(name, COLUMNS), "play.plan", {"playbook": name}),) for name in names[:PICKED])
    more = esc(_("These are the first {n} of {all}.").format(n=PICKED, all=len(names))) if len(names) > PICKED else ""
    return Message(lines((bold("📜 " + _("Which playbook?")), code(usage), Html(more))), buttons)


def question(plan: Plan, buttons: tuple[tuple[Button, ...], ...], locale: Locale) -> Message:
    """What would run where, before it does."""
    n = len(plan.hosts)
    asked = locale.ngettext("run on {n} host?", "run on {n} hosts?", n).format(n=n)
    known = _known(plan)
    tasks = locale.ngettext("{n} task", "{n} tasks", known).format(n=known)
    rows: list[str] = []
    for play, hosts in plan.plays:
        rows.append(cut(f"{clean_line(play.name or play.pattern)} ({len(hosts)})", COLUMNS))
        rows += [f"  {cut(clean_line(task.name), COLUMNS - 2)}" for task in play.tasks]
    if len(rows) > PLAN_ROWS:
        rows = [*rows[:PLAN_ROWS], "  …"]
    tail = locale.gettext("Only you can press, once, within {n} s.").format(n=int(CONFIRM_WITHIN_S))
    head = (bold(f"📜 {clean_line(plan.name, 60)} · {asked}"), code(cut_units(plan.hosts.folded, 600)), esc(tasks))
    return Message(lines((*head, pre("\n".join(rows)), esc(tail))), buttons)


def not_run(name: str, locale: Locale) -> Message:
    """The question was answered with no."""
    return Message(esc("⏹ " + locale.gettext("Not run: {command}").format(command=clean_line(name, 200))))


def running(plan: Plan, story: Story, stop: Button, stopping: bool, locale: Locale) -> Message:
    """How far a run is."""
    _ = locale.gettext
    done = sum(task.duration is not None for task in story.tasks)
    state = _("stopping …") if stopping else _("task {n} of {all}").format(n=done + 1, all=max(_known(plan), done + 1))
    head = bold(f"{'⏹' if stopping else '▶'} {clean_line(plan.name, 60)} · {state}")
    now = story.current
    waiting = Html("")
    if now is not None and 0 < len(now.waiting) < len(now.started.hosts):
        waiting = esc(_("waiting for: {hosts}").format(hosts=cut_units(fold(now.waiting), 200)))
    note = ""
    if now is not None and now.notes:
        host, said = next(reversed(now.notes.items()))
        note = f"{host}: {clean_line(said, 100)}"
    body = lines((head, pre("\n".join(task_rows(story.tasks[-ROWS:], locale))), waiting, esc(note)))
    return Message(body, () if stopping else ((stop,),))


def finished(plan: Plan, story: Story, took: float, end: Message, locale: Locale) -> Message:
    """The recap and what went wrong; the buttons and the document of `end` go with it."""
    _ = locale.gettext
    counts, n = story.recap, len(story.recap)
    bad = [host for host, each in counts.items() if each.failed or each.unreachable]
    changed = sum(each.changed > 0 for each in counts.values())
    ended = story.ended
    if ended is None or ended.stopped:
        mark, state = "⏹", _("stopped")
    elif bad:
        mark, state = "✖" if len(bad) == n else "⚠", _("{bad} of {n} hosts with problems").format(bad=len(bad), n=n)
    elif ended.aborted:
        mark, state = "⚠", _("stopped")
    elif changed:
        mark, state = "✔", locale.ngettext("changed {n} host", "changed {n} hosts", changed).format(n=changed)
    else:
        mark, state = "✔", _("nothing to change")
    if any(play.check for play in story.plays):
        state = _("check: {state}").format(state=state)
    head = bold(f"{mark} {clean_line(plan.name, 60)} · {state} · {locale.took(took)}")
    tail = [esc(cut_units(clean_line(note), 600)) for note in _warnings(story, locale)]
    parts = [pre("\n".join(_recap(counts, locale))), *_troubles(story, locale)]
    while parts and length(lines((head, *parts, *tail))) > TEXT_LIMIT:
        parts.pop()
    return replace(end, html=lines((head, *parts, *tail)), silent=not bad and mark == "✔")


def _known(plan: Plan) -> int:
    """How many tasks are known before it runs; includes may bring more, gathering facts is one more."""
    return sum(len(play.tasks) for play, _ in plan.plays)


def task_rows(tasks: Sequence[TaskStory], locale: Locale) -> Iterator[str]:
    """A line a task: its mark, its name, and how many hosts, or which where they differ."""
    for task in tasks:
        mark = next((mark for outcome, mark in _MARKS.items() if task.hosts(outcome)), "!" if task.results else "▸")
        if task.duration is None:
            mark, count = "▸", f"{len(task.results)}/{len(task.started.hosts)}"
        else:
            worst = next((task.hosts(outcome) for outcome in _MARKS if task.hosts(outcome)), [])
            count = str(len(worst)) if len(worst) in (0, len(task.results)) else cut(fold(worst), 12)
        name = clean_line(task.started.name) or task.started.module
        if task.started.handler:
            name = locale.gettext("handler: {name}").format(name=name)
        room = COLUMNS - 3 - len(count)
        yield f"{mark} {cut(name, room)} {count}"


def _recap(counts: Mapping[str, Counts], locale: Locale) -> Iterator[str]:
    """Hosts with the same counts in one row; columns that are zero everywhere are left out."""
    alike: dict[Counts, list[str]] = {}
    for host, each in counts.items():
        alike.setdefault(each, []).append(host)
    for each, hosts in list(alike.items())[:ROWS]:
        numbers = {name: count for name, count in asdict(each).items() if count}
        words = [f"{locale.gettext(_COLUMNS[name])} {count}" for name, count in numbers.items()]
        yield from table([(cut(fold(hosts), COLUMNS),)])
        yield "  " + "  ".join(words)
    if len(alike) > ROWS:
        yield "…"


def _troubles(story: Story, locale: Locale) -> Iterator[Html]:
    """Which task went wrong where, and why."""
    told = 0
    for task in story.tasks:
        for group in task.troubles:
            result = group.sample
            if result.ignored or result.rescued:
                continue
            told += 1
            if told > TROUBLES:
                continue
            mark = _MARKS[result.outcome]
            place = f" → {result.delegated_to}" if result.delegated_to else ""
            title = f"{mark} {clean_line(task.title, 60)}: {fold(group.hosts)}{place}"
            unsure = locale.gettext("It may have run there.") if result.may_have_run else ""
            said = esc(cut_units(clean_line(result.message, 400), 400))
            yield lines((bold(cut_units(title, HEADING)), esc(str(task.started.at)), said, esc(unsure)))
    if told > TROUBLES:
        more = told - TROUBLES
        yield esc(locale.ngettext("… and {n} more problem", "… and {n} more problems", more).format(n=more))


def _warnings(story: Story, locale: Locale) -> Iterator[str]:
    _ = locale.gettext
    ended = story.ended
    if ended is None:
        return
    if ended.aborted:
        yield _("Stopped early: {reason}").format(reason=ended.aborted)
    if ended.may_be_running:
        yield "⚠ " + _("It may still be running on {hosts}.").format(hosts=fold(ended.may_be_running))
    if ended.not_begun:
        yield _("Nothing was begun on {hosts}.").format(hosts=fold(ended.not_begun))
