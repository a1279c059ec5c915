"""Bootstrap in the chat: how hosts were found, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from orchestrator.bootstrap import HostOutcome, Outcome, Root, Step, Surveyed, facts_line
from orchestrator.bot.language import N_, Locale
from orchestrator.bot.message import TEXT_LIMIT, Button, Message
from orchestrator.bot.phrases import translate
from orchestrator.bot.render.markup import COLUMNS, Html, bold, code, cut, cut_units, esc, folded, length, lines, pre
from orchestrator.bot.render.outcome import MARKS, WORDS
from orchestrator.bot.render.playing import task_rows
from orchestrator.bot.runlog import RunLog
from orchestrator.fleet.clean import clean_line
from orchestrator.inventory import HostSet, fold
from orchestrator.playbook.events import Event
from orchestrator.ssh import Status

ROWS = 12
KEYS = 12  # host keys in one question: each of them must be there to be read
NAMED = 10  # hosts in a command line that somebody is to type
KEY_LINE = 150  # UTF-16 units
HEAD = 300  # UTF-16 units of folded names in a first line
DETAIL = 300
_ROOTS = {
    Root.ALREADY: N_("it is root"),
    Root.FREE: N_("root without a password"),
    Root.PASSWORD: N_("root with the password"),
    Root.ASKS: N_("root wants a password"),
    Root.NONE: N_("no root"),
}
_STEPS = {
    "reach": N_("reached"),
    "key": N_("host key"),
    "login": N_("login"),
    "facts": N_("facts"),
    "root": N_("root"),
    "release": N_("node_exporter release"),
    "playbook": N_("playbook"),
    "verify": N_("new login"),
    "hostctl": N_("hostctl as root"),
    "exporter": N_("metrics"),
    "inventory": N_("inventory"),
    "scraped": N_("scraped"),
}
_MARKS = {True: "✔", False: "✖", None: "–"}


class Progress:
    """A run on `hosts` as it is told: `on_change` is called for everything new."""

    def __init__(self, hosts: HostSet, check: bool) -> None:
        self.hosts = hosts
        self.check = check
        self.log = RunLog()
        self.steps: list[Step] = []
        self.on_change: Callable[[], None] = lambda: None

    def tell(self, event: Event) -> None:
        """What the playbook does."""
        self.log.tell(event)
        self.on_change()

    def step(self, step: Step) -> None:
        """A step besides."""
        self.steps.append(step)
        self.on_change()


def looking(hosts: HostSet, done: int, stop: Button, locale: Locale) -> Message:
    """Hosts are being looked at."""
    state = locale.gettext("looking: {n} of {all}").format(n=done, all=len(hosts))
    return Message(bold(f"🧭 {_names(hosts.names)} · {state}"), ((stop,),))


def to_confirm(surveyed: Sequence[Surveyed]) -> list[Surveyed]:
    """Those whose keys are asked about next: no more than a message shows whole."""
    return [each for each in surveyed if each.wants_trust][:KEYS]


def found(surveyed: Sequence[Surveyed], buttons: tuple[tuple[Button, ...], ...], locale: Locale) -> Message:
    """How hosts were found, alike ones together, and what to do about those that cannot be begun on."""
    _ = locale.gettext
    unknown, asked = sum(each.wants_trust for each in surveyed), to_confirm(surveyed)
    ready = [each for each in surveyed if each.ready]
    if unknown:
        keys = locale.ngettext("{n} host key to confirm", "{n} host keys to confirm", unknown)
        state = keys.format(n=unknown)
    else:
        state = _("{n} of {all} ready").format(n=len(ready), all=len(surveyed))
    names = _names([each.host.name for each in surveyed])
    parts = [_key(each) for each in asked]
    if len(asked) < unknown:
        parts.append(esc(_("These are the first {n} of {all}.").format(n=len(asked), all=unknown)))
    if asked:
        parts.append(esc(_("Compare them on the hosts' own consoles:")))
        parts.append(code("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"))
    parts += _folded((each.host.name, *_finding(each, locale)) for each in surveyed if not each.wants_trust)
    if passwords := [each for each in surveyed if _wants_password(each)]:
        parts.append(esc(_("Passwords are not asked for in a chat, which keeps them. On the control node:")))
        parts.append(code(_command(passwords)))
    return Message(_fitting(bold(f"🧭 {names} · {state}"), parts), buttons)


def not_done(names: Sequence[str], locale: Locale) -> Message:
    """Nothing was done."""
    return Message(esc("⏹ " + locale.gettext("Not bootstrapped: {hosts}").format(hosts=_names(names))))


def running(progress: Progress, stop: Button, stopping: bool, locale: Locale) -> Message:
    """How far it is."""
    _ = locale.gettext
    state = _("stopping …") if stopping else (_("checking …") if progress.check else _("bootstrapping …"))
    head = bold(f"{'⏹' if stopping else '▶'} {_names(progress.hosts.names)} · {state}")
    rows = [*task_rows(progress.log.story.tasks[-ROWS:], locale), *_steps(progress.steps[-ROWS:], progress, locale)]
    return Message(lines((head, pre("\n".join(rows[-ROWS:])))), () if stopping else ((stop,),))


def cut_off(progress: Progress, locale: Locale) -> Message:
    """It ended before its time: what was done is not known."""
    _ = locale.gettext
    head = bold("❓ " + _("{hosts}: bootstrap was cut off").format(hosts=_names(progress.hosts.names)))
    return Message(lines((head, esc(_("Going on is safe: /bootstrap again.")))), silent=False)


def finished(
    progress: Progress, outcome: Outcome, took: float, buttons: tuple[tuple[Button, ...], ...], locale: Locale
) -> Message:
    """How it ended, host by host; all steps where it is one host."""
    _ = locale.gettext
    n, done = len(outcome.hosts), len(outcome.done)
    names = _names([host.host for host in outcome.hosts])
    if outcome.stopped:
        mark, state = "⏹", _("stopped")
    elif done < n:
        mark, state = "⚠" if done else "✖", _("{n} of {all} managed").format(n=done, all=n)
    else:
        mark, state = "✔", _("managed")
    if outcome.check:
        mark, state = ("⚠" if done < n else "✔"), _("check")
    parts = list(_folded((host.host, *_ending(host, outcome, locale)) for host in outcome.hosts))
    if n == 1:
        rows = [f"{_MARKS[step.done]} {_step(step, locale)}" for step in outcome.hosts[0].steps]
        parts.append(folded("\n".join(rows)))
    head = bold(f"{mark} {names} · {state} · {locale.took(took)}")
    well = done == n and not outcome.stopped
    document = progress.log.document("bootstrap.yml") if progress.log.story.tasks else None
    return Message(_fitting(head, parts), buttons, document, silent=well)


def _names(names: Iterable[str]) -> str:
    return cut_units(fold(names), HEAD)


def _finding(each: Surveyed, locale: Locale) -> tuple[str, str]:
    """A host's mark and line, and what it is."""
    _ = locale.gettext
    if not each.ready:
        return _failed(each.status, each.trouble, locale), facts_line(each)
    way = f"{each.login} ({each.method})" if each.method else each.login
    return f"✔ {way} · {_(_ROOTS[each.root])} → {each.account}", facts_line(each)


def _ending(host: HostOutcome, outcome: Outcome, locale: Locale) -> tuple[str, str]:
    if host.status is not Status.OK:
        return _failed(host.status, host.detail, locale), ""
    n = host.changed
    if outcome.check:
        told = locale.ngettext("{n} task would change something", "{n} tasks would change something", n)
    else:
        told = locale.ngettext("{n} task changed something", "{n} tasks changed something", n)
    return f"{'±' if n else '✔'} {told.format(n=n)}", ""


def _failed(status: Status, why: str, locale: Locale) -> str:
    words = translate(clean_line(why), locale) or locale.gettext(WORDS[status])
    return cut_units(f"{MARKS[status]} {words}", DETAIL)


def _folded(rows: Iterable[tuple[str, str, str]]) -> Iterator[Html]:
    """Hosts with the same words under one heading: each row is a name, what is said, and more of it."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, said, more in rows:
        alike.setdefault((said, more), []).append(name)
    for (said, more), names in alike.items():
        mark, _, words = said.partition(" ")
        below = esc(f"   {cut_units(clean_line(more), DETAIL)}") if more else Html("")
        yield lines((esc(f"{mark} {cut_units(fold(names), HEAD)}: {words}"), below))


def _key(each: Surveyed) -> Html:
    assert each.shown is not None
    place = f"{each.host.address}, {each.host.port}"
    line = cut_units(f"🔑 {each.host.name} ({place}) {each.shown.algorithm}", KEY_LINE)
    return lines((esc(line), code(each.shown.fingerprint)))


def _command(hosts: Sequence[Surveyed]) -> str:
    """What to type for hosts that want a password; without names it means all that are not managed yet."""
    names = [",".join(each.host.name for each in hosts)] if len(hosts) <= NAMED else []
    login = any(each.status is Status.AUTH_FAILED for each in hosts)
    return " ".join(("orchestrator bootstrap", *names, "--ask-pass" if login else "--ask-become-pass"))


def _wants_password(each: Surveyed) -> bool:
    return each.status is Status.AUTH_FAILED or (not each.ready and each.root is Root.ASKS)


def _steps(steps: Iterable[Step], progress: Progress, locale: Locale) -> Iterator[str]:
    for step in steps:
        host = f"{step.host}: " if len(progress.hosts) > 1 else ""
        yield cut(f"{_MARKS[step.done]} {host}{_step(step, locale)}", COLUMNS)


def _step(step: Step, locale: Locale) -> str:
    name = locale.gettext(_STEPS[step.name]) if step.name in _STEPS else step.name
    return f"{name} · {translate(clean_line(step.detail), locale)}" if step.detail else name


def _fitting(head: Html, parts: list[Html]) -> Html:
    """As many parts as fit into a message, from the first on."""
    while parts and length(lines((head, *parts))) > TEXT_LIMIT - 10:
        parts.pop()
        parts[-1:] = [esc("…")] if parts else []
    return lines((head, *parts))
