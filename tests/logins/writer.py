"""Runs on a host, with its own python: SEED LINES PAUSE auth.log|journal. Writes numbered lines of sshd there.

After each of its bursts the log may be rotated, in every way that keeps what was written. As a daemon that has not
been told yet, it goes on writing to the renamed file for a while. Of the journal, old files are removed, too.
"""

import bz2
import gzip
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOG = Path("/var/log/auth.log")
KEPT = 1000  # more than there are: what a rotation deletes before anybody is back to read it is lost to all
KINDS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    ".gz": ("gzip", gzip.compress),
    ".bz2": ("bzip2", bz2.compress),
    ".xz": ("xz", lzma.compress),
}
PACKED = {ending: pack for ending, (tool, pack) in KINDS.items() if shutil.which(tool)}


class Journal:
    """Written by a process of sshd's name, as another's would not be believed."""

    PROGRAM = Path("/root/sshd")

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.number = 0
        self.kinds = {"rotate": self.rotate, "vacuum": self.vacuum}
        shutil.copy("/usr/bin/logger", self.PROGRAM)

    def write(self, lines: int) -> None:
        numbers = range(self.number + 1, self.number + lines + 1)
        self.number += lines
        text = "".join(f"Accepted publickey for u{number} from 192.0.2.7 port 7 ssh2\n" for number in numbers)
        subprocess.run([self.PROGRAM, "-t", "sshd", "-p", "authpriv.info"], input=text, text=True, check=True)

    def rotate(self) -> None:
        subprocess.run(["journalctl", "--rotate"], check=True, capture_output=True)

    def vacuum(self) -> None:
        subprocess.run(["journalctl", "--rotate", "--vacuum-files=12"], check=True, capture_output=True)


class Log:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.number = 0
        self.file = LOG.open("ab", buffering=0)
        self.kinds = {"rename": self.rename, "copytruncate": self.copytruncate}

    def write(self, lines: int) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        for _ in range(lines):
            self.number += 1
            at = f"{stamp}.{self.number % 1000000:06d}+00:00"
            peer = f"192.0.2.7 port {self.number % 60000 + 1}"
            text = f"{at} lab sshd[{self.number}]: Accepted publickey for u{self.number} from {peer} ssh2\n"
            self.file.write(text.encode())

    def reopen(self) -> None:
        self.file.close()
        self.file = LOG.open("ab", buffering=0)

    def shift(self) -> None:
        """Make room for auth.log.1, and compress what was there, as logrotate's delaycompress does."""
        for age in range(KEPT, 0, -1):
            for ending in ("", *PACKED):
                old = Path(f"{LOG}.{age}{ending}")
                if old.exists():
                    old.rename(f"{LOG}.{age + 1}{ending}")
        older = Path(f"{LOG}.2")
        ending = self.chance.choice(["", *PACKED])
        if older.exists() and ending:
            packed, times = Path(f"{older}{ending}"), older.stat()
            packed.write_bytes(PACKED[ending](older.read_bytes()))
            os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns))
            older.unlink()
        for ending in ("", *PACKED):
            Path(f"{LOG}.{KEPT + 1}{ending}").unlink(missing_ok=True)

    def rename(self) -> None:
        self.shift()
        LOG.rename(f"{LOG}.1")
        self.write(self.chance.randrange(20))
        if self.chance.random() < 0.5:
            LOG.touch()
            self.write(self.chance.randrange(20))
            time.sleep(self.chance.random() / 2)
            self.write(self.chance.randrange(20))
        self.reopen()

    def copytruncate(self) -> None:
        self.shift()
        shutil.copy2(LOG, f"{LOG}.1")
        os.truncate(LOG, 0)


def main() -> None:
    seed, lines, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    log = (Journal if sys.argv[4] == "journal" else Log)(random.Random(seed))
    rotations = dict.fromkeys(sorted(log.kinds), 0)
    while log.number < lines:
        log.write(log.chance.randrange(1, 1500))
        if log.chance.random() < 0.15:
            how = log.chance.choice(sorted(log.kinds))
            log.kinds[how]()
            rotations[how] += 1
            time.sleep(pause)
        time.sleep(pause * log.chance.random())
    print(json.dumps({"written": log.number, "rotations": rotations}))


main()
