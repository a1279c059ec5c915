"""What the table of cases cannot show: positions, trust, lazy values, loops, files, checks before a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.variables import Verbatim
from orchestrator.playbook.templating import (
    OMIT,
    HostVars,
    LookupContext,
    Templar,
    TemplateFault,
    UndefinedFault,
    check_syntax,
    new_environment,
)
from orchestrator.playbook.text import Position, Text, trusted
from tests.playbook.templating.conftest import templar, template


def _fault(work: Any) -> TemplateFault:
    with pytest.raises(TemplateFault) as raised:
        work()
    return raised.value


def test_what_a_host_says_is_never_a_template() -> None:
    hostile = "{{ lookup('pipe', 'touch /tmp/owned') }}"
    ours = Templar({"answer": hostile, "written": template("{{ answer }}")}, lookups=LookupContext())
    assert ours.render(template("{{ answer }}")) == hostile
    assert ours.render(template("{{ written }}!")) == hostile + "!"
    assert ours.render(hostile) == hostile
    assert ours.render({"a": [hostile]}) == {"a": [hostile]}
    assert ours.render(template("{{ [answer] }}")) == [hostile]
    assert ours.render(template("{{ {'a': answer} | to_json | from_json }}")) == {"a": hostile}
    assert ours.render(template("{{ lookup('vars', 'answer') }}")) == hostile
    assert "untrusted" in _fault(lambda: ours.evaluate(hostile)).msg
    assert "untrusted" in _fault(lambda: ours.condition([template("{{ answer }}")])).msg
    with pytest.raises(TemplateFault):
        ours.condition([template("answer")])


def test_what_a_host_says_is_no_condition() -> None:
    ours = Templar({"answer": "true or lookup('pipe', 'touch /tmp/owned')"}, lookups=LookupContext())
    assert "untrusted" in _fault(lambda: ours.condition([template("{{ answer }}")])).msg


def test_results_are_plain_text() -> None:
    ours = templar(word="literal", templated="{{ word }}", inside={"a": ["{{ word }}", "w"]})
    for text in ("{{ word }}", "{{ templated }}", "{{ inside }}", "{{ [word, 'x'] }}", "{{ word | safe }}", "literal"):
        assert _types(ours.render(template(text))) <= {str, dict, list}
    assert type(ours.render(Verbatim("{{ word }}"))) is str
    assert ours.render(Verbatim("{{ word }}")) == "{{ word }}"


def _types(value: Any) -> set[type]:
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*(_types(item) for item in inside))


def test_faults_say_where_and_what_was_meant() -> None:
    ours = templar(package_name="nginx", settings={"listen": 80}, indirect="{{ nope }}")
    assert str(_fault(lambda: ours.render(template("{{ pakage_name }}")))) == (
        "play.yml:7: 'pakage_name' is undefined. Did you mean 'package_name'?"
    )
    assert str(_fault(lambda: ours.render(template("{{ settings.listne }}")))) == (
        "play.yml:7: object of type 'dict' has no attribute 'listne'. Did you mean 'listen'?"
    )
    assert str(_fault(lambda: ours.render(template("{{ indirect }}")))) == "vars.yml:3: 'nope' is undefined"
    assert isinstance(_fault(lambda: ours.evaluate(template("nope"))), UndefinedFault)
    assert not isinstance(_fault(lambda: ours.evaluate(template("1 / 0"))), UndefinedFault)


def test_faults_in_files_say_the_line(folder: Path) -> None:
    def render(text: str) -> TemplateFault:
        return _fault(lambda: templar(folder, n=0).render_file(text, "app.conf.j2"))

    assert str(render("a\n{{ n }}\n{{ nope }}\n")) == "app.conf.j2:3: 'nope' is undefined"
    assert str(render("a\n\n{{ 1 / n }}\n")) == "app.conf.j2:3: division by zero"
    assert render("a\n{% if %}\n").at == Position("app.conf.j2", 2)
    (folder / "part.j2").write_text("x\n{{ nope }}\n", encoding="utf-8")
    assert render("{% include 'part.j2' %}").at == Position(str(folder / "part.j2"), 2)


def test_circles_are_named() -> None:
    ours = templar(a="{{ b }}", b="x{{ c }}", c="{{ a }}", d={"x": "{{ d.y }}", "y": "{{ d.x }}", "z": 1})
    assert _fault(lambda: ours.render(template("{{ a }}"))).msg.endswith(": a -> b -> c -> a")
    assert _fault(lambda: ours.render(template("{{ d.x }}"))).msg.endswith(": d.x -> d.y -> d.x")
    assert ours.render(template("{{ d.z }}")) == 1


def test_each_value_is_rendered_only_when_used(folder: Path) -> None:
    ours = templar(folder, used=1, dear="{{ lookup('pipe', 'exit 1') }}", d={"ok": 2, "bad": "{{ lookup('nope') }}"})
    assert ours.render(template("{{ used }}{{ d.ok }}")) == "12"
    assert "pipe" in _fault(lambda: ours.render(template("{{ dear | default('x') }}"))).msg


def test_arguments_leave_out_what_is_omitted() -> None:
    ours = templar()
    arguments = {"mode": template("{{ mode | default(omit) }}"), "list": [template("{{ omit }}"), 1], "n": 5, "b": None}
    assert ours.render(arguments) == {"list": [1], "n": 5, "b": None}
    assert ours.render(template("{{ omit }}")) is OMIT


def test_keys_are_no_templates() -> None:
    assert templar(a=1).render({template("{{ a }}"): template("{{ a }}")}) == {"{{ a }}": 1}


def test_extra_variables_come_first() -> None:
    ours = templar(item=1, other="{{ item }}")
    assert ours.with_variables({"item": 2}).render(template("{{ item }} {{ other }}")) == "2 2"
    assert ours.render(template("{{ item }}")) == 1


def test_the_first_false_condition_is_told() -> None:
    ours = templar(n=5)
    assert ours.condition([]) == (True, None)
    assert ours.condition([True, template("n == 5")]) == (True, None)
    assert ours.condition([template("n == 5"), template("n == 6"), template("nope")]) == (False, "n == 6")
    assert ours.condition([False]) == (False, False)
    wrong: Any
    for wrong in (5, [], None, template(""), template("n"), template("'yes'")):
        assert "condition" in _fault(partial(ours.condition, [wrong], Position("x", 1))).msg


def test_hosts_see_each_other_through_their_own_variables() -> None:
    environment = new_environment()
    names = ["web1", "web2"]
    hosts: dict[str, Templar] = {}
    hostvars = HostVars(names, lambda name: hosts[name])
    for name in names:
        own = {"inventory_hostname": name, **trusted({"greeting": "I am {{ inventory_hostname }}"})}
        hosts[name] = Templar({**own, "hostvars": hostvars}, lookups=LookupContext(), environment=environment)
    web1 = hosts["web1"]
    assert web1.render(template("{{ hostvars.web2.greeting }} {{ greeting }}")) == "I am web2 I am web1"
    assert web1.render(template("{{ hostvars['web2']['greeting'] }}")) == "I am web2"
    assert web1.render(template("{{ hostvars | list }}")) == names
    assert web1.render(template("{{ 'web3' in hostvars }} {{ hostvars.web3 is defined }}")) == "False False"
    assert web1.render(template("{{ hostvars.web3.x | default('none') }}")) == "none"
    extracted = "{{ ['web1', 'web2'] | map('extract', hostvars, 'greeting') | list }}"
    assert web1.render(template(extracted)) == ["I am web1", "I am web2"]
    assert web1.render(template("{{ hostvars.values() | map(attribute='greeting') | first }}")) == "I am web1"


def test_hosts_that_refer_to_each_other_for_ever_are_stopped() -> None:
    hosts: dict[str, Templar] = {}
    hostvars = HostVars(["a", "b"], lambda name: hosts[name])
    for name, other in (("a", "b"), ("b", "a")):
        own = trusted({"x": f"{{{{ hostvars.{other}.x }}}}"})
        hosts[name] = Templar({**own, "hostvars": hostvars}, lookups=LookupContext())
    with pytest.raises(TemplateFault):
        hosts["a"].render(template("{{ x }}"))


@pytest.mark.parametrize(
    ("lookup", "terms", "items"),
    [
        ("items", "{{ [1, [2, [3]]] }}", [1, 2, [3]]),
        ("items", "a", ["a"]),
        ("items", ["{{ n }}", "b"], [5, "b"]),
        ("list", "{{ [1, [2]] }}", [1, [2]]),
        ("dict", "{{ {'a': 1} }}", [{"key": "a", "value": 1}]),
        ("indexed_items", ["a", "b"], [[0, "a"], [1, "b"]]),
        ("nested", [[1, 2], ["a"]], [[1, "a"], [2, "a"]]),
        ("together", [[1, 2], ["a"]], [[1, "a"], [2, None]]),
        ("sequence", "start=1 end=2", ["1", "2"]),
        ("subelements", ["{{ people }}", "keys"], [[{"name": "x"}, "k"]]),
        ("first_found", ["nope", "hello.txt"], ["hello.txt"]),
        ("first_found", ["{{ nope }}", "hello.txt"], ["hello.txt"]),
        ("fileglob", "s*.txt", ["second.txt"]),
        ("lines", "echo a; echo b", ["a", "b"]),
        ("random_choice", ["a"], ["a"]),
    ],
)
def test_loops_have_items(folder: Path, lookup: str, terms: Any, items: list[Any]) -> None:
    ours = templar(folder, n=5, people=[{"name": "x", "keys": ["k"]}])
    found = ours.loop_items(lookup, trusted(terms))
    assert [item.removeprefix(f"{folder}/") if isinstance(item, str) else item for item in found] == items


def test_loops_over_nothing_known_fail(folder: Path) -> None:
    with pytest.raises(UndefinedFault):
        templar(folder).loop_items("items", template("{{ nope }}"))
    with pytest.raises(TemplateFault, match="No file was found"):
        templar(folder).loop_items("first_found", trusted(["nope"]))


def test_files_are_rendered_with_settings(folder: Path) -> None:
    ours = templar(folder, n=5)
    assert ours.render_file("{% if n %}\nx\n{% endif %}\n", "t") == "x\n"
    assert ours.render_file("{% if n %}\nx\n{% endif %}\n", "t", {"trim_blocks": False}) == "\nx\n"
    assert ours.render_file("<< n >> {{ n }}\n", "t", {"variable_start_string": "<<", "variable_end_string": ">>"}) == (
        "5 {{ n }}\n"
    )
    assert ours.render_file("a {{ n }}\nb\n", "t", {"newline_sequence": "\r\n"}) == "a 5\r\nb\r\n"
    assert ours.render_file("{{ n }} {{ template_path }}", "t", extra={"template_path": "x"}) == "5 x"
    assert ours.render_file("{% include 'hello.txt' %}", "t") == "hello"
    assert "start differently" in _fault(lambda: ours.render_file("{{ n }}", "t", {"block_start_string": "{{"})).msg


def test_hosts_do_not_share_what_templates_import(folder: Path) -> None:
    (folder / "who.j2").write_text("{% macro who() %}{{ lookup('vars', 'me') }}{% endmacro %}", encoding="utf-8")
    environment = new_environment()
    context = LookupContext(search=(folder,))
    said = [
        Templar({"me": me}, lookups=context, environment=environment).render_file(
            "{% import 'who.j2' as w %}{{ w.who() }}", "t"
        )
        for me in ("a", "b")
    ]
    assert said == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "expression", "faults"),
    [
        ("plain", False, []),
        ("{{ a | default(1) | ansible.builtin.to_json }}", False, []),
        ("a is defined and a | length > 0", True, []),
        ("{{ a }}", True, []),
        ("{{ a | to_jsn }}", False, ["the filter 'to_jsn' is not supported here. Nearest: 'to_json'"]),
        ("a is difined", True, ["the test 'difined' is not supported here. Nearest: 'defined'"]),
        ("{{ lookup('fil', 'x') }}", False, ["the lookup 'fil' is not supported here. Nearest: 'file'"]),
        ("{{ a | map('uper') | select('mach', 'x') }}", False, ["'uper'", "'mach'"]),
        ("{{ a | selectattr('x', 'definde') }}", False, ["'definde'"]),
        ("{{ a | community.general.json_query('x') }}", False, ["'community.general.json_query'"]),
        ("{{ a | }}", False, ["syntax error in template: "]),
        ("{% for %}", False, ["syntax error in template: "]),
        ("a ==", True, ["syntax error in template: "]),
        ("a b", True, ["syntax error in template: "]),
        ("{{ " + "(" * 5000, False, ["the template is nested too deeply"]),
    ],
)
def test_much_is_seen_before_a_run(text: str, expression: bool, faults: list[str]) -> None:
    found = check_syntax(template(text), expression=expression)
    assert len(found) == len(faults)
    for wanted in faults:
        assert any(wanted in fault.msg for fault in found)
    assert all(fault.at == Position("play.yml", 7) for fault in found)


def test_text_without_a_place_is_rendered_too() -> None:
    assert _fault(lambda: templar().render(Text("{{ nope }}"), Position("tasks.yml", 4))).where == "tasks.yml:4"


def test_first_found_looks_where_the_module_would(folder: Path) -> None:
    for kind in ("files", "templates", "vars"):
        (folder / kind).mkdir()
        (folder / kind / "main").touch()
    found = [
        templar(folder).loop_items("first_found", trusted(["main"]), module=f"ansible.builtin.{module}")
        for module in ("copy", "template", "include_vars")
    ]
    assert found == [[str(folder / kind / "main")] for kind in ("files", "templates", "vars")]


def test_templates_include_what_is_beside_them(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep/part.j2").write_text("part {{ n }}", encoding="utf-8")
    assert templar(folder, n=1).render_file("{% include 'part.j2' %}", str(folder / "deep/main.j2")) == "part 1"
    (folder / "deep/main.j2").write_text("<{% include 'part.j2' %}>", encoding="utf-8")
    assert templar(folder, n=1).render(template("{{ lookup('template', 'deep/main.j2') }}")) == "<part 1>"
    with pytest.raises(TemplateFault, match="there is no template 'part.j2'"):
        templar(folder, n=1).render_file("{% include 'part.j2' %}", "main.j2")
