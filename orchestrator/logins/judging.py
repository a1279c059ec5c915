"""What a login is worth: whether it is our own, what of it was never seen before, what is alarming about it."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.logins.ours import OwnKeys, Whose, whose
from orchestrator.logins.rules import LoginRules
from orchestrator.logins.sessions import first_of
from orchestrator.store.database import Transaction
from orchestrator.store.logindials import LoginDials
from orchestrator.store.loginsessions import SessionRow
from orchestrator.store.loginvantages import LoginVantageTable

TRIES_S = 3600.0
TRIES, TRIES_WHERE_KNOWN = 1, 3
"""A login from an address that failed so often within the hour before is critical: more often where this user came from
before, as people mistype."""
FAILED_ALARM, KEY_ALARM = "failures", "key"


def judged(tx: Transaction, row: SessionRow, certificate: str, rules: LoginRules, own_keys: OwnKeys) -> SessionRow:
    """A login, with what is alarming about it and whether it is told. `certificate` is what sshd said of one."""
    owner = _owner(tx, row, certificate, own_keys) if row.key else Whose.SOMEBODY
    if owner is Whose.OURS:
        return replace(row, ours=True)
    tries = LoginDials.tries(tx, row.address, row.began_at - TRIES_S, row.began_at) if row.address else 0
    first = first_of(tx, row)
    guessed = tries >= (TRIES if first else TRIES_WHERE_KNOWN)
    alarm = KEY_ALARM if owner is Whose.ELSEWHERE else FAILED_ALARM if guessed else ""
    told = bool(alarm) or not rules.quiet(row.user, row.address)
    return replace(row, first=first, failures=tries, alarm=alarm, told=told)


def _owner(tx: Transaction, row: SessionRow, certificate: str, own_keys: OwnKeys) -> Whose:
    over_ours = LoginDials.have(tx, row.host, row.address, row.port, row.began_at)
    return whose(
        only_ours=own_keys.hold(row.key, certificate),
        used_by_us=row.key.rpartition(" ")[2] in LoginVantageTable.used_keys(tx),
        address=row.address,
        vantages=LoginVantageTable.addresses(tx, row.host) | ({row.address} if over_ours else frozenset()),
    )
