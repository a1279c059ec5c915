"""What the chat knows of logins, from one hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from orchestrator.bot.render.loginpictures import Asked, Counted
from orchestrator.logins.follow import Following, FollowState
from orchestrator.store import Database
from orchestrator.store.loginbook import LoginBookReader
from orchestrator.store.loginfigures import LoginFigures
from orchestrator.store.loginrules import LoginRuleTable


@dataclass(frozen=True, slots=True)
class LoginSources:
    """`states` says how the following of each host stands, by its name; of none while nothing is followed."""

    book: LoginBookReader
    figures: LoginFigures
    rules: LoginRuleTable
    states: Callable[[], Mapping[str, FollowState]]

    @classmethod
    def of(cls, database: Database, states: Callable[[], Mapping[str, FollowState]]) -> LoginSources:
        """What is in a database."""
        return cls(LoginBookReader(database), LoginFigures(database), LoginRuleTable(database), states)

    def unfollowed(self) -> Mapping[str, str]:
        """The hosts whose log cannot be followed until a person acts, and why, with what mends it."""
        return unfollowed(self.states())


async def counted(asked: Asked, hosts: Sequence[str] | None, figures: LoginFigures, zone: tzinfo | None) -> Counted:
    """What a picture is made of, for the chat and the command line alike; `hosts` None are all there ever were."""
    span = asked.span(zone)
    buckets = await figures.buckets(hosts, span.start, span.end, span.width)
    return Counted(asked, span, buckets, await figures.known_since(hosts))


def unfollowed(states: Mapping[str, FollowState]) -> Mapping[str, str]:
    """Of `states` those that only a person can mend, and why."""
    return {name: state.detail for name, state in states.items() if state.state is Following.CANNOT}
