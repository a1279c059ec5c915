"""One host for tests of modules: a real local shell in place of a prepared one, everything else in plain sight."""

from __future__ import annotations

import asyncio
import atexit
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from orchestrator.playbook.modules import Answer, Parameter, Program, Target, TaskFailed
from orchestrator.playbook.modules.delivery import readable

_SAY = r"""say() { printf '%s\n%s\0' "$1" "$2" >&3; }"""


@dataclass(frozen=True)
class Shell:
    """What stands in for a host's ``/bin/sh``, and the PATH its programs see."""

    name: str
    argv: tuple[str, ...]
    path: str


@cache
def shells() -> dict[str, Shell]:
    """The three shells that programs must work in; busybox comes with nothing but its own applets in PATH."""
    busybox = shutil.which("busybox")
    assert busybox, "install busybox"
    applets = Path(tempfile.mkdtemp(prefix="busybox."))
    atexit.register(shutil.rmtree, applets)
    for name in subprocess.check_output([busybox, "--list"], text=True).split():
        (applets / name).symlink_to(busybox)
    system = "/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "dash": Shell("dash", ("dash",), system),
        "bash": Shell("bash", ("bash", "--posix"), system),
        "busybox": Shell("busybox", (busybox, "sh"), str(applets)),
    }


def closure(program: Program, seen: set[str] | None = None) -> str:
    """The text of everything `program` needs, then its own."""
    seen = set() if seen is None else seen
    if program.name in seen:
        return ""
    seen.add(program.name)
    return "".join(closure(needed, seen) for needed in program.needs) + program.text + "\n"


def assignment(name: str, value: Parameter) -> str:
    """The line that makes `value` the shell's variable `name`; a list becomes quoted words for ``eval "set -- $x"``."""
    if value is None:
        return f"unset {name}"
    if isinstance(value, bool):
        value = "1" if value else ""
    if isinstance(value, list | tuple):
        value = " ".join(shlex.quote(word) for word in value)
    return f"{name}={quoted(str(value) if isinstance(value, int) else value)}"


def quoted(word: object) -> str:
    """`word` for a shell; bytes as they are."""
    text = word.decode("utf-8", "surrogateescape") if isinstance(word, bytes) else str(word)
    return shlex.quote(text)


class LocalTarget(Target):
    """This machine through `shell`, in `folder`.

    `exchanges` counts the calls, `told` collects what progress said. Files are found in `search`, then in `folder`.
    `root` is the host's file tree as seen from here, `scratch` a folder in it for what a call needs.
    """

    def __init__(
        self,
        folder: Path,
        shell: str = "dash",
        *,
        check: bool = False,
        diff: bool = False,
        facts: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        search: tuple[Path, ...] = (),
        host: str = "local",
    ) -> None:
        self.host = host
        self.check = check
        self.diff = diff
        self.facts = facts or {}
        self.folder = folder
        self.shell = shells()[shell]
        self.variables = dict(variables or {})
        self.environment = dict(environment or {})
        self.search = search
        self.exchanges = 0
        self.told: list[str] = []
        self.root = Path("/")
        self.scratch: Path | None = None

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
        self.exchanges += 1
        with tempfile.TemporaryDirectory(prefix="target.", dir=self.scratch) as name:
            private = Path(name)
            there = Path("/") / private.relative_to(self.root)
            lines = [
                f"exec 3>{shlex.quote(str(there / 'records'))}",
                _SAY,
                closure(program),
                *(assignment(*item) for item in parameters.items()),
                *(f"export {key}={quoted(value)}" for key, value in self.environment.items()),
                " ".join(["(", call, *map(quoted, words), ")"]),
            ]
            (private / "program").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
            if isinstance(stdin, bytes):
                (private / "stdin").write_bytes(stdin)
                stdin = private / "stdin"
            with stdin.open("rb") as source:
                process = await asyncio.create_subprocess_exec(
                    *self.shell.argv,
                    str(there / "program"),
                    stdin=source,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    cwd=self.folder,
                    env={"PATH": self.shell.path, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
            try:
                stdout, stderr = await asyncio.wait_for(process.communicate(), timeout or 60)
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
                raise
            assert process.returncode is not None
            return Answer(
                process.returncode,
                stdout[:limit],
                stderr[:limit],
                _records((private / "records").read_bytes()),
                truncated=max(len(stdout), len(stderr)) > limit,
            )

    def find(self, kind: str, name: str) -> Path:
        """`name` in the `kind` folders, then beside them."""
        for folder in (*self.search, self.folder):
            for path in (folder / kind / name, folder / name):
                if path.exists():
                    return readable(path)
        raise TaskFailed(f"Could not find {name}")

    def render(self, text: str, name: str, overrides: Mapping[str, Any] | None = None, **extra: Any) -> str:
        """With plain Jinja2, set up as the template module expects."""
        settings = {"trim_blocks": True, "keep_trailing_newline": True, **(overrides or {})}
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, **settings)
        try:
            return environment.from_string(text).render({**self.variables, **extra})
        except jinja2.TemplateError as error:
            raise TaskFailed(f"{name}: {error}") from error

    def evaluate(self, expression: Any) -> Any:
        """`expression` with plain Jinja2."""
        return jinja2.Environment().compile_expression(str(expression))(**self.variables)

    def reveal(self, data: bytes) -> bytes:
        """`data`, which no test here encrypts."""
        return data

    def progress(self, text: str) -> None:
        """Keep it."""
        self.told.append(text)

    async def reconnect(self, **_timing: float) -> float:
        """There is no connection: nothing to drop."""
        return 0.0

    async def boot_id(self) -> str:
        """This machine's."""
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _records(data: bytes) -> tuple[tuple[str, bytes], ...]:
    pairs = (record.partition(b"\n") for record in data.split(b"\0")[:-1])
    return tuple((key.decode(), value) for key, _, value in pairs)
