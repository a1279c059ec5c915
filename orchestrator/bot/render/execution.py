"""A command on hosts: asked for, running, done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.bot.language import Locale
from orchestrator.bot.message import Button, Document, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, Html, bold, code, cut, cut_units, esc, lines, pre, width
from orchestrator.bot.render.outcome import MARKS, reason, size, word
from orchestrator.bot.render.sections import HEADING, MOST, Section, fit
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet.clean import clean
from orchestrator.fleet.report import Group, Report
from orchestrator.inventory import HostSet, fold
from orchestrator.ssh.result import Result, Status

DOCUMENT_LIMIT = 20_000_000  # bytes; Telegram takes 50 MB (Bot API, sendDocument)
COMMAND_LIMIT = 300  # UTF-16 units of the command above its answers
QUESTION_LIMIT = 1500  # UTF-16 units of the command, and of the hosts, in a question


@dataclass(frozen=True, slots=True)
class Execution:
    """A command on `hosts` and what came of it so far. `elapsed` is in seconds."""

    command: str
    hosts: HostSet
    results: Sequence[Result] = ()
    started_at: datetime | None = None
    elapsed: float = 0.0


def question(command: str, hosts: HostSet, buttons: tuple[tuple[Button, ...], ...], locale: Locale) -> Message:
    """Ask before running on several hosts; a command too long to be read here comes as a file."""
    n = len(hosts)
    asked = locale.ngettext("run on {n} host?", "run on {n} hosts?", n).format(n=n)
    head = f"❔ {_one_line(command, max(12, COLUMNS - width(asked) - 6))} · {asked}"
    seconds = int(CONFIRM_WITHIN_S)
    tail = locale.gettext("Only you can press, once, within {n} s.").format(n=seconds)
    shown = cut_units(clean(command), QUESTION_LIMIT)
    whole = Document("command.sh", command.encode()) if shown != clean(command) else None
    folded = cut_units(hosts.folded, QUESTION_LIMIT)
    return Message(lines((bold(head), code(folded), pre(shown), esc(tail))), buttons, whole)


def not_run(command: str, locale: Locale) -> Message:
    """The question was answered with no."""
    return Message(esc("⏹ " + locale.gettext("Not run: {command}").format(command=_one_line(command, 200))))


def running(execution: Execution, stop: Button, stopping: bool, locale: Locale) -> Message:
    """The state of a command that is not done yet."""
    _ = locale.gettext
    answered, n = len(execution.results), len(execution.hosts)
    if stopping:
        state = _("stopping …")
    elif n == 1:
        state = execution.hosts.names[0]
    else:
        state = _("{answered} of {n} answered").format(answered=answered, n=n)
    head = _head("⏹" if stopping else "▶", execution.command, state)
    done = {result.host for result in execution.results}
    waiting = HostSet(host for host in execution.hosts if host.name not in done)
    tail = esc(_("waiting for: {hosts}").format(hosts=cut_units(waiting.folded, 200))) if answered and waiting else ""
    body, _all = fit(head, *_sections(execution, locale), Html(tail), locale)
    return Message(body, () if stopping else ((stop,),))


def finished(execution: Execution, again: Button, as_file: Button, locale: Locale) -> Message:
    """The end of a command: all of it, or a preview with the whole as a file."""
    _ = locale.gettext
    results, n = execution.results, len(execution.hosts)
    good = sum(result.status is Status.OK for result in results)
    took = locale.took(execution.elapsed)
    if n == 1 and results:
        mark = MARKS[results[0].status]
        name = execution.hosts.names[0]
        state = f"{name} · {took}" if good else f"{name} · {word(results[0], locale)} · {took}"
    else:
        mark = "✔" if good == n else "⚠" if good else "✖"
        state = _("{good} of {n} ok").format(good=good, n=n) + f" · {took}"
    head = _head(mark, execution.command, state)
    body, everything = fit(head, *_sections(execution, locale), Html(""), locale)
    if everything:
        return Message(body, ((again, as_file),), silent=good == n)
    return Message(body, ((again,),), document(execution, locale), silent=good == n)


def interrupted(execution: Execution, locale: Locale) -> Message:
    """We are stopping in the middle: nothing is known of the hosts that had not answered."""
    _ = locale.gettext
    done = {result.host for result in execution.results}
    rest = cut_units(HostSet(host for host in execution.hosts if host.name not in done).folded, 300)
    text = _("The outcome is unknown on: {hosts}").format(hosts=rest)
    head = _head("❓", execution.command, _("interrupted"))
    body, _all = fit(head, *_sections(execution, locale), esc(text), locale)
    return Message(body, silent=False)


def document(execution: Execution, locale: Locale) -> Document:
    """All answers as a text file."""
    _ = locale.gettext
    began = execution.started_at
    head = [f"$ {clean(execution.command)}", execution.hosts.folded, locale.clock(began) if began else "", ""]
    parts = ["\n".join(head)]
    for group in _ordered(execution.results):
        parts += [f"\n== {_title(group, execution, locale)}", _text(group.sample, locale)]
    content = "\n".join(parts).encode("utf-8", "replace")
    if len(content) > DOCUMENT_LIMIT:
        note = _("[… the rest is left out: the file would be {size} …]").format(size=size(len(content)))
        content = content[:DOCUMENT_LIMIT] + f"\n{note}\n".encode()
    stamp = f"{began.astimezone(locale.zone):%Y%m%d-%H%M%S}" if began else "output"
    return Document(f"{stamp}.txt", content)


def _head(mark: str, command: str, state: str) -> Html:
    """The line that is read on a lock screen; a command that does not fit in it follows in full."""
    state = cut(state, 60)
    room = max(12, COLUMNS - width(mark) - width(state) - 4)
    line = _one_line(command, room)
    whole = clean(command).strip()
    return lines(
        (bold(f"{mark} {line} · {state}"), pre(cut_units(whole, COMMAND_LIMIT)) if line != whole else Html(""))
    )


def _one_line(command: str, columns: int) -> str:
    first, _, more = clean(command).strip().partition("\n")
    return cut(first + (" …" if more else ""), columns)


def _ordered(results: Sequence[Result]) -> list[Group]:
    """Answers first, the biggest group on top; then those who did not answer."""
    return sorted(Report.of(results).groups, key=lambda group: not group.sample.status.answered)


def _sections(execution: Execution, locale: Locale) -> tuple[list[Section], int]:
    """As many groups as can be shown, and how many more there are; what did not answer is in every preview."""
    groups = _ordered(execution.results)
    answers = [group for group in groups if group.sample.status.answered]
    silent = groups[len(answers) :]
    shown = answers[:5] + silent[:5] + answers[5:] + silent[5:] if len(groups) > 10 else groups
    alone = len(execution.hosts) == 1
    sections = []
    for group in shown[:MOST]:
        heading = Html("") if alone else bold(cut_units(_title(group, execution, locale), HEADING))
        notes = [esc(cut_units(note, HEADING)) for note in _notes(group, execution, locale)]
        text = _text(group.sample, locale)
        if alone and group.sample.status.answered and not text.strip():
            notes.insert(0, esc(locale.gettext("no output")))
        sections.append(Section(lines((heading, *notes)), text))
    return sections, len(groups) - len(sections)


def _title(group: Group, execution: Execution, locale: Locale) -> str:
    """``10 × web[1-9] cache1``, ``✖ exit 3 · 1 × db2``, ``⛔ unreachable: db1 (no route to host)``."""
    result = group.sample
    who = f"{len(group.hosts)} × {group.folded}" if len(execution.hosts) > 1 else group.folded
    if result.status is Status.OK:
        return who
    if result.status is Status.FAILED:
        return f"{MARKS[result.status]} {word(result, locale)} · {who}"
    return f"{MARKS[result.status]} {word(result, locale)}: {group.folded}{reason(_detail(result), locale)}"


def _notes(group: Group, execution: Execution, locale: Locale) -> list[str]:
    """What else must be known: work that may go on unseen, output that is not all there."""
    _ = locale.gettext
    notes = []
    hosts = set(group.hosts)
    alive = [result.host for result in execution.results if result.may_be_alive and result.host in hosts]
    if alive:
        notes.append("⚠ " + _("It may still be running on {hosts}.").format(hosts=fold(alive)))
    sample = group.sample
    if _detail(sample) and (sample.status.answered or len(execution.hosts) == 1):
        notes.insert(0, translate(_detail(sample), locale))
    if sample.truncated:
        sent = size(sample.stdout_size + sample.stderr_size)
        notes.append(_("The host sent {size}; the middle is left out.").format(size=sent))
    return notes


def _detail(result: Result) -> str:
    """The detail, but for the clause that has a line of its own."""
    return "; ".join(part for part in result.detail.split("; ") if part != "it may still be running")


def _text(result: Result, locale: Locale) -> str:
    if not result.stderr.strip():
        return result.out
    label = locale.gettext("— error output —")
    return f"{result.out.rstrip()}\n{label}\n{result.err}" if result.stdout.strip() else result.err
