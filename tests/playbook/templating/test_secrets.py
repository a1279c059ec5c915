"""Secrets disappear from everything that is shown, however they are spelled."""

from __future__ import annotations

import base64
import json
import shlex
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.playbook.events import Diff
from orchestrator.playbook.secrets import MASK, Secrets

_SECRET = "pa ss'w\"ö/rd\\9+"


def _masking(*secrets: str) -> Secrets:
    known = Secrets()
    for secret in secrets:
        known.add(secret)
    return known


@pytest.mark.parametrize(
    "spelled",
    [
        _SECRET,
        json.dumps(_SECRET)[1:-1],
        json.dumps(_SECRET, ensure_ascii=False)[1:-1],
        repr(_SECRET)[1:-1],
        shlex.quote(_SECRET),
        quote(_SECRET),
        quote(_SECRET, safe=""),
        quote_plus(_SECRET),
        base64.b64encode(_SECRET.encode()).decode().rstrip("="),
    ],
)
def test_every_spelling_is_masked(spelled: str) -> None:
    masked = _masking(_SECRET).mask(f"before {spelled} after")
    assert spelled not in masked
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@given(st.text(min_size=8, max_size=40).map(str.strip).filter(lambda text: len(text) >= 8), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret not in _masking(secret).mask(f"{before}{secret}{after}").replace(MASK, "\0")


@given(st.binary(max_size=5), st.binary(max_size=5))
def test_base64_is_found_wherever_it_stands(before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + b"correct horse battery" + after).decode()
    assert MASK in _masking("correct horse battery").mask(encoded)


def test_values_are_masked_deeply() -> None:
    known = _masking("hunter22")
    value = {"hunter22": ["x hunter22", {"a": ("hunter22", 5, None)}], "n": 1.5}
    assert known.mask(value) == {MASK: [f"x {MASK}", {"a": (MASK, 5, None)}], "n": 1.5}
    assert known.mask(Diff(before="hunter22", after_header="hunter22")) == Diff(before=MASK, after_header=MASK)


def test_each_long_line_of_a_secret_is_one() -> None:
    known = _masking("-----BEGIN KEY-----\nAAAABBBBCCCC\nx\n")
    assert known.mask("+AAAABBBBCCCC\n x\n") == f"+{MASK}\n x\n"


def test_a_longer_secret_hides_all_of_itself() -> None:
    assert _masking("abcd", "abcdefgh").mask("abcdefgh abcd") == f"{MASK} {MASK}"


def test_short_ones_are_let_be() -> None:
    known = _masking("abc", "")
    assert known.mask("abc") == "abc"


def test_of_a_file_only_what_is_no_ordinary_word() -> None:
    known = Secrets()
    known.add_all({"user": "root", "password": "correct horse", "list": ["long enough", 5, True]})
    assert known.mask("root correct horse long enough") == f"root {MASK} {MASK}"


def test_many_secrets_cost_little() -> None:
    known = Secrets()
    for number in range(300):
        known.add(f"secret-{number:03d}-{number * 7919:08x}")
    known.mask("")
    started = time.process_time()
    for _ in range(1000):
        known.mask("changed: /etc/nginx/nginx.conf of web1")
    assert time.process_time() - started < 0.5
    assert known.mask("a secret-007-0000d889 b") == f"a {MASK} b"
