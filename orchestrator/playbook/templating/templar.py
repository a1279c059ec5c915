"""Templates rendered with one host's variables, as ansible-core 2.19 does."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.inventory.variables import Vaulted, Verbatim
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.templating.bounds import Exhausted, fits, processor_time
from orchestrator.playbook.templating.environment import Environment
from orchestrator.playbook.templating.explain import explained
from orchestrator.playbook.templating.fault import TemplateFault
from orchestrator.playbook.templating.filters import FILTERS
from orchestrator.playbook.templating.functions import FUNCTIONS, invoke
from orchestrator.playbook.templating.kinds import OMIT, Decrypted, final, kind
from orchestrator.playbook.templating.lazy import LazyDict
from orchestrator.playbook.templating.search import LookupContext
from orchestrator.playbook.templating.settings import checked, first_line
from orchestrator.playbook.templating.state import Rendering, current, is_template
from orchestrator.playbook.templating.tests import TESTS
from orchestrator.playbook.text import NOWHERE, Position, Text
from orchestrator.playbook.vault import Vault

T = TypeVar("T")


def new_environment() -> Environment:
    """What all templars of a run share: building it and compiling templates are what costs."""
    return Environment(FILTERS, TESTS, FUNCTIONS)


class Templar:
    """Renders with `variables`, which may themselves be templates and are rendered when they are used.

    Only `Text` is a template; other text is data, whoever wrote it. Every method raises TemplateFault, and
    UndefinedFault where something does not exist.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        *,
        lookups: LookupContext,
        secrets: Secrets | None = None,
        environment: Environment | None = None,
    ) -> None:
        """`secrets` learns what is decrypted. Give all templars of a run one `environment`."""
        self.variables = variables
        self.lookups = lookups
        self._secrets = secrets
        self._environment = environment or new_environment()

    def with_variables(self, extra: Mapping[str, Any]) -> Templar:
        """This templar with `extra` variables before its own."""
        return self.fresh(ChainMap(dict(extra), self.variables)) if extra else self  # type: ignore[arg-type]

    def fresh(self, variables: Mapping[str, Any], lookups: LookupContext | None = None) -> Templar:
        """A templar with other variables, of another host or task, that shares what is compiled."""
        return Templar(variables, lookups=lookups or self.lookups, secrets=self._secrets, environment=self._environment)

    def relocated(self, lookups: LookupContext) -> Templar:
        """This templar with files elsewhere."""
        return self.fresh(self.variables, lookups)

    def names(self) -> list[str]:
        """The names of all variables."""
        return [name for name in self.variables if isinstance(name, str)]

    def view(self) -> Mapping[str, Any]:
        """All variables, rendered when they are looked at: a host's entry in ``hostvars``."""
        try:
            return LazyDict(self.variables, Rendering(self, current()), "hostvars")
        except LookupError:
            return LazyDict(self.variables, Rendering(self), "hostvars")

    def render(self, value: Any, at: Position | None = None) -> Any:
        """`value` with every template in it rendered, deeply, to plain Python values.

        Mappings and lists leave out what is `OMIT`; a single value may be `OMIT`.
        """
        if not _concerns(value):
            return str.__str__(value) if isinstance(value, str) else value
        return self._call(lambda rendering: final(rendering.settled(value, ""), rendering.budget), _position(value, at))

    def evaluate(self, expression: Any, at: Position | None = None) -> Any:
        """The value of a bare expression (``until``, debug's ``var``)."""
        if not isinstance(expression, str):
            return expression

        def value(rendering: Rendering) -> Any:
            return final(self._value(rendering, expression, at), rendering.budget)

        return self._call(value, _position(expression, at))

    def condition(self, expressions: Sequence[Any], at: Position | None = None) -> tuple[bool, Any]:
        """Whether all `expressions` are true, else also the first that is not.

        As in ansible-core 2.19 each must be or become true or false; what is merely empty is an error.
        """
        for expression in expressions:
            if not self._call(lambda rendering, it=expression: self._truth(rendering, it, at), at, embedded=True):  # type: ignore[misc]
                return False, expression
        return True, None

    def render_file(
        self,
        text: str,
        name: str,
        overrides: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """A template file's content, called `name` in errors, with `extra` variables.

        `overrides` are Jinja2's settings as the template module names them; a first line ``#jinja2: name: value, ...``
        overrides those. trim_blocks is on, as in Ansible.
        """
        lookups = replace(self.lookups, beside=(Path(name).parent,)) if Path(name).is_absolute() else self.lookups
        templar = self.with_variables(extra or {}).relocated(lookups)

        def content(rendering: Rendering) -> str:
            value = templar.file(rendering, text, name, overrides or {})
            spelled = "" if value is None else value if isinstance(value, str) else str(value)
            fits(len(spelled))
            return spelled

        return templar._call(content, Position(name, 1))  # noqa: SLF001  own class

    def loop_items(self, lookup: str, terms: Any, at: Position | None = None, *, module: str = "") -> list[Any]:
        """The items of ``with_<lookup>: terms`` on a task of `module`, which decides where first_found looks."""
        kind = next((f"{word}s" for word in ("template", "var") if word in module), "files")

        def items(rendering: Rendering) -> Any:
            value = rendering.settled(terms, "")
            if isinstance(value, str):
                value = value.strip()
            listed = value if isinstance(value, list | tuple) else [value]
            found = invoke(rendering, lookup, list(listed), {"wantlist": True}, loop=kind)
            return final(found, rendering.budget)

        result = self._call(items, at)
        assert isinstance(result, list)
        return result

    # What nested templates, lookups and values use. They must be called while a rendering is under way.

    def rendered(self, rendering: Rendering, text: Text) -> Any:
        """What one template renders to, undefined values included."""

        def value() -> Any:
            source, environment = self._split(text, {})
            result = environment.run(environment.text(source), environment.scope())
            return _with_newlines(source, result) if isinstance(result, str) else result

        with rendering.entered():
            return explained(value, text.at)

    def file(self, rendering: Rendering, text: str, name: str, overrides: Mapping[str, Any]) -> Any:
        """What a template file's content renders to."""

        def content() -> Any:
            source, environment = self._split(text, overrides)
            if not environment.concerns(source):
                return source
            result = environment.run(environment.file(source, name), environment.scope())
            if isinstance(result, str):
                result = _with_newlines(source, result, environment.newline_sequence)
            return final(result, rendering.budget)

        with rendering.entered():
            return explained(content, Position(name, 1))

    def nested_file(
        self, rendering: Rendering, path: Path, overrides: Mapping[str, Any], extra: Mapping[str, Any]
    ) -> Any:
        """The same for the file at `path` and `extra` variables, while something else is being rendered."""
        templar = self.with_variables(extra).relocated(replace(self.lookups, beside=(path.parent,)))
        return templar.file(Rendering(templar, rendering), self.lookups.text(path), str(path), overrides)

    def reveal(self, value: Vaulted, label: str) -> Decrypted:
        """The plain text of an encrypted value."""
        plain = (self.lookups.vault or Vault(())).decrypt(value.ciphertext, label).decode()
        self.keep_secret(plain)
        return Decrypted(plain)

    def keep_secret(self, text: str) -> None:
        """`text` must not be shown."""
        if self._secrets is not None:
            self._secrets.add(text)

    def _call(self, work: Callable[[Rendering], T], at: Position | None, *, embedded: bool = False) -> T:
        """`work` as a call of its own: bounded, its errors explained."""
        rendering = Rendering(self, embedded=embedded)
        where = at or NOWHERE
        try:
            with rendering.entered(), processor_time():
                return explained(lambda: work(rendering), where)
        except Exhausted as exhausted:
            raise TemplateFault(f"the template was stopped: {exhausted}", where) from None

    def _truth(self, rendering: Rendering, condition: Any, at: Position | None) -> bool:
        if isinstance(condition, bool):
            return condition
        where = _position(condition, at)
        if isinstance(condition, str):
            condition = _stripped(condition)
        if condition is None or condition == "":
            raise TemplateFault("a condition must not be empty", where)
        if not isinstance(condition, str):
            raise TemplateFault(f"a condition must be text, not {kind(condition)}", where)
        if _only_template(condition):
            value = rendering.settled(condition, "")
            if isinstance(value, str):
                value = self._value(rendering, _stripped(value), where)
        else:
            value = self._value(rendering, condition, where)
        value = final(value, rendering.budget)
        if not isinstance(value, bool):
            raise TemplateFault(
                f"a condition must be true or false, not {bool(value)!s:.5} from a value of type {kind(value)!r}", where
            )
        return value

    def _value(self, rendering: Rendering, expression: str, at: Position | None) -> Any:
        if not isinstance(expression, Text):
            raise TemplateFault("untrusted text is not evaluated as an expression", at or NOWHERE)
        where = _position(expression, at)

        def value() -> Any:
            return self._environment.value(self._environment.expression(str(expression)), self._environment.scope())

        rendering.chain.append((id(expression), "", where))
        try:
            return explained(value, where)
        finally:
            rendering.chain.pop()

    def _split(self, text: str, overrides: Mapping[str, Any]) -> tuple[str, Environment]:
        """`text` without its ``#jinja2:`` line, and the environment that this and `overrides` ask for."""
        given, rest = first_line(text)
        settings = checked({**overrides, **given})
        return rest, self._environment.variant(settings)


def _concerns(value: Any) -> bool:
    """Whether rendering `value` changes more than its type."""
    if isinstance(value, Text):
        return is_template(value)
    return not (value is OMIT or value is None or type(value) in (str, Verbatim, int, bool, float))


def _position(text: Any, at: Position | None) -> Position:
    own = text.at if isinstance(text, Text) else NOWHERE
    return own if own.file else at or NOWHERE


def _stripped(text: str) -> str:
    return Text(text.strip(), text.at) if isinstance(text, Text) else text.strip()


def _only_template(text: str) -> bool:
    """Whether `text` begins and ends with delimiters: then it is a template that gives the condition."""
    return text.startswith(("{{", "{%", "{#")) and text.endswith(("}}", "%}", "#}"))


def _with_newlines(source: str, result: str, newline: str = "\n") -> str:
    """`result` with as many newlines at the end as `source` has: Jinja2 drops one."""
    lacking = (len(source) - len(source.rstrip("\n"))) - (len(result) - len(result.rstrip("\n")))
    return result + newline * lacking if lacking > 0 else result
