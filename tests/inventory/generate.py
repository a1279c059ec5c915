"""Random inventories and patterns: the same for the same seed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_GROUPS = ("web", "db", "prod", "east", "webs", "cache", "lab")
_HOSTS = (
    "web1", "web2", "web10", "db1", "db2", "cache-a", "n1.east.example.org", "n2.east.example.org", "10.0.0.1", "lone",
    "web[1:3]", "web[01:05:2]", "db[a:c]", "r[1:2]-n[01:03]", "n[1:2].west.example.org", "10.0.1.[1:3]",
    "2001:db8::1", "cache-b:2222", "[2001:db8::2]:2200", "all-in",
)  # fmt: skip
_VARS = ("tier", "color", "size", "nested", "ansible_user")
_VALUES: tuple[Any, ...] = (
    "red",
    "blue",
    1,
    22,
    2.5,
    True,
    None,
    ["a", "b"],
    {"k": 1},
    "a b",
    "{{ color }}",
    "yes",
    "07",
)


class Generator:
    """Writes one inventory folder and makes up patterns over it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._below: dict[str, set[str]] = {}
        self._groups = self._random.sample(_GROUPS, self._random.randint(2, len(_GROUPS)))

    def write(self, folder: Path) -> None:
        """Fill a new folder."""
        folder.mkdir()
        for at in range(self._random.randint(1, 3)):
            kind = self._random.choice(("yml", "yml", "yaml", "json", "ini", "plain-ini", "plain-yaml"))
            if "ini" in kind:
                (folder / f"{at}-hosts{'.ini' if kind == 'ini' else ''}").write_text(self._ini())
            else:
                text = json.dumps(self._yaml(), indent=self._random.choice((1, "\t")))
                text = text if kind == "json" else text.replace("\t", " ")
                (folder / f"{at}-hosts{'' if kind == 'plain-yaml' else '.' + kind}").write_text(text)
        for ignored in ("notes.md", "old.bak", ".hidden.yml", "x.retry"):
            (folder / ignored).write_text("ignored:\n  hosts:\n    ignored:\n")
        self._vars_files(folder / "group_vars", [*self._groups, "all", "ungrouped"])
        self._vars_files(folder / "host_vars", ["web1", "web2", "db1", "10.0.0.1", "2001:db8::1"])

    def patterns(self, count: int) -> list[tuple[str, str | None]]:
        """Patterns, each perhaps with a limit."""
        limits = [self._pattern() if self._random.random() < 0.2 else None for _ in range(count)]
        return [(self._pattern(), limit) for limit in limits]

    def _yaml(self) -> dict[str, Any]:
        tops = self._random.sample(["all", "ungrouped", *self._groups], self._random.randint(1, 4))
        return {name: self._group(name, 0) for name in tops}

    def _group(self, name: str, level: int) -> dict[str, Any] | None:
        if self._random.random() < 0.1:
            return None
        sections: dict[str, Any] = {}
        for section in self._random.sample(("vars", "children", "hosts"), 3):
            if section == "vars" and self._random.random() < 0.6:
                sections["vars"] = self._variables(group=True)
            elif section == "hosts" and self._random.random() < 0.8:
                chosen = self._random.sample(_HOSTS, self._random.randint(1, 5))
                sections["hosts"] = {host: self._random.choice((None, {}, self._variables())) for host in chosen}
            elif section == "children" and level < 3 and name != "ungrouped" and self._random.random() < 0.7:
                children = [child for child in self._children() if self._may_hold(name, child)]
                sections["children"] = {child: self._group(child, level + 1) for child in children}
        return sections

    def _children(self) -> list[str]:
        return self._random.sample(self._groups, self._random.randint(0, min(3, len(self._groups))))

    def _may_hold(self, parent: str, child: str) -> bool:
        """Note an edge unless it would close a circle."""
        if parent == child or parent in self._under(child):
            return False
        self._below.setdefault(parent, set()).add(child)
        return True

    def _under(self, group: str) -> set[str]:
        found = set(self._below.get(group, ()))
        return found.union(*(self._under(child) for child in found))

    def _variables(self, *, group: bool = False) -> dict[str, Any]:
        found = {name: self._random.choice(_VALUES) for name in self._random.sample(_VARS, self._random.randint(1, 3))}
        if "ansible_user" in found:
            found["ansible_user"] = self._random.choice(("root", "ops"))
        if group and self._random.random() < 0.2:
            found["ansible_group_priority"] = self._random.randint(0, 3)
        return found

    def _ini(self) -> str:
        ungrouped = ["# hosts", "", *self._random.sample(("first", "db1 color=green", "web[1:2]", "10.0.0.9"), 2)]
        lines = list(ungrouped)
        for group in self._random.sample(self._groups, self._random.randint(1, len(self._groups))):
            lines.append(f"[{group}]" + self._random.choice(("", "  # comment")))
            hosts = self._random.sample(_HOSTS, self._random.randint(0, 4))
            lines += [" ".join((host, *self._ini_variables())) for host in hosts]
            if self._random.random() < 0.5:
                lines += [
                    f"[{group}:vars]",
                    *(self._random.choice((" = ", "=")).join(each.split("=", 1)) for each in self._ini_variables()),
                ]
        declared = [line[1:].split("]")[0] for line in lines if line.startswith("[") and ":" not in line.split("]")[0]]
        for parent in declared:
            children = [child for child in declared if self._random.random() < 0.2 and self._may_hold(parent, child)]
            block = [f"[{parent}:children]", *children] if children else []
            at = self._random.choice((len(ungrouped), len(lines)))
            lines[at:at] = block
        return "\n".join(lines) + "\n"

    def _ini_variables(self) -> list[str]:
        values = (
            "red",
            "22",
            "True",
            "None",
            "'a b'",
            '"x"',
            "'[1,2]'",
            "{'k':1}",
            "1.5",
            "07",
            "(1,2)",
            "a=b",
            "-3",
            "0x10",
        )
        return [
            f"{name}={self._random.choice(values)}"
            for name in self._random.sample(_VARS[:4], self._random.randint(0, 2))
        ]

    def _vars_files(self, folder: Path, names: list[str]) -> None:
        if self._random.random() < 0.5:
            return
        folder.mkdir()
        for name in self._random.sample(names, self._random.randint(1, len(names))):
            match self._random.randint(0, 4):
                case 0:
                    (folder / name).mkdir()
                    for inner in ("b.yml", "a.yaml", "c", "d.json", ".hidden", "e.yml~", "f.txt"):
                        (folder / name / inner).write_text(json.dumps(self._variables()))
                    (folder / f"{name}.yml").write_text("shadowed: true\n")
                case 1:
                    (folder / f"{name}.yml").write_text(json.dumps(self._variables()))
                    (folder / f"{name}.yaml").write_text("shadowed: true\n")
                case 2:
                    (folder / f"{name}.yml").write_text("---\n")
                case _:
                    suffix = self._random.choice(("", ".yml", ".yaml", ".json"))
                    (folder / f"{name}{suffix}").write_text(json.dumps(self._variables()))

    def _pattern(self) -> str:
        separator = self._random.choice((",", ":", ", "))
        parts = [self._part() for _ in range(self._random.choice((1, 1, 2, 3)))]
        signs = [self._random.choice(("", "", "", "!", "&")) for _ in parts]
        return separator.join(sign + part for sign, part in zip(signs, parts, strict=True))

    def _part(self) -> str:
        name = self._random.choice(
            (*self._groups, "all", "ungrouped", "*", "web*", "web?", "~web[0-2]$", "~.*[ab]$", "10.0.*", "al*",
             "*east*", "web1", "db[ab]", "[wd]*", "web0[!1]", "10.0.0.1", "2001:db8::1", "nosuch", "n?.*", "~^(web|db)")
        )  # fmt: skip
        subscript = self._random.choice(("", "", "", "[0]", "[-1]", "[1:2]", "[0:0]", "[2:0]", "[1:]", "[9]", "[5:9]"))
        return name + subscript
