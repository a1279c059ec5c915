"""How fast we talk to Telegram, and how long we wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds.

    `poll` is how long Telegram may hold a getUpdates open; `answer` how long any call may take beyond that;
    `first_pause` to `longest_pause` are waited between attempts while Telegram is away; `wedged_after` without a
    successful poll the HTTP client is replaced; `shown` is how long a command waits for its message to be shown before
    it goes on without knowing; `keep` how long an answer is worth delivering; `drain` how long stopping waits for
    running commands, and again for their answers.
    """

    poll: float = 10.0
    answer: float = 5.0
    first_pause: float = 1.0
    longest_pause: float = 10.0
    wedged_after: float = 30.0
    shown: float = 3.0
    keep: float = 3600.0
    drain: float = 10.0

    def pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row, doubling from `first_pause`."""
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once and `per_second` in the long run: never more than ``burst + t * per_second`` in t s."""

    burst: int
    per_second: float


# "Avoid sending more than one message per second" in a chat, short bursts let pass; not "more than 20 messages per
# minute" in a group; "about 30 messages per second" in all
# (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this).
PRIVATE_CHAT = Rate(3, 1.0)
GROUP_CHAT = Rate(5, 15 / 60)
ALL_CHATS = Rate(10, 20.0)
EDITS_OF_A_MESSAGE_S = 1.0


class Allowance:
    """A token bucket of a `Rate`. `monotonic` gives seconds."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._level = float(rate.burst)
        self._at = monotonic()

    def wait(self) -> float:
        """Seconds until one more may go; 0 when it may now."""
        self._refill()
        return 0.0 if self._level >= 1.0 else (1.0 - self._level) / self._rate.per_second

    def take(self) -> bool:
        """Take one; False, and nothing is taken, when it must wait."""
        self._refill()
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    def _refill(self) -> None:
        now = self._monotonic()
        self._level = min(self._rate.burst, self._level + (now - self._at) * self._rate.per_second)
        self._at = now
