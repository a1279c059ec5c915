"""What opens an account: files of keys, what hostctl sends of them, and what is new; ssh-keygen is the judge."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from orchestrator.logins.framing import Unreadable
from orchestrator.logins.keyfiles import AccountKey, CannotLook, Look, Looks, fingerprint, keys_in
from tests.fleet.conftest import SHELLS
from tests.fleet.test_script import SCRIPT


def key(number: int, kind: str = "ssh-ed25519") -> str:
    """A line of a key, without a comment."""
    blob = len(kind).to_bytes(4) + kind.encode() + (32).to_bytes(4) + number.to_bytes(32)
    return f"{kind} {base64.b64encode(blob).decode()}"


def print_of(line: str) -> str:
    return fingerprint(base64.b64decode(line.split()[1]))


REAL, DECOY = key(1), key(2)


@pytest.mark.parametrize(
    ("line", "comment", "authority"),
    [
        (REAL, "", False),
        (f"  {REAL} ann's laptop\r", "ann's laptop", False),
        (f'command="echo {DECOY} x",no-pty {REAL} c', "c", False),
        (f'command="echo \\" {DECOY} \\"" {REAL} {"x" * 200}', "x" * 99 + "…", False),
        (f'environment="A=cert-authority,x" {REAL}', "", False),
        (f'cert-authority,principals="a b" {REAL}\tca', "ca", True),
        (f"Cert-Authority {REAL}", "", True),
    ],
)
def test_the_key_of_a_line_is_the_one_that_sshd_takes(line: str, comment: str, authority: bool, tmp_path: Path) -> None:
    (found,) = keys_in("ann", f"# {DECOY}\n\n{line}\n".encode())
    assert found == AccountKey("ann", "ssh-ed25519", print_of(REAL), comment, authority)
    (tmp_path / "keys").write_text(line.strip() + "\n")
    listed = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "keys")], check=True, capture_output=True, text=True)
    assert listed.stdout.split()[1] == found.fingerprint


@pytest.mark.parametrize(
    "line",
    ["", f"#{REAL}", "ssh-ed25519", "ssh-ed25519 AAAA", f'command="{REAL}', REAL.replace("ed25519", "rsa"), "\0"],
)
def test_what_is_no_key(line: str) -> None:
    assert list(keys_in("ann", line.encode())) == []


def sent(*files: tuple[str, str, str], scope: str = "all") -> bytes:
    parts = [f"file\t{user}\t{size}\n{base64.encodebytes(data.encode()).decode()}.\n" for user, size, data in files]
    return f"look\t{scope}\n{''.join(parts)}looked\n".encode()


HEAD = b"hello\nhostctl\t1\tfollow\nsource\tkeys\n"


def test_a_look_is_the_same_in_whatever_pieces() -> None:
    data = HEAD + sent(("root", "whole", REAL), ("ann", "part", f"{DECOY} laptop\n"), ("ann", "whole", DECOY)) + b"\n\n"
    (whole,) = Looks().feed(data)
    pieces = Looks()
    assert [look for byte in data for look in pieces.feed(bytes([byte]))] == [whole]
    ann = AccountKey("ann", "ssh-ed25519", print_of(DECOY), "laptop")
    assert whole.keys == (AccountKey("root", "ssh-ed25519", print_of(REAL)), ann, AccountKey("ann", "", ""))
    assert [look.keys for look in pieces.feed(sent())] == [()]


@pytest.mark.parametrize(
    "data",
    [
        b"look\tall\nfile\troot\twhole\n" + b"AAAA\n" * 100_001,
        b"file\troot\twhole\n",
        b"look\tall\nfile\troot\n",
        b"look\tall\nfile\ta\twhole\n!\n.\n",
        b"x\n",
        b"x" * 99999,
    ],
)
def test_what_hostctl_does_not_send(data: bytes) -> None:
    with pytest.raises(Unreadable):
        list(Looks().feed(HEAD + data))


def test_what_keeps_a_host_from_looking() -> None:
    with pytest.raises(CannotLook, match="timeout is missing"):
        list(Looks().feed(HEAD + b"error\ttimeout is missing\nend\n"))


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_looks(shell: str) -> None:
    argv = [*shell.split(), "-s", "--", "follow", "keys", "none", "now"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(SCRIPT)
        running.stdin.close()
        looks = Looks()
        while not (found := list(looks.feed(running.stdout.read(4096)))):
            pass
        running.stdout.close()
        assert running.wait(timeout=30) != 0, "it ends when nobody listens"
    assert (found[0].scope, found[0].roots[:1], found[0].unseen) == ("all", ("root",), ())


def test_who_is_root_and_whose_files_are_closed() -> None:
    data = b"look\tops\nroot\troot\nroot\ttoor\nunseen\tann\nunseen\tann\nlooked\n"
    looks = Looks()
    assert list(looks.feed(HEAD + data)) == [Look("ops", (), ("root", "toor"), ("ann",))]
    assert list(looks.feed(sent())) == [Look("all", ())], "each look begins anew"
