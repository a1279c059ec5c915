"""Facts that the host's owner keeps there: ``*.fact`` files of JSON, INI, or programs that print either."""

from __future__ import annotations

import configparser
import json
from posixpath import basename
from typing import Any

from orchestrator.playbook.facts.program import Answers


def local(answers: Answers) -> dict[str, Any]:
    """File name without ``.fact`` to what it holds, or to why that could not be read."""
    found: dict[str, Any] = {}
    sections = iter(answers.sections)
    for name, text in sections:
        if not name.startswith("fact "):
            continue
        path = name.removeprefix("fact ")
        status, errors = next(sections, ("rc stat", ""))
        found[basename(path).replace(".fact", "")] = _fact(path, text, status.removeprefix("rc "), errors)
    return {"local": dict(sorted(found.items()))}


def _fact(path: str, text: str, status: str, errors: str) -> Any:
    if status == "stat":
        return f"Could not stat fact ({path})"
    if status != "0":
        return f"Failure executing fact script ({path}), rc: {status}, err: {errors}"
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        return {name: dict(parser.items(name)) for name in parser.sections()}
    except configparser.Error:
        return f"error loading facts as JSON or ini - please check content: {path}"
