"""All tests (``is ...``) by name: Jinja2's own, and Ansible's."""

from __future__ import annotations

import math
import os.path
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlparse

from jinja2.tests import TESTS as JINJA_TESTS

from orchestrator.playbook.templating.filters.presence import takes_undefined
from orchestrator.playbook.templating.kinds import Decrypted
from orchestrator.playbook.templating.undefined import is_undefined
from orchestrator.playbook.templating.versions import compare
from orchestrator.playbook.vault import is_encrypted


def _result(value: Any) -> MutableMapping[str, Any]:
    if not isinstance(value, MutableMapping):
        raise TypeError(f"it expects the result of a task, not {type(value).__name__}")
    return value


def failed(result: Any) -> bool:
    """The task failed."""
    return bool(_result(result).get("failed"))


def succeeded(result: Any) -> bool:
    """The task did not fail."""
    return not failed(result)


def changed(result: Any) -> bool:
    """The task changed something; of a loop, any item."""
    result = _result(result)
    if "changed" in result:
        return bool(result["changed"])
    items = result.get("results")
    if isinstance(items, MutableSequence) and items and isinstance(items[0], MutableMapping):
        return any(item.get("changed") for item in items)
    return False


def skipped(result: Any) -> bool:
    """The task was skipped."""
    return bool(_result(result).get("skipped"))


def unreachable(result: Any) -> bool:
    """The host could not be reached."""
    return bool(_result(result).get("unreachable"))


def reachable(result: Any) -> bool:
    """The host could be reached."""
    return not unreachable(result)


def timedout(result: Any) -> bool:
    """The task took longer than its timeout."""
    period = _result(result).get("timedout")
    return bool(period and period.get("period"))


def regex(
    value: Any = "", pattern: str = "", ignorecase: bool = False, multiline: bool = False, match_type: str = "search"
) -> bool:
    """A regular expression matches: anywhere, or at the start or wholly (``match``, ``fullmatch``)."""
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    compiled = re.compile(pattern, flags)
    method = {"match": compiled.match, "fullmatch": compiled.fullmatch}.get(match_type, compiled.search)
    return bool(method(str(value)))


def match(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    """A regular expression matches at the start."""
    return regex(value, pattern, ignorecase, multiline, "match")


def search(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    """A regular expression matches somewhere."""
    return regex(value, pattern, ignorecase, multiline, "search")


def truthy(value: Any, convert_bool: bool = False) -> bool:
    """The value counts as true; with `convert_bool` words such as ``no`` count as what they say."""
    if convert_bool and isinstance(value, str | int | float):
        word = str(value).strip().lower()
        if word in {"y", "yes", "on", "1", "true", "t", "1.0"}:
            return True
        if word in {"n", "no", "off", "0", "false", "f", "0.0"}:
            return False
    return bool(value)


def falsy(value: Any, convert_bool: bool = False) -> bool:
    """The value counts as false."""
    return not truthy(value, convert_bool)


def subset(a: Any, b: Any) -> bool:
    """Everything in the first list is in the second."""
    return set(a) <= set(b)


def superset(a: Any, b: Any) -> bool:
    """Everything in the second list is in the first."""
    return set(a) >= set(b)


def contains(sequence: Any, value: Any) -> bool:
    """A list or text holds a value."""
    return value in sequence


def nan(value: Any) -> bool:
    """The number is not a number."""
    try:
        return math.isnan(value)
    except TypeError:
        return False


def uri(value: Any, schemes: Any = None) -> bool:
    """The text is a URI, of one of `schemes` if given."""
    try:
        scheme = urlparse(value).scheme
    except (ValueError, AttributeError, TypeError):
        return False
    return isinstance(value, str) and (not schemes or scheme in schemes)


def url(value: Any, schemes: Any = None) -> bool:
    """The text is a URL."""
    if not uri(value, schemes):
        return False
    parsed = urlparse(value)
    return bool(parsed.netloc or parsed.scheme == "file")


def urn(value: Any) -> bool:
    """The text is a URN."""
    return uri(value, ["urn"])


@takes_undefined
def defined(value: Any) -> bool:
    """The variable exists."""
    return not is_undefined(value)


@takes_undefined
def undefined(value: Any) -> bool:
    """The variable does not exist."""
    return is_undefined(value)


def vault_encrypted(value: Any) -> bool:
    """The value is encrypted with ansible-vault where it was written."""
    return isinstance(value, Decrypted)


def vaulted_file(path: Any) -> bool:
    """The control node's file is encrypted with ansible-vault."""
    with Path(path).open("rb") as file:
        return is_encrypted(file.read(64))


TESTS: dict[str, Callable[..., Any]] = {
    **cast("Mapping[str, Callable[..., Any]]", JINJA_TESTS),
    "abs": os.path.isabs,
    "all": all,
    "any": any,
    "change": changed,
    "changed": changed,
    "contains": contains,
    "defined": defined,
    "directory": os.path.isdir,
    "exists": os.path.exists,
    "failed": failed,
    "failure": failed,
    "falsy": falsy,
    "file": os.path.isfile,
    "is_abs": os.path.isabs,
    "is_dir": os.path.isdir,
    "is_file": os.path.isfile,
    "is_link": os.path.islink,
    "is_mount": os.path.ismount,
    "is_same_file": os.path.samefile,
    "isnan": nan,
    "issubset": subset,
    "issuperset": superset,
    "link": os.path.islink,
    "link_exists": os.path.lexists,
    "match": match,
    "mount": os.path.ismount,
    "nan": nan,
    "reachable": reachable,
    "regex": regex,
    "same_file": os.path.samefile,
    "search": search,
    "skip": skipped,
    "skipped": skipped,
    "subset": subset,
    "succeeded": succeeded,
    "success": succeeded,
    "successful": succeeded,
    "superset": superset,
    "timedout": timedout,
    "truthy": truthy,
    "undefined": undefined,
    "unreachable": unreachable,
    "uri": uri,
    "url": url,
    "urn": urn,
    "vault_encrypted": vault_encrypted,
    "vaulted_file": vaulted_file,
    "version": compare,
    "version_compare": compare,
}
"""Name to function. Those on files look at the control node's. There is no async, hence no started and finished."""
