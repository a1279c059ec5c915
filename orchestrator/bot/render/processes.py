"""The busiest processes, as a table that a phone can show."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.markup import COLUMNS, bold, cut, esc, lines, pre, table
from orchestrator.bot.render.outcome import unanswered_line
from orchestrator.fleet import BusyProcess, By, TopAnswer
from orchestrator.inventory import HostSet
from orchestrator.ssh.result import Status

SHOWN = 12
FAILED = 10  # hosts without an answer that are named
HOST = 8  # columns of a host's name among several


def top(answers: Sequence[TopAnswer], hosts: HostSet, by: By, locale: Locale) -> Message:
    """Of one host, or the busiest of several together. Names only: command lines may hold what a chat should not."""
    _ = locale.gettext
    well = [answer for answer in answers if answer.status is Status.OK]
    alone = len(answers) == 1
    found = [(answer.host, process) for answer in well for process in answer.by(by)[:SHOWN]]
    found.sort(key=lambda each: _measure(each[1], by), reverse=True)
    rows = [_row(None if alone else host, process) for host, process in found[:SHOWN]]
    head = f"⚙ {cut(hosts.folded, COLUMNS)}"
    if found:
        host, first = found[0]
        place = "" if alone else f" ({host})"
        head += f" · {first.name} {percent(first) if by is By.CPU else size(first.memory_bytes)}{place}"
    text = "\n".join(cut(line, COLUMNS) for line in table(rows, right=_RIGHT_ALONE if alone else _RIGHT))
    failed = [unanswered_line(answer, locale) for answer in answers if answer.status is not Status.OK][:FAILED]
    notes = []
    if any(answer.partial for answer in well):
        notes.append(_("Processes of others are hidden from us: it takes root."))
    if well and alone:
        n = well[0].total
        notes.append(locale.ngettext("{n} process in all", "{n} processes in all", n).format(n=n))
    other = By.MEMORY if by is By.CPU else By.CPU
    label = _("By memory") if other is By.MEMORY else _("By CPU")
    names = ",".join(hosts.names)
    again = Button("↻", "top.show", {"hosts": names, "by": by.value})
    turned = Button(label, "top.show", {"hosts": names, "by": other.value})
    parts = (bold(head), pre(text), *map(esc, failed), *map(esc, notes))
    who = Button(_("Who is on"), "who.show", {"hosts": names, "under": "top"})
    return Message(lines(parts), ((again, turned, who) if well else (again,),))


_RIGHT = frozenset({1, 2})
_RIGHT_ALONE = frozenset({0, 1, 2})


def percent(process: BusyProcess) -> str:
    """Of one core: ``97%``, also above 100 %."""
    return f"{process.cpu:.0%}"


def size(count: int) -> str:
    """Bytes in three digits: ``84M``, ``1.2G``."""
    if count < 1 << 20:
        return f"{count >> 10}K"
    if count < 1 << 30:
        return f"{count >> 20}M"
    return f"{count / (1 << 30):.1f}G"


def _row(host: str | None, process: BusyProcess) -> list[str]:
    numbers = [percent(process), size(process.memory_bytes)]
    what = f"{process.name} {process.user}"
    if host is None:
        return [*numbers, str(process.pid), what]
    return [cut(host, HOST), *numbers, what]


def _measure(process: BusyProcess, by: By) -> float:
    return process.cpu if by is By.CPU else float(process.memory_bytes)
