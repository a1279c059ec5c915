"""authorized_keys merged: the expected files were written by ansible.posix.authorized_key 2.1."""

from __future__ import annotations

import pytest

from orchestrator.playbook.modules.sshkeys import merged, parse_key, parse_options

_FILE = """\
# kept
ssh-rsa AAAA1 me@laptop

no-pty,command="a, b" ssh-ed25519 AAAA2  two  words
nonsense
"""


def merge(content: str, *lines: str, present: bool = True, exclusive: bool = False) -> str | None:
    keys = [parse_key(line, rank) for rank, line in enumerate(lines)]
    assert all(keys)
    return merged(content, [key for key in keys if key], present=present, exclusive=exclusive)


def test_what_is_there_already_changes_nothing() -> None:
    assert merge(_FILE, "ssh-rsa AAAA1 me@laptop") is None
    assert merge(_FILE, 'no-pty,command="a, b" ssh-ed25519 AAAA2 two words') is None
    assert merge(_FILE, 'command="a, b",no-pty ssh-ed25519 AAAA2 two words') is None  # their order says nothing
    assert merge("", "ssh-rsa AAAA9", present=False) is None


def test_a_new_key_comes_last_and_all_else_stays() -> None:
    assert merge(_FILE, "ssh-rsa AAAA3") == (
        "# kept\nssh-rsa AAAA1 me@laptop\n\n"
        'no-pty,command="a, b" ssh-ed25519 AAAA2 two words\nnonsense\nssh-rsa AAAA3 \n'
    )


def test_another_comment_or_option_replaces_the_line() -> None:
    assert merge("ssh-rsa AAAA1 old\nssh-rsa AAAA2 x\n", "ssh-rsa AAAA1 new") == "ssh-rsa AAAA2 x\nssh-rsa AAAA1 new\n"
    assert merge("ssh-rsa AAAA1 a\n", "no-pty ssh-rsa AAAA1 a") == "no-pty ssh-rsa AAAA1 a\n"


def test_a_key_goes_whatever_stands_around_it() -> None:
    assert merge(_FILE, "ssh-rsa AAAA2 other", present=False) == "# kept\nssh-rsa AAAA1 me@laptop\n\nnonsense\n"


def test_exclusive_leaves_nothing_else() -> None:
    assert merge(_FILE, "ssh-rsa AAAA5 b", "ssh-rsa AAAA1 me@laptop", exclusive=True) == (
        "ssh-rsa AAAA1 me@laptop\nssh-rsa AAAA5 b\n"
    )
    assert merge("ssh-rsa AAAA1 a\n", "ssh-rsa AAAA1 a", exclusive=True) is None


def test_a_last_line_without_its_end_is_not_glued_to_the_new_key() -> None:
    assert merge("# end", "ssh-rsa AAAA1 a") == "# end\nssh-rsa AAAA1 a\n"


@pytest.mark.parametrize("line", ["", "# ssh-rsa AAAA1", "ssh-rsa", "AAAA1", "no-pty", "ssh-foo AAAA1"])
def test_lines_without_a_key(line: str) -> None:
    assert parse_key(line) is None


def test_options() -> None:
    assert parse_options('from="1.2.3.4,*.x",no-pty,environment="A=b",environment="C=d"') == (
        ("from", '"1.2.3.4,*.x"'), ("no-pty", None), ("environment", '"A=b"'), ("environment", '"C=d"'),
    )  # fmt: skip
