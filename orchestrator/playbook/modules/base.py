"""What a module is: arguments, a shell program, and the reading of its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from orchestrator.playbook.events import Diff

Parameter = str | bytes | int | bool | Sequence[str] | None
"""What a shell program takes: text, number, bool (``1`` or empty), a list (as positional words), None (unset)."""


@dataclass(frozen=True, slots=True)
class Program:
    """POSIX sh functions, loaded once into each prepared shell: `text` after that of everything it `needs`.

    `tidy` promises that it leaves no process behind which could still write to its outputs: no command of the
    operator's, no init script, nothing of a package. A call of it is then a few milliseconds cheaper for the host.
    """

    name: str
    text: str
    needs: tuple[Program, ...] = ()
    tidy: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program gave back: its exit status, the raw outputs of what it ran, and the records it reported.

    `records` are in order; a key may come more than once.
    """

    rc: int
    stdout: bytes
    stderr: bytes
    records: tuple[tuple[str, bytes], ...] = ()
    truncated: bool = False
    duration: float = 0.0

    def get(self, key: str, default: str = "") -> str:
        """The last record of `key` as text, undecodable bytes escaped so that they can be written back."""
        for name, value in reversed(self.records):
            if name == key:
                return value.decode("utf-8", "surrogateescape")
        return default

    def all(self, key: str) -> list[str]:
        """Every record of `key`, in order."""
        return [value.decode("utf-8", "surrogateescape") for name, value in self.records if name == key]

    def has(self, key: str) -> bool:
        """Whether the program reported `key` at all."""
        return any(name == key for name, _ in self.records)

    def flag(self, key: str) -> bool:
        """True if the last record of `key` is ``1``."""
        return self.get(key) == "1"


class TaskFailed(Exception):
    """The module failed on this host: `msg` for a person, and further keys of the result."""

    def __init__(self, msg: str, **keys: Any) -> None:
        super().__init__(msg)
        self.msg = msg
        self.keys = keys


class TaskSkipped(Exception):
    """The module has nothing to do in check mode (Ansible says "skipped, running in check mode")."""

    def __init__(self, msg: str, **keys: Any) -> None:
        super().__init__(msg)
        self.msg = msg
        self.keys = keys


class Unreachable(Exception):
    """The host cannot be reached, or was lost on the way: then the task `may_have_run`.

    The engine's to handle, but for a module that itself makes the host go away.
    """

    def __init__(self, detail: str, *, may_have_run: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.may_have_run = may_have_run


class Target(ABC):
    """One host as one task sees it: who it runs as, in which mode, with which files and variables."""

    host: str
    check: bool
    diff: bool
    facts: Mapping[str, Any]

    @abstractmethod
    async def sh(
        self,
        program: Program,
        call: str,
        /,
        *words: str | bytes,
        stdin: bytes | Path = b"",
        timeout: float | None = None,
        limit: int = 1 << 20,
        **parameters: Parameter,
    ) -> Answer:
        """Run the function `call` of `program` on the host in the task's prepared shell: one exchange.

        It runs in a subshell with `parameters` as shell variables of the same names, `words` as its positional
        parameters, the task's environment exported and `stdin` on standard input (a Path is streamed, with progress).
        `timeout` in seconds; None takes the task's. `limit` bounds each of stdout and stderr in bytes. Raises what the
        engine handles, not the module: Unreachable, TaskFailed when the time is up.
        """

    @abstractmethod
    def find(self, kind: str, name: str) -> Path:
        """The control node's file for `name`, looked for as Ansible does: in the role's or play's `kind` folder
        (``files``, ``templates``, ``vars``), then beside the file the task stands in. Raises TaskFailed naming where it
        was looked for."""

    @abstractmethod
    def render(self, text: str, name: str, overrides: Mapping[str, Any] | None = None, **extra: Any) -> str:
        """`text`, a template file's content called `name` in errors, rendered with the host's variables and `extra`;
        `overrides` are settings of Jinja2's environment (``trim_blocks``, ``block_start_string``, ...)."""

    @abstractmethod
    def evaluate(self, expression: Any) -> Any:
        """A bare Jinja2 expression as ``when`` takes it, evaluated with the host's variables (assert, debug)."""

    def holds(self, condition: Any) -> bool:
        """Whether a condition holds, with ``when``'s rule that it must be true or false and nothing else (assert)."""
        return bool(self.evaluate(condition))

    def load_vars(self, path: Path) -> Mapping[str, Any]:
        """The variables in a file of the control node: YAML or JSON, perhaps encrypted (include_vars)."""
        raise NotImplementedError

    async def ask(self, question: str) -> str | None:
        """A person's answer to `question`, or None when there is nobody to ask (pause)."""
        raise NotImplementedError

    @abstractmethod
    def reveal(self, data: bytes) -> bytes:
        """`data` of a file; decrypted when it is Ansible Vault's."""

    @abstractmethod
    def progress(self, text: str) -> None:
        """Tell whoever watches what a long task is doing."""

    @abstractmethod
    async def reconnect(self, *, timeout: float, connect_timeout: float, delay: float) -> float:
        """Drop the prepared shells and the connection, then try to reach the host until it answers; seconds it took.

        All in seconds; `delay` is between tries. Raises TimeoutError. For reboot and wait_for_connection.
        """

    @abstractmethod
    async def boot_id(self) -> str:
        """What tells this boot of the host from the next (reboot)."""


class Arguments(BaseModel):
    """Base of a module's arguments. Unknown names and wrong types are refused before anything runs.

    Where Ansible converts (``"yes"`` to bool, ``"22"`` to int, a comma list to a list) so do the types of `fields`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Result:
    """What a module gives back: `changed` and its documented `keys`, `diffs` when asked for."""

    changed: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)
    diffs: tuple[Diff, ...] = ()
    msg: str = ""


class Module(ABC, Generic[A]):
    """One module. `name` is its full name, `aliases` others of it; `free_form` names the argument that
    takes the text after the module's name (``command: ls -l``), or is empty.

    `check` says what it does in check mode: ``full`` predicts, ``none`` is skipped. `expressions` are arguments that
    are Jinja2 expressions themselves and so are handed over unrendered; `once` modules run for the first host only, and
    all hosts wait. Stateless: one instance for all.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    free_form: ClassVar[str] = ""
    check: ClassVar[str] = "full"
    expressions: ClassVar[tuple[str, ...]] = ()
    once: ClassVar[bool] = False
    arguments: type[A]

    @abstractmethod
    async def run(self, arguments: A, target: Target) -> Result:
        """Bring the host to the asked state, or in check mode tell what would change.

        Raises TaskFailed, TaskSkipped.
        """
