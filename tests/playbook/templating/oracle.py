"""Evaluates cases with ansible-core's own templating; started as a program: YAML in, JSON out."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml


def spelled(value: Any) -> Any:
    """A value with its type, as JSON."""
    if isinstance(value, dict):
        return ["dict", [[spelled(key), spelled(item)] for key, item in value.items()]]
    if isinstance(value, list | tuple):
        return ["list", [spelled(item) for item in value]]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return [kind.__name__, str(value)]
    return [
        type(value).__name__.replace("_AnsibleTaggedDateTime", "datetime").replace("_AnsibleTaggedDate", "date"),
        str(value),
    ]


def main() -> None:
    # Ansible has no type hints.
    import_module("ansible.plugins.loader").init_plugin_loader()
    template: Any = import_module("ansible.template")
    loader: Any = import_module("ansible.parsing.dataloader").DataLoader()
    secret: Any = import_module("ansible.parsing.vault").VaultSecret(b"secret")
    cases = yaml.safe_load(sys.stdin)

    def trusted(value: Any) -> Any:
        if isinstance(value, str):
            return template.trust_as_template(value)
        if isinstance(value, dict):
            return {key: trusted(item) for key, item in value.items()}
        return [trusted(item) for item in value] if isinstance(value, list) else value

    loader.set_basedir(cases["folder"])
    loader.set_vault_secrets([("default", secret)])
    variables = trusted(cases["variables"]) | cases["data"] | {"ansible_search_path": [cases["folder"]]}

    def outcome(work: Any, text: Any) -> Any:
        templar = template.Templar(loader=loader, variables=dict(variables))
        try:
            return ["ok", spelled(work(templar, trusted(text)))]
        except Exception as error:  # noqa: BLE001  whatever Ansible raises is its answer
            return ["error", str(error)]

    def render(templar: Any, text: Any) -> Any:
        return templar.template(text)

    def condition(templar: Any, text: Any) -> Any:
        return templar.evaluate_conditional(text)

    def file(templar: Any, text: Any) -> Any:
        return templar.template(text, escape_backslashes=False)

    work = {"expressions": render, "templates": render, "conditions": condition, "files": file}
    answers = {kind: [outcome(work[kind], text) for text in cases[kind]] for kind in work}
    Path(cases["answers"]).write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main()
