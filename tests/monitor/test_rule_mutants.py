"""No rule can be changed without a case that notices: each is, in one place at a time."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from tests.monitor.mutants import Mutant, mutants, rules_of, survivors
from tests.monitor.test_rules import CASES, FILES

ALL = os.environ.get("RULE_MUTANTS") == "all"
OF = 10

# Any value of the Watchdog fires. Without a choice between mounts right below the root and deeper ones, topk is left
# with a tie, which it may well break as the rule would.
SAME = {
    "Watchdog": ("1 -> 2",),
    "host:filesystem_used:ratio": ("or -> unless", "mountpoint -> ", "=~ -> !~", '"/[^/]+" -> ', "by_mount:ratio -> "),
}


def chosen(mutant: Mutant) -> bool:
    """All of them take minutes, so it is one of ten, and another tenth whenever its rule is edited."""
    return ALL or zlib.crc32(f"{mutant.rule}{mutant.what}".encode()) % OF == 0


def test_no_mutant_survives(tmp_path: Path) -> None:
    rules = rules_of(FILES)
    tried = [mutant for mutant in mutants(rules) if chosen(mutant)]
    assert len(tried) > 80
    left = survivors(rules, tried, CASES.glob("*.yml"), tmp_path)
    told = [mutant for mutant in left if not any(what in mutant.what for what in SAME.get(mutant.name, ()))]
    assert [(mutant.name, mutant.what) for mutant in told] == []


def test_a_mutant_that_nothing_notices_is_told(tmp_path: Path) -> None:
    rules = rules_of(FILES)
    (number,) = (number for number, rule in enumerate(rules) if rule.get("alert") == "Watchdog")
    harmless = Mutant("Watchdog", "expr the same", number, rules[number])
    broken = Mutant("Watchdog", "expr gone", number, rules[number] | {"expr": "vector(1) > 2"})
    assert survivors(rules, [harmless, broken], CASES.glob("*.yml"), tmp_path) == [harmless]
