"""Ansible itself as the judge, in a process of its own: it loads playbooks and tells what became of every task.

`python -m tests.playbook.load.oracle` reads paths of playbooks, a line each, and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from tests.inventory.oracle import clean_environment

FLAGS = ("become", "ignore_errors", "ignore_unreachable", "any_errors_fatal", "run_once", "no_log", "delegate_facts")
PLAIN = ("become_user", "become_method", "delegate_to", "timeout", "register", "retries")
LISTS = ("when", "environment", "until", "changed_when", "failed_when")


class Oracle:
    """The running judge."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.playbook.load.oracle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=clean_environment(home),
            cwd=Path(__file__).parents[3],
        )

    def ask(self, playbook: Path) -> dict[str, Any]:
        """``{"error": text}``, or ``{"plays": [...]}``."""
        asking, answering = self._process.stdin, self._process.stdout
        assert asking
        assert answering
        asking.write(f"{playbook}\n")
        asking.flush()
        answer: dict[str, Any] = json.loads(answering.readline())
        return answer

    def close(self) -> None:
        """End the judge's process."""
        self._process.communicate(timeout=30)


def main(asking: IO[str], answering: IO[str]) -> None:
    """Answer until there are no more questions."""
    immutable: Any = import_module("ansible.module_utils.common.collections")
    context: Any = import_module("ansible.context")
    context.CLIARGS = immutable.ImmutableDict(
        tags=["all"], skip_tags=[], check=False, diff=False, extra_vars=[], verbosity=0, connection="ssh"
    )
    import_module("ansible.plugins.loader").init_plugin_loader([])
    for line in asking:
        try:
            answer: dict[str, Any] = {"plays": list(_plays(line.rstrip("\n")))}
        except import_module("ansible.errors").AnsibleError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  Ansible fails with tracebacks on some input, and that is a refusal
            answer = {"error": f"{type(error).__name__}: {error}"}
        answering.write(json.dumps(answer, default=str) + "\n")
        answering.flush()


def _plays(path: str) -> Iterator[dict[str, Any]]:
    loader: Any = import_module("ansible.parsing.dataloader").DataLoader()
    inventory: Any = import_module("ansible.inventory.manager").InventoryManager(loader=loader, sources=["localhost,"])
    manager: Any = import_module("ansible.vars.manager").VariableManager(loader=loader, inventory=inventory)
    engine: Any = import_module("ansible._internal._templating._engine")
    playbook = import_module("ansible.playbook").Playbook.load(path, variable_manager=manager, loader=loader)
    for play in playbook.get_plays():
        # Ansible looks beside the playbook, too, without saying so.
        folder = play._included_path or str(Path(path).parent)
        play.post_validate(engine.TemplateEngine(loader=loader, variables=manager.get_vars(play=play)))
        handlers = [*play.compile_roles_handlers(), *play.handlers]
        yield {
            "name": play.get_name(),
            "tags": sorted({str(tag) for tag in play.tags}),
            "vars": play.vars,
            "tasks": [task for block in play.compile() for task in _tasks(block, "block", folder)],
            "handlers": [task for block in handlers for task in _tasks(block, "block", folder)],
            "roles": [role.get_name() for role in play.roles],
        }


def _tasks(block: Any, way: str, folder: str) -> Iterator[dict[str, Any]]:
    for part in ("block", "rescue", "always"):
        for task in getattr(block, part):
            if hasattr(task, "block"):
                yield from _tasks(task, f"{way}/{part}", folder)
            else:
                yield _task(task, f"{way}/{part}", folder)


def _task(task: Any, way: str, folder: str) -> dict[str, Any]:
    boolean: Any = import_module("ansible.module_utils.parsing.convert_bool").boolean
    told = {name: boolean(value) if (value := getattr(task, name)) is not None else False for name in FLAGS}
    role = task._role
    chain = task.get_dep_chain()
    return {
        **told,
        **{name: getattr(task, name) for name in PLAIN},
        **{name: getattr(task, name) for name in LISTS},
        "way": way.replace("/block", ""),
        "file": task.get_path().rpartition(":")[0],
        "action": task.action,
        "name": task.name,
        "args": {key: value for key, value in task.args.items() if key != "apply"},
        "tags": sorted({str(tag) for tag in task.tags}),
        "notify": [task.notify] if isinstance(task.notify, str) else task.notify or [],
        "listen": getattr(task, "listen", []),
        "vars": task.get_vars(),
        "params": task.get_include_params() if task.action in ("include_tasks", "include_role") else {},
        "loop": [task.loop_with or "loop", task.loop] if task.loop is not None else None,
        "implicit": task.implicit,
        "search": list(dict.fromkeys([*task.get_search_path(), folder])),
        "role": role.get_name() if role else None,
        "role_vars": role.get_vars(chain) if role else {},
        "role_defaults": role.get_default_vars(chain) if role else {},
        "role_params": role.get_role_params(chain) if role else {},
    }


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
