"""Templates that would never end or fill the memory, each tried in a process of its own; started as a program."""

from __future__ import annotations

import json
import os
import resource
import sys
import time

from orchestrator.playbook.templating import TemplateFault, bounds
from tests.playbook.templating.conftest import templar, template

# A list of 2 ** 40 elements that takes no memory.
_DEEP = "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"

ENDLESS = [
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(10 ** 12) %}{% endfor %}",
    "{% for i in range(10 ** 12) if i > 10 ** 13 %}{% endfor %}",
    "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% for i in range(100) %}{{ m(n - 1) if n else '' }}{% endfor %}{% endmacro %}{{ m(9) }}",
    "{{ range(10 ** 12) | list }}",
    "{{ range(10 ** 12) | sum }}",
    "{{ range(10 ** 12) | map('string') | join }}",
    "{{ range(10 ** 12) | select('odd') | list | length }}",
    "{{ range(10 ** 12) | max }}",
    "{{ range(40) | permutations(20) | list }}",
    "{{ range(1000) | product(range(1000), range(1000)) | list | length }}",
    "{{ ('a' * 40) | regex_search('(a+)+$b') }}",
    "{{ ('a' * 40) is match('(a+)+$b') }}",
    "{{ 'x' * 10 ** 10 }}",
    "{{ 10 ** 9 * 'x' }}",
    "{{ [0] * 10 ** 9 }}",
    "{{ 10 ** (10 ** 10) }}",
    "{{ (2 ** 60000) * (2 ** 60000) }}",
    "{{ 1.__lshift__(10 ** 10) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (10 ** 9, 1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:{}}'.format(1, 10 ** 9) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ 'x'.center(10 ** 10) }}",
    "{{ 'x'.zfill(10 ** 10) }}",
    "{{ '\t\t'.expandtabs(10 ** 9) }}",
    "{{ 'x' | center(10 ** 10) }}",
    "{{ 'x' | indent(10 ** 10, true) }}",
    "{{ [1] | batch(10 ** 10, 'x') | list }}",
    "{{ [1] | slice(10 ** 10) | list }}",
    "{{ ('x' * 10 ** 6).replace('x', 'y' * 10 ** 6) }}",
    "{{ ('x' * 10 ** 6) | replace('x', 'y' * 10 ** 6) }}",
    "{{ ('x' * 10 ** 6) | join('y' * 10 ** 6) }}",
    "{{ ('x' * 10 ** 4) | join('y' * 10 ** 6) }}",
    "{{ ('x' * 10 ** 4) | regex_replace('x', 'y' * 10 ** 6) }}",
    "{{ ('y' * 10 ** 6).join('x' * 10 ** 6) }}",
    "{{ ('y' * 10 ** 6).join(['x'] * 10 ** 6) }}",
    "{{ ('x' * 10 ** 6) | regex_replace('x', 'y' * 10 ** 6) }}",
    "{{ 'x' | comment(prefix_count=10 ** 9) }}",
    "{{ query('sequence', 'count=1000000000') }}",
    "{{ query('sequence', 'count=1 format=%01000000000d') }}",
    "{{ query('nested', range(9999) | list, range(9999) | list) | length }}",
    "{% set ns = namespace(x='xx') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x[0] }}",
    "{% set ns = namespace(x='xx') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x[0] }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x[0] }}",
    "{% set l = [1] %}{% for i in range(99) %}{% set _ = l.extend(l) %}{% endfor %}{{ l | length }}",
    "{% set l = [1] %}{% for i in range(99) %}{% set _ = l.append(l) %}{% endfor %}{{ l }}",
    "{% set ns = namespace(x='x' * 1000000) %}{% for i in range(99) %}{{ ns.x }}{% endfor %}",
    "{% set ns = namespace(x='x' * 1000000) %}{% set y %}{% for i in range(99) %}{{ ns.x }}{% endfor %}{% endset %}",
    _DEEP + "{{ ns.x }}",
    _DEEP + "{{ ns.x | to_json }}",
    _DEEP + "{{ ns.x | string }}",
    _DEEP + "a{{ ns.x | flatten }}",
    "{{ ('[' * 100000) | from_yaml }}",
    "{{ ('[' * 100000) | from_json }}",
    "{{ '&a [*a]' | from_yaml }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ " + "-" * 50000 + "1 }}",
    "{{ " + "[" * 200 + "]" * 200 + " }}" + "{% if 1 %}" * 200 + "{% endif %}" * 200,
    "{% for i in [1] %}" * 30 + "{% endfor %}" * 30,
    "{{ lookup('pipe', 'yes') }}",
]


def _try(text: str) -> dict[str, object]:
    """How it ended, with seconds of processor time and megabytes that it took more than before."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        outcome = f"rendered {templar().render(template(text))!r:.80}"
    except TemplateFault as fault:
        outcome = str(fault)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"outcome": outcome, "seconds": time.process_time() - started, "megabytes": memory / 1024}


def main() -> None:
    # Lower than in use: what matters is that they hold.
    bounds.STEPS = 200_000
    bounds.SECONDS = 1.0
    templar().render(template("{{ 1 }}"))
    for text in ENDLESS:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            print(json.dumps(_try(text)), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            print(json.dumps({"outcome": f"crashed: {status}", "seconds": 0, "megabytes": 0}))


if __name__ == "__main__":
    main()
