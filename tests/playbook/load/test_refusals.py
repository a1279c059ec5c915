"""What cannot be run is refused before anything runs: one line with file and line, and what to do instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import OrchestratorError, PlaybookError, Unsupported
from orchestrator.playbook.load import Loader


def _load(folder: Path, **files: str) -> None:
    """Load ``site.yml`` of the given files; ``__`` in a name is a slash, and ``.yml`` is added."""
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    Loader(base=folder).playbook(folder / "site.yml")


def _tasks(text: str) -> str:
    return "- hosts: all\n  tasks:\n" + "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # Files and YAML
        ("", "site.yml: the playbook is empty. Write at least one play."),
        ("# nothing\n", "site.yml: the playbook is empty. Write at least one play."),
        ("[]", "site.yml: the playbook is empty. Write at least one play."),
        ("hosts: all", "site.yml:1: a playbook is a list of plays, this is a mapping. Start each play with a dash."),
        ("- all", "site.yml:1: a play is a mapping, this is text. Write hosts: and tasks: under it."),
        ("- hosts: all\n\ttasks: []\n", "site.yml:2: a tab where YAML wants spaces. Indent with spaces."),
        ("- hosts: all\n  hosts: web\n", "site.yml:2: hosts is given twice, first on line 1. Remove one of them."),
        ("- hosts: [all\n", "site.yml:2: is not YAML: "),
        ("- hosts: all\n  become: !secret x\n", "site.yml:2: the tag !secret is not known here. Remove the tag."),
        # Plays
        ("- tasks: []", "site.yml:1: a play without hosts. Write hosts: all, a group or a pattern."),
        ("- hosts: ''", "site.yml:1: a play without hosts. Write hosts: all, a group or a pattern."),
        ("- hosts: all\n  taks: []", "site.yml:2: taks is no keyword of a play; nearest: tasks"),
        (
            "- hosts: all\n  when: x",
            "site.yml:2: when cannot stand on a play, only on: block, handler, import_playbook",
        ),
        ("- hosts: all\n  yes: 1", "site.yml:1: a keyword must be text, True is yes or no. Write it in quotes"),
        ("- hosts: all\n  serial: {a: 1}", "site.yml:2: serial takes whole numbers or percentages, not a mapping"),
        ("- hosts: all\n  serial: some", "site.yml:2: serial takes whole numbers or percentages, not 'some'"),
        ("- hosts: all\n  become: perhaps", "site.yml:2: become takes yes or no, not 'perhaps'"),
        ("- hosts: all\n  vars: [a]", "site.yml:2: vars takes a mapping of variables, not a list"),
        ("- hosts: all\n  vars: {a-b: 1}", "site.yml:2: a-b cannot be the name of a variable. Use letters, digits"),
        ("- hosts: all\n  max_fail_percentage: lots", "site.yml:2: max_fail_percentage takes a number, not 'lots'"),
        ("- hosts: all\n  strategy: free", "site.yml:2: strategy: free is not supported. Remove it."),
        ("- hosts: all\n  vars_prompt: [{name: x}]", "site.yml:2: vars_prompt is not supported. Give the variables"),
        ("- hosts: all\n  port: 2222", "site.yml:2: port is not supported. Set ansible_port in the inv"),
        ("- hosts: all\n  connection: local", "site.yml:2: connection: local is not supported. Use delegate_to: loc"),
        ("- hosts: all\n  become_method: pbrun", "site.yml:2: become_method pbrun is not supported. Use sudo, su or"),
        ("- hosts: all\n  collections: [a.b]", "site.yml:2: the collection a.b is not supported. Supported: ansible."),
        ("- hosts: all\n  vars_files: no.yml", "site.yml:2: there is no no.yml"),
        ("- hosts: all\n  roles: [none]", "site.yml:2: the role none was not found in roles"),
        ("- hosts: all\n  roles: [a.b.c]", "site.yml:2: the role a.b.c of a collection is not supported. Copy the"),
        ("- hosts: all\n  roles: [{tags: x}]", "site.yml:2: a role without a name. Write role: NAME."),
        ("- hosts: all\n  tasks: {debug: }", "site.yml:2: tasks takes a list, not a mapping. Start each entry with"),
        ("- import_playbook: none.yml", "site.yml:1: there is no file none.yml"),
        ("- import_playbook: site.yml", "site.yml:1: imports itself: site.yml -> site.yml. Break the circle."),
        ("- import_playbook: '{{ x }}.yml'", "site.yml:1: {{ x }}.yml must be known before anything runs, and 'x' is"),
        # Tasks
        (_tasks("- text"), "site.yml:3: a task is a mapping, this is text. Name a module."),
        (_tasks("- name: x"), "site.yml:3: a task without a module. Name one, such as command or debug."),
        (_tasks("- win_copy: {src: a}"), "site.yml:3: the module win_copy is not supported; nearest: copy"),
        (_tasks("- comand: ls"), "site.yml:3: the module comand is not supported; nearest: command"),
        (_tasks("- community.general.ufw: {}"), "site.yml:3: the module community.general.ufw is not supported"),
        (_tasks("- debug: msg=x\n  whn: x"), "site.yml:4: whn is no keyword of a task; nearest: when"),
        (_tasks("- debug: msg=x\n  hosts: x"), "site.yml:4: hosts cannot stand on a task, only on: play"),
        (_tasks("- debug: msg=x\n  command: x"), "site.yml:4: a task calls one module, this one debug and command."),
        (_tasks("- command: true"), "site.yml:3: arguments are a mapping or text, not yes or no. Write it in quotes"),
        (_tasks("- debug: 'msg=\"x'"), "site.yml:3: a quote or a Jinja2 block is not closed. Close it."),
        (_tasks("- debug: hello"), "site.yml:3: debug takes arguments by name, 'hello' is none. Write name=value"),
        (_tasks("- debug: '{{ x }}'"), "site.yml:3: debug takes its arguments by name, not as one template. Write"),
        (_tasks("- debug: {massage: x}"), "site.yml:3: debug takes no argument massage; nearest: msg"),
        (_tasks("- copy: {source: a, dest: /a}"), "site.yml:3: copy takes no argument source; nearest: src"),
        (_tasks("- copy: {src: a, destination: /a}"), "site.yml:3: copy takes no argument destination; nearest: dest"),
        (
            _tasks("- copy: {src: a, dest: /a, user: ops}"),
            "site.yml:3: copy takes no argument user; it takes dest, backup,",
        ),
        (
            _tasks("- command: {cwd: /, cmd: ls}"),
            "site.yml:3: command takes no argument cwd; it takes cmd, argv, chdir",
        ),
        (_tasks("- debug: msg=x\n  when: ''"), "site.yml:4: an expression must not be empty. Remove it, or write true"),
        (_tasks("- debug:\n    msg: x\n    verbosity: much"), "site.yml:5: verbosity of debug "),
        (_tasks("- command: {}"), "site.yml:3: command"),
        (_tasks("- meta: dance"), "site.yml:3: meta: dance is not supported"),
        (_tasks("- meta: end_role"), "site.yml:3: end_role stands among the tasks of a role"),
        (_tasks("- debug: msg=x\n  async: 10"), "site.yml:4: async is not supported. Raise timeout, or start a unit"),
        (_tasks("- debug: msg=x\n  register: a b"), "site.yml:4: register takes the name of a variable, not 'a b'."),
        (_tasks("- debug: msg=x\n  when: {a: 1}"), "site.yml:4: when takes expressions, not a mapping"),
        (_tasks("- debug: msg=x\n  tags: '{{ x }}'"), "site.yml:4: tags cannot hold a template. Write its value out."),
        (_tasks("- debug: msg=x\n  loop: 5"), "site.yml:4: loop takes a list, not a number. For a variable write"),
        (_tasks("- debug: msg=x\n  with_dreams: []"), "site.yml:4: with_dreams is not supported"),
        (_tasks("- debug: msg=x\n  loop: [1]\n  loop_control: {var: x}"), "site.yml:5: loop_control has no var; near"),
        (_tasks("- debug: msg=x\n  loop: []\n  with_items: []"), "site.yml:3: a task loops once, this one with_items"),
        (_tasks("- include_tasks: x.yml\n  become: true"), "site.yml:4: become cannot stand on include_tasks, which"),
        (_tasks("- rescue: []\n  always: [debug: ]"), "site.yml:3: rescue and always need a block. Add block:"),
        (_tasks("- block: []\n  loop: [1]"), "site.yml:4: loop cannot stand on a block, only on: handler, task"),
        (_tasks("- block: x"), "site.yml:3: block takes a list of tasks, not text"),
        (_tasks("- import_tasks: none.yml"), "site.yml:3: none.yml was not found in ., tasks"),
        (_tasks("- include_tasks: none.yml"), "site.yml:3: none.yml was not found in ., tasks"),
        (_tasks("- import_tasks: a.yml\n  loop: [1]"), "site.yml:3: import_tasks cannot loop. Use include_tasks."),
        (_tasks("- import_role: {name: none}"), "site.yml:3: the role none was not found in roles"),
        (_tasks("- include_role: {nam: none}"), "site.yml:3: include_role takes no argument nam; nearest: name"),
        # Templates
        (_tasks("- debug:\n    msg: '{{ x | b64encod }}'"), "site.yml:4: the filter 'b64encod' is not supported"),
        (_tasks("- debug: msg=x\n  when: x is flase"), "site.yml:4: the test 'flase' is not supported here. Nearest: "),
        (_tasks("- debug: msg=x\n  when: x ==="), "site.yml:4: syntax error in template"),
        (_tasks("- debug: {msg: '{{ x'}"), "site.yml:3: syntax error in template"),
        (_tasks("- debug: {msg: \"{{ lookup('dreams') }}\"}"), "site.yml:3: the lookup 'dreams' is not supported"),
        ("- hosts: all\n  vars: {a: '{{ b | nofilter }}'}", "site.yml:2: the filter 'nofilter' is not supported here"),
        # Handlers
        ("- hosts: all\n  handlers:\n    - block: []", "site.yml:3: a block cannot be a handler. Notify several, or"),
        ("- hosts: all\n  handlers:\n    - include_tasks: x.yml", "site.yml:3: include_tasks cannot be a handler. Use"),
    ],
)
def test_says_in_one_line_what_is_wrong_and_where(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        _load(tmp_path, site=text)

    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_readable_file(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()
    os.mkfifo(tmp_path / "fifo.yml")
    (tmp_path / "latin.yml").write_bytes(b"- hosts: all\n  name: caf\xe9\n")
    (tmp_path / "huge.yml").write_bytes(b"#" * ((16 << 20) + 1))
    (tmp_path / "shared.yml").write_text("- hosts: all\n")
    (tmp_path / "shared.yml").chmod(0o666)
    said = {}
    for name in ("none", "folder", "fifo", "latin", "huge", "shared"):
        with pytest.raises(PlaybookError) as caught:
            Loader(base=tmp_path).playbook(tmp_path / f"{name}.yml")
        said[name] = str(caught.value)

    assert said == {
        "none": "none.yml: cannot be read: no such file or directory",
        "folder": "folder.yml: cannot be read: is a directory",
        "fifo": "fifo.yml: is not a regular file. Put a file in its place or remove it.",
        "latin": "latin.yml:2: is not UTF-8 text. Save it as UTF-8.",
        "huge": "huge.yml: is larger than 16 MiB. Split it into several files.",
        "shared": f"shared.yml: can be written by others (mode 0666). Run: chmod go-w {tmp_path}/shared.yml",
    }


def test_refuses_aliases_that_expand_without_end(tmp_path: Path) -> None:
    lines = ["- hosts: all", "  vars:", "    a: &a [x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"    {name}: &{name} [{', '.join([f'*{before}'] * 9)}]")

    with pytest.raises(PlaybookError, match=r"^site\.yml:\d+: its aliases expand without end"):
        _load(tmp_path, site="\n".join(lines))


def test_refuses_circles_and_names_them(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError) as imported:
        _load(tmp_path, site=_tasks("- import_tasks: a.yml"), a="- import_tasks: b.yml", b="- import_tasks: a.yml")
    with pytest.raises(PlaybookError) as included:
        _load(tmp_path, site=_tasks("- include_tasks: a.yml"), a="- include_tasks: a.yml")
    with pytest.raises(PlaybookError) as depending:
        _load(
            tmp_path,
            site="- hosts: all\n  roles: [a]",
            roles__a__meta__main="dependencies: [b]",
            roles__b__meta__main="dependencies: [a]",
        )
    with pytest.raises(PlaybookError) as calling:
        _load(
            tmp_path,
            site="- hosts: all\n  roles: [c]",
            roles__c__tasks__main="- import_role: {name: d}",
            roles__d__tasks__main="- import_role: {name: c}",
        )

    assert str(imported.value) == "b.yml:1: includes itself: a.yml -> b.yml -> a.yml. Break the circle."
    assert str(included.value) == "a.yml:1: includes itself: a.yml -> a.yml. Break the circle."
    assert str(depending.value) == "roles/b/meta/main.yml:1: the role depends on itself: a -> b -> a. Break the circle."
    assert "includes itself: roles/c/tasks/main.yml -> roles/d/tasks/main.yml -> roles/c/" in str(calling.value)


def test_lets_an_include_that_has_a_condition_include_itself(tmp_path: Path) -> None:
    again = "- debug: msg=x\n- include_tasks: a.yml\n  when: count < 3\n"

    _load(tmp_path, site=_tasks("- include_tasks: a.yml"), a=again)


def test_refuses_imports_that_spell_endlessly_many_tasks(tmp_path: Path) -> None:
    files = {f"f{n}": f"- import_tasks: f{n + 1}.yml\n" * 10 for n in range(8)}

    with pytest.raises(PlaybookError, match="more than 10000 tasks in one play"):
        _load(tmp_path, site=_tasks("- import_tasks: f0.yml"), f8="- debug: msg=x", **files)


def test_notes_what_a_conditional_include_could_not_run(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "arch.yml").write_text("- pacman: {name: x}\n")
    (tmp_path / "site.yml").write_text(_tasks("- include_tasks: arch.yml\n  when: family == 'Archlinux'"))

    playbook = Loader(base=tmp_path).playbook(tmp_path / "site.yml")

    said = "tasks/arch.yml:1: the module pacman is not supported; nearest: package"
    assert playbook.notes == (f"{said} (site.yml:3 would fail if it came to it)",)


def test_notes_what_a_conditional_include_would_not_find(tmp_path: Path) -> None:
    text = _tasks("- include_role: {name: none}\n  when: wanted\n- include_tasks: none.yml\n  when: wanted")
    (tmp_path / "site.yml").write_text(text)

    (note,) = Loader(base=tmp_path).playbook(tmp_path / "site.yml").notes

    assert note.startswith("site.yml:3: the role none was not found in roles")


def test_refuses_what_an_unconditional_include_could_not_run(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"^a\.yml:1: the module pacman is not supported"):
        _load(tmp_path, site=_tasks("- include_tasks: a.yml"), a="- pacman: {name: x}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "- copy: {src: motd, dest: /x}",
            "site.yml:3: the file motd was not found; nearest: mots. Put it into files/.",
        ),
        ("- template: {src: none.j2, dest: /x}", "site.yml:3: the file none.j2 was not found. Put it into templates/."),
        ("- template: {src: bad.j2, dest: /x}", "templates/bad.j2:1: the filter 'nofilter' is not supported here"),
        ("- copy: {src: motd, dest: /x}\n  when: x", ""),
        ("- copy: {src: motd, dest: /x}\n  tags: x", ""),
        ("- copy: {src: motd, dest: /x}\n  ignore_errors: true", ""),
        ("- copy: {src: '{{ x }}', dest: /x}", ""),
        ("- copy: {src: /motd, dest: /x, remote_src: true}", ""),
        ("- copy: {src: mots, dest: /x}", ""),
        ("- local_action: command touch motd\n- copy: {src: motd, dest: /x}", ""),
        ("- block:\n    - copy: {src: motd, dest: /x}\n  rescue: []", "site.yml"),
        ("- block:\n    - copy: {src: motd, dest: /x}\n  rescue:\n    - debug: msg=x", ""),
    ],
)
def test_tells_which_files_are_missing_for_certain(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mots").touch()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "bad.j2").write_text("{{ x | nofilter }}")
    try:
        _load(tmp_path, site=_tasks(text))
        said = ""
    except PlaybookError as error:
        said = str(error).replace(f"{tmp_path}/", "")

    assert said.startswith(says)
    assert bool(said) == bool(says)


_NOTIFIES = "- command: ls\n  notify: restrat"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (_NOTIFIES, "site.yml:4: there is no handler 'restrat', neither by name nor listening; nearest: restart"),
        ("- block:\n    - command: ls\n  notify: none", "site.yml:5: there is no handler 'none', neither by name"),
        ("- include_tasks: a.yml", "a.yml:1: there is no handler 'none'"),
        (f"{_NOTIFIES}\n  when: x", "note"),
        (f"{_NOTIFIES}\n  changed_when: x", "note"),
        (f"{_NOTIFIES}\n  tags: never", "note"),
        ("- include_tasks: a.yml\n  when: x", "note"),
        ("- command: ls\n  notify: [restart, topic]", ""),
        ("- command: ls\n  notify: '{{ x }}'", ""),
        (f"{_NOTIFIES}\n- include_role: {{name: r}}", ""),
        (f"{_NOTIFIES}\n- include_tasks: '{{{{ x }}}}.yml'", ""),
        ("- import_role: {name: r}\n- command: ls\n  notify: [of the role, 'r : of the role']", ""),
    ],
)
def test_tells_of_handlers_that_are_missing_for_certain(tmp_path: Path, text: str, says: str) -> None:
    site = tmp_path / "site.yml"
    handlers = "  handlers:\n    - {name: restart, listen: topic, command: ls}\n"
    (tmp_path / "roles/r/handlers").mkdir(parents=True)
    (tmp_path / "roles/r/handlers/main.yml").write_text("- {name: of the role, command: ls}")
    (tmp_path / "a.yml").write_text("- {command: ls, notify: none}")
    site.write_text(_tasks(text) + handlers)
    try:
        notes = Loader(base=tmp_path).playbook(site).notes
        said = "note" if any("would fail if it changed" in note for note in notes) else ""
    except PlaybookError as error:
        said = str(error)

    assert said.startswith(says)
    assert bool(said) == bool(says)


@pytest.mark.parametrize("value", ["9" * 10_000, "'" + "x" * 10_000 + "'", "'" + "9" * 10_000 + "'"])
def test_what_is_wrong_is_quoted_in_short(tmp_path: Path, value: str) -> None:
    with pytest.raises(PlaybookError) as raised:
        _load(tmp_path, site=f"- hosts: all\n  become: {value}\n")

    said = str(raised.value)
    assert said.startswith("site.yml:2: ")
    assert len(said) < 600


def test_every_error_is_one_the_command_line_knows() -> None:
    assert issubclass(Unsupported, PlaybookError)
    assert issubclass(PlaybookError, OrchestratorError)
    assert issubclass(PlaybookError, ValueError)
