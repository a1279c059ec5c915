"""Name lookups that cannot hold up anything else.

getaddrinfo(3) cannot be interrupted and a dead resolver keeps it for half a minute; in asyncio's shared thread pool a
few of those stall every other user of the pool, and at exit the interpreter waits for them. So each lookup has a
daemon thread of its own, and addresses need none.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


async def resolve(name: str, port: int) -> Sequence[Address]:
    """Where `name` can be reached over TCP, in the order to try. Raises OSError; the caller bounds the wait."""
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return await _lookup(name, port)
    return _getaddrinfo(name, port, socket.AI_NUMERICHOST)


async def _lookup(name: str, port: int) -> Sequence[Address]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[Address]] = loop.create_future()

    def deliver(addresses: Sequence[Address], error: OSError | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(addresses)

    def work() -> None:
        addresses: Sequence[Address] = ()
        error: OSError | None = None
        try:
            addresses = _getaddrinfo(name, port, 0)
        except OSError as problem:
            error = problem
        except UnicodeError:
            error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        try:
            loop.call_soon_threadsafe(deliver, addresses, error)
        except RuntimeError:
            return  # the loop was closed meanwhile: nobody waits any more

    threading.Thread(target=work, name=f"resolve {name}", daemon=True).start()
    return await answer


def _getaddrinfo(name: str, port: int, flags: int) -> Sequence[Address]:
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]
