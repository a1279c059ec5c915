"""Hosts of the lab with figures of their own, and what drives these up."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.lab.command import command
from tests.lab.host import LabHost

MEMORY_MIB = 400
_FIGURES = "/run/figures"

# Hosts of the lab share the processors and the memory of this machine, and read its figures in /proc. This counts what
# a host's own processes use, as LXCFS does for containers, as if it had MEMORY_MIB of memory and one processor that is
# a third as fast as ours: on a busy machine nobody gets a whole one.
_PROGRAM = f"""\
import os, time

def used():
    ticks = pages = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/" + pid + "/stat") as stat, open("/proc/" + pid + "/statm") as statm:
                ticks += sum(map(int, stat.read().rpartition(")")[2].split()[11:15]))
                resident, shared = map(int, statm.read().split()[1:3])
                pages += resident - shared
        except OSError:
            pass
    return ticks / 100 * 3, pages * 4

def put(name, text):
    with open("{_FIGURES}/" + name + ".new", "w") as file:
        file.write(text)
    os.rename("{_FIGURES}/" + name + ".new", "{_FIGURES}/" + name)

os.makedirs("{_FIGURES}", exist_ok=True)
for name in ("1", "self", "mounts", "loadavg", "sys", "cpuinfo"):
    os.symlink("/proc/" + name, "{_FIGURES}/" + name)
boot = int(time.time())
busy = idle = 0.0
before, at = used()[0], time.monotonic()
while True:
    now = time.monotonic()
    spent, kib = used()
    worked = min(max(0.0, spent - before), now - at)
    busy, idle = busy + worked, idle + now - at - worked
    before, at = spent, now
    times = f"{{busy * 100:.0f}} 0 0 {{idle * 100:.0f}} 0 0 0 0 0 0"
    put("stat", f"cpu  {{times}}\\ncpu0 {{times}}\\nbtime {{boot}}\\n")
    total = {MEMORY_MIB} * 1024
    left = max(0, total - kib)
    put("meminfo", f"MemTotal: {{total}} kB\\nMemFree: {{left}} kB\\nMemAvailable: {{left}} kB\\n")
    time.sleep(0.25)
"""

_EXPORTER = (
    "/usr/local/bin/node_exporter --web.listen-address=127.0.0.1:9100 --collector.disable-defaults --collector.cpu"
    f" --collector.meminfo --collector.filesystem --collector.stat --path.procfs={_FIGURES}"
)
_UNITS = ("burn", "hog", "node_exporter", "figures")


def equip(host: LabHost) -> None:
    """Give a host a node_exporter that answers, of what the host's own processes use."""
    program = shutil.which("prometheus-node-exporter")
    assert program is not None, "apt-get install prometheus-node-exporter"
    shutil.copy(program, host.root / "usr/local/bin/node_exporter")
    (host.root / "usr/local/bin/figures").write_text(_PROGRAM)
    _start(host, "figures", "python3 /usr/local/bin/figures")
    _wait(host, f"test -e {_FIGURES}/meminfo")
    _start(host, "node_exporter", _EXPORTER)
    _wait(host, "curl -so /dev/null http://127.0.0.1:9100/")


def strip(host: LabHost) -> None:
    """Undo `equip`, and everything below."""
    host.run(f"systemctl stop {' '.join(_UNITS)} || true")
    host.run(f"rm -r {_FIGURES} /usr/local/bin/node_exporter /usr/local/bin/figures")


def burn(host: LabHost) -> None:
    """Keep its processor busy."""
    _start(host, "burn", "sh -c 'while :; do :; done'")


def fill_memory(host: LabHost, share: float) -> None:
    """Use memory until that share of it is in use."""
    left = re.search(r"MemAvailable: (\d+)", host.run(f"cat {_FIGURES}/meminfo").stdout)
    assert left
    size = int(left[1]) * 1024 - (1 - share) * MEMORY_MIB * 2**20
    _start(host, "hog", f"python3 -c 'import time; held = b\"x\" * {size:.0f}; time.sleep(600)'")


def relieve(host: LabHost, unit: str) -> None:
    """End what `burn` ("burn") or `fill_memory` ("hog") began."""
    host.run(f"systemctl stop {unit}")


def small_disk(host: LabHost, folder: Path, at: str) -> None:
    """Mount an ext4 file system of 20 MB, whose image is in `folder`; rules leave out file systems in memory."""
    image = folder / "disk"
    with image.open("wb") as file:
        file.truncate(24 * 2**20)
    command("mkfs.ext4", "-q", "-m", "0", str(image))
    device = command("losetup", "--find", "--show", str(image)).strip()
    number = re.sub(r"\D", "", device)
    try:
        host.run(f"mkdir -p {at} && mknod {device} b 7 {number} && mount -t ext4 {device} {at}")
    finally:
        command("losetup", "--detach", device)  # once it is mounted nowhere any more


def _start(host: LabHost, unit: str, program: str) -> None:
    host.run(f"systemd-run --quiet --unit={unit} {program}")


def _wait(host: LabHost, condition: str) -> None:
    host.run(f"for i in $(seq 200); do {condition} && exit; sleep 0.1; done; exit 1")
