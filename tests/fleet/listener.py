"""A process that listens as its arguments say, prints its port once it does, and waits to be ended.

Run as a program of its own, so that tests see real processes with real sockets come and go.
"""

import argparse
import os
import signal
import socket
from pathlib import Path


def main() -> None:
    arguments = _arguments()
    if arguments.name:
        Path("/proc/self/comm").write_bytes(os.fsencode(arguments.name))
    listening = [_open(arguments, address) for address in arguments.address]
    if arguments.also_udp:
        listening.append(socket.socket(type=socket.SOCK_DGRAM))
        listening[-1].bind(("127.0.0.1", 0))
    crowd = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(arguments.crowd)]
    for each in crowd:
        each.bind(("127.0.0.1", 0))
    held = [Path(name).open("w") for name in arguments.hold]  # noqa: SIM115 - open until we end
    if arguments.term == "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if arguments.term == "release":

        def release(*_: object) -> None:
            for each in listening:
                each.close()

        signal.signal(signal.SIGTERM, release)
    children = [_child() for _ in range(arguments.children)]
    print(listening[0].getsockname()[1], listening[-1].getsockname()[1], *children, flush=True)
    while held is not None and crowd is not None:
        signal.pause()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="+")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--also-udp", action="store_true", help="on a port of its own, printed second")
    parser.add_argument("--crowd", type=int, default=0, help="UDP sockets besides")
    parser.add_argument("--share", action="store_true", help="SO_REUSEPORT")
    parser.add_argument("--term", choices=["die", "ignore", "release"], default="die")
    parser.add_argument("--children", type=int, default=0, help="that inherit the sockets")
    parser.add_argument("--name", default="")
    parser.add_argument("--hold", action="append", default=[], help="a file to keep open")
    return parser.parse_args()


def _open(arguments: argparse.Namespace, address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM if arguments.udp else socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if arguments.share:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, arguments.port))
    arguments.port = made.getsockname()[1]  # further addresses take the same one
    if not arguments.udp:
        made.listen()
    return made


def _child() -> int:
    pid = os.fork()
    while pid == 0:
        signal.pause()
    return pid


if __name__ == "__main__":
    main()
