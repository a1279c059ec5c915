"""Hundreds of templates and conditions, rendered by ansible-core and by us: same values, same types, same failures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.playbook.templating import LookupContext, Templar, TemplateFault
from orchestrator.playbook.text import Position, trusted
from tests.playbook.templating import oracle

_HERE = Path(__file__).parent

# Where we differ, and why.
_DIFFER = {
    "{{ omit }}": "a whole value may be left out; whoever asked decides, as Ansible does for arguments",
    "{{ nowhere | default(omit) }}": "the same",
    "{{ 'x' ~ omit }}": "Ansible writes '<<Omit>>' into the text",
    "{{ query('sequence', 'start=0x0f count=2 format=%04x') }}": "documented by Ansible, refused by it since 2.19",
    "{{ '{0.__class__}'.format(1) }}": "Ansible lets formats look into Python objects",
}


def _cases() -> dict[str, Any]:
    cases: dict[str, Any] = yaml.safe_load((_HERE / "cases.yml").read_text(encoding="utf-8"))
    lines = (_HERE / "expressions.txt").read_text(encoding="utf-8").splitlines()
    cases["expressions"] = [f"{{{{ {line} }}}}" for line in lines if line and not line.startswith("# ")]
    return cases


def _ask(cases: dict[str, Any], folder: Path) -> dict[str, list[Any]]:
    """What ansible-core makes of the cases."""
    answers = folder / "answers.json"
    subprocess.run(
        [sys.executable, oracle.__file__],
        input=yaml.safe_dump(cases | {"folder": str(folder), "answers": str(answers)}, sort_keys=False),
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        cwd=folder,
        text=True,
        capture_output=True,
        check=True,
    )
    read: dict[str, list[Any]] = json.loads(answers.read_text(encoding="utf-8"))
    return read


def _outcome(work: Callable[[Any], Any], text: Any) -> Any:
    try:
        return ["ok", oracle.spelled(work(trusted(text, Position("case", 1))))]
    except TemplateFault as fault:
        return ["error", str(fault)]


def test_we_render_as_ansible_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("NOPE_NOT_SET", raising=False)
    cases = _cases()
    theirs = _ask(cases, folder)
    variables = trusted(cases["variables"]) | cases["data"]
    ours = Templar(variables, lookups=LookupContext(search=(folder,), base=folder))
    work: dict[str, Callable[[Any], Any]] = {
        "expressions": ours.render,
        "templates": ours.render,
        "conditions": lambda text: ours.condition([text])[0],
        "files": lambda text: ours.render_file(text, "file.j2"),
    }
    wrong = []
    for kind, render in work.items():
        for text, their in zip(cases[kind], theirs[kind], strict=True):
            our = json.loads(json.dumps(_outcome(render, text)))
            if kind == "files" and their[0] == "ok" and their[1][0] != "str":
                their = ["ok", ["str", "" if their[1][0] == "NoneType" else our[1][1]]]  # noqa: PLW2901  a file is text
            both_fail = our[0] == their[0] == "error"
            if (our == their or both_fail) == (text in _DIFFER):
                wrong.append(f"{kind}: {text!r}\n  ours   {our}\n  theirs {their}")
    assert not wrong, "\n".join(wrong)


def test_there_are_hundreds_of_cases() -> None:
    cases = _cases()
    assert sum(len(cases[kind]) for kind in ("expressions", "templates", "conditions", "files")) > 700


def test_variables_of_the_cases_are_untouched(folder: Path) -> None:
    cases = _cases()
    variables = trusted(cases["variables"]) | cases["data"]
    before = repr(variables)
    ours = Templar(variables, lookups=LookupContext(search=(folder,), base=folder))
    for text in [*cases["templates"], "{% set _ = names.append(1) %}{% set _ = d.update(x=1) %}"]:
        _outcome(ours.render, text)
    assert repr(variables) == before
