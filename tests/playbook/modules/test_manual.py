"""The page of the modules says what the code says."""

from __future__ import annotations

from tests.playbook.modules.manual import PAGE, page


def test_the_page_is_made_from_the_modules_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.playbook.modules.manual"
