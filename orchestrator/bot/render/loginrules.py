"""What is told of logins: what was set, for whom, and what came of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import bold, code, cut, esc, lines
from orchestrator.fleet import clean_line
from orchestrator.loginrulechange import RuleChange
from orchestrator.logins.rules import Choice, RuleKind
from orchestrator.store.loginrules import LoginRuleRow

MOST = 20  # rows, each with a button

CHOICES: Mapping[Choice, str] = {
    Choice.SUDO: N_("sudo to root"),
    Choice.SU: N_("su to another user"),
    Choice.ACCOUNTS: N_("new users and changed accounts"),
    Choice.KEYS: N_("new keys in authorized_keys"),
}
SAID: Mapping[tuple[str, bool], str] = {
    (RuleKind.KNOWN, True): N_("from {value}: not told"),
    (RuleKind.KNOWN, False): N_("from {value}: told"),
    (RuleKind.QUIET, True): N_("{value}: not told"),
    (RuleKind.QUIET, False): N_("{value}: told"),
    (RuleKind.TELL, True): N_("{value}: told"),
    (RuleKind.TELL, False): N_("{value}: not told"),
}


def table(rows: Sequence[LoginRuleRow], locale: Locale) -> Message:
    """What was set, with a button to take back each, and what holds without it."""
    _ = locale.gettext
    n = len(rows)
    told = locale.ngettext("{n} set", "{n} set", n).format(n=n) if n else _("all by default")
    body = [esc(f"• {_rule(row.kind, row.value, on=row.on, locale=locale)} ({_scope(row, locale)})") for row in rows]
    if n > MOST:
        body = [*body[:MOST], esc(f"… +{n - MOST}")]
    default = _("By default every login and all failures are told; sudo, su, accounts and keys are not.")
    critical = _("What is critical is always told.")
    ways = (_("known <network>"), _("quiet <user>"), "tell sudo|su|accounts|keys")
    change = (esc(_("To change it:")), *(code(f"/logins {way}") for way in ways))
    after = _("After it, where needed: {words}").format(words=_("[on|off|default] [<agent>]"))
    keys = [
        (Button(cut(f"✖ {row.kind} {_value(row.value)} · {_scope(row, locale)}", 40), "logins.reset", _args(row)),)
        for row in rows[:MOST]
    ]
    head = bold(f"🔑 {_('What is told')} · {told}")
    return Message(lines((head, *body, esc(default), esc(critical), *change, esc(after))), tuple(keys))


def changed(change: RuleChange, locale: Locale, *, done: bool) -> Message:
    """What came of a change."""
    _ = locale.gettext
    scope = translate(str(change.scope), locale)
    if not done:
        text = _("None was set there.")
        head = f"{change.kind} {_value(change.value)} · {scope}"
        return Message(lines((bold(f"🔑 {head}"), esc(text))), ((_all(locale),),))
    if change.on is None:
        rule, said = f"{change.kind} {_value(change.value)}", _("taken back")
    else:
        rule, said = _rule(change.kind, change.value, on=change.on, locale=locale), ""
    head = " · ".join(filter(None, (rule, scope, said)))
    keys: list[Button] = []
    if change.on is not None:
        args = {"scope": str(change.scope), "kind": change.kind.value, "value": change.value}
        keys.append(Button(_("Take back"), "logins.reset", args))
    return Message(bold(f"🔑 {head}"), ((*keys, _all(locale)),))


def _rule(kind: str, value: str, *, on: bool, locale: Locale) -> str:
    shown = locale.gettext(CHOICES[Choice(value)]) if kind == RuleKind.TELL else _value(value)
    return locale.gettext(SAID[kind, on]).format(value=shown)


def _value(value: str) -> str:
    """A network of one address is that address."""
    return clean_line(value, 100).removesuffix("/32").removesuffix("/128")


def _scope(row: LoginRuleRow, locale: Locale) -> str:
    return translate(str(row.scope), locale)


def _args(row: LoginRuleRow) -> Mapping[str, str]:
    return {"scope": str(row.scope), "kind": row.kind, "value": row.value}


def _all(locale: Locale) -> Button:
    return Button(locale.gettext("What is told"), "logins.rules")
