"""Greeting, help, ids, language and the project's page."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.bot.conversation import Request
from orchestrator.bot.language import LANGUAGES, N_, Locale
from orchestrator.bot.message import Button, Message
from orchestrator.bot.render.markup import Html, bold, code, cut_units, esc, lines, spaced
from orchestrator.inventory import HostSet

PROJECT_PAGE = "https://github.com/cyleafish/See_Servers_Health_plus"
HOSTS_LIMIT = 1500  # UTF-16 units of folded host names

AGENT_HELP = N_(
    "<agent> is a host, its address, a group, or a pattern as in Ansible: web*, web:&prod, all:!db1. "
    "Server is the machine I run on."
)


def greeting(hosts: HostSet, keyboard: tuple[tuple[str, ...], ...], locale: Locale) -> Message:
    """The answer to /start, with the reply keyboard."""
    _ = locale.gettext
    count = locale.ngettext("I look after {n} host.", "I look after {n} hosts.", len(hosts)).format(n=len(hosts))
    return Message(
        lines(
            (
                bold("👋 " + count) if hosts else bold("👋 " + _("There are no hosts yet.")),
                code(folded_hosts(hosts)) if hosts else esc(_("/host_add adds the first.")),
                esc(_("/agents shows how they are, /help all I can do.")),
            )
        ),
        keyboard=keyboard,
    )


def help_text(commands: Sequence[tuple[str, str]], locale: Locale) -> Message:
    """All commands as (name, description), descriptions as message ids; a line each, as there are many."""
    _ = locale.gettext
    described = (esc(f"/{name} · {_(description)}") for name, description in commands)
    return Message(lines((bold(_("What I can do")), *described, esc(_("/help op_exec says how to write that one.")))))


def help_of(name: str, arguments: str, description: str, locale: Locale) -> Message:
    """How to write one command; `arguments` and `description` are message ids."""
    _ = locale.gettext
    head = spaced((bold("/" + name), code(_(arguments)) if arguments else Html("")))
    return Message(lines((head, esc(_(description)), esc(_(AGENT_HELP)) if "<agent>" in arguments else Html(""))))


def usage(name: str, arguments: str, examples: Sequence[str], locale: Locale) -> Message:
    """How to type a command; `arguments` is a message id, `examples` whole commands that would work here."""
    _ = locale.gettext
    return Message(
        lines(
            (
                Html(f"❔ {bold('/' + name)} {code(_(arguments))}"),
                esc(_("For example:")) if examples else Html(""),
                *(code(example) for example in examples),
            )
        )
    )


def ids(request: Request, locale: Locale) -> Message:
    """Who and where the asker is, as the settings want it."""
    _ = locale.gettext
    if not request.user_id:
        return Message(lines((bold("🪪 " + request.actor.id), esc(_("You are on the terminal.")))))
    chat = f"{request.chat_id}:{request.topic_id}" if request.topic_id else f"{request.chat_id}"
    return Message(
        lines(
            (
                bold("🪪 " + _("You are {id}").format(id=request.user_id)),
                esc(_("For the settings:")),
                code(f"ALLOWED_USERS={request.user_id}"),
                code(f"ALERT_CHAT_ID={chat}"),
            )
        )
    )


def languages(locale: Locale) -> Message:
    """The choice of languages, each in its own words."""
    _ = locale.gettext
    row = tuple(Button(name, "language.set", {"language": tag}, personal=True) for tag, name in LANGUAGES.items())
    return Message(lines((bold("🌐 " + _("Language: {name}").format(name=LANGUAGES[locale.language])),)), (row,))


def language_set(keyboard: tuple[tuple[str, ...], ...], locale: Locale) -> Message:
    """The choice is made; in the new language."""
    return Message(
        esc("🌐 " + locale.gettext("From now on: {name}").format(name=LANGUAGES[locale.language])), keyboard=keyboard
    )


def project(version: str, locale: Locale) -> Message:
    """Where the project lives."""
    _ = locale.gettext
    return Message(
        lines(
            (
                bold(f"See Servers Health Plus {version}"),
                Html(f'<a href="{PROJECT_PAGE}">{esc(PROJECT_PAGE)}</a>'),
                esc(_("Source, manual and issues are there.")),
            )
        )
    )


def folded_hosts(hosts: HostSet) -> str:
    """Host names in short, cut when there are very many."""
    return cut_units(hosts.folded, HOSTS_LIMIT)
