"""An eleven-task playbook on 32 booted hosts, first and second run, beside those who read the same or a like one.

The peers live in an environment of their own, whose folder is the only argument (see README.md).
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.timing import program
from tests.lab.host import LabHost
from tests.lab.lab import Lab

HOSTS = int(os.environ.get("BENCHMARK_HOSTS", "32"))
OURS = "orchestrator play"
FLOOR = "one shell script"
"""The same changes in one exchange: what is left when a tool costs nothing."""
FOLDER = Path(__file__).parent / "playbook_11"

_CHECK = "systemctl is-active -q app && systemctl is-enabled -q app && curl -sf http://127.0.0.1:8089/ | grep -q works"
_UNDO = """
systemctl disable -q --now app; userdel app; groupdel app
rm -rf /srv/app /etc/app.conf /etc/systemd/system/app.service
sed -i /^APP_PORT=/d /etc/environment
systemctl daemon-reload
"""


@dataclass(slots=True)
class Measured:
    """Wall and processor seconds of runs that had everything to do, and of runs that had nothing to do."""

    first: list[float] = field(default_factory=list)
    first_cpu: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    second_cpu: list[float] = field(default_factory=list)


def main() -> None:
    """Print the table."""
    peers = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sys.prefix)
    with Lab(HOSTS, name=f"bench-{os.getpid()}") as lab, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _furnish(home, lab)
        measured = {}
        for name, (argv, environ, runs) in _runners(home, peers).items():
            measured[name] = _measure(lab, argv, environ, runs, again=name != FLOOR)
            print(f"{name}: {measured[name]}", file=sys.stderr)
        print(f"{HOSTS} hosts, 11 tasks and a handler\n")
        print(_table(measured))


def _furnish(home: Path, lab: Lab) -> None:
    for part in ("inventory", "keys"):
        (home / part).mkdir(mode=0o700)
    (home / "inventory" / "hosts.yml").write_text(lab.inventory_yaml())
    (home / "keys" / "known_hosts").write_text(lab.known_hosts())
    ssh_args = f"-o UserKnownHostsFile={home}/keys/known_hosts -o ControlMaster=auto -o ControlPersist=60s"
    (home / "ansible.cfg").write_text(
        f"[defaults]\nforks = {HOSTS}\n[ssh_connection]\npipelining = true\nssh_args = {ssh_args}\n"
    )
    users = {"ssh_user": "root", "ssh_key": str(lab.key), "ssh_known_hosts_file": f"{home}/keys/known_hosts"}
    hosts = [(host.name, {"ssh_hostname": str(host.address), **users}) for host in lab.hosts]
    (home / "hosts.py").write_text(f"web = {hosts!r}\n")


def _runners(home: Path, peers: Path) -> dict[str, tuple[list[str], Mapping[str, str], int]]:
    """What to run: arguments, environment, and how often; slow ones once."""
    environ = {**os.environ, "ANSIBLE_CONFIG": str(home / "ansible.cfg"), "ORCHESTRATOR_HOME": str(home)}
    site, inventory = str(FOLDER / "site.yml"), str(home / "inventory" / "hosts.yml")
    floor = (FOLDER / "floor.sh").read_text()
    runners: dict[str, tuple[list[str], Mapping[str, str], int]] = {
        OURS: ([sys.executable, "-m", "orchestrator", "play", site], environ, 3),
        FLOOR: ([sys.executable, "-m", "orchestrator", "exec", "web", "--", floor], environ, 3),
    }
    ansible, pyinfra = peers / "bin" / "ansible-playbook", peers / "bin" / "pyinfra"
    if pyinfra.exists():
        argv = [str(pyinfra), "-y", "--parallel", str(HOSTS), str(home / "hosts.py"), str(FOLDER / "deploy.py")]
        runners["pyinfra"] = (argv, environ, 2)
    if ansible.exists():
        argv = [str(ansible), "-i", inventory, site]
        for plugins in peers.glob("lib/python3*/site-packages/ansible_mitogen/plugins/strategy"):
            mitogen = {"ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"}
            runners["ansible, mitogen"] = (argv, {**environ, **mitogen}, 1)
        runners["ansible, pipelining"] = (argv, environ, 1)
    return runners


def _measure(lab: Lab, argv: Sequence[str], environ: Mapping[str, str], runs: int, *, again: bool) -> Measured:
    """`runs` first runs, and with `again` a second one after each."""
    measured, run = Measured(), program(argv, environ, folder=FOLDER)
    first, second = (measured.first, measured.first_cpu), (measured.second, measured.second_cpu)
    for _ in range(runs):
        _everywhere(lab, _UNDO)
        for wall, cpu in (first, second) if again else (first,):
            before, began = _cpu(), time.perf_counter()
            run()
            wall.append(time.perf_counter() - began)
            cpu.append(_cpu() - before)
        _everywhere(lab, _CHECK, check=True)
    return measured


def _cpu() -> float:
    """Processor seconds of all programs that we ran to their end, with what they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _everywhere(lab: Lab, script: str, *, check: bool = False) -> None:
    def act(host: LabHost) -> None:
        host.run(script, check=check)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(act, lab.hosts))


def _table(measured: Mapping[str, Measured]) -> str:
    """A line each, with how many times longer than ours the first and the second run took."""
    ours = measured[OURS]
    lines = [f"{'':22} {'first run':>10} {'ratio':>6} {'CPU':>8}   {'second run':>10} {'ratio':>6} {'CPU':>8}"]
    for name, one in sorted(measured.items(), key=lambda item: -statistics.median(item[1].first)):
        cells = (_cell(one.first, ours.first, one.first_cpu), _cell(one.second, ours.second, one.second_cpu))
        lines.append(f"{name:22} {'   '.join(cells)}")
    return "\n".join(lines)


def _cell(wall: Sequence[float], base: Sequence[float], cpu: Sequence[float]) -> str:
    if not wall:
        return f"{'-':>10} {'-':>6} {'-':>8}"
    median = statistics.median(wall)
    return f"{median:9.2f}s {median / statistics.median(base):6.1f} {statistics.median(cpu):7.2f}s"


if __name__ == "__main__":
    main()
