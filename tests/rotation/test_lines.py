"""Lines of authorized_keys: what is found, with which options, and that nothing else changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.rotation.lines import PublicKey, holds, put_beside, without

OLD = PublicKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "our key")
NEW = PublicKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "new key")
ANN = PublicKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAICCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", "ann")

OPTIONS = [
    "",
    "restrict ",
    'restrict,pty,from="10.0.0.0/8,!10.1.2.3",permitopen="127.0.0.1:9100"\t',
    'command="echo \\"a b\\" #" ',
    'environment="A=x y" \t ',
    "  ",
    '\tno-pty,command="x" ',
]
# What stands in such files, too: it may look like the key, and is not it.
STRANGE = [
    "",
    "# a comment",
    f"#{OLD.line}",
    f"# {OLD.line}",
    f'command="{OLD.line}" {ANN.line}',
    f"{ANN.line} {OLD.data}",
    f"{OLD.kind} {OLD.data}A",
    f"{OLD.kind} {OLD.data[:-1]}",
    f"ssh-rsa {OLD.data}",
    f"cert-authority {ANN.line}",
    f'"open quote {OLD.line}',
    ANN.line,
]
others = st.one_of(
    st.sampled_from(STRANGE).map(str.encode), st.binary(max_size=40).map(lambda b: b.replace(b"\n", b""))
)
files = st.lists(others, max_size=6)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_new_line_has_the_options_of_the_old(options: str, end: str) -> None:
    before = f"# ours:\n{options}{OLD.line}{end}".encode()
    both = put_beside(before, OLD, NEW)
    assert both.startswith(before)
    assert both[len(before) :].strip(b"\r\n").decode() == f"{options}{NEW.line}"
    assert without(both, OLD) == f"# ours:\n{options}{NEW.line}{end or chr(10)}".encode()


@pytest.mark.parametrize("line", STRANGE)
def test_what_only_looks_like_the_key(line: str) -> None:
    content = f"{line}\n".encode()
    assert not holds(content, OLD)
    assert put_beside(content, OLD, NEW) == content
    assert without(content, OLD) == content


@given(files, files, st.sampled_from(OPTIONS), st.sampled_from([b"", b"\n", b"\r\n"]))
def test_no_other_byte_changes(above: list[bytes], below: list[bytes], options: str, end: bytes) -> None:
    head = b"".join(line + b"\n" for line in above)
    tail = b"\n".join(below) if end else b""
    ours = f"{options}{OLD.line}".encode() + end
    both = put_beside(head + ours + tail, OLD, NEW)
    assert both.startswith(head + ours)
    assert both.endswith(tail)
    assert put_beside(both, OLD, NEW) == both
    assert without(both, NEW) == head + ours + (b"" if end else b"\n") + tail
    last = without(both, OLD)
    assert holds(last, NEW)
    assert not holds(last, OLD)
    assert last.startswith(head)
    assert last.endswith(tail)


@pytest.mark.parametrize("options", [*OPTIONS[:4], "  "])  # after options it skips one blank, where sshd skips all
def test_ssh_keygen_sees_the_same_keys(options: str, tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.write_bytes(put_beside(f"{ANN.line}\n{options}{OLD.line}\n#{OLD.line}\n".encode(), OLD, NEW))
    listed = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in listed.splitlines()] == [key.fingerprint for key in (ANN, OLD, NEW)]


def test_a_line_of_a_pub_file() -> None:
    assert PublicKey.parse(f"{OLD.line}\n") == OLD
    assert PublicKey.parse(f"{OLD.kind} {OLD.data}").line == f"{OLD.kind} {OLD.data}"
