"""A module's arguments against what it takes: before anything runs as far as they hold no template, then per host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.errors import PlaybookError, Unsupported
from orchestrator.playbook.load.values import holds_template, say
from orchestrator.playbook.modules import Arguments, module
from orchestrator.playbook.modules.ownership import FileArguments
from orchestrator.playbook.text import Position, Text

_KINDS = {
    "bool": "yes or no",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping",
    "string": "text",
    "tuple": "a list",
}

_LISTED = 12
"""So many names of arguments fit an error."""


def validate(name: str, arguments: Mapping[str, Any], at: Position) -> Arguments:
    """The `arguments`, rendered, of the module with the full name `name`, in its own types.

    Raises PlaybookError: one line, with the argument and what it takes.
    """
    taken = _arguments(name)
    try:
        return taken.model_validate(dict(arguments))
    except ValidationError as error:
        raise _fault(name, taken, arguments, _in_order(error)[0], at) from None


def foresee(name: str, arguments: Mapping[str, Any], at: Position) -> None:
    """Raise Unsupported if `arguments` would be refused whatever their templates render to.

    Ansible would find that only when it comes to the task.
    """
    taken = _arguments(name)
    waiting = {key for key, value in arguments.items() if holds_template(value)}
    try:
        taken.model_validate(dict(arguments))
    except ValidationError as error:
        for detail in _in_order(error):
            # A fault of the whole may come of a template that is not what it will be.
            if detail["type"] == "extra_forbidden" or not waiting.intersection(detail["loc"][:1] or waiting):
                fault = _fault(name, taken, arguments, detail, at)
                raise Unsupported(fault.what, where=fault.where) from None


def _in_order(error: ValidationError) -> list[ErrorDetails]:
    """What is wrong: an argument that is spelled wrong before the one that is missing for it."""
    return sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")


def names(name: str) -> list[str]:
    """Every name under which the module takes an argument."""
    return list(_names(_arguments(name)))


def _arguments(name: str) -> type[Arguments]:
    taken = module(name).arguments
    assert issubclass(taken, Arguments)
    return taken


def _names(model: type[BaseModel]) -> Iterator[str]:
    for own in model.model_fields:
        yield from _spellings(model, own)


def _spellings(model: type[BaseModel], own: str) -> list[str]:
    """Every name under which playbooks give the field `own`, the usual one first."""
    alias = model.model_fields[own].validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias or own)]


def _fault(
    name: str, taken: type[Arguments], arguments: Mapping[str, Any], detail: ErrorDetails, at: Position
) -> PlaybookError:
    short = name.rpartition(".")[2]
    argument = str(detail["loc"][0]) if detail["loc"] else ""
    place = next((key.at for key in arguments if key == argument and isinstance(key, Text)), at)
    value = detail["input"]
    match detail["type"]:
        case "missing":
            what = f"{short} needs the argument {argument}"
        case "extra_forbidden":
            what = f"{short} takes no argument {argument}; {_instead(argument, taken)}"
        case "literal_error" | "enum":
            choices = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
            what = f"{argument} of {short} is {choices}, not {_shown(value)}"
        case "value_error" | "assertion_error":
            reason = str(detail.get("ctx", {}).get("error", detail["msg"]))
            what = f"{argument} of {short} {reason}" if argument else f"{short}: {reason}"
        case other:
            kind = _KINDS.get(other.partition("_")[0], "")
            wanted = f"takes {kind}, not {_shown(value)}" if kind else detail["msg"]
            what = f"{argument} of {short} {wanted}"
    return PlaybookError(what, where=str(place))


def _instead(name: str, taken: type[Arguments]) -> str:
    """The argument that is surely meant by `name`, a slip or another's spelling of it; else what there is."""
    known = list(_names(taken))
    begin_alike = [each for each in known if each[:1] == name[:1]]
    meant = get_close_matches(name, begin_alike, 1, 0.7) or [each for each in begin_alike if _slip(each, name)]
    if meant:
        return f"nearest: {meant[0]}"
    # What is peculiar to the module says more than what all modules for files take.
    own_first = sorted(taken.model_fields, key=lambda own: own in FileArguments.model_fields)
    shown = [_spellings(taken, own)[0] for own in own_first]
    return f"it takes {_listed(shown)}"


def _slip(known: str, name: str) -> bool:
    """Whether `name` is `known` with its letters mixed up, or written out as ``src`` and ``dest`` are not."""
    letters = iter(name)
    return sorted(known) == sorted(name) or (len(known) > 2 and all(letter in letters for letter in known))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (" ..." if len(names) > _LISTED else "")


def _shown(value: Any) -> str:
    return f"{value!r}"[:60] if isinstance(value, str | int | float) else say(value)
