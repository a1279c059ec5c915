"""Which logins are told: rules of the fleet, of groups and of hosts, the narrower stronger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.errors import UsageError
from orchestrator.logins.rules import Choice, LoginRules, parse_rule
from orchestrator.store.loginrules import LoginRuleRow
from orchestrator.store.thresholds import FLEET, Scope, ScopeKind

WEB, WEB1 = Scope(ScopeKind.GROUP, "web"), Scope(ScopeKind.HOST, "web1")
OTHER = Scope(ScopeKind.HOST, "db1")


def rule(scope: Scope, kind: str, value: str, *, on: bool = True) -> LoginRuleRow:
    return LoginRuleRow(scope, kind, value, on, "ann", datetime.now(UTC))


def rules(*rows: LoginRuleRow) -> LoginRules:
    return LoginRules(rows, (WEB1, WEB, FLEET))


def test_without_rules_each_login_is_told_and_no_sudo() -> None:
    assert rules().quiet("root", "192.0.2.7") == ""
    assert [rules().tells(choice) for choice in Choice] == [False] * len(Choice)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.0.2.7", "known 192.0.2.0/24 (fleet)"),
        ("2001:db8::7", "known 2001:db8::/32 (fleet)"),
        ("198.51.100.7", ""),
        ("gateway.example", ""),
        ("", ""),
    ],
)
def test_known_networks_are_quiet(address: str, told: str) -> None:
    known = rules(rule(FLEET, "known", "192.0.2.0/24"), rule(FLEET, "known", "2001:db8::/32"))
    assert known.quiet("root", address) == told


def test_the_narrower_decides() -> None:
    fleet = rule(FLEET, "known", "192.0.2.0/24")
    assert rules(fleet, rule(WEB1, "known", "192.0.2.0/24", on=False)).quiet("root", "192.0.2.7") == ""
    assert rules(fleet, rule(OTHER, "known", "192.0.2.0/24", on=False)).quiet("root", "192.0.2.7")
    assert rules(fleet, rule(FLEET, "known", "192.0.2.7/32", on=False)).quiet("root", "192.0.2.7") == ""
    tells = rules(rule(FLEET, "tell", "sudo"), rule(WEB, "tell", "sudo", on=False), rule(WEB1, "tell", "su"))
    assert [tells.tells(choice) for choice in (Choice.SUDO, Choice.SU)] == [False, True]


def test_a_user_is_quiet_from_wherever() -> None:
    quiet = rules(rule(WEB, "quiet", "backup"))
    assert quiet.quiet("backup", "198.51.100.7") == "quiet backup (group web)"
    assert quiet.quiet("root", "198.51.100.7") == ""


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("known", "192.0.2.7/24", "192.0.2.0/24"),
        ("known", "192.0.2.7", "192.0.2.7/32"),
        ("known", "2001:DB8::1/64", "2001:db8::/64"),
        ("quiet", "backup", "backup"),
        ("tell", "sudo", "sudo"),
    ],
)
def test_what_is_set_is_kept_in_one_spelling(kind: str, value: str, kept: str) -> None:
    assert parse_rule(kind, value) == (kind, kept)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("known", "0.0.0.0/0"),
        ("known", "::/0"),
        ("known", "office"),
        ("quiet", ""),
        ("quiet", "a b"),
        ("quiet", "a" * 101),
        ("tell", "everything"),
        ("loud", "root"),
    ],
)
def test_what_makes_no_sense_is_refused(kind: str, value: str) -> None:
    with pytest.raises(UsageError):
        parse_rule(kind, value)
