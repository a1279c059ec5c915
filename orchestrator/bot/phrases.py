"""The sentences that lower floors say in English, recognised and said as the chat says them.

Lower floors do not know who reads, nor that it is in a chat. Their sentences are few and are listed here; one that is
not listed is shown as it is, which is right, only not as friendly. A field like ``{name}`` matches anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from orchestrator.bot.language import N_, Locale
from orchestrator.monitor.grafana import RENDERER_REMEDY, TOKEN_REMEDY

PHRASES: tuple[str, ...] = (
    # why a host is not reached
    N_("no route to host"),
    N_("connection refused"),
    N_("connection reset"),
    N_("network is unreachable"),
    N_("host is down"),
    N_("no answer"),
    N_("no answer within {n} s ({stage})"),
    N_("no answer within {n} s"),
    N_("looking up the name"),
    N_("connecting"),
    N_("waiting for the SSH greeting"),
    N_("during the SSH handshake"),
    N_("name does not resolve"),
    N_("the name server does not answer"),
    N_("jump host {name}: {why}"),
    N_("the jump host forbids forwarding"),
    N_("the jump host cannot reach it: {why}"),
    N_("the server closed the connection before its SSH greeting: {why}"),
    N_("host key unknown: {why}"),
    N_("host key changed: it shows {shown}, pinned is {pinned}"),
    N_("host key is not the promised one: it shows {shown}, the inventory says {pinned}"),
    # how a command ended
    N_("no end within {n} s"),
    N_("stopped on request"),
    N_("stopped on request before it was started"),
    N_("the server ends every connection: {why}"),
    N_("not started: {why}"),
    N_("stopped"),
    N_("never started: {why}"),
    N_("the connection was lost: {why}"),
    N_("the session closed without an exit status"),
    N_("it had not reported its start"),
    N_("it may still be running"),
    N_("nothing of it was seen running any more"),
    N_("its process group is gone, but what it detached still runs (pid {pids})"),
    N_("its process group is gone, but what it detached could not be looked for"),
    N_("sudo is not installed (become: true)"),
    N_("killed by signal {name}"),
    N_("a background process kept the output open"),
    N_("cannot read the answer: {why}"),
    # what came of closing a port
    N_("it is PID 1"),
    N_("it carries this request"),
    N_("it serves the connection that carries this request"),
    N_("it holds a port of the orchestrator"),
    N_("it is the SSH server of this host"),
    N_("no right to signal pid {pid}"),
    N_("what held the port is no longer what was shown"),
    N_("the port is free already"),
    N_("opened again by {names}"),
    N_("held by {names}"),
    N_("systemd is about to restart {unit} (Restart={policy})"),
    N_("a process did not end, though the port is no longer listed"),
    N_("killed, it ignored TERM"),
    N_("{unit} is stopped"),
    N_("systemd did not agree to stop {unit}"),
    # what came of ending a session, of blocking an address
    N_("it is a connection of the orchestrator"),
    N_("some of it had to be killed"),
    N_("what led it leads no session any more"),
    N_("no right to end all of it"),
    N_("some of it does not end"),
    N_("{name} has {n} sessions"),
    N_("there is no session {name}"),
    N_("Only our own sessions are seen"),
    N_("Name one of them: {names}"),
    N_("it is a host that is reached through this one"),
    N_("it is the address that this request comes from"),
    N_("it is an address of the host itself"),
    N_("it is a gateway of the host"),
    N_("it is no address that others send from"),
    N_("where this request comes from cannot be seen"),
    N_("another network that overlaps with it is blocked: unblock that one first"),
    N_("it is part of {address}, which is blocked"),
    N_("it takes root to see and to change what is blocked"),
    N_("neither nft nor iptables is there: install the package nftables"),
    N_("without systemd nothing can be blocked beyond a reboot: say for how long"),
    N_("it is not kept beyond a reboot"),
    N_("{text} is not an address"),
    N_("{text} is too much"),
    N_("{text} is no address that others send from"),
    N_("{text} is not a length of time"),
    N_("Give an IP address or a network like 203.0.113.0/24, no name"),
    N_("At most a /24 of IPv4 or a /48 of IPv6 is blocked at once"),
    N_("Give 30m, 1h or 30d, which is most"),
    # what was asked wrongly of the inventory
    N_("{name} is in the inventory already"),
    N_("{text} cannot be the name of a host"),
    N_("{text} cannot be the name of a group"),
    N_("{name} {value} of {host} is not a port: 1 to 65535"),
    N_("{name} {value} of {host} is not a port"),
    N_("{name} {value} of {host} is not the name of a user"),
    N_("{name} {value} of {host} is not a host name or an IP address (the port goes into port)"),
    N_("{name} {value} of {host} is not a host name or an IP address"),
    N_("{name} {value} of {host} is not a fingerprint as ssh-keygen -l prints it (SHA256:...)"),
    N_("{name} {value} of {host} is neither yes nor no"),
    N_("{text} is not NAME=VALUE"),
    N_("a quote is not closed"),
    N_("too many words"),
    N_("groups are changed in the file"),
    N_("a chat keeps what is written into it, so no passwords here"),
    N_("tap a button, or write it like port=2222"),
    N_("this question is over"),
    N_("was changed by somebody else meanwhile"),
    N_("{name} is part of a range"),
    N_("{name} is also defined elsewhere"),
    N_("Use letters, digits, '.', '-' and '_'."),
    N_("Use letters, digits and underscores."),
    N_("Choose another name, or use /host_set."),
    N_("Example: port=2222 user=ops groups=web"),
    N_("Edit inventory/hosts.yml."),
    N_("Use: orchestrator inventory set, with ansible-vault."),
    N_("Cancel ends this."),
    N_("Begin again: /host_add, /host_set"),
    N_("Try again"),
    N_("Edit it by hand"),
    # why there is no reading
    N_("Prometheus does not scrape it yet"),
    N_("no samples then"),
    N_("its first sample is of {time}"),
    N_("away since {time}"),
    N_("its exporter does not answer"),
    N_("its scrapes fail"),
    N_("too few samples yet"),
    N_("the host does not say"),
    N_("Prometheus gives no answer: {why}"),
    N_("the connection failed"),
    N_("what answers is not Prometheus"),
    N_("its answer is too long"),
    N_("its answer is too slow"),
    N_("it answers {what}"),
    # thresholds
    N_("default"),
    N_("{text} is no threshold of {metric}"),
    N_("{value} is out of the range of {metric}"),
    N_("{text} has no threshold"),
    N_("Give percents from {low} to {high}, such as 90 or 90%"),
    N_("Give a number from {low} to {high}, such as {default}"),
    N_("Name one of: {names}"),
    N_("too many words for a threshold"),
    N_("{what} Name one host, a group, or all"),
    # who set a limit
    N_("fleet"),
    N_("group {name}"),
    N_("host {name}"),
    # what was asked wrongly
    N_("{word} is not a number of minutes"),
    N_("{word} is not a time of day"),
    N_("{words} is not one agent"),
    N_("Give minutes from 1 to 44640, or a time such as 0930 and minutes either side"),
    N_("Give a time of day such as 0800, or off"),
    N_("{name} is not in the inventory"),
    N_("{name} is a group"),
    N_("{name} is a group without hosts"),
    N_("{text} is a pattern"),
    N_("{text} means {n} hosts"),
    N_("{pattern} leaves no host"),
    N_("{address} is the address of {hosts}"),
    N_("the inventory has no hosts yet"),
    N_("no hosts are named"),
    N_("{text} is not a port"),
    N_("{pattern} is not a regular expression: {why}"),
    N_("Say which of them by name."),
    N_("Name one host of it: {names}"),
    N_("Name one of them."),
    N_("Did you mean {a}, {b} or {c}?"),
    N_("Did you mean {a} or {b}?"),
    N_("Did you mean {name}?"),
    N_("Name a host, a group, or all."),
    N_("Run: orchestrator inventory add NAME, or write them into inventory/hosts.yml"),
    N_("Give a number from 1 to 65535, or 53/udp"),
    # what keeps a host key from being trusted
    N_("the host key has changed"),
    N_("the host shows another key now"),
    N_("this host key is revoked"),
    N_("its address was changed after the key was shown"),
    N_("its key is not the one that the inventory names"),
    N_("it is this machine, reached without SSH: it needs no key"),
    N_("If the host was reinstalled, first run: orchestrator keys forget {name}"),
    N_("Nothing was pinned."),
    N_("Find out why."),
    N_("Ask again."),
    # why a playbook is not run
    N_("it is encrypted with ansible-vault and no password was given"),
    N_("no vault password fits (vault id {name})"),
    N_("no vault password fits"),
    N_("it is not in ansible-vault's format"),
    N_("it is damaged: not the encoding that ansible-vault writes"),
    N_("the vault password cannot be read: {why}"),
    N_("the vault password is not in a file"),
    N_("the vault password is empty"),
    N_("the vault password script failed: {why}"),
    N_("others may read or change the vault password"),
    N_("there is no playbook {name}"),
    N_("the module {name} is not supported"),
    N_("there is no handler {name}, neither by name nor listening"),
    N_("nearest: {name}"),
    # how bootstrap goes
    N_("its host key is the pinned one"),
    N_("Prometheus scrapes it"),
    N_("the login is root"),
    N_("without a password"),
    N_("with the password"),
    N_("cannot be had: only what {user} may do is done"),
    N_("{user} logged in with {key}"),
    N_("hostctl answers as root"),
    N_("{n} series of metrics came through the connection"),
    N_("not looked at: without sudo it runs as the account itself"),
    N_("stopped before it was looked at"),
    N_("says so already"),
    N_("{user} cannot log in with our key: {why}"),
    N_("hostctl does not answer through sudo: {why}"),
    N_("node_exporter does not answer: {why}"),
    N_("sudo wants a password of {user}. {remedy}"),
    N_("it is this machine itself, reached without SSH"),
    N_("its shell did not answer: {why}"),
    N_("its host key is the one that the inventory names"),
    N_("it is pinned now"),
    # alerts
    N_("this alert is not known any more"),
    N_("/alerts lists what fires now."),
    N_("say what to silence, and for how long"),
    N_("from when?"),
    N_("Alertmanager gives no answer: {why}"),
    N_("what answers is not Alertmanager"),
    N_("{text} is not a duration"),
    N_("Say for example {example}"),
    N_("{text} is not a time"),
    N_("{text} is not a date"),
    N_("{text} has passed"),
    N_("{text} is not from 1m to 90d"),
    # why Grafana draws nothing
    N_("Grafana refuses us"),
    N_("Grafana has no image renderer"),
    N_("Grafana gives no answer: {why}"),
    N_("Grafana gives no answer within {n} s"),
    N_("Grafana does not have that"),
    N_("Grafana's renderer has too much to do"),
    N_("Grafana's renderer gave no picture"),
    N_("Grafana's answer is too long"),
    N_("Grafana answers {what}"),
    N_("what answers is not Grafana"),
    N_("there is no Grafana"),
    N_("there is no dashboard {name}"),
    N_("there is no panel {name}"),
    N_("{text} means {n} dashboards"),
    N_("{text} means {n} panels"),
    N_("There are: {names}"),
    N_("/chart lists what there is"),
    N_("Look at its log"),
    N_("Look at GRAFANA_URL"),
    N_("Give minutes alone"),
    N_("Choose a smaller panel"),
    # of logins: why a log is not followed, and what was asked wrongly
    N_("there is no journal and no log of logins in /var/log; install rsyslog, or keep a journal"),
    N_("only the keys of {user} are looked at; bootstrap the host"),
    N_("only the keys of {user} are looked at; the rest is for root to see"),
    N_("the files of {users} cannot be read, not even by root"),
    N_("/etc/passwd has more than {n} accounts, or a home in it does not answer"),
    N_("{tool} is missing"),
    N_("the host ended it"),
    N_("{user} may not read {files}; bootstrap the host, or run as root: {command}"),
    N_("{user} may not read {file}, or it is not there"),
    N_("cannot read what the host sends of its log: {why}"),
    N_("{words} is no rule"),
    N_("{word} is nothing to set"),
    N_("{word} is nothing to tell"),
    N_("{word} is no network"),
    N_("{network} is too large to be known"),
    N_("this is no name of a user"),
    N_("{word} is one word too many"),
    # what keeps us from working
    N_("the database refused: {why}"),
    N_("Free some space on its disk; nothing was done in the meantime"),
    N_("this needs to be confirmed"),
)

# Remedies that name the command line, as the chat would give them.
REMEDIES: Mapping[str, str] = {
    TOKEN_REMEDY: N_(
        "In Grafana: Administration, Service accounts, a token with the role Viewer; set it as GRAFANA_TOKEN"
    ),
    RENDERER_REMEDY: N_(
        "Run Grafana's image renderer beside it: https://grafana.com/docs/grafana/latest/setup-grafana/image-rendering"
    ),
    "Set GRAFANA_URL and GRAFANA_TOKEN on the control node; /mon_cpu_picture draws without Grafana": N_(
        "Set GRAFANA_URL and GRAFANA_TOKEN on the control node; /mon_cpu_picture draws without Grafana"
    ),
    "See all hosts with: orchestrator hosts all.": N_("/agents lists all."),
    "See who is in a pattern with: orchestrator hosts PATTERN.": N_("/agents lists all."),
    "Give the password with --vault-password-file, or set VAULT_PASSWORD_FILE": N_(
        "Set VAULT_PASSWORD_FILE on the control node."
    ),
}


def translate(text: str, locale: Locale) -> str:
    """`text`, or each of its clauses between semicolons, in the reader's language as far as it is known."""
    if not text:
        return ""
    if remedy := REMEDIES.get(text):
        return locale.gettext(remedy)
    whole = _known(text, locale)
    return whole if whole is not None else "; ".join(_known(part, locale) or part for part in text.split("; "))


def _known(text: str, locale: Locale) -> str | None:
    if locale.language == "en":
        return text
    for phrase, pattern in _patterns():
        if match := pattern.fullmatch(text):
            parts = {name: _known(part, locale) or part for name, part in match.groupdict().items()}
            return locale.gettext(phrase).format(**parts)
    return None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((phrase, re.compile(_as_regex(phrase), re.DOTALL)) for phrase in PHRASES)


def _as_regex(phrase: str) -> str:
    """Fields match no semicolon, so that a clause of its own is not swallowed."""
    parts = re.split(r"\{(\w+)\}", phrase)
    return "".join(re.escape(part) if number % 2 == 0 else f"(?P<{part}>[^;]+?)" for number, part in enumerate(parts))
