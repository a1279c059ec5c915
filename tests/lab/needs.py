"""What the lab needs of the machine it runs on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab.command import LabError

PACKAGE_OF = {
    "debootstrap": "debootstrap",
    "gpgv": "gpgv",
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh-keygen": "openssh-client",
    "ssh": "openssh-client",
    "mount": "mount",
    "nsenter": "util-linux",
}
"""Program to the Debian package that holds it."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_INOTIFY = {"max_user_instances": 8192, "max_user_watches": 524288}


def missing_packages() -> list[str]:
    """Debian packages to install before a lab can be built; empty when the machine is ready."""
    missing = {package for program, package in PACKAGE_OF.items() if not shutil.which(program, path=_SYSTEM_PATH)}
    if not KEYRING.exists():
        missing.add("debian-archive-keyring")
    return sorted(missing)


def require_machine() -> None:
    """Raise LabError, with the line that mends it, unless this process can boot hosts here."""
    if os.geteuid() != 0:
        raise LabError("booted hosts need root: namespaces, mounts and systemd-nspawn are refused to others")
    if missing := missing_packages():
        raise LabError(f"the lab needs packages this machine lacks: apt-get install {' '.join(missing)}")


def raise_inotify_limits() -> None:
    """Every systemd holds inotify instances of the machine's one root user: the default of 128 ends near 25 hosts."""
    for name, wanted in _INOTIFY.items():
        path = Path("/proc/sys/fs/inotify") / name
        if int(path.read_text()) < wanted:
            path.write_text(str(wanted))
