"""What is said about the way that alerts take, as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.alerts.watchdog import Fault, Part
from orchestrator.bot.language import Catalogues
from orchestrator.bot.render.health import SelfReport, health
from orchestrator.bot.render.notices import NOTICES

WORDS = [
    (
        "alerts.silent",
        {"part": "webhook", "detail": "the token is not ours", "seconds": 305.0},
        (
            "<b>🔇 Alerts do not arrive any more</b>\nThe Watchdog was last heard 5 min ago.\n"
            "What Alertmanager tells us is not taken: the token is not ours\n"
            "Look at the receiver in alertmanager.yml: its url, its credentials_file."
        ),
    ),
    (
        "alerts.heard",
        {"seconds": 3700.0},
        "<b>✅ Alerts arrive again</b>\nThey did not for 1 h; what fired meanwhile and still does is told now.",
    ),
]


@pytest.mark.parametrize(("kind", "payload", "text"), WORDS)
def test_in_both_languages(kind: str, payload: dict[str, Any], text: str) -> None:
    catalogues = Catalogues(None)
    message = NOTICES[kind](payload, catalogues.locale("en"))
    assert message.html == text
    assert message.silent == (kind == "alerts.heard")
    chinese = NOTICES[kind](payload, catalogues.locale("zh_TW")).html
    assert not set(chinese.splitlines()) & set(text.splitlines())


@pytest.mark.parametrize("part", list(Part))
def test_every_part_has_its_words(part: Part) -> None:
    locale = Catalogues(None).locale("en")
    html = NOTICES["alerts.silent"]({"part": part.value, "detail": "why", "seconds": 300}, locale).html
    assert len(html.splitlines()) == 4


def test_status_says_whether_alerts_arrive() -> None:
    now, locale = datetime(2026, 1, 1, tzinfo=UTC), Catalogues(None).locale("en")

    def shown(**more: Any) -> str:
        return health(SelfReport("1", now, None, {}, False, None, 0, "", 0, watched=True, **more), now, locale).html

    assert "alerts heard  not yet" in shown()
    assert "alerts heard  0 s ago" in shown(alerts_heard=now)
    silent = shown(alerts=Fault(Part.PROMETHEUS, "it does not run"))
    assert "⚠ No alert would arrive. Prometheus does not work: it does not run" in silent
