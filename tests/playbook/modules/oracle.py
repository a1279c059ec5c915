"""ansible-core's own modules as the judge: one process that has them loaded runs each request in a child of its own.

Started as a program it is that process: a line of JSON for each request (module, arguments), one for each result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Oracle:
    """Runs ``ansible.modules.NAME`` on this machine, in the folder `cwd`, without a controller."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd

    def __enter__(self) -> Self:
        # A module that is not started by a controller leaves its temporary folder behind.
        self._litter = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._cwd,
            env={**os.environ, "TMPDIR": self._litter.name},
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)
        self._litter.cleanup()

    def run(self, module: str, arguments: Mapping[str, Any], *, check: bool = False, diff: bool = False) -> Any:
        """The module's result as it would be registered, ``failed`` included."""
        assert self._process.stdin
        assert self._process.stdout
        given = {**arguments, "_ansible_check_mode": check, "_ansible_diff": diff}
        print(json.dumps([module, given]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    for line in sys.stdin:
        module, arguments = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writer, 1)
            os.close(reader)
            _run(module, arguments)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            result = said.read()
        os.waitpid(child, 0)
        print(json.dumps(json.loads(result)), flush=True)


def _run(module: str, arguments: dict[str, Any]) -> None:
    try:
        with import_module("ansible.module_utils.testing").patch_module_args(arguments):
            import_module(f"ansible.modules.{module}").main()
    except SystemExit:
        pass
    except Exception as error:  # noqa: BLE001  what a controller would register as a failure
        print(json.dumps({"failed": True, "msg": str(error)}))
    sys.stdout.flush()


if __name__ == "__main__":
    for name in ("lineinfile", "blockinfile", "replace", "file", "copy", "stat", "slurp"):
        import_module(f"ansible.modules.{name}")
    _serve()
