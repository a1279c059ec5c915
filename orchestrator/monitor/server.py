"""The HTTP endpoints on LISTEN: one server on loopback, and what keeps others out of it."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from aiohttp import hdrs, web

from orchestrator.errors import SettingsError
from orchestrator.monitor.configure import spelled

_END_WITHIN_S = 2.0
_NAMES = ("localhost", "127.0.0.1", "[::1]")


@contextlib.asynccontextmanager
async def serving(listen: tuple[str, int], routes: Iterable[web.RouteDef]) -> AsyncIterator[None]:
    """Serve `routes` at `listen` while the block lasts.

    Raises SettingsError for an address that others can reach, as nobody has to prove here who they are, and for one
    that cannot be had.
    """
    address, port = listen
    if not _is_loopback(address):
        raise SettingsError(
            f"{address} can be reached from elsewhere, and these endpoints ask nobody who they are",
            where="LISTEN",
            remedy=f"Listen on loopback: LISTEN=127.0.0.1:{port}",
        )
    app = web.Application(middlewares=[_only_for({*_NAMES, spelled(listen).rpartition(":")[0]})])
    app.add_routes(routes)
    # An asker who went away ends the work for him.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_END_WITHIN_S)
    await runner.setup()
    try:
        await _listen(runner, address, port)
        yield
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, address: str, port: int) -> None:
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise SettingsError(
            f"{address}:{port} is used by another program" if taken else f"{address}:{port}: {error.strerror}",
            where="LISTEN",
            remedy="End that, or choose another: LISTEN=127.0.0.1:PORT",
        ) from error


def _is_loopback(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _only_for(names: set[str]) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Refuse requests for another name: a web page whose name was made to point at us (DNS rebinding) sends its own."""

    @web.middleware
    async def judge(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        host = request.headers.get(hdrs.HOST, "")  # request.host would look our own name up when there is none
        name, _, port = host.rpartition(":")
        if (name if port.isdecimal() else host) not in names:
            raise web.HTTPMisdirectedRequest(text="this is not the host you asked for\n")
        return await handler(request)

    return judge
