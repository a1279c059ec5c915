"""The functions that templates can call: ``range``, ``now``, ``undef``, ``lookup``, ``query``; and ``omit``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.playbook.programs import ProgramFailed
from orchestrator.playbook.templating.bounds import Span
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.kinds import OMIT
from orchestrator.playbook.templating.lookups import LOOKUPS
from orchestrator.playbook.templating.lookups.call import Call
from orchestrator.playbook.templating.state import Embedded, Rendering, current
from orchestrator.playbook.templating.undefined import Undefined, first_undefined
from orchestrator.playbook.text import Text

_LONG = 1_000_000


def span(*bounds: int) -> Any:
    """As Python's ``range``; a long one is walked through by steps, so that it cannot hang."""
    whole = range(*bounds)
    return whole if len(whole) <= _LONG else Span(whole, current().budget)


def _now(utc: bool = False, fmt: str | None = None) -> Any:
    """The time, without a zone; as text if a format is given."""
    now = datetime.now(UTC).replace(tzinfo=None) if utc else datetime.now()  # noqa: DTZ005  Ansible gives local time
    return now.strftime(fmt) if fmt else now


def _undef(hint: str | None = None) -> Undefined:
    """A value that must be overridden."""
    return Undefined(hint or "Mandatory variable has not been overridden")


def _lookup(name: str, /, *terms: Any, **options: Any) -> Any:
    return invoke(current(), name, list(terms), options)


def _query(name: str, /, *terms: Any, **options: Any) -> Any:
    return invoke(current(), name, list(terms), options | {"wantlist": True})


def lookup_name(name: str) -> str:
    """The short name of a lookup."""
    return name.removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


def invoke(rendering: Rendering, name: str, terms: list[Any], options: dict[str, Any], *, loop: str = "") -> Any:
    """What the lookup `name` finds: a list with ``wantlist``, else one value, texts joined by commas.

    `loop` is the folder for first_found if ``with_<name>`` asks. Raises TemplateFault.
    """
    lookup = LOOKUPS.get(lookup_name(name))
    if lookup is None:
        raise TemplateFault(f"there is no lookup {name!r} here", rendering.at)
    wantlist = bool(options.pop("wantlist", False))
    errors = options.pop("errors", "strict")
    terms = [_expanded(term, rendering) for term in terms]
    if not getattr(lookup, "takes_undefined", False):
        lacking = next((value for value in (*terms, *options.values()) if isinstance(value, Undefined)), None)
        if lacking is not None:
            return lacking
    try:
        found = list(rendering.budget.counted(lookup(Call(rendering, terms, options, loop=loop))))
    except (OrchestratorError, ProgramFailed, TypeError, ValueError, LookupError, AttributeError, OSError) as error:
        if (lacking := first_undefined(*terms)) is not None:
            return lacking
        if errors in {"ignore", "warn"}:
            return [] if wantlist else None
        raise TemplateFault(f"the lookup {lookup_name(name)!r} failed: {_words(error)}", rendering.at) from error
    if wantlist or not found:
        return found
    if len(found) == 1:
        return found[0]
    return (
        ",".join(found) if all(isinstance(item, str) and not isinstance(item, Undefined) for item in found) else found
    )


def _words(error: BaseException) -> str:
    text = error.msg if isinstance(error, TemplateFault) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _expanded(term: Any, rendering: Rendering) -> Any:
    """`term` with the constants in it that are templates rendered."""
    if isinstance(term, Embedded):
        return rendering.text(Text(term, rendering.at), "")
    if type(term) is dict:
        return {key: _expanded(value, rendering) for key, value in term.items()}
    if type(term) in (list, tuple):
        return [_expanded(value, rendering) for value in term]
    return term


span.keeps_views = True  # type: ignore[attr-defined]  # the environment makes lists of other functions' iterators
_lookup.takes_undefined = _query.takes_undefined = True  # type: ignore[attr-defined]  # they look themselves

FUNCTIONS: dict[str, Callable[..., Any] | Any] = {
    "range": span,
    "now": _now,
    "undef": _undef,
    "lookup": _lookup,
    "query": _query,
    "q": _query,
    "omit": OMIT,
}
"""By name."""
