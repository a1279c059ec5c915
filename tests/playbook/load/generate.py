"""Random playbooks with roles, imports and blocks, most of them well-formed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

_TAGS = ("one", "two", "always", "never", "x-y")
_CONDITIONS = ("a is defined", "not b", True, False, "x == 1 and y != '2'")

# What may go wrong in a task, a block or a play: a keyword and its value.
_FAULTS: tuple[dict[str, Any], ...] = (
    {"whne": "x"},
    {"listen": {"a": 1}},
    {"vars": "text"},
    {"vars": {"not-a-name": 1}},
    {"tags": {"a": 1}},
    {"block": "text"},
    {"tasks": []},
    {"rescue": []},
    {"register": "not a name"},
    {"hosts": "other"},
    {"roles": ["r0"]},
    {"copy": {"content": "x", "dest": "/y"}},
    {"loop": [1], "with_items": [2]},
    {"loop_control": "text"},
    {"loop_control": {"bad": 1}},
    {"action": "debug msg=x", "local_action": "debug msg=y"},
    {"args": "text"},
    {"serial": {"a": 1}},
    {"name": ["a", "b"]},
    {"name": {"a": "b"}},
)


class Generator:
    """One playbook with its roles and files, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._files: dict[str, Any] = {}
        self._imports = 0
        # One in four has one fault somewhere.
        self._faults = 1 if seed % 4 == 3 else 0

    def write(self, folder: Path) -> Path:
        """Write all of it; the playbook's path."""
        for number in reversed(range(4)):
            self._role(number)
        plays = [self._play() for _ in range(self._random.randint(1, 2))]
        if self._chance(0.2):
            self._files["other.yml"] = [self._play()]
            plays.append({"import_playbook": "other.yml", **self._some(("vars", "tags", "when"), 0.5)})
        self._files["site.yml"] = plays
        for name, content in self._files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content, sort_keys=False))
        return folder / "site.yml"

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _play(self) -> dict[str, Any]:
        play = {
            "hosts": self._pick("all", "web:&db", ["a", "b"]),
            **self._some(_INHERITED - {"when", "delegate_to"}, 0.1),
        }
        if self._chance(0.5):
            play["name"] = "A play"
        for part in ("pre_tasks", "tasks", "post_tasks"):
            if self._chance(0.6):
                play[part] = self._tasks(2, "", 1)
        # Whatever is notified is there: what is not is refused, which ansible-core does only when it comes to it.
        known = {"name": "restart 1", "listen": "topic", "debug": {"msg": "known"}}
        play["handlers"] = [*(self._handlers() if self._chance(0.5) else ()), known]
        if self._chance(0.6):
            play["roles"] = [self._use(self._random.randint(0, 3)) for _ in range(self._random.randint(1, 3))]
        return self._spoilt(play)

    def _use(self, number: int) -> Any:
        if self._chance(0.4):
            return f"r{number}"
        use = {self._pick("role", "name"): f"r{number}", **self._some(_INHERITED, 0.1)}
        if self._chance(0.4):
            use["port"[:0] + "parameter"] = self._random.randint(0, 1)
        return use

    def _role(self, number: int) -> None:
        root = f"roles/r{number}/"
        self._files[f"{root}tasks/main.yml"] = self._tasks(1, root, number + 1)
        self._files[f"{root}tasks/more.yml"] = self._tasks(0, root, 9)
        if self._chance(0.5):
            self._files[f"{root}handlers/main.yml"] = self._handlers()
        for part in ("defaults", "vars"):
            if self._chance(0.6):
                names = self._random.sample(("a", "b", "c", f"r{number}_{part}"), 2)
                self._files[f"{root}{part}/main.yml"] = dict.fromkeys(names, f"{part} of r{number}")
        if self._chance(0.4) and number < 3:
            meta: dict[str, Any] = {"dependencies": [self._use(self._random.randint(number + 1, 3))]}
            if self._chance(0.3):
                meta["allow_duplicates"] = True
            self._files[f"{root}meta/main.yml"] = meta

    def _tasks(self, depth: int, root: str, next_role: int) -> list[Any]:
        return [self._entry(depth, root, next_role) for _ in range(self._random.randint(1, 3))]

    def _entry(self, depth: int, root: str, next_role: int) -> dict[str, Any]:
        if depth and self._chance(0.25):
            block = {"block": self._tasks(depth - 1, root, next_role), **self._some(_INHERITED | {"notify"}, 0.12)}
            for part in ("rescue", "always"):
                if self._chance(0.3):
                    block[part] = self._tasks(depth - 1, root, next_role)
            return self._spoilt(block)
        if depth and self._chance(0.3):
            return self._include(depth, root, next_role)
        task: dict[str, Any] = self._action()
        task.update(self._some(_INHERITED | {"notify"}, 0.1))
        for name, make in _OWN.items():
            if self._chance(0.08):
                task[name] = make(self)
        if self._chance(0.5):
            task["name"] = f"Task {self._random.randint(1, 9)}"
        return self._spoilt(task)

    def _include(self, depth: int, root: str, next_role: int) -> dict[str, Any]:
        self._imports += 1
        if next_role < 4 and self._chance(0.4):
            called: dict[str, Any] = {"name": f"r{self._random.randint(next_role, 3)}"}
            if self._chance(0.3):
                called["tasks_from"] = self._pick("more", "more.yml")
            static = self._chance(0.6)
            keywords = _INHERITED if static else {"vars", "tags", "when", "run_once"}
            return {"import_role" if static else "include_role": called, **self._some(keywords, 0.15)}
        name = f"part{self._imports}.yml"
        self._files[f"{root}tasks/{name}" if root else f"tasks/{name}"] = self._tasks(depth - 1, root, next_role)
        static = self._chance(0.6)
        keywords = _INHERITED if static else {"vars", "tags", "when", "run_once"}
        return {
            "import_tasks" if static else "include_tasks": name if root else f"tasks/{name}",
            **self._some(keywords, 0.15),
        }

    def _handlers(self) -> list[Any]:
        handlers = []
        for number in range(self._random.randint(1, 3)):
            handler = {"name": f"restart {number}", **self._action(), **self._some(_INHERITED, 0.05)}
            if self._chance(0.4):
                handler["listen"] = self._pick("topic", ["topic", "other"])
            handlers.append(handler)
        return handlers

    def _action(self) -> dict[str, Any]:
        return dict(
            self._pick(
                {"debug": {"msg": "hello {{ name }}"}},
                {"debug": "msg='a b' verbosity=1"},
                {"command": "ls -l  /tmp creates=/x"},
                {"ansible.builtin.command": {"cmd": "ls", "chdir": "/"}},
                {"shell": "echo a | tr a b\nif true; then :; fi\n"},
                {"action": 'debug msg="{{ a }} b"'},
                {"local_action": "command echo x"},
                {"set_fact": {"fact": 1}},
                {"set_fact": "fact=1 other='b c'"},
                {"command": "pwd", "args": {"chdir": "/tmp"}},
                {"meta": "noop"},
                {"fail": None},
                {"assert": {"that": ["a is defined"]}},
            )
        )

    def _some(self, names: set[str] | frozenset[str] | tuple[str, ...], share: float) -> dict[str, Any]:
        return {name: _KEYWORDS[name](self) for name in sorted(names) if self._chance(share)}

    def _spoilt(self, entry: dict[str, Any]) -> dict[str, Any]:
        if self._faults and self._chance(0.2):
            self._faults -= 1
            entry.update(self._pick(*_FAULTS))
        return entry


def _choice(*values: Any) -> Callable[[Generator], Any]:
    return lambda generator: generator._pick(*values)


_FLAG = _choice(True, False, "yes", "{{ flag }}", "off")
_KEYWORDS: dict[str, Callable[[Generator], Any]] = {
    "vars": lambda generator: {generator._pick("a", "b", "c"): generator._pick(1, "text", ["{{ a }}"])},
    "tags": _choice("one", "one, two", ["two", "x-y"], ["a,b"], [1], *_TAGS),
    "when": _choice("a is defined", ["not b", "x == 1"], True, False, None),
    "environment": _choice({"A": "1"}, [{"B": "{{ b }}"}, {"C": "3"}], "{{ env }}"),
    "become": _choice(True, False, "yes"),
    "become_user": _choice("root", "{{ user }}"),
    "become_method": _choice("sudo", "su"),
    "ignore_errors": _choice(True, False, "no"),
    "ignore_unreachable": _choice(True, False),
    "any_errors_fatal": _choice(True, False),
    "run_once": _choice(True, False),
    "no_log": _choice(True, False),
    "timeout": _choice(5, 0),
    "delegate_to": _choice("localhost", "{{ other }}"),
    "notify": _choice("restart 1", ["restart 1", "topic"]),
}
_INHERITED = frozenset(_KEYWORDS) - {"notify"}
_OWN: dict[str, Callable[[Generator], Any]] = {
    "register": _choice("out"),
    "changed_when": _choice(False, "out.rc != 0", ["a", "b"]),
    "failed_when": _choice(False, "out.rc != 0"),
    "until": _choice("out is succeeded", ["a", "b"]),
    "retries": _choice(2, "{{ n }}"),
    "loop": _choice([1, 2], "{{ items }}"),
    "with_items": _choice([1, 2], "{{ items }}", "one"),
    "loop_control": _choice({"label": "{{ item }}"}, {"loop_var": "thing", "pause": 1}, {"extended": True}),
}
