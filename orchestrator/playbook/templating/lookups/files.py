"""Lookups of the control node's files: file, unvault, template, fileglob, first_found, ini, csvfile."""

from __future__ import annotations

import configparser
import csv
import glob
import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.playbook.templating.lookups.call import Call, Lookup, flag
from orchestrator.playbook.templating.undefined import Undefined, Used


def _found(call: Call, name: Any, kind: str = "files") -> Path:
    path = call.files.find(str(name), kind)
    if path is None:
        places = ", ".join(str(path.parent) for path in call.files.candidates(str(name), kind))
        raise FileNotFoundError(f"there is no file {str(name)!r} in {places}")
    return path


def file(call: Call) -> Iterator[str]:
    """The content of text files; white space at the end is cut off unless ``rstrip=false``."""
    options = call.only(rstrip=True, lstrip=False)
    for term in call.terms:
        text = call.files.text(_found(call, term))
        text = text.lstrip() if flag(options["lstrip"]) else text
        yield text.rstrip() if flag(options["rstrip"]) else text


def unvault(call: Call) -> Iterator[str]:
    """The content of files that may be encrypted, unchanged."""
    call.only()
    for term in call.terms:
        yield call.files.text(_found(call, term))


def template(call: Call) -> Iterator[Any]:
    """The content of template files, rendered, with `template_vars` added."""
    options = call.only(
        template_vars={},
        convert_data=None,
        variable_start_string=None,
        variable_end_string=None,
        comment_start_string=None,
        comment_end_string=None,
        trim_blocks=None,
        jinja2_native=None,
    )
    names = options.pop("template_vars")
    overrides = {name: value for name, value in options.items() if name not in {"convert_data", "jinja2_native"}}
    for term in call.terms:
        path = _found(call, term, "templates")
        yield call.rendering.templar.nested_file(call.rendering, path, overrides, names)


def fileglob(call: Call) -> Iterator[str]:
    """Files that a shell pattern matches; only the last part of the path may be a pattern."""
    call.only()
    for term in call.terms:
        folder, pattern = os.path.split(str(term))
        if folder:
            path = call.files.find(folder)
            folders = [path] if path else []
        else:
            folders = [root for place in (*call.files.search, call.files.base) for root in (place / "files", place)]
        for place in folders:
            matches = [match for match in glob.glob(str(place / pattern)) if Path(match).is_file()]  # noqa: PTH207  as Ansible: no hidden files
            if matches:
                yield from matches
                break


def first_found(call: Call) -> list[str]:
    """The first file that exists; terms are names, or mappings of ``files``, ``paths`` and ``skip``."""
    options = call.only(files=[], paths=[], skip=False)
    skips = flag(options["skip"])
    names: list[str] = []
    for term in _known(call.terms, drop=bool(call.loop)) or _listed(options["files"]):
        if isinstance(term, Mapping):
            names += _combined(_listed(term.get("files", [])), _listed(term.get("paths", [])))
            skips = flag(term.get("skip", skips))
        else:
            names += _combined([str(term)], _listed(options["paths"]))
    for name in names:
        if path := call.files.find(name, call.loop):
            return [os.path.abspath(path)]  # noqa: PTH100  links stay
    if skips:
        return []
    raise FileNotFoundError("No file was found when using first_found.")


def _known(terms: list[Any], *, drop: bool) -> list[Any]:
    """Terms, lists opened; undefined ones are dropped in loops and an error elsewhere."""
    known: list[Any] = []
    for term in terms:
        if isinstance(term, Undefined):
            if not drop:
                raise Used(term)
        elif isinstance(term, list | tuple):
            known += _known(list(term), drop=drop)
        else:
            known.append(term)
    return known


def _listed(value: Any) -> list[str]:
    values = re.split(r"[,;]", value) if isinstance(value, str) else value
    return [str(item) for item in values]


def _combined(files: list[str], paths: list[str]) -> list[str]:
    return [str(Path(path) / name) for path in paths for name in files] if paths else files


def ini(call: Call) -> Iterator[Any]:
    """Values of keys in an INI or properties file."""
    defaults = {
        "type": "ini", "file": "ansible.ini", "section": "global", "re": False, "encoding": "utf-8", "default": "",
        "case_sensitive": False, "allow_no_value": False, "allow_none": False, "interpolation": True,
    }  # fmt: skip
    options = call.only(**defaults)
    for term in call.terms:
        key, given = call.inline(str(term), options) if "=" in str(term) else (str(term), options)
        parser = configparser.ConfigParser(
            allow_no_value=flag(given["allow_no_value"]) or flag(given["allow_none"]),
            interpolation=configparser.BasicInterpolation() if flag(given["interpolation"]) else None,
        )
        if flag(given["case_sensitive"]):
            parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way
        section, text = given["section"], call.files.text(_found(call, given["file"]))
        if given["type"] == "properties":
            section, text = "java_properties", f"[java_properties]\n{text}"
        try:
            parser.read_string(text)
            if flag(given["re"]):
                yield from (value for name, value in parser.items(section) if re.match(key, name))
            else:
                value = parser.get(section, key, fallback=given["default"]) if parser.has_section(section) else None
                if not parser.has_section(section):
                    raise LookupError(f"No section {section!r} in {given['file']!r}.")
                if value is not None:
                    yield value
        except configparser.Error as error:
            raise ValueError(str(error)) from error


def csvfile(call: Call) -> Iterator[Any]:
    """The column of the first row with a key, in a CSV or TSV file."""
    options = call.only(col=1, keycol=0, default=None, delimiter="TAB", file="ansible.csv", encoding="utf-8")
    for term in call.terms:
        key, given = call.inline(str(term), options) if "=" in str(term) else (str(term), options)
        delimiter = "\t" if given["delimiter"] in {"TAB", "t", "\\t"} else given["delimiter"]
        rows = csv.reader(
            io.StringIO(call.files.text(_found(call, given["file"]))), dialect=csv.excel, delimiter=delimiter
        )
        column, keys = int(given["col"]), int(given["keycol"])
        value = next((row[column] for row in rows if row and row[keys] == key), given["default"])
        if isinstance(value, list):
            yield from value
        elif value is not None:
            yield value


first_found.takes_undefined = True  # type: ignore[attr-defined]  # undefined names are skipped in loops

LOOKUPS: dict[str, Lookup] = {
    "csvfile": csvfile,
    "file": file,
    "fileglob": fileglob,
    "first_found": first_found,
    "ini": ini,
    "template": template,
    "unvault": unvault,
}
