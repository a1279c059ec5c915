"""No template hangs, fills the memory or reaches into Python."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import weakref

import pytest

from orchestrator.playbook.templating import TemplateFault, bounds
from orchestrator.playbook.templating.bounds import Exhausted, processor_time
from tests.playbook.templating import endless
from tests.playbook.templating.conftest import templar, template

_SECONDS = 2.0
"""Of processor time; the bound is 1.0 there."""
_MEGABYTES = 150


def test_everything_ends() -> None:
    done = subprocess.run([sys.executable, "-m", endless.__name__], capture_output=True, text=True, check=True)
    tried = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tried) == len(endless.ENDLESS)
    wrong = [
        f"{text:.100}: {result}"
        for text, result in zip(endless.ENDLESS, tried, strict=True)
        if not result["outcome"].startswith("play.yml:7: ")
        or "\n" in result["outcome"]
        or result["seconds"] > _SECONDS
        or result["megabytes"] > _MEGABYTES
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.usefixtures("lowered")
def test_a_yaml_bomb_is_defused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(TemplateFault, match="stopped"):
        templar(bomb="\n".join(lines)).render(template("{{ bomb | from_yaml }}"))


@pytest.mark.usefixtures("lowered")
def test_time_is_up_even_where_python_ignores_exceptions() -> None:
    class Thing: ...

    known, seen = weakref.WeakKeyDictionary[Thing, int](), weakref.WeakSet[Thing]()
    for turn in range(20):
        with pytest.raises(Exhausted, match="more than"), processor_time():
            while turn % 2:
                known[Thing()] = 1  # and is forgotten at once, by a callback
            while True:
                seen.add(Thing())


@pytest.mark.usefixtures("lowered")
def test_conditions_and_files_are_bounded() -> None:
    with pytest.raises(TemplateFault, match="stopped"):
        templar().condition([template("range(10 ** 12) | sum > 1")])
    with pytest.raises(TemplateFault, match="stopped"):
        templar().render_file("x\n{% for i in range(10 ** 12) %}{% endfor %}", "big.j2")


@pytest.mark.parametrize("text", ["{{ 10 ** 4400 }}", "{{ x + x }}", "{{ x - -x }}", "{{ x * 10 }}"])
def test_no_number_is_too_long_to_be_written_down(text: str) -> None:
    with pytest.raises(TemplateFault, match="thousands of digits"):
        templar(x=2**13_999).render(template(text))


def test_long_ranges_are_cheap_where_nobody_walks_through_them() -> None:
    assert 0 <= templar().render(template("{{ range(10 ** 12) | random }}")) < 10**12
    assert templar().render(template("{{ range(10 ** 12) | length }}")) == 10**12
    assert templar().render(template("{{ 5 in range(10 ** 12) }} {{ 'x' in range(10 ** 12) }}")) == "True False"
    assert templar().render(template("{{ range(10 ** 12)[7] }} {{ range(10 ** 12) | first }}")) == "7 0"


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0.1)
    monkeypatch.setattr(bounds, "STEPS", 50_000)


@pytest.mark.usefixtures("lowered")
def test_the_timer_is_of_processor_time_and_gone_afterwards() -> None:
    with pytest.raises(Exhausted), processor_time():
        while True:
            pass
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL


def test_other_threads_render_too() -> None:
    results = []
    thread = threading.Thread(target=lambda: results.append(templar(a=1).render(template("{{ a + 1 }}"))))
    thread.start()
    thread.join(10)
    assert results == [2]


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ ['']  | map(attribute='__class__') | list }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ '{0.__class__}' | format }}{{ ''.format_map.__self__.__class__ }}",
        "{{ lookup.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ namespace.__class__ }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ joiner.__init__.__globals__.os }}",
        "{{ now.__globals__ }}",
        "{{ names._rendering }}",
        "{{ d._rendering.templar }}",
        "{{ d.__class__.__init__ }}",
        "{{ (d | dictsort).__class__ }}",
        "{{ hostvars }}",
        "{{ [].append.__self__.__class__ }}",
        "{{ nowhere.__class__ }}",
        "{{ nowhere._place }}",
        "{{ d.items.__func__ }}",
        "{% import 'x' as x %}",
        "{% include '../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_python_is_out_of_reach(text: str) -> None:
    with pytest.raises(TemplateFault):
        templar(names=[1], d={"a": "{{ 1 }}"}).render(template(text))
