"""Which log a host follows, and which it refuses to: hostctl on trees of its own, as root."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.fleet.hostctl import HostCtl
from orchestrator.logins.framing import Frames, Line, Note, Record, Source, Trouble
from tests.fleet.conftest import SHELLS

SCRIPT = (
    HostCtl.packaged()
    .script.replace(b"TICK_SECONDS=5", b"TICK_SECONDS=1")
    .replace(b"MACHINE_ID=/etc/", b"MACHINE_ID=/run/")
)
JOURNAL = "/var/log/journal/0f/system.journal"
LEFT = f"mkdir -p /var/log/journal/0f; : >{JOURNAL};"
ALIVE = "cp /bin/sleep /run/systemd-journald; /run/systemd-journald 60 9<>%s &"
LOGIN = b"2026-11-22T18:00:01Z web1 sshd[7]: Accepted password for ann from 192.0.2.7 port 2 ssh2\n"
LOG = "echo begin >/var/log/auth.log;"


@contextmanager
def host(
    prepare: str,
    *,
    shell: str = "dash",
    source: str = "auto",
    since: str = "none now",
    user: str = "",
    wait: int = 0,
) -> Iterator[subprocess.Popen[bytes]]:
    """A host with nothing in /var/log and /run but what `prepare` puts there, whose hostctl follows; it ends with us.

    `since` is in which log and from where on; `wait` is for how many seconds it looks for journald.
    """
    become = f"setpriv --reuid={user} --regid={user} --clear-groups" if user else ""
    folders = "mount -t tmpfs none /var/log; mount -t tmpfs none /run; echo 0f >/run/machine-id;"
    process = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c",
         f"{folders} {prepare} {become} {shell} -s -- follow {source} {since}; exit"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(SCRIPT.replace(b"JOURNALD_SECONDS=3", b"JOURNALD_SECONDS=%d" % wait))
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def choice(process: subprocess.Popen[bytes]) -> list[Record]:
    """What a host says of its choice."""
    frames, said = Frames(), list[Record]()
    assert process.stdout
    while not said or isinstance(said[-1], Note):
        line = process.stdout.readline()
        assert line, "it ended without a word"
        said += frames.feed(line)
    return said


@pytest.mark.parametrize("shell", SHELLS)
def test_a_journal_that_is_written_is_followed(shell: str) -> None:
    with host(LEFT + LOG + ALIVE % JOURNAL, shell=shell) as process:
        assert choice(process) == [Source("journal")]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "journald",
    [
        pytest.param("", id="none"),
        pytest.param(ALIVE % "/var/log/other", id="keeps nothing"),
        pytest.param(f"cp /bin/sleep /run/x; /run/x 60 9<>{JOURNAL} &", id="another program"),
        pytest.param(
            f"chmod 666 {JOURNAL}; setpriv --reuid=65534 --clear-groups sh -c '{ALIVE % JOURNAL}';", id="a user's"
        ),
    ],
)
def test_one_that_nobody_writes_any_more_is_not(shell: str, journald: str) -> None:
    """A user who is journald would have us hear nothing."""
    with host(f"chmod 1777 /run; {LEFT} {LOG} {journald}", shell=shell) as process:
        assert choice(process) == [Note(f"nobody writes {JOURNAL} any more"), Source("auth.log")]


def test_where_it_is_all_there_is_that_is_said() -> None:
    with host(LEFT) as process:
        (trouble,) = choice(process)
    assert isinstance(trouble, Trouble)
    assert "start journald, or install rsyslog" in trouble.text


def test_journald_may_be_starting_anew() -> None:
    later = f"cp /bin/sleep /run/systemd-journald; {{ sleep 1; exec /run/systemd-journald 60 9<>{JOURNAL}; }} &"
    with host(LEFT + LOG + later, wait=20) as process:
        assert choice(process) == [Source("journal")]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_journal_of_a_machine_that_this_one_was_copied_from_is_none(shell: str) -> None:
    """Which process writes it a user cannot see, and journalctl shows nothing of it."""
    prepare = f"{LEFT} echo 1e >/run/machine-id; {LOG} chmod -R a+rX /var/log; {ALIVE % '/var/log/other'}"
    with host(prepare, shell=shell, user="65534") as process:
        assert choice(process) == [Source("auth.log")]


@pytest.mark.parametrize("machine_id", ["rm", "echo uninitialized >", "echo >"])
def test_a_machine_without_an_id_has_a_journal_all_the_same(machine_id: str) -> None:
    with host(f"{LEFT} {LOG} {machine_id} /run/machine-id; {ALIVE % JOURNAL}") as process:
        assert choice(process) == [Source("journal")]


def test_of_several_the_one_that_is_written_counts() -> None:
    """The one that stays over a reboot, and the volatile one."""
    volatile = "/run/log/journal/0f/system.journal"
    with host(f"{LEFT} {LOG} mkdir -p /run/log/journal/0f; : >{volatile}; {ALIVE % volatile}") as process:
        assert choice(process) == [Source("journal")]


def test_the_journal_of_a_namespace_is_not_the_hosts() -> None:
    """Its journald comes and goes with a service."""
    other = "/var/log/journal/0f.web/system.journal"
    with host(f"{LEFT} {LOG} mkdir -p /var/log/journal/0f.web; : >{other}; {ALIVE % other}") as process:
        assert choice(process) == [Note(f"nobody writes {JOURNAL} any more"), Source("auth.log")]


def test_who_may_not_look_into_journald_believes_that_there_is_one() -> None:
    for journald, source in ((ALIVE % JOURNAL, "journal"), ("", "auth.log")):
        prepare = f"{LEFT} {LOG} chmod -R a+rX /var/log; {journald}"
        with host(prepare, user="65534") as process:
            assert choice(process)[-1] == Source(source)


def test_when_journald_ends_the_log_is_chosen_anew() -> None:
    prepare = f"{LEFT} {LOG} cp /bin/sleep /run/systemd-journald; /run/systemd-journald 4 9<>{JOURNAL} &"
    with host(prepare) as process:
        assert choice(process) == [Source("journal")]
        begun = time.monotonic()
        assert process.wait(20) is not None
    assert time.monotonic() - begun < 19


PLANTED = {
    "a pipe": "mkfifo /var/log/auth.log;",
    "a device": "mknod /var/log/auth.log c 1 5;",
    "a folder": "mkdir /var/log/auth.log;",
    "a user's link": "echo >/var/log/a; ln -s a /var/log/auth.log; chown -h 65534 /var/log/auth.log;",
    "a link to elsewhere": "ln -s /etc/shadow /var/log/auth.log;",
    "a link to a pipe": "mkfifo /var/log/a; ln -s a /var/log/auth.log;",
    "by way of another": "ln -s /etc/shadow /var/log/a; chown -h 65534 /var/log/a; ln -s a /var/log/auth.log;",
    "a user's file": f"{LOG} chown 65534 /var/log/auth.log;",
}


@pytest.mark.parametrize(
    ("shell", "what"),
    [*(("dash", what) for what in PLANTED), *((shell, "a link to elsewhere") for shell in SHELLS[1:])],
)
def test_root_follows_nothing_that_was_planted(shell: str, what: str) -> None:
    with host(PLANTED[what], shell=shell) as process:
        said = choice(process)
        while not isinstance(said[-1], Trouble):
            assert process.stdout
            line = process.stdout.readline()
            assert line
            assert not line.startswith(b"data")
            said += Frames().feed(b"hostctl\t1\tfollow\n" + line)
    assert isinstance(said[-1], Trouble)
    assert "/var/log/auth.log" in said[-1].text
    assert any(word in said[-1].text for word in ("remove it", "chown", "login_log"))


FINE = {
    "of syslog": f"{LOG} chown $(id -u syslog 2>/dev/null || echo 0) /var/log/auth.log;",
    "a link of root's": f"{LOG} mv /var/log/auth.log /var/log/auth-1.log; ln -s auth-1.log /var/log/auth.log;",
    "a link into a folder": "mkdir /var/log/x; echo >/var/log/x/auth.log; ln -s x/auth.log /var/log/auth.log;",
}


def lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Those of the log that come."""
    assert process.stdout
    frames = Frames()
    while line := process.stdout.readline():
        for record in frames.feed(line):
            assert not isinstance(record, Trouble), record
            if isinstance(record, Line):
                yield record.data


@pytest.mark.parametrize("fine", FINE.values(), ids=FINE)
def test_what_root_arranged_is_followed(fine: str) -> None:
    write = "{ sleep 1; echo one >>/var/log/auth.log; } &"
    with host(fine + write) as process:
        assert next(lines(process)) == b"one"


@pytest.mark.parametrize("name", ["a pipe", "a device", "a user's link", "a link to elsewhere"])
def test_what_is_planted_later_ends_it_in_words(name: str) -> None:
    later = f"{{ sleep 1; rm /var/log/auth.log; {PLANTED[name]} }} &"
    with host(LOG + later) as process:
        assert process.stdout
        said = list(Frames().feed(process.stdout.read()))
    assert isinstance(said[-1], Trouble)


def test_a_file_that_was_asked_for_by_its_path_may_be_a_users() -> None:
    users = PLANTED["a user's file"]
    with host(users + "{ sleep 1; echo one >>/var/log/auth.log; } &", source="/var/log/auth.log") as it:
        assert next(lines(it)) == b"one"


@pytest.mark.parametrize("shell", SHELLS)
def test_an_inode_may_have_all_of_64_bits(shell: str) -> None:
    """As in some network file systems."""
    write = "echo one >/var/log/auth.log;"
    with host(write, shell=shell, source="auth.log", since=f"auth.log 7:0:3:abc:{2**64 - 1}:1700000000") as process:
        assert next(lines(process)) == b"one"
