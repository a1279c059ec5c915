"""What came with the program beside its code: ``playbooks/`` and ``prometheus/``, wherever it was installed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped(name: str) -> Path:
    """The folder of that name: in an installed package, or in the checkout that the program runs from.

    It may hold files of whoever works in that checkout, too. What a home has of its own comes before what is here.
    """
    package = Path(str(files("orchestrator")))
    packed = package / "data" / name
    return packed if packed.is_dir() else package.parent / name
