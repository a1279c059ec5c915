"""Filters from and to JSON and YAML."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import yaml
from yaml.composer import Composer

from orchestrator.playbook.templating.kinds import plain


class _Dumper(yaml.CSafeDumper):
    """Safe YAML without anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  as PyYAML's
        return True


_WIDEST = 64


def to_yaml(value: Any, *_: Any, default_flow_style: bool | None = None, **options: Any) -> str:
    """YAML, lists and mappings of scalars in one line."""
    text = yaml.dump(plain(value), Dumper=_Dumper, allow_unicode=True, default_flow_style=default_flow_style, **options)
    return str(text)


def to_nice_yaml(value: Any, indent: int = 4, *_: Any, default_flow_style: bool = False, **options: Any) -> str:
    """YAML in block style."""
    return to_yaml(value, indent=indent, default_flow_style=default_flow_style, **options)


class _Loader(Composer, yaml.CSafeLoader):
    """Safe YAML. libyaml's own composer, which this replaces, overflows the C stack when text is nested deeply."""

    def __init__(self, text: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)


def from_yaml(value: Any) -> Any:
    """The value that YAML spells."""
    return yaml.load(str(value), Loader=_Loader) if isinstance(value, str) else value  # noqa: S506  a safe loader


def from_yaml_all(value: Any) -> Any:
    """The values of all YAML documents in a text."""
    if value is None:
        return []
    return list(yaml.load_all(str(value), Loader=_Loader)) if isinstance(value, str) else value


def to_json(value: Any, **options: Any) -> str:
    """JSON in one line."""
    for name in ("vault_to_text", "preprocess_unsafe", "profile"):
        options.pop(name, None)  # Ansible's, which change nothing for plain values
    if isinstance(options.get("indent"), int):
        options["indent"] = min(options["indent"], _WIDEST)
    return json.dumps(_with_text_keys(plain(value)), default=_spelled, **options)


def _with_text_keys(value: Any) -> Any:
    """Keys as JSON spells them, before they are sorted: texts and numbers have no order among each other."""
    if isinstance(value, dict):
        spelled = {key if isinstance(key, str) else json.dumps(key): item for key, item in value.items()}
        return {key: _with_text_keys(item) for key, item in spelled.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    """JSON with indentation and sorted keys."""
    options.pop("separators", None)
    return to_json(value, indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    raise TypeError(f"a value of type {type(value).__name__} has no place in JSON")


def from_json(value: Any, **options: Any) -> Any:
    """The value that JSON spells."""
    return json.loads(value, **options)


FILTERS: dict[str, Callable[..., Any]] = {
    "from_json": from_json,
    "from_yaml": from_yaml,
    "from_yaml_all": from_yaml_all,
    "to_json": to_json,
    "to_nice_json": to_nice_json,
    "to_nice_yaml": to_nice_yaml,
    "to_yaml": to_yaml,
}
