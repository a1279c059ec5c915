"""Blocked addresses: the question, what came of it, and the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, bold, cut, esc, lines, pre
from orchestrator.bot.render.outcome import unanswered_line
from orchestrator.bot.render.pages import Page
from orchestrator.control import CONFIRM_WITHIN_S
from orchestrator.fleet import Block, BlockOutcome, BlocksAnswer, BlockState, Network, is_private, parse_duration, said
from orchestrator.inventory import HostSet, fold
from orchestrator.ssh.result import Status

SHOWN = 24  # addresses on a page
PERMANENT = "permanent"
CHOICES = (("1h", N_("1 h")), ("24h", N_("24 h")), (PERMANENT, N_("For good")))

_DONE, _LIFTED = N_("{address} is blocked on {hosts}"), N_("{address} is not blocked any more on {hosts}")
_NOT_DONE, _NOT_LIFTED = N_("{address} was not blocked on {hosts}"), N_("{address} was not unblocked on {hosts}")
_ABSENT = N_("{address} is not blocked on {hosts}")

WHY: Mapping[BlockState, tuple[str, str]] = {
    BlockState.ABSENT: ("❔", N_("not blocked")),
    BlockState.REFUSED: ("⛔", N_("refused")),
    BlockState.FAILED: ("✖", N_("failed")),
    BlockState.NOT_DONE: ("✖", N_("nothing was done")),
    BlockState.UNKNOWN: ("❓", N_("outcome unknown")),
}


def question(hosts: HostSet, network: Network, time: str, locale: Locale) -> Message:
    """Say what would be dropped, where and for how long, then ask; for how long, too, when `time` is empty."""
    _ = locale.gettext
    head = "⛔ " + _("Block {address} on {hosts}?").format(address=said(network), hosts=cut(hosts.folded, COLUMNS))
    notes = []
    if (n := len(hosts)) > 1:
        notes.append(locale.ngettext("That is {n} host.", "Those are {n} hosts.", n).format(n=n))
    if is_private(network):
        notes.append(
            "⚠ " + _("{address} is a private address: it may be of your own network.").format(address=said(network))
        )
    notes.append(_("All that comes from there is dropped, open connections too."))
    if time:
        notes.append(_("Until it is lifted, also after a reboot.") if time == PERMANENT else _for(time, locale))
    notes.append(_("Only you can press, once, within {n} s.").format(n=int(CONFIRM_WITHIN_S)))
    choices = [(time, N_("Block it"))] if time else CHOICES
    args = {"hosts": ",".join(hosts.names), "address": said(network)}

    def once(label: str, verb: str, **more: str) -> Button:
        return Button(label, verb, {**args, **more}, CONFIRM_WITHIN_S, personal=True, once=True)

    buttons = [once(_(label), "block.do", time=choice) for choice, label in choices]
    return Message(lines((bold(head), *map(esc, notes))), ((*buttons, once(_("Leave it"), "block.keep")),))


def left(hosts: HostSet, address: str, locale: Locale) -> Message:
    """The answer was no."""
    text = locale.gettext("{address} is not blocked on {hosts}.").format(
        address=address, hosts=cut(hosts.folded, COLUMNS)
    )
    return Message(esc(f"⏹ {text}"))


def outcome(outcomes: Sequence[BlockOutcome], hosts: HostSet, address: str, locale: Locale, *, blocks: bool) -> Message:
    """What came of it; hosts where it is not so are named with the reason. One not heard of is unknown."""
    _ = locale.gettext
    heard = {each.host for each in outcomes}
    every = [*outcomes, *(BlockOutcome(name, BlockState.UNKNOWN) for name in hosts.names if name not in heard)]
    done = [each.host for each in every if each.state is BlockState.DONE]
    others = [each for each in every if each.state is not BlockState.DONE]
    if done:
        mark, text = "⚠" if others else "✔", _DONE if blocks else _LIFTED
    elif all(each.state is BlockState.ABSENT for each in others):
        mark, text = "❔", _ABSENT
    else:
        unknown = any(each.state is BlockState.UNKNOWN for each in others)
        mark, text = "❓" if unknown else "✖", _NOT_DONE if blocks else _NOT_LIFTED
    head = f"{mark} " + _(text).format(address=address, hosts=cut(fold(done or hosts.names), 2 * COLUMNS))
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in others if text != _ABSENT else ():
        sign, word = WHY[each.state]
        why = f"{_(word)}: {translate(each.detail, locale)}" if each.detail else _(word)
        reasons.setdefault((sign, why), []).append(each.host)
    rows = [cut(f"{sign} {fold(names)} · {why}", 4 * COLUMNS) for (sign, why), names in reasons.items()]
    buttons = [Button(_("Blocked addresses"), "block.list", {"hosts": ",".join(hosts.names)})]
    if blocks and done:
        buttons.insert(0, Button(_("Unblock"), "block.undo", {"hosts": ",".join(done), "address": address}))
    return Message(lines((bold(head), *map(esc, rows))), (tuple(buttons),), silent=not others)


def blocked(answers: Sequence[BlocksAnswer], hosts: HostSet, locale: Locale, *, page: int = 0) -> Message:
    """A page of the addresses that hosts drop, alike ones of several hosts together, each with a button to lift it."""
    _ = locale.gettext
    by_address: dict[str, list[tuple[str, Block]]] = {}
    for answer in answers:
        for block in answer.blocks:
            by_address.setdefault(block.address, []).append((answer.host, block))
    n = len(by_address)
    count = locale.ngettext("{n} address blocked", "{n} addresses blocked", n).format(n=n)
    nothing = _("nothing is blocked")
    head = f"⛔ {cut(hosts.folded, COLUMNS)} · {count if n else nothing}"
    if any(answer.status is not Status.OK for answer in answers) and not n:
        head = f"⛔ {cut(hosts.folded, COLUMNS)}"
    alone = len(answers) == 1
    shown, place = Page(list(by_address.items()), page, SHOWN), {"hosts": ",".join(hosts.names)}
    text, buttons = [], []
    for address, on in shown.shown:
        text.append(cut(address, COLUMNS))
        where = [] if alone else [fold([host for host, _block in on])]
        text.append("   " + cut(" · ".join([_left(on[0][1], locale), *where]), COLUMNS - 3))
        args = {"hosts": ",".join(host for host, _block in on), "address": address}
        buttons.append((Button(_("Unblock {address}").format(address=address), "block.undo", args),))
    failed = [unanswered_line(answer, locale) for answer in answers if answer.status is not Status.OK]
    left_out = sum(answer.more for answer in answers)
    more = [locale.ngettext("… and {n} more", "… and {n} more", left_out).format(n=left_out)] if left_out else []
    lapsed = [_lapsed(answer, locale) for answer in answers if answer.lapsed]
    again = Button("↻", "block.list", {**place, "page": str(shown.number)})
    parts = (bold(head), pre("\n".join(text)), *map(esc, [*more, *lapsed[:10], *failed[:10]]))
    return Message(lines(parts), (*buttons, (again, *shown.buttons("block.list", place))))


def _for(time: str, locale: Locale) -> str:
    return locale.gettext("For {time}.").format(time=locale.ago(parse_duration(time)))


def _left(block: Block, locale: Locale) -> str:
    _ = locale.gettext
    if block.permanent:
        return _("for good")
    if block.left is None:
        return _("until a reboot")
    return _("{time} left").format(time=locale.ago(block.left))


def _lapsed(answer: BlocksAnswer, locale: Locale) -> str:
    told = locale.gettext("⚠ {host}: for good, but not in force until a reboot: {addresses}. Block again, or unblock.")
    return told.format(host=answer.host, addresses=cut(", ".join(answer.lapsed), 4 * COLUMNS))
