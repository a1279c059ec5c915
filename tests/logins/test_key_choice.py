"""Which files of keys hostctl reads as root, and which it refuses to: homes of its own, whose users arranged them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.fleet.hostctl import HostCtl
from orchestrator.logins.keyfiles import Look, Looks
from tests.fleet.conftest import SHELLS

SCRIPT = HostCtl.packaged().script
HOMES = r"""
mount -t tmpfs none /home; mount -t tmpfs none /root; chmod 755 /home; chmod 700 /root
number=2000
key() { echo "ssh-ed25519 $(printf '\0\0\0\013ssh-ed25519\0\0\0\040%-32s' $1 | base64 -w0) $1"; }
add() { number=$((number + 1)); mkdir -p /home/$1/.ssh; echo "$1:x:$number:$number::/home/$1:/bin/sh" >>/home/passwd; }
own() { chown -hR $number /home/$1; }
echo root:x:0:0::/root:/bin/sh >/home/passwd; mkdir /root/.ssh; key root >/root/.ssh/authorized_keys
%s
mount --bind /home/passwd /etc/passwd
"""
READ = r"""
add usual; key usual >/home/usual/.ssh/authorized_keys; own usual
add given; own given; key given >/home/given/.ssh/authorized_keys; chmod 640 /home/given/.ssh/authorized_keys
chmod 700 /home/given
key public >/home/public; chmod 644 /home/public; add linked; ln -s /home/public /home/linked/.ssh/authorized_keys
add odd; mkdir "/home/odd/a
b"; key odd >"/home/odd/a
b/c"; ln -s "../a
b/c" /home/odd/.ssh/authorized_keys; own odd
add large; { key large; head -c 300000 /dev/zero | tr '\0' '#'; } >/home/large/.ssh/authorized_keys; own large
add empty; : >/home/empty/.ssh/authorized_keys; own empty
"""
NOT_READ = r"""
key secret >/home/secret; chmod 600 /home/secret
add one; ln -s /home/secret /home/one/.ssh/authorized_keys
ln -s /root/.ssh/authorized_keys /home/one/.ssh/authorized_keys2; own one
add two; rmdir /home/two/.ssh; ln -s /root/.ssh /home/two/.ssh; own two
add three; mkfifo /home/three/.ssh/authorized_keys; ln -s /dev/zero /home/three/.ssh/authorized_keys2; own three
add four; key four >/home/four/.ssh/authorized_keys; chown 65534 /home/four/.ssh/authorized_keys
"""
SWAPPED = r"""
key secret >/home/secret; chmod 600 /home/secret
add thief; key thief >/home/thief/.ssh/authorized_keys; own thief
mount -t tmpfs none /usr/sbin
cat >/usr/sbin/timeout <<'END'
#!/bin/sh
/usr/bin/timeout "$@"
case "$*" in *%n*) ;; */thief/*) ln -sf /home/secret /home/thief/.ssh/authorized_keys ;; esac
END
chmod 755 /usr/sbin/timeout
"""
"""As soon as a program of hostctl has looked at the file of keys, it is a link."""


@contextmanager
def looking(homes: str, shell: str) -> Iterator[int]:
    """What hostctl puts, on a host that has these `homes`; it ends with us."""
    process = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c",
         HOMES.replace("%s", homes) + f"{shell} -s -- follow keys none now; exit"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(SCRIPT)
        process.stdin.close()
        yield process.stdout.fileno()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def look(homes: str, shell: str = "dash") -> Look:
    looks, found = Looks(), list[Look]()
    with looking(homes, shell) as said:
        while not found:
            data = os.read(said, 65536)
            assert data, "it ended without a look"
            found += looks.feed(data)
    return found[0]


def owners(found: Look) -> set[tuple[str, str]]:
    """Accounts, and whose keys open them by the comment; that of a file too large is empty, too."""
    return {(key.user, key.comment) for key in found.keys}


@pytest.mark.parametrize("shell", SHELLS)
def test_what_sshd_takes_is_read(shell: str) -> None:
    found = look(READ, shell)
    own = {(name, name) for name in ("root", "usual", "given", "odd", "large")}
    assert owners(found) == own | {("linked", "public"), ("large", "")}
    assert found.unseen == ()


def test_what_is_not_the_users_is_not_read() -> None:
    assert owners(look(NOT_READ)) == {("root", "root")}


def test_what_becomes_a_link_under_our_hands_gives_nothing_away() -> None:
    assert owners(look(SWAPPED)) == {("root", "root"), ("thief", "thief")}
