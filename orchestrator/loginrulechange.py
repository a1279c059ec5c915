"""A rule about the telling of logins, changed through the door: what the chat and the command line have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.alerts.thresholds import Thresholds
from orchestrator.control import Actor, Door, SetLoginRule
from orchestrator.errors import UsageError
from orchestrator.logins.rules import RuleKind, parse_rule
from orchestrator.store.loginrules import LoginRuleTable
from orchestrator.store.thresholds import Scope

USAGE = "known NETWORK | quiet USER | tell sudo|su|accounts|keys, then [on|off|default] [HOST|GROUP]"
_STATES = {"on": True, "add": True, "off": False, "default": None, "remove": None}


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What a rule is to be for all in `scope`: `on`, off, or (None) what wider scopes say."""

    scope: Scope
    kind: RuleKind
    value: str
    on: bool | None

    @property
    def rule(self) -> str:
        """``known 192.0.2.0/24``."""
        return f"{self.kind} {self.value}"

    @property
    def state(self) -> str:
        """``on``, ``off`` or ``default``."""
        return {True: "on", False: "off", None: "default"}[self.on]

    @classmethod
    def parse(cls, words: Sequence[str], thresholds: Thresholds) -> RuleChange:
        """Understand ``known 192.0.2.0/24 [on|off|default] [AGENT]``; the state may come first, without an agent it is
        for the whole fleet. Raises UsageError and UnknownHost.
        """
        kind, *rest = words
        states = [word for word in rest[:2] if word.lower() in _STATES]
        if states:
            rest.remove(states[0])
        if not 1 <= len(rest) <= 2:
            raise UsageError(f"{' '.join(words)[:60]!r} is no rule", remedy=f"Say: {USAGE}")
        known, value = parse_rule(kind.lower(), rest[0])
        scope = thresholds.scope(rest[1] if len(rest) == 2 else "all")
        return cls(scope, known, value, _STATES[states[0].lower()] if states else True)


async def change_rule(
    change: RuleChange, actor: Actor, door: Door, rules: LoginRuleTable, thresholds: Thresholds
) -> bool:
    """Do it; False when there was nothing to take away. Raises what the door raises, and StoreError."""
    action = SetLoginRule(thresholds.hosts(change.scope), str(change.scope), change.rule, change.state)
    async with door.open(actor, action) as passage:
        if change.on is None:
            done = await rules.remove(change.scope, change.kind, change.value)
        else:
            await rules.set(change.scope, change.kind, change.value, on=change.on, actor=actor.id)
            done = True
        passage.record({"status": "ok" if done else "unchanged"})
    return done
