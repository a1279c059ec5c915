"""What is on a host's disk beyond its image: read from outside, out of the upper layer of its overlay."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from tests.conformance.told import Entry, Snapshot
from tests.lab import LabHost

_VOLATILE = re.compile(
    r"""(
      (run|proc|sys|dev|tmp|var/tmp|var/log|var/cache|var/backups)(/|$)
    | var/lib/systemd/(random-seed|catalog|coredump|linger|timers|timesync|credential)
    | var/lib/systemd$ | var/lib$ | var/lib/private
    | var/lib/(dpkg|apt/lists)/(lock|lock-frontend|partial|triggers/Lock|status-old|updates)
    | var/lib/rpm | var/lib/dnf
    | etc/(machine-id|ld\.so\.cache|\.pwd\.lock|\.updated|mtab|resolv\.conf|hosts)$
    | etc/(passwd|group|shadow|gshadow|subuid|subgid)-$   # what the last of several tools left as its backup
    | .*__pycache__(/|$)
    | root/\.(ansible|rpmdb)(/|$) | home/[^/]+/\.ansible(/|$)
    )""",
    re.VERBOSE,
)
_JUDGES_OWN = re.compile(r"root$|home/[^/]+$|var$|etc$")
"""Folders whose time of change Ansible moves by putting its own in them for a while."""

_BACKUP = re.compile(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~$")
_CRONTAB_HEADING = re.compile(rb"\A(?:#[^\n]*(?:DO NOT EDIT|installed on|Cron version)[^\n]*\n)+")
_PRIVATE_KEY = re.compile(r"/\.ssh/id_\w+(\.pub)?$")
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}


def snapshot(host: LabHost) -> dict[str, Entry]:
    """Every path of `host` that differs from its image, relative to its root, volatile ones aside."""
    upper = host.root.with_name("upper")
    found: dict[str, Entry] = {}
    for folder, folders, files in os.walk(upper):
        relative = os.path.relpath(folder, upper)
        folders[:] = [name for name in folders if not _VOLATILE.match(_join(relative, name))]
        for name in (*folders, *files):
            path = _join(relative, name)
            if not _VOLATILE.match(path):
                found[path] = entry(host.root, path)
    return found


def entry(root: Path, path: str) -> Entry:
    """What stands at `path` below `root`."""
    whole = root / path
    try:
        status = whole.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Entry("gone")
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "other")
    content = ""
    if kind == "link":
        content = str(whole.readlink())
    elif kind == "file":
        content = hashlib.sha256(_steady(path, _content(whole))).hexdigest()[:16]
    mode = stat.S_IMODE(status.st_mode)
    return Entry(kind, mode, status.st_uid, status.st_gid, content, status.st_mtime_ns)


def _content(file: Path) -> bytes:
    """What `file` holds, read without a trace in its times, which playbooks set, too."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOATIME), "rb") as opened:
        return opened.read()


def _steady(path: str, content: bytes) -> bytes:
    """`content` without what two runs of the same program write differently."""
    if _PRIVATE_KEY.search(path):
        return b""
    return _CRONTAB_HEADING.sub(b"", content) if path.startswith("var/spool/cron/") else content


def touched(before: Snapshot, after: Snapshot) -> list[str]:
    """What a run that must not change anything did change, times of change included; empty when it kept its word."""
    return sorted(
        f"{path}: {before.get(path, 'was not there')} -> {after.get(path, 'is gone')}"
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path) and not (_JUDGES_OWN.match(path) and _same(before, after, path))
    )


def _same(before: Snapshot, after: Snapshot, path: str) -> bool:
    was, now = before.get(path), after.get(path)
    return was is not None and now is not None and str(was) == str(now)


def differences(image: Path, before: tuple[Snapshot, Snapshot], after: tuple[Snapshot, Snapshot]) -> list[str]:
    """Paths that a case changed on either twin (the judge's first) and that do not stand alike on both afterwards.

    A time of change counts where a playbook dates a file back.
    """
    moved = {path for was, now in zip(before, after, strict=True) for path in _moved(was, now)}
    found = []
    for name in sorted({_BACKUP.sub("~BACKUP", path) for path in moved}):
        left, right = (_look(image, now, moved, name) for now in after)
        if left != right:
            found.append(f"/{name}: ansible has {left}, we have {right}")
    return found


def _moved(before: Snapshot, after: Snapshot) -> set[str]:
    return {path for path in before.keys() | after.keys() if str(before.get(path)) != str(after.get(path))}


def _look(image: Path, now: Snapshot, moved: set[str], name: str) -> str:
    """What stands at a path or, when `name` is that of backups, what all of them are."""
    paths = [path for path in moved if _BACKUP.sub("~BACKUP", path) == name and (path == name or path in now)]
    return "; ".join(sorted(_text(now.get(path) or entry(image, path)) for path in paths)) or "gone"


def _text(found: Entry) -> str:
    deliberate = found.kind == "file" and found.time < _LONG_AGO
    return f"{found} @{found.time // 10**9}" if deliberate else str(found)


_LONG_AGO = 1_700_000_000 * 10**9
"""Nothing of the lab is older than late 2023 but what a playbook dates back; image files are older, and equal."""


def _join(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def state(host: LabHost) -> list[str]:
    """What of the host's state is no file: units with their states, and what its users are in."""
    said = host.run(_STATE).stdout.splitlines()
    return [line for line in said if not _PASSING.search(line)]


# To list unit files takes PID 1 half a second of a processor, so it does when one of them, or a preset, was changed.
_STATE = r"""
cd /run
stamp=$(find /etc/systemd /usr/lib/systemd /lib/systemd/system /usr/local/lib/systemd \
    systemd/system* systemd/generator* systemd/transient \
    ! -name '*.scope*' -printf '%p %l %C@\n' 2>/dev/null | sha256sum | cut -c 1-64)
if ! [ -e "unit-files-$stamp" ]; then
    rm -f unit-files-*
    systemctl list-unit-files --no-legend --no-pager --plain >unit-files-now
    mv unit-files-now "unit-files-$stamp"
fi
cat "unit-files-$stamp"
systemctl list-units --all --no-legend --no-pager --plain | while read -r unit load active sub rest; do
    echo "$unit $load $active $sub"
done
hostname
"""
_PASSING = re.compile(r"\.(device|scope|slice|mount|automount|swap)\b|^user(-runtime-dir)?@\d|^run-|^systemd-|^ssh@")


def remains(host: LabHost) -> list[str]:
    """Files in the places for temporary ones, which are not on the disk."""
    return sorted(host.run("find /tmp /var/tmp /dev/shm -mindepth 1 ! -path '*systemd-private*'").stdout.splitlines())
