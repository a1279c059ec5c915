"""The lab by hand: `python -m tests.lab up 3`, `ssh 1`, `cut 1`, `down`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.lab.command import LabError
from tests.lab.host import LabHost
from tests.lab.lab import Lab, labs_up, remove_abandoned
from tests.lab.needs import missing_packages
from tests.lab.tree import RELEASES

_FAULTS = {
    "cut": (LabHost.cut, "pull its network cable"),
    "join": (LabHost.join, "plug it in again"),
    "drop": (LabHost.drop, "half-open link: drop all packets silently"),
    "undrop": (LabHost.undrop, "end that"),
    "freeze": (LabHost.freeze, "stop all its sshd processes"),
    "thaw": (LabHost.thaw, "let them go on"),
    "kill": (LabHost.kill_sessions, "kill its ssh sessions"),
    "off": (LabHost.power_off, "pull its plug"),
    "boot": (LabHost.boot, "switch it on"),
    "reboot": (LabHost.reboot, "reboot it in an orderly way"),
    "newkey": (LabHost.change_host_key, "give it new ssh host keys"),
    "heal": (LabHost.heal, "undo every fault"),
}


def main() -> int:
    """Do one verb; 0 well, 1 the lab could not, 2 usage."""
    arguments = _parser().parse_args()
    try:
        return _act(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _act(arguments: argparse.Namespace) -> int:
    match arguments.verb:
        case "up":
            return _up(arguments)
        case "down":
            for name in labs_up() if arguments.all else [arguments.name]:
                Lab(1, name=name).down()
        case "status":
            return _status()
        case "sweep":
            remove_abandoned()
        case "packages":
            print("\n".join(missing_packages()))
        case "ssh":
            _ssh(Lab.attach(arguments.name), arguments)
        case fault:
            _FAULTS[fault][0](_host(Lab.attach(arguments.name), arguments.number))
    return 0


def _up(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    lab = Lab(arguments.count, release=arguments.release, name=arguments.name)
    lab.up()
    lab.leave_running()
    (lab.folder / "hosts.yml").write_text(lab.inventory_yaml())
    (lab.folder / "known_hosts").write_text(lab.known_hosts())
    print(f"{arguments.count} hosts answer after {time.monotonic() - began:.1f} s: {lab.folder}")
    return _status()


def _status() -> int:
    for name in labs_up():
        print(name)
        try:
            hosts = Lab.attach(name).hosts
        except LabError:
            print("  coming or going")
            continue
        for host in hosts:
            print(f"  {host.name:8} {host.address:14} {host.release:10} {'on' if host.is_on() else 'off'}")
    return 0


def _ssh(lab: Lab, arguments: argparse.Namespace) -> None:
    host = _host(lab, arguments.number)
    known_hosts = lab.folder / "known_hosts"
    known_hosts.write_text(lab.known_hosts())
    options = [f"UserKnownHostsFile={known_hosts}", f"IdentityFile={lab.key}", "IdentitiesOnly=yes"]
    flags = [word for option in options for word in ("-o", option)]
    os.execvp("ssh", ["ssh", "-F", "none", *flags, f"{arguments.user}@{host.address}", *arguments.command])


def _host(lab: Lab, number: int) -> LabHost:
    if not 1 <= number <= len(lab.hosts):
        raise LabError(f"this lab has hosts 1 to {len(lab.hosts)}, not {number}")
    return lab.hosts[number - 1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Booted Debian hosts on this machine.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default="lab", help="which lab, when several are up")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", parents=[common], help="boot hosts and leave them running")
    up.add_argument("count", type=int)
    up.add_argument("--release", choices=RELEASES, default="bookworm")
    down = verbs.add_parser("down", parents=[common], help="take the lab down, leaving nothing")
    down.add_argument("--all", action="store_true", help="every lab there is")
    verbs.add_parser("status", help="which labs and hosts there are")
    verbs.add_parser("sweep", help="remove what crashed test runs left behind")
    verbs.add_parser("packages", help="print the Debian packages still missing, one a line")
    ssh = verbs.add_parser("ssh", parents=[common], help="log in with the stock ssh client")
    ssh.add_argument("--user", default="root", choices=("root", "ops"))
    ssh.add_argument("number", type=int)
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    for verb, (_, text) in _FAULTS.items():
        verbs.add_parser(verb, parents=[common], help=text).add_argument("number", type=int)
    return parser


if __name__ == "__main__":
    sys.exit(main())
