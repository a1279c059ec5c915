"""Write modules.md from the modules themselves: python -m tests.playbook.modules.manual"""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices

from orchestrator.playbook.modules import MODULES, module
from orchestrator.playbook.modules.registry import OTHER_NAMES

PAGE = Path(__file__).parents[3] / "docs" / "playbooks" / "modules.md"

HEAD = """\
# The modules

Names work with and without `ansible.builtin.` (`ansible.posix.` for `authorized_key`). Arguments are Ansible's, with
its aliases in brackets; those that must be given are **bold**. Results have Ansible's documented
keys. Except where it says so, a module supports check mode and, where Ansible's does, diffs.

This page is made from the code (`python -m tests.playbook.modules.manual`), and a test compares them.

| module | arguments |
|---|---|
"""

TAIL = """
Besides, these steer the run: `include_tasks`, `import_tasks`, `include_role`, `import_role`, `meta`.
"""


def page() -> str:
    """The whole page."""
    shown: dict[int, list[str]] = {}
    for full in sorted(MODULES):
        shown.setdefault(id(module(full)), []).append(full)
    rows = sorted(_row(names) for names in shown.values())
    return HEAD + "\n".join(rows) + "\n" + TAIL


def _row(names: list[str]) -> str:
    instance = module(names[0])
    own = [name.rpartition(".")[2] for name in names]
    short = ", ".join(f"`{name}`" for name in (*own, *(other for other, name in OTHER_NAMES.items() if name in own)))
    note = "; skipped in check mode" if instance.check == "none" else ""
    arguments = [_argument(name, field) for name, field in instance.arguments.model_fields.items()]
    free = f"`{instance.free_form}` is the text after the module's name. " if instance.free_form else ""
    return f"| {short}{note} | {free}{', '.join(arguments) or 'none'} |"


def _argument(name: str, field: object) -> str:
    alias = getattr(field, "validation_alias", None)
    spellings = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias or name)]
    first, *others = spellings
    also = f" ({', '.join(others)})" if others else ""
    return f"**{first}**{also}" if field.is_required() else f"{first}{also}"  # type: ignore[attr-defined]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
