"""Whatever a file holds, the loader gives a playbook or one line that says where it is wrong."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from orchestrator.errors import OrchestratorError
from orchestrator.playbook.load import Loader
from orchestrator.playbook.load.keywords import KEYWORDS
from tests.playbook.load.generate import Generator

_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", " ", "{{", "{{ x }}", "{% raw %}", "a=b", "localhost", [], [None], [[]],
    ["a", 1], {}, {"a": None}, {1: 2}, {"name": "x"}, {"debug": None}, "../../etc", "/", "~", ".", "site.yml",
)  # fmt: skip
_KEYS: tuple[Any, ...] = (
    *KEYWORDS,
    "import_playbook",
    "with_items",
    "with_dict",
    "copy",
    "import_tasks",
    1,
    None,
    "x y",
)


@pytest.mark.parametrize("seed", range(40))
def test_never_fails_but_by_saying_where(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    path = Generator(seed).write(tmp_path)
    victims = sorted(tmp_path.rglob("*.yml"))
    for _ in range(6):
        victim = random.choice([path, *victims])
        sound = victim.read_text()
        tree = yaml.safe_load(sound)
        _spoil(tree, random)
        victim.write_text(yaml.safe_dump(tree))
        error = _error(path)
        if error is not None:
            assert error.where.partition(":")[0].endswith(".yml"), repr(error)
            assert "\n" not in str(error)
        victim.write_text(sound)


def _error(path: Path) -> OrchestratorError | None:
    try:
        Loader(base=path.parent).playbook(path)
    except OrchestratorError as error:
        return error
    return None


def _spoil(tree: Any, random: Random) -> None:
    """Put something else in one place of `tree`."""
    places: list[tuple[Any, Any]] = []
    _collect(tree, places)
    if not places:
        return
    holder, key = random.choice(places)
    if isinstance(holder, dict) and random.random() < 0.4:
        holder[random.choice(_KEYS)] = deepcopy(random.choice(_VALUES))
    else:
        holder[key] = deepcopy(random.choice(_VALUES))


def _collect(tree: Any, places: list[tuple[Any, Any]]) -> None:
    entries = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    for key, value in entries:
        places.append((tree, key))
        _collect(value, places)
