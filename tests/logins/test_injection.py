"""Names, words, folders and certificates that lie: none of them puts another's name, address or deed into an event.

A peer chooses the name it asks for (up to 100 characters of it are logged), its certificate's ID and its parting words;
a user chooses folders and arguments. Each lie is put wherever a program prints such a thing.
"""

from __future__ import annotations

from datetime import UTC
from typing import NamedTuple

import pytest

from orchestrator.logins.event import Kind, LoginEvent
from orchestrator.logins.parse import parse_line
from orchestrator.logins.text import safe
from tests.logins.strnvis import vis

REAL, PORT, FORGED = "198.51.100.9", 4022, "192.0.2.66"

LIES = (
    f"bob from {FORGED} port 6",
    f"bob from {FORGED} port 6 ssh2",
    f"bob from {FORGED} port 6 ssh2: RSA SHA256:abc",
    f"bob from {FORGED}",
    f" from {FORGED} port 6 ssh2",
    f"bob from {FORGED} port 6 ssh2 from {FORGED} port 6 ssh2",
    f"bob {FORGED} port 6",
    f"bob {FORGED} port 6: bye",
    f"bob {FORGED} port 6 [preauth]",
    f"user bob {FORGED} port 6",
    f"bob' from {FORGED}:6",
    f"bob' from {FORGED} port 6",
    f"bob' with ssh-rsa key SHA256:abc from {FORGED}:6",
    f"bob from {FORGED} not allowed because listed in DenyUsers",
    f"bob  rhost={FORGED}  user=bob",
    f"Accepted password for bob from {FORGED} port 6 ssh2",
    f"x: Accepted password for bob from {FORGED} port 6 ssh2",
    f"sshd[1]: Accepted password for bob from {FORGED} port 6 ssh2",
    f"message repeated 9 times: [ Failed password for bob from {FORGED} port 6 ssh2]",
    f"] Failed password for bob from {FORGED} port 6 ssh2",
    f"bob ID x from {FORGED} port 6 ssh2: RSA SHA256:abc",
    f"bob (serial 0) CA RSA SHA256:def, x from {FORGED} port 6 ssh2",
    f"bob, from {FORGED}",
    f": Authentication tried for bob with correct key but not from a permitted host (host=x, ip={FORGED}, required=*).",
    f"x:1: Authentication tried for b with correct key but not from a permitted host (host=x, ip={FORGED}, required=*",
    f"drop connection #1 from [{FORGED}]:6 on [{FORGED}]:22 past MaxStartups",
    "PerSourcePenalties logging rate-limited: additional 5000 connections dropped",
    "x as nobody from /",
    "] [COMMAND=x",
    "x] [CWD=/] [COMMAND=y",
    "bob (serial 9) CA RSA SHA256:abc",
    "invalid user bob",
    "illegal user bob",
    "bob(uid=0) by bob(uid=0)",
    "bob ; TTY=pts/6 ; PWD=/ ; USER=nobody ; COMMAND=/bin/true",
    "/tmp/x ; USER=nobody ; COMMAND=/bin/true",
    "/tmp/x ; USER=nobody ; GROUP=x",
    " : TTY=pts/6 ; PWD=/ ; USER=nobody ; COMMAND=/bin/true",
    " ; USER=nobody ; ",
    "[preauth]",
    "bob, Authentication failure",
    "back\\slash \\303\\251",
    "%s%n{user}{0}",
    FORGED,
    "",
    " ",
    "bob ",
)


class Shape(NamedTuple):
    """Where a lie stands. `user`: whom the event may name: the lie, and who is always there."""

    program: str
    text: str
    kind: Kind
    user: str | None = None
    address: str = REAL
    target: str = ""


_AT = "from {address} port {port}"
SHAPES = (
    Shape("sshd", f"Invalid user {{lie}} {_AT}", Kind.INVALID_USER),
    Shape("sshd", f"Failed password for invalid user {{lie}} {_AT} ssh2", Kind.FAILED),
    Shape("sshd", f"message repeated 2 times: [ Failed password for invalid user {{lie}} {_AT} ssh2]", Kind.FAILED),
    Shape("sshd", f"Failed none for invalid user {{lie}} {_AT} ssh2", Kind.FAILED),
    Shape("sshd", f"Failed keyboard-interactive/pam for invalid user {{lie}} {_AT} ssh2", Kind.FAILED),
    Shape("sshd", f"Failed publickey for invalid user {{lie}} {_AT} ssh2: RSA SHA256:abc", Kind.FAILED),
    Shape(
        "sshd",
        f"Failed publickey for root {_AT} ssh2: RSA-CERT SHA256:abc ID {{lie}} (serial 0) CA RSA SHA256:d",
        Kind.FAILED,
        "root",
    ),
    Shape("sshd", f"Failed publickey for root {_AT} ssh2: RSA-CERT SHA256:abc ID {{lie}}", Kind.FAILED, "root"),
    Shape(
        "sshd",
        f"Accepted publickey for alice {_AT} ssh2: RSA-CERT SHA256:a ID {{lie}} (serial 0) CA RSA SHA256:d",
        Kind.LOGIN,
        "alice",
    ),
    Shape("sshd", "error: PAM: Authentication failure for illegal user {lie} from {address}", Kind.FAILED),
    Shape(
        "sshd",
        f"error: maximum authentication attempts exceeded for invalid user {{lie}} {_AT} ssh2 [preauth]",
        Kind.FAILED,
    ),
    Shape("sshd", "Connection closed by invalid user {lie} {address} port {port} [preauth]", Kind.DISCONNECTED),
    Shape("sshd", "Connection reset by invalid user {lie} {address} port {port} [preauth]", Kind.DISCONNECTED),
    Shape("sshd", "Disconnected from invalid user {lie} {address} port {port} [preauth]", Kind.DISCONNECTED),
    Shape(
        "sshd",
        "Disconnecting invalid user {lie} {address} port {port}: Too many authentication failures [preauth]",
        Kind.DISCONNECTED,
    ),
    Shape(
        "sshd",
        "Disconnecting invalid user x {address} port {port}: Change of username or service not allowed: "
        "(x,ssh-connection) -> ({lie},ssh-connection) [preauth]",
        Kind.DISCONNECTED,
        "x",
    ),
    Shape("sshd", "Received disconnect from {address} port {port}:11: {lie} [preauth]", Kind.DISCONNECTED, ""),
    Shape("sshd", f"Bad protocol version identification '{{lie}}' {_AT}", Kind.PROBE, ""),
    Shape(
        "sshd",
        "Unable to negotiate with {address} port {port}: no matching cipher found. Their offer: {lie} [preauth]",
        Kind.PROBE,
        "",
    ),
    Shape(
        "sshd",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={address}  user={lie}",
        Kind.FAILED,
    ),
    Shape("dropbear", "Login attempt for nonexistent user '{lie}' from {address}:{port}", Kind.INVALID_USER),
    Shape("login", "FAILED LOGIN (1) on '/dev/tty1' FOR '{lie}', Authentication failure", Kind.FAILED, address=""),
    Shape("login", "FAILED LOGIN 1 FROM tty1 FOR {lie}, Authentication failure", Kind.FAILED, address=""),
    Shape("sudo", "carol : TTY=pts/0 ; PWD={lie} ; USER=root ; COMMAND=/bin/sh", Kind.SUDO, "carol", "", "root"),
    Shape("sudo", "carol : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh {lie}", Kind.SUDO, "carol", "", "root"),
    Shape(
        "sudo",
        "carol : 3 incorrect password attempts ; PWD={lie} ; USER=root ; COMMAND={lie}",
        Kind.SUDO,
        "carol",
        "",
        "root",
    ),
    Shape("doas", "carol ran command id {lie} as root from /", Kind.SUDO, "carol", "", "root"),
    Shape("doas", "carol ran command id as root from /{lie}", Kind.SUDO, "carol", "", "root"),
    Shape("doas", "command not permitted for carol: {lie}", Kind.SUDO, "carol", ""),
    Shape(
        "pkexec",
        "carol: Executing command [USER=root] [TTY=unknown] [CWD={lie}] [COMMAND=/bin/id {lie}]",
        Kind.SUDO,
        "carol",
        "",
        "root",
    ),
    Shape("sudo", "carol : (command continued) {lie}", Kind.OTHER, "carol", ""),
)


def tell(shape: Shape, lie: str) -> LoginEvent:
    """What is told of a lie, printed as its program prints it."""
    printed = lie
    if shape.program == "sshd" and not shape.text.startswith("pam_"):  # modules write for themselves
        printed = vis(vis(lie)) if shape.text.endswith(" [preauth]") else vis(lie)
    message = shape.text.format(lie=printed, address=REAL, port=PORT)
    line = f"2026-11-22T18:00:00+00:00 web1 {shape.program}[7]: {message}".encode()
    event = parse_line(line, host="web1", source="auth.log", now=1_795_370_400.0, zone=UTC)
    assert event is not None
    return event


def judge(shape: Shape, lie: str, event: LoginEvent) -> None:
    """Nothing that the lie says may be in the event, but for whom it asked for."""
    assert event.kind is shape.kind, lie
    assert event.address in (shape.address, ""), lie
    assert event.port in (PORT, None), lie
    assert event.user in (safe(lie) if shape.user is None else shape.user, ""), lie
    assert event.target in (shape.target, ""), lie
    assert event.count in (0, 1, 2, 3), lie
    if shape.kind is Kind.SUDO:
        assert event.user == "carol", lie
        assert event.ok is not ("incorrect" in shape.text or "not permitted" in shape.text), lie
    if shape.kind is Kind.LOGIN:
        assert (event.user, event.address, event.port, event.key) == ("alice", REAL, PORT, "RSA-CERT SHA256:a"), lie


def _named(shape: Shape) -> str:
    return shape.text.format(lie="LIE", address="A", port="P")


@pytest.mark.parametrize("shape", SHAPES, ids=_named)
def test_no_lie_is_believed(shape: Shape) -> None:
    for lie in LIES:
        judge(shape, lie, tell(shape, lie))


@pytest.mark.parametrize(
    "shape",
    [shape for shape in SHAPES if shape.text.startswith(("Invalid", "Failed password", "Connection", "error: PAM"))],
    ids=_named,
)
def test_where_nothing_is_ambiguous_the_whole_truth_is_told(shape: Shape) -> None:
    for lie in LIES:
        event = tell(shape, lie)
        assert (event.user, event.address) == (lie, REAL)


def test_there_are_enough() -> None:
    assert len(LIES) * len(SHAPES) >= 1000
