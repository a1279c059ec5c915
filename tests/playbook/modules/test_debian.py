"""What a wish for packages means, without a host."""

from __future__ import annotations

import random
import subprocess

import pytest

from orchestrator.playbook.modules.debian import (
    DpkgStatus,
    NoCandidate,
    Spec,
    compare,
    matching,
    parse_policy,
    parse_spec,
    to_install,
)

_STATUS = DpkgStatus(
    "alpha all installed 1.0\nbeta amd64 config-files 1.0\nlibc6 amd64 installed 2.36-9\nlibc6 i386 installed 2.35-1\n",
    "amd64",
)
_POLICIES = parse_policy(
    """\
alpha:
  Installed: 1.0
  Candidate: 1.1
  Version table:
     2.0 100
        100 file:/srv/packages ./ Packages
     1.1 500
        500 file:/srv/packages ./ Packages
 *** 1.0 -1
        500 file:/srv/packages ./ Packages
        100 /var/lib/dpkg/status
beta:
  Installed: (none)
  Candidate: 1:1.0-1
  Version table:
     1:1.0-1 500 (phased 10%)
        500 file:/srv/packages ./ Packages
libc6:amd64:
  Installed: 2.36-9
  Candidate: 2.36-9
  Version table:
 *** 2.36-9 500
virtual:
  Installed: (none)
  Candidate: (none)
  Version table:
""",
    "amd64",
)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("nginx", Spec("nginx")),
        (" nginx=1.2* ", Spec("nginx", "=", "1.2*")),
        ("nginx>=1.2", Spec("nginx", ">=", "1.2")),
        ("libc6:i386", Spec("libc6:i386")),
    ],
)
def test_specs(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


def test_two_versions_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="invalid package spec: a=1=2"):
        parse_spec("a=1=2")


@pytest.mark.parametrize("name", ["-o=x", "Nginx", "a", "nginx/stable", "a b", "$(id)", "../x", ""])
def test_what_cannot_be_a_package_is_never_put_to_a_command(name: str) -> None:
    assert not Spec(name).can_exist


@pytest.mark.parametrize(
    ("text", "latest", "words"),
    [
        ("alpha", False, []),
        ("alpha", True, ["alpha=1.1"]),
        ("alpha=1.0", True, []),
        ("alpha=1*", False, ["alpha=1.1"]),
        ("alpha=2.0", False, ["alpha=2.0"]),
        ("alpha>=1.0", False, []),
        ("alpha>=1.1", False, ["alpha=1.1"]),
        ("beta", False, ["beta=1:1.0-1"]),
        ("libc6:amd64", True, []),
        ("libc6", True, []),
        ("virtual", False, ["virtual"]),
    ],
)
def test_what_is_left_to_install(text: str, latest: bool, words: list[str]) -> None:
    found = to_install([parse_spec(text)], _STATUS, _POLICIES, latest=latest, provided=frozenset({"virtual"}))
    assert found == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch", "No package matching 'nosuch' is available"),
        ("virtual", "No package matching 'virtual' is available"),
        ("alpha=3", "no available installation candidate for alpha=3"),
        ("beta>=2:1", "no available installation candidate for beta>=2:1"),
    ],
)
def test_what_cannot_be_had(text: str, message: str) -> None:
    with pytest.raises(NoCandidate, match=f"^{message}$"):
        to_install([parse_spec(text)], _STATUS, _POLICIES)


def test_only_upgrade_leaves_out_what_is_not_there() -> None:
    specs = [parse_spec("beta"), parse_spec("alpha")]
    assert to_install(specs, _STATUS, _POLICIES, latest=True, only_upgrade=True) == ["alpha=1.1"]


def test_a_name_means_the_hosts_own_architecture() -> None:
    assert _STATUS.version("libc6") == "2.36-9"
    assert _STATUS.version("libc6:amd64") == "2.36-9"
    assert _STATUS.version("libc6:i386") == "2.35-1"
    assert _STATUS.version("beta") == ""


def test_globs_match_other_architectures_only_when_they_name_one() -> None:
    assert matching("lib*", ["alpha", "liba", "libb:i386"]) == ["liba"]
    assert matching("lib*:i386", ["liba", "libb:i386"]) == ["libb:i386"]


def test_versions_compare_as_dpkg_does() -> None:
    source = random.Random(7)
    versions = ["1.0~rc1", "1.0", "1.0+b1", "1.0-1", "1:0.1", "0:1.0", "1.0a", "1.00", "1.0.", "1.0-1~"]
    versions += ["1" + "".join(source.choices("019a~+.", k=source.randrange(7))) for _ in range(40)]
    pairs = [tuple(source.sample(versions, 2)) for _ in range(150)]
    words = {-1: "lt", 0: "eq", 1: "gt"}
    lines = [
        f"dpkg --compare-versions {one} {words[compare(one, two)]} {two} || echo {one} {two}" for one, two in pairs
    ]
    assert subprocess.check_output(["/bin/sh", "-c", "\n".join(lines)], text=True) == ""
