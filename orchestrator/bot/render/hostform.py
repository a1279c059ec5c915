"""The questions of the conversation about a host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.bot.hostchange import HostChange, described
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.hostediting import FIELDS, host_card
from orchestrator.bot.render.markup import Html, bold, esc, lines
from orchestrator.inventory import Host, Inventory

OFFERED = 24  # groups, or jump hosts
ROW = 3
USERS = 6
QUESTIONS = {
    "address": N_("What is its address? A name or an IP address, with :port if that is not 22."),
    "port": N_("Which SSH port?"),
    "user": N_("Which user to log in as?"),
    "groups": N_("Which groups? Tap them, or write a new one."),
    "jump": N_("Which host to go through? Tap or write it."),
}
LABELS = {
    "address": N_("Address"),
    "port": N_("Port"),
    "user": N_("User"),
    "groups": N_("Groups"),
    "jump": N_("Jump host"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """A conversation as it stands: the `change` so far, the `host` that it would come to (None before it has a name),
    and the `id` of this question. `in_group`: others are in the chat, so answers must be replies.
    """

    change: HostChange
    host: Host | None
    inventory: Inventory
    id: str
    in_group: bool
    locale: Locale

    def button(self, label: str, verb: str, **args: str) -> Button:
        """A button of this question: the asker's, and only while the question stands."""
        return Button(label, f"form.{verb}", {"id": self.id, **args}, personal=True, once=True)

    @property
    def end(self) -> tuple[Button, ...]:
        """[Cancel]."""
        return (self.button(self.locale.gettext("Cancel"), "cancel"),)

    @property
    def hint(self) -> Html:
        """How to answer where words do not reach us by themselves."""
        _ = self.locale.gettext
        return esc(_("Write it as a reply to this message.")) if self.in_group else Html("")


def ask_name(form: Form) -> Message:
    """The first question."""
    _ = form.locale.gettext
    head = bold("➕ " + _("A new host: what shall it be called?"))
    return Message(lines((head, esc(_("For example: {name}").format(name="web9")), form.hint)), (form.end,))


def ask_field(form: Form, field: str) -> Message:
    """A question about one field, with answers to tap."""
    _ = form.locale.gettext
    offers = list(_offers(form, field))
    rows = [tuple(offers[at : at + ROW]) for at in range(0, len(offers), ROW)]
    done = _("Done") if field == "groups" else _("Back")
    rows.append((form.button(done, "ask", field=""), *form.end))
    return Message(lines((bold(_title(form)), esc(_(QUESTIONS[field])), form.hint)), tuple(rows))


def summary(form: Form) -> Message:
    """All of it, to be changed or confirmed."""
    _, change = form.locale.gettext, form.change
    assert form.host is not None
    fields = [field for field in FIELDS if change.verb == "add" or field != "groups"]
    changes = [form.button(_(LABELS[field]), "ask", field=field) for field in fields]
    yes = _("Add it") if change.verb == "add" else _("Save")
    rows = [tuple(changes[at : at + ROW]) for at in range(0, len(changes), ROW)]
    rows.append((*((form.button("✔ " + yes, "write"),) if change.verb == "add" or change.variables else ()), *form.end))
    others = {name: value for name, value in change.variables.items() if name not in FIELDS}
    more = esc("\n".join(f"{name} = {'–' if value is None else value}" for name, value in others.items()))
    tail = esc(_("Tap what to change, or write it: port=2222 user=ops"))
    return Message(lines((bold(_title(form)), host_card(form.host, form.locale), more, tail, form.hint)), tuple(rows))


def cancelled(change: HostChange, locale: Locale) -> Message:
    """The conversation was given up."""
    _ = locale.gettext
    if change.verb == "add":
        return Message(esc("⏹ " + _("No host was added.")))
    return Message(esc("⏹ " + _("{host} was left as it was.").format(host=change.name)))


def _title(form: Form) -> str:
    _ = form.locale.gettext
    title = _("➕ New host {host}") if form.change.verb == "add" else _("✎ Change {host}")
    return title.format(host=form.change.name)


def _offers(form: Form, field: str) -> Iterable[Button]:
    _, hosts = form.locale.gettext, form.inventory.hosts
    assert form.host is not None
    match field:
        case "address":
            yield form.button(_("Same as its name"), "put", field=field, value="")
        case "port":
            for port in ("22", "2222"):
                yield form.button(port, "put", field=field, value=port)
        case "user":
            users = dict.fromkeys(host.user for host in hosts if host.user)
            for user in list(users)[:USERS]:
                yield form.button(user[:40], "put", field=field, value=user)
            yield form.button(_("As inherited"), "put", field=field, value="")
        case "groups":
            names = dict.fromkeys((*form.inventory.groups, *form.change.groups))
            for name in [name for name in names if name not in ("all", "ungrouped")][:OFFERED]:
                mark = "☑" if name in form.change.groups else "☐"
                yield form.button(f"{mark} {name[:40]}", "group", value=name)
        case "jump":
            if described(form.host)["jump"]:
                yield form.button(_("None: directly"), "put", field=field, value="none")
            for host in [host for host in hosts if host.name != form.change.name][:OFFERED]:
                yield form.button(host.name[:40], "put", field=field, value=host.name)
