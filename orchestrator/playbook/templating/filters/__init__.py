"""All filters by name: Jinja2's own, and Ansible's, which replace those of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2.filters import FILTERS as JINJA_FILTERS

from orchestrator.playbook.templating.filters import collections, formats, hashing, numbers, paths, presence, text

FILTERS: dict[str, Callable[..., Any]] = {
    **JINJA_FILTERS,
    **collections.FILTERS,
    **formats.FILTERS,
    **hashing.FILTERS,
    **numbers.FILTERS,
    **paths.FILTERS,
    **presence.FILTERS,
    **text.FILTERS,
}
"""Name to function. Names and behaviour are those of ansible.builtin in ansible-core 2.19."""
