"""Debian trees: made once a release by debootstrap, kept in the cache, and never written to by a host."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import place
from tests.lab.command import LabError, command
from tests.lab.needs import KEYRING

RELEASES = ("bullseye", "bookworm", "trixie")
_PUBLIC_MIRROR = "http://deb.debian.org/debian"
_BUILD_TIMEOUT = 1200

_PACKAGES = (
    "acl",
    "busybox-static",
    "bzip2",
    "ca-certificates",
    "cron",
    "curl",
    "dbus",
    "doas",
    "iproute2",
    "lsof",
    "nftables",
    "openssh-server",
    "procps",
    "psmisc",
    "python3",
    "python3-apt",
    "rsyslog",
    "sudo",
    "systemd",
    "systemd-sysv",
    "unzip",
    "wget",
    "xz-utils",
    "zstd",
)
"""On every host: what is managed, and what ansible-core's modules ask for when they judge ours."""

_ONLY_ON = {"bookworm": ("createrepo-c", "dnf", "rpm")}
"""Further packages of one release. A Debian host with dnf is no habit of anybody's: it is here to try dnf on."""

_FINISH = r"""
set -eu
useradd --create-home --shell /bin/bash ops
printf 'ops ALL=(ALL:ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/ops
install -d -m 0700 /root/.ssh
install -d -m 0700 -o ops -g ops /home/ops/.ssh
# A host makes its own identity; one left here would be shared by all of them.
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
: >/etc/machine-id
# A stop must never wait 90 s for a stubborn process of a test.
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStopSec=5s\n' >/etc/systemd/system.conf.d/lab.conf
# Nothing here may act by itself while a test runs, and there is no console to log in on.
systemctl mask apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer cron.service \
    e2scrub_all.timer e2scrub_reap.service console-getty.service getty.target
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*
"""


def tree(release: str) -> Path:
    """Root of a ready Debian `release` (see RELEASES), built on first use in about a minute; read-only by agreement."""
    if release not in RELEASES:
        raise LabError(f"release {release!r} is not one of {', '.join(RELEASES)}")
    recipe = "\0".join((release, *_packages(release), _FINISH))
    name = f"{release}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    ready = place.trees() / name
    if ready.is_dir():
        return ready
    with place.locked(name):
        if not ready.is_dir():
            place.trees().mkdir(parents=True, exist_ok=True)
            _build(release, ready)
    return ready


def make_trees(releases: Iterable[str]) -> dict[str, Path]:
    """The tree of each release by its name, missing ones built side by side."""
    wanted = list(dict.fromkeys(releases))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(wanted, pool.map(tree, wanted), strict=True))


def _packages(release: str) -> tuple[str, ...]:
    return _PACKAGES + _ONLY_ON.get(release, ())


def _build(release: str, ready: Path) -> None:
    """Make the tree under another name first, so that a name always means a whole tree."""
    partial = ready.with_name(f".{ready.name}.partial")
    _remove(partial)
    argv = [
        "debootstrap",
        "--variant=minbase",
        f"--keyring={KEYRING}",
        f"--include={','.join(_packages(release))}",
        release,
        str(partial),
        mirror(),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=_BUILD_TIMEOUT, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        _remove(partial)
        raise LabError(f"debootstrap of {release} ended with status {done.returncode}:\n{said}")
    command("chroot", str(partial), "/bin/sh", "-c", _FINISH)
    partial.rename(ready)


def _remove(partial: Path) -> None:
    """Remove what an interrupted build left, after whatever debootstrap had mounted in it."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mounted = line.split()[4]
        if mounted.startswith(f"{partial}/"):
            command("umount", "--lazy", mounted)
    if partial.exists():
        shutil.rmtree(partial)


def mirror() -> str:
    """The Debian mirror this machine's own apt uses, else Debian's public one (on another distribution, say)."""
    try:
        listing = command("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)")
    except (LabError, FileNotFoundError):
        return _PUBLIC_MIRROR
    found = re.search(r"^Debian\|Debian\|main\|(https?://\S+?)/?$", listing, re.MULTILINE)
    return found[1] if found else _PUBLIC_MIRROR
