"""Which Debian packages a wish means: specifications, what apt knows of them, and what is left to install."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?")
_GLOB = frozenset("*?[]!")
_HEADING = re.compile(r"(\S+):")
_VERSION = re.compile(r" (?:\*\*\*|   ) (\S+) -?\d+(?: .*)?")


@dataclass(frozen=True, slots=True)
class Spec:
    """A wish as playbooks spell it: ``nginx``, ``nginx=1.22*``, ``nginx>=1.20``, ``libc6:i386``, ``lib*``."""

    name: str
    operator: str = ""
    version: str = ""

    @property
    def is_glob(self) -> bool:
        """Whether the name stands for all packages it matches."""
        return bool(_GLOB & set(self.name))

    @property
    def can_exist(self) -> bool:
        """Whether a package may be called so at all (Debian Policy 5.6.1): nothing else is put to a command."""
        return _NAME.fullmatch(self.name) is not None

    def satisfied_by(self, version: str) -> bool:
        """Whether an installed `version` is one that is wished for."""
        if self.operator == "=":
            return fnmatchcase(version, self.version)
        return self.operator != ">=" or compare(version, self.version) >= 0

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.version}"


def parse_spec(text: str) -> Spec:
    """`text` as a Spec. Raises ValueError for two versions in one."""
    if text.count("=") > 1:
        raise ValueError(f"invalid package spec: {text}")
    name, *rest = re.split(r"(>?=)", text.strip(), maxsplit=1)
    return Spec(name, *rest)


@dataclass(frozen=True, slots=True)
class Installed:
    """What dpkg says of one package: `state` is ``installed``, ``config-files`` or another of its words."""

    state: str
    version: str


class DpkgStatus:
    """The packages that dpkg was asked about, under the names that `architecture`'s own go by without a colon."""

    def __init__(self, listing: str, architecture: str) -> None:
        """`listing` has lines of ``name architecture state version``."""
        self.architecture = architecture
        self._packages: dict[tuple[str, str], Installed] = {}
        for line in listing.splitlines():
            name, owner, state, version = (line.split(" ") + [""] * 4)[:4]
            self._packages[name, owner] = Installed(state, version)

    def plain(self, name: str) -> str:
        """`name` without the architecture where that is the host's own."""
        return name.removesuffix(":native").removesuffix(f":{self.architecture}")

    def get(self, name: str) -> Installed | None:
        """What dpkg knows of `name` (``libc6``, ``libc6:i386``), or None."""
        name, _, architecture = self.plain(name).partition(":")
        own = (architecture,) if architecture else (self.architecture, "all")
        return next((found for owner in own if (found := self._packages.get((name, owner)))), None)

    def version(self, name: str) -> str:
        """The installed version of `name`, or an empty text."""
        found = self.get(name)
        return found.version if found and found.state == "installed" else ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What apt would choose: the `candidate` (empty for none) and all `versions`, newest first."""

    candidate: str
    versions: tuple[str, ...]

    @property
    def is_virtual(self) -> bool:
        """Whether there is no package of the name, at best others that provide it."""
        return not self.versions


def parse_policy(listing: str, architecture: str) -> dict[str, Policy]:
    """Policies by name, from ``apt-cache policy`` in the C locale. Unknown names are not in it."""
    policies: dict[str, Policy] = {}
    for block in re.split(r"\n(?=\S)", f"\n{listing}"):
        heading, *lines = block.strip("\n").splitlines() or [""]
        if not (named := _HEADING.fullmatch(heading)):
            continue
        candidate = next((line.split()[1] for line in lines if line.startswith("  Candidate: ")), "(none)")
        versions = tuple(found[1] for line in lines if (found := _VERSION.fullmatch(line)))
        policies[named[1].removesuffix(f":{architecture}")] = Policy(
            "" if candidate == "(none)" else candidate, versions
        )
    return policies


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The `names` that the glob `pattern` means, in order; those of other architectures only if it names one."""
    return [name for name in names if (":" in pattern or ":" not in name) and fnmatchcase(name, pattern)]


class NoCandidate(Exception):
    """No version that could be installed satisfies a wish; the message is Ansible's."""


def to_install(
    specs: Iterable[Spec],
    status: DpkgStatus,
    policies: Mapping[str, Policy],
    *,
    latest: bool = False,
    only_upgrade: bool = False,
    provided: frozenset[str] = frozenset(),
) -> list[str]:
    """What to hand to ``apt-get install``, as ``name=version``, so that `specs` are satisfied; empty if they are.

    `latest` takes the candidate where the installed version is another one. `provided` are the virtual
    packages that some package provides. Raises NoCandidate.
    """
    words = []
    for spec in specs:
        policy = policies.get(status.plain(spec.name))
        installed = status.version(spec.name)
        if not installed and (policy is None or policy.is_virtual):
            if spec.name not in provided:
                raise NoCandidate(f"No package matching '{spec.name}' is available")
            words += [] if only_upgrade else [spec.name]
            continue
        if only_upgrade and not installed:
            continue
        best = _best(spec, policy) if policy else ""
        satisfied = bool(installed) and spec.satisfied_by(installed)
        if not satisfied and (not best or best == installed):
            raise NoCandidate(f"no available installation candidate for {spec}")
        if best and best != installed and (not satisfied or latest or spec.operator == "="):
            words.append(f"{spec.name}={best}")
    return words


def _best(spec: Spec, policy: Policy) -> str:
    """A version asked for by name goes above all priorities, as apt's own ``name=version`` does."""
    if spec.operator == "=":
        return next((version for version in policy.versions if fnmatchcase(version, spec.version)), "")
    return policy.candidate if spec.satisfied_by(policy.candidate) else ""


def compare(one: str, other: str) -> int:
    """Below, equal or above 0 as version `one` is older, equal or newer than `other` (Debian Policy 5.6.12)."""
    for mine, theirs in zip(_split(one), _split(other), strict=True):
        if order := _compare_part(mine, theirs):
            return order
    return 0


def _split(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "0")


def _compare_part(one: str, other: str) -> int:
    """Runs of other characters and of digits in turn; ``~`` sorts before the end, letters before all others."""
    while one or other:
        mine, theirs = (re.match(r"(\D*)(\d*)", part) for part in (one, other))
        assert mine is not None
        assert theirs is not None
        keys = [([_rank(sign) for sign in found[1]] + [0], int(found[2] or "0")) for found in (mine, theirs)]
        if keys[0] != keys[1]:
            return -1 if keys[0] < keys[1] else 1
        one, other = one[mine.end() :], other[theirs.end() :]
    return 0


def _rank(sign: str) -> int:
    return -1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + 256
