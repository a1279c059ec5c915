"""Listening ports with their owners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from orchestrator.bot.language import Locale
from orchestrator.bot.message import TEXT_LIMIT, Button, Document, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, Html, bold, cut, esc, length, lines, pre, shown, table, width
from orchestrator.bot.render.outcome import unanswered, unanswered_line
from orchestrator.bot.render.pages import Page
from orchestrator.fleet import Ownership, Port, PortsAnswer, Process
from orchestrator.ssh.result import Status

PAGE = 16  # ports: their lines and close buttons are one screen of a phone
ROW = 4  # buttons side by side
BUTTONS = 24
BRIEF, MANY = 30, 200  # hosts in a message; sockets that may still fit in one


@dataclass(frozen=True, slots=True)
class Listening:
    """What a person calls a port: the sockets of one protocol and number with the same owner."""

    protocol: str
    port: int
    addresses: tuple[str, ...]
    ownership: Ownership
    processes: tuple[Process, ...]
    user: str


def listening(ports: Sequence[Port]) -> list[Listening]:
    """Sockets on several addresses, or of several processes of one program, as one."""
    merged: dict[tuple[object, ...], list[Port]] = {}
    for port in ports:
        owner = {(process.name, process.unit) for process in port.processes}
        merged.setdefault((port.protocol, port.port, port.ownership, frozenset(owner)), []).append(port)
    return [
        Listening(
            protocol=same[0].protocol,
            port=same[0].port,
            addresses=tuple(dict.fromkeys(port.address for port in same)),
            ownership=same[0].ownership,
            processes=tuple({process.pid: process for port in same for process in port.processes}.values()),
            user=same[0].user,
        )
        for same in merged.values()
    ]


def ports(answer: PortsAnswer, page: int, spared: frozenset[int], locale: Locale) -> Message:
    """The ports of one host, a page of them. Ports in `spared` get no close button."""
    _ = locale.gettext
    rows = Page(listening(answer.ports), page, PAGE)
    place, known = {"host": answer.host}, answer.status is Status.OK
    again = Button("↻", "ports.show", {**place, "page": str(rows.number if known else page)})
    if not known:
        return Message(lines((bold(unanswered(answer, locale)), esc(translate(answer.detail, locale)))), ((again,),))
    both = {port.port for port in answer.ports if port.protocol == "tcp"}
    both &= {port.port for port in answer.ports if port.protocol == "udp"}
    closing = [
        _close(answer.host, protocol, port, named=port in both)
        for protocol, port in dict.fromkeys((row.protocol, row.port) for row in rows.shown if _closable(row, spared))
    ]
    turn = rows.buttons("ports.show", place)
    keys = [*(closing[start : start + ROW] for start in range(0, len(closing), ROW)), [again, *turn]]
    return Message(
        lines((bold("🔌 " + _heading(answer, locale)), pre(_table(rows.shown, locale)), _footer(answer, locale))),
        tuple(tuple(row) for row in keys),
    )


def ports_of_many(answers: Sequence[PortsAnswer], waiting: int, locale: Locale) -> Message:
    """The ports of several hosts; a button each leads to the host. What does not fit comes as a file."""
    _ = locale.gettext
    n = len(answers) + waiting
    head = bold("🔌 " + locale.ngettext("Ports of {n} host", "Ports of {n} hosts", n).format(n=n))
    buttons = [Button(answer.host, "ports.show", {"host": answer.host}) for answer in answers if answer.ports][:BUTTONS]
    rows = tuple(tuple(buttons[start : start + 3]) for start in range(0, len(buttons), 3))
    if waiting:  # drawn every second, so without the tables
        rest = _("waiting for {n} more").format(n=waiting)
        return Message(lines((head, *_brief(answers, locale), esc(rest))), rows)
    if sum(len(answer.ports) for answer in answers) <= MANY and len(answers) <= BRIEF:
        whole = lines((head, *(_section(answer, locale) for answer in answers)))
        if length(whole) <= TEXT_LIMIT:
            return Message(whole, rows)
    text = "\n\n".join(shown(_section(answer, locale)) for answer in answers)
    document = Document("ports.txt", text.encode("utf-8", "replace"))
    return Message(lines((head, *_brief(answers, locale))), rows, document)


def _section(answer: PortsAnswer, locale: Locale) -> Html:
    if answer.status is not Status.OK:
        return esc(unanswered_line(answer, locale))
    listed = pre(_table(listening(answer.ports), locale))
    return lines((bold(_heading(answer, locale)), listed, _footer(answer, locale)))


def _brief(answers: Sequence[PortsAnswer], locale: Locale) -> list[Html]:
    """A line a host, those that did not answer first."""
    ordered = sorted(answers, key=lambda answer: answer.status is Status.OK)
    brief = [_line(answer, locale) for answer in ordered[:BRIEF]]
    if (more := len(answers) - BRIEF) > 0:
        brief.append(esc(locale.ngettext("… and {n} more host", "… and {n} more hosts", more).format(n=more)))
    return brief


def _line(answer: PortsAnswer, locale: Locale) -> Html:
    if answer.status is not Status.OK:
        return esc(unanswered_line(answer, locale))
    return esc(cut(_heading(answer, locale), 2 * COLUMNS))


def _heading(answer: PortsAnswer, locale: Locale) -> str:
    n = len(listening(answer.ports))
    return f"{answer.host} · " + locale.ngettext("{n} listening", "{n} listening", n).format(n=n)


def _table(rows: Sequence[Listening], locale: Locale) -> str:
    owners = [_owner(row, locale) for row in rows]
    cells = [
        [row.protocol, str(row.port), _where(row.addresses), name] for row, (name, _) in zip(rows, owners, strict=True)
    ]
    text = []
    for line, (_, more) in zip(table(cells, right=frozenset({1})), owners, strict=True):
        if more and width(line) + 2 + width(more) <= COLUMNS:
            text.append(f"{line}  {more}")
        else:
            text += [cut(line, COLUMNS), *([f"    └ {cut(more, COLUMNS - 6)}"] if more else [])]
    return "\n".join(text)


def _where(addresses: Sequence[str]) -> str:
    """``*`` for every address of the host, ``lo`` when nobody outside can reach it, else the address."""
    parsed = [ip_address(address) for address in addresses]
    if any(address.is_unspecified for address in parsed):
        return "*"
    if all(address.is_loopback for address in parsed):
        return "lo"
    first = cut(next(str(address) for address in parsed if not address.is_loopback), 16)
    return first if len(addresses) == 1 else f"{first}+{len(addresses) - 1}"


def _owner(row: Listening, locale: Locale) -> tuple[str, str]:
    """The program, and what tells it apart: its unit, its container, or pid and user."""
    _ = locale.gettext
    if not row.processes:
        return (_("hidden"), row.user) if row.ownership is Ownership.HIDDEN else (_("kernel"), "")
    first = row.processes[0]
    unit = first.unit.removesuffix(".service")
    if first.container:
        more = first.container
    elif unit and not unit.endswith(".scope"):
        more = "" if unit == first.name else unit
    else:
        more = _("pid {pid}, {user}").format(pid=first.pid, user=first.user)
    count = f" ×{len(row.processes)}" if len(row.processes) > 1 else ""
    return first.name + count, more


def _footer(answer: PortsAnswer, locale: Locale) -> Html:
    notes = []
    if answer.hidden:
        text = locale.ngettext(
            "{n} owner is hidden from us: it takes root.",
            "{n} owners are hidden from us: it takes root.",
            answer.hidden,
        )
        notes.append(text.format(n=answer.hidden))
    if answer.more:
        text = locale.ngettext("{n} more socket is not shown.", "{n} more sockets are not shown.", answer.more)
        notes.append(text.format(n=answer.more))
    return esc(" ".join(notes))


def _closable(row: Listening, spared: frozenset[int]) -> bool:
    return row.ownership is Ownership.KNOWN and not (row.protocol == "tcp" and row.port in spared)


def _close(host: str, protocol: str, port: int, *, named: bool) -> Button:
    label = f"✖ {protocol} {port}" if named or protocol == "udp" else f"✖ {port}"
    return Button(label, "close.ask", {"host": host, "port": str(port), "protocol": protocol})
