"""What the loader makes of roles, includes, variables and vaults."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import OrchestratorError, PlaybookError
from orchestrator.inventory.variables import Vaulted, Verbatim
from orchestrator.playbook.load import Loader, candidates, validate
from orchestrator.playbook.model import Block, Playbook, Task
from orchestrator.playbook.text import Position, Text
from orchestrator.playbook.vault import Vault

AT = Position("site.yml", 1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _write(home: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)


def _load(home: Path, files: Mapping[str, str], **options: Any) -> Playbook:
    _write(home, files)
    return Loader(base=home, **options).playbook(Path("site.yml"))


def _tasks(playbook: Playbook) -> list[Task]:
    return [step for step in playbook.plays[0].steps if isinstance(step, Task) and not step.implicit]


def test_every_text_knows_where_it_was_written(home: Path) -> None:
    text = "- hosts: all\n  vars:\n    a:\n      - {b: 'x'}\n  tasks:\n    - debug:\n        msg: hello\n"

    playbook = _load(home, {"site.yml": text})

    value = playbook.plays[0].vars["a"][0]["b"]
    message = _tasks(playbook)[0].arguments["msg"]
    assert isinstance(value, Text)
    assert isinstance(message, Text)
    assert (str(value.at), str(message.at)) == ("site.yml:4", "site.yml:7")


def test_marks_what_is_no_template(home: Path) -> None:
    text = "- hosts: all\n  vars:\n    a: !unsafe '{{ x }}'\n    b: !unsafe [x, {y: z}]\n    c: !vault $ANSIBLE\n"

    variables = _load(home, {"site.yml": text}).plays[0].vars

    assert isinstance(variables["a"], Verbatim)
    assert isinstance(variables["b"][1]["y"], Verbatim)
    assert isinstance(variables["c"], Vaulted)


def test_names_may_use_what_is_known_before_anything_runs(home: Path) -> None:
    files = {
        "site.yml": "- hosts: all\n  vars: {a: one}\n  tasks:\n    - import_tasks: '{{ a }}{{ b }}.yml'\n",
        "onetwo.yml": "- debug: {msg: found}",
    }
    _write(home, files)

    playbook = Loader(base=home).playbook(Path("site.yml"), {"b": "two"})

    assert _tasks(playbook)[0].arguments["msg"] == "found"


def test_looks_for_roles_beside_the_playbook_then_where_it_is_told(home: Path, tmp_path: Path) -> None:
    _write(tmp_path / "shared", {"a/tasks/main.yml": "- debug: msg=shared", "b/tasks/main.yml": "- debug: msg=b"})
    files = {"site.yml": "- hosts: all\n  roles: [a, b]\n", "roles/a/tasks/main.yml": "- debug: msg=own"}

    playbook = _load(home, files, roles_path=[tmp_path / "shared"])

    assert [task.arguments["msg"] for task in _tasks(playbook)] == ["own", "b"]


def test_a_role_used_twice_alike_is_the_same_to_ansible(home: Path) -> None:
    files = {
        "site.yml": "- hosts: all\n  roles: [a, a, {role: a, x: 1}, b, b]\n",
        "roles/a/tasks/main.yml": "- debug: msg=a",
        "roles/b/tasks/main.yml": "- debug: msg=b",
        "roles/b/meta/main.yml": "allow_duplicates: true",
    }

    uses = [task.role.instance for task in _tasks(_load(home, files)) if task.role]

    assert uses[0] == uses[1]
    assert len(set(uses)) == 4


def test_reads_the_variables_of_a_role_from_folders(home: Path) -> None:
    files = {
        "site.yml": "- hosts: all\n  roles: [a]\n",
        "roles/a/tasks/main.yml": "- debug: msg=a",
        "roles/a/vars/main/10.yml": "x: 1\ny: 1",
        "roles/a/vars/main/20.yaml": "y: 2",
        "roles/a/vars/main/.hidden.yml": "y: 3",
        "roles/a/defaults/main.yaml": "z: 3",
    }

    role = _load(home, files).plays[0].roles[0]

    assert (role.vars, role.defaults, role.exports) == ({"x": 1, "y": 2}, {"z": 3}, {"x": 1, "y": 2})


def test_includes_at_run_time_what_the_including_task_passes_down(home: Path) -> None:
    text = """
- hosts: all
  become: true
  tasks:
    - block:
        - include_tasks: {file: "{{ which }}.yml", apply: {tags: applied, become_user: web}}
          tags: own
          when: own
          vars: {a: 1}
      when: outer
"""
    files = {"site.yml": text, "tasks/part.yml": "- debug: msg=x\n  when: inner\n- include_tasks: more.yml\n"}
    _write(home, files | {"tasks/more.yml": "- import_role: {name: r}", "roles/r/handlers/main.yml": "- debug: msg=h"})
    loader = Loader(base=home)
    block = loader.playbook(Path("site.yml")).plays[0].steps[1]
    assert isinstance(block, Block)
    include = block.block[0]
    assert isinstance(include, Task)

    found = loader.include_tasks("part.yml", include)
    task, again = found.steps
    assert isinstance(task, Task)
    assert isinstance(again, Task)
    more = loader.include_tasks("more.yml", again)

    assert task.keywords.when == ("outer", "inner")
    assert task.keywords.tags == {"applied"}
    assert task.keywords.become.become is True
    assert task.keywords.become.user == "web"
    assert task.keywords.vars == {"a": 1}
    assert [str(file.relative_to(home)) for file in task.files] == ["site.yml", "tasks/part.yml"]
    assert include.params == {"a": 1}
    assert [handler.arguments["msg"] for handler in more.handlers] == ["h"]
    assert [role.name for role in more.roles] == ["r"]


def test_includes_a_role_by_its_arguments(home: Path) -> None:
    files = {
        "site.yml": "- hosts: all\n  tasks:\n    - include_role: {name: '{{ x }}'}\n      vars: {a: 1}\n",
        "roles/r/tasks/main.yml": "- debug: msg=main",
        "roles/r/tasks/more.yml": "- debug: msg=more",
        "roles/r/handlers/main.yml": "- debug: msg=handler\n  listen: topic",
        "roles/r/defaults/main.yml": "d: 1",
    }
    _write(home, files)
    loader = Loader(base=home)
    include = _tasks(loader.playbook(Path("site.yml")))[0]

    found = loader.include_role({"name": "r", "tasks_from": "more", "public": True}, include)
    hidden = loader.include_role({"name": "r"}, include)

    first = found.steps[0]
    assert isinstance(first, Task)
    assert first.role is not None
    assert (first.arguments["msg"], first.role.vars, first.role.defaults) == ("more", {"a": 1}, {"d": 1})
    assert found.handlers[0].listen == ("topic", "r : topic")
    assert ([role.name for role in found.roles], hidden.roles) == (["r"], ())
    with pytest.raises(PlaybookError, match=r"^site\.yml:3: the role none was not found"):
        loader.include_role({"name": "none"}, include)


def test_fails_an_include_that_never_ends(home: Path) -> None:
    files = {
        "site.yml": "- hosts: all\n  tasks:\n    - include_tasks: a.yml\n",
        "a.yml": "- include_tasks: a.yml\n  when: x\n",
    }
    _write(home, files)
    loader = Loader(base=home)
    task = _tasks(loader.playbook(Path("site.yml")))[0]

    def descend(task: Task) -> None:
        for _ in range(500):
            step = loader.include_tasks("a.yml", task).steps[0]
            assert isinstance(step, Task)
            task = step

    with pytest.raises(PlaybookError, match="more than 200 files include each other"):
        descend(task)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("a=1 b='two words' c=\"{{ x }}\"", {"a": "1", "b": "two words", "c": "{{ x }}"}),
        ('{"a": 1, "b": [true]}', {"a": 1, "b": [True]}),
        ("{a: 1, b: yes}", {"a": 1, "b": True}),
        ("@vars.json", {"a": "file"}),
    ],
)
def test_reads_variables_of_the_command_line(home: Path, given: str, found: dict[str, Any]) -> None:
    _write(home, {"vars.json": '{\n\t"a": "file"\n}'})

    assert Loader(base=home).extra_vars([given]) == found


@pytest.mark.parametrize("given", ["", "word", "a=1 word", "[1]", "{a: [}", "@none.yml", "a-b=1", "a='x"])
def test_refuses_variables_of_the_command_line_that_are_none(home: Path, given: str) -> None:
    with pytest.raises(PlaybookError):
        Loader(base=home).extra_vars([given])


def test_later_variables_of_the_command_line_win(home: Path) -> None:
    assert Loader(base=home).extra_vars(["a=1 b=1", "{b: 2}"]) == {"a": "1", "b": 2}


def test_reads_vaulted_files(home: Path, vaulted: bytes) -> None:
    (home / "secret.yml").write_bytes(vaulted)

    assert Loader(base=home, vault=Vault([("", b"password")])).vars_file(Path("secret.yml")) == {"a": "secret"}
    for vault in (None, Vault([]), Vault([("", b"wrong")])):
        with pytest.raises(OrchestratorError, match=r"^secret\.yml: .*--vault-password-file"):
            Loader(base=home, vault=vault).vars_file(Path("secret.yml"))


@pytest.fixture
def vaulted() -> bytes:
    """What ansible-vault makes of ``a: secret`` with the password ``password``."""
    vault: Any = import_module("ansible.parsing.vault")
    made: bytes = vault.VaultLib([("default", vault.VaultSecret(b"password"))]).encrypt(b"a: secret\n")
    return made


def test_looks_for_files_as_ansible_does() -> None:
    found = candidates("templates", "a.j2", [Path("/r"), Path("/p")])

    assert list(map(str, found)) == ["/r/templates/a.j2", "/r/a.j2", "/p/templates/a.j2", "/p/a.j2"]
    assert list(map(str, candidates("files", "files/a", [Path("/p")]))) == ["/p/files/a"]
    assert list(map(str, candidates("files", "/a", [Path("/p")]))) == ["/a"]


def test_validates_rendered_arguments() -> None:
    assert validate("ansible.builtin.debug", {"msg": "x", "verbosity": "2"}, AT).model_dump()["verbosity"] == 2
    with pytest.raises(PlaybookError, match=r"^site\.yml:1: debug takes no argument mgs; nearest: msg$"):
        validate("ansible.builtin.debug", {"mgs": "x"}, AT)


def test_arguments_with_templates_wait_for_the_host(home: Path) -> None:
    text = "- hosts: all\n  tasks:\n    - debug: {msg: x, verbosity: '{{ level }}'}\n"

    assert _tasks(_load(home, {"site.yml": text}))[0].arguments["verbosity"] == "{{ level }}"


def test_defaults_of_modules_fill_in_what_tasks_leave_out(home: Path) -> None:
    text = """
- hosts: all
  module_defaults: {debug: {verbosity: 1}}
  tasks:
    - debug: {msg: x}
    - block:
        - debug: {msg: x, verbosity: 3}
        - ansible.builtin.debug: {}
      module_defaults: {ansible.builtin.debug: {msg: default}}
"""
    playbook = _load(home, {"site.yml": text})

    first, block = playbook.plays[0].steps[1:3]
    assert isinstance(first, Task)
    assert isinstance(block, Block)
    assert first.arguments == {"msg": "x", "verbosity": 1}
    assert [dict(task.arguments) for task in block.block if isinstance(task, Task)] == [
        {"msg": "x", "verbosity": 3},
        {"msg": "default", "verbosity": 1},
    ]


def test_a_play_on_localhost_may_say_that_it_is_local(home: Path) -> None:
    assert _load(home, {"site.yml": "- hosts: localhost\n  connection: local\n"}).plays[0].hosts == "localhost"
