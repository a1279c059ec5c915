"""The walk of a rotation over the fleet.

The new key is put beside the old one on every host and proven by a fresh login. Then it becomes the key in use. Then,
only on hosts where it is proven, the old one is removed, and a fresh login with it must be refused. The old private key
lives until the last host is done. Wherever this is interrupted, each host accepts a key that we still have and offer,
and running it again goes on from there.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from orchestrator.errors import UsageError
from orchestrator.inventory import Host
from orchestrator.rotation.accounts import account_of, accounts_of, is_way_in
from orchestrator.rotation.authorized import AuthorizedKeys, Trouble
from orchestrator.rotation.ledger import Ledger, Stage
from orchestrator.rotation.lines import PublicKey, holds, put_beside, without
from orchestrator.rotation.model import Outcome, Step, Tell
from orchestrator.ssh import Command, Keys, NoConnection, Pool, Result, Status, Succession, Turn

_WIDTH = 32  # hosts at work at once, as many as connections are opened at once

_STOPPED = "stopped before it was finished"


@dataclass(frozen=True, slots=True)
class _Pair:
    """The two keys: as lines, to look for on hosts."""

    old: PublicKey
    new: PublicKey


class Rotation:
    """Replaces the key in use on hosts, as far as they can be reached; run it again for the rest.

    `tell` is called after each Step with the host's name, empty for our own files; SETTLED is a host's last. Once
    `stop` is set no further step is begun.
    """

    def __init__(
        self, pool: Pool, keys: Keys, files: Succession, ledger: Ledger, *, stop: asyncio.Event, tell: Tell
    ) -> None:
        self._pool = pool
        self._keys = keys
        self._files = files
        self._ledger = ledger
        self._stop = stop
        self._tell = tell

    def status(self, chosen: Iterable[Host], everyone: Iterable[Host]) -> Outcome:
        """How far it is on the hosts of `chosen`, as it is remembered; nothing is touched."""
        chosen = tuple(chosen)
        hosts = self._concerned(chosen)
        meant = {host.name for host in hosts}
        under_way = self._files.turn is not Turn.NONE
        left = self._unfinished(self._concerned(everyone)) if under_way else []
        return Outcome(
            self._files.turn,
            self._ledger.old,
            self._ledger.new,
            self._ledger.began,
            tuple(self._ledger.standing(host) for host in hosts) if under_way else (),
            tuple(host.name for host in left if host.name not in meant),
            tuple(host.name for host in chosen if host.name not in meant),
        )

    def to_do(self, chosen: Iterable[Host]) -> Sequence[Host]:
        """What `run` would work on: those of `chosen` that use the key and are not finished, and the ways into them."""
        return self._unfinished(self._concerned(chosen))

    async def run(self, chosen: Iterable[Host], everyone: Iterable[Host], comment: str) -> Outcome:
        """Begin a rotation or go on with one, on the hosts of `chosen` that use the key.

        It is over, and the old key destroyed, when all that use it of `everyone`, the whole inventory, are finished.
        `comment` is that of a new key. Raises KeyFileError, StoreError, and UsageError when there is nothing to rotate.
        """
        chosen, everyone = tuple(chosen), tuple(everyone)
        hosts = self._concerned(chosen)
        if not hosts:
            raise UsageError(f"no host that is meant is logged in to with {self._files.current.name}")
        pair = await self._begin(comment)
        proven = await self._each(self._unfinished(hosts), partial(self._introduce, pair))
        if self._files.turn is Turn.SPREADING and (proven or not self._unfinished(self._concerned(everyone))):
            self._files.promote(pair.new.line)
            self._tell(Step.PROMOTED, "")
        if self._files.turn is Turn.RETIRING:
            self._files.publish(pair.new.line)
            await self._each(proven, partial(self._retire, pair))
        outcome = self.status(chosen, everyone)
        if outcome.turn is Turn.RETIRING and outcome.complete and not outcome.elsewhere:
            self._files.finish()
            self._ledger.forget()
            self._tell(Step.FINISHED, "")
            outcome = replace(outcome, turn=Turn.NONE)
        return outcome

    def _concerned(self, hosts: Iterable[Host]) -> list[Host]:
        """Those of `hosts` that are logged in to with the key in use, and the ways into them."""
        current = self._files.current.resolve()
        meant = (
            host
            for host in hosts
            if not host.local and (host.key is None or self._keys.locate(host.key).resolve() == current)
        )
        return [account for host in meant for account in accounts_of(host)]

    def _unfinished(self, hosts: Iterable[Host]) -> list[Host]:
        return [host for host in hosts if not self._ledger.standing(host).stage.finished]

    async def _begin(self, comment: str) -> _Pair:
        """The two keys, the new one made unless it is there."""
        files = self._files
        files.require_key()
        old = PublicKey.parse(await self._keys.public(files.old))
        if files.turn is Turn.NONE:
            await asyncio.to_thread(files.begin, comment, await self._keys.passphrase_of(files.current))
            self._tell(Step.MADE, "")
        new = PublicKey.parse(await self._keys.public(files.new))
        if old.data == new.data:
            remedy = "Move one of them away"
            raise UsageError(f"{files.old.name} and {files.new.name} are one key", where=str(files.new), remedy=remedy)
        self._ledger.open(old.fingerprint, new.fingerprint)
        return _Pair(old, new)

    async def _each(self, hosts: Sequence[Host], work: Callable[[Host], Awaitable[bool]]) -> list[Host]:
        """The hosts on which `work` succeeded; why it did not on the others is in the ledger."""
        room = asyncio.Semaphore(_WIDTH)
        accounts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def one(host: Host) -> bool:
            # One account may be in the inventory under several names, and then has one file under all of them.
            async with accounts[account_of(host)], room:
                if self._stop.is_set():
                    self._settle(host, Stage.LEFT, _STOPPED)
                    return False
                try:
                    return await work(host)
                except (Trouble, NoConnection) as error:
                    self._settle(host, Stage.LEFT, error.detail)
                    return False

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(host)) for host in hosts]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [host for host, task in zip(hosts, tasks, strict=True) if task.result()]

    async def _introduce(self, pair: _Pair, host: Host) -> bool:
        """Put the new key beside the old one and log in with it."""
        if is_way_in(host) and not await self._accepts_old(host):
            self._settle(host, Stage.UNUSED)
            return False
        held = await self._authorized(host).edit(lambda content: put_beside(content, pair.old, pair.new))
        if not any(holds(content, pair.new) for content in held.values()):
            return await self._without_our_line(host)
        self._tell(Step.ADDED, host.name)
        try:
            await self._log_in(host, pair)
        except NoConnection as error:
            raise Trouble(f"the new key is in authorized_keys, but a login with it failed: {error.detail}") from error
        self._ledger.note(host, Stage.PROVEN)
        self._tell(Step.PROVEN, host.name)
        return True

    async def _without_our_line(self, host: Host) -> bool:
        """A host whose files name neither key: fine if it does not accept the old one either."""
        if await self._accepts_old(host):
            raise Trouble("it accepts the old key from elsewhere than ~/.ssh/authorized_keys: replace it there by hand")
        self._settle(host, Stage.UNUSED)
        return False

    async def _retire(self, pair: _Pair, host: Host) -> bool:
        """Remove the old key, and see that it is refused and the new one is not."""
        authorized = self._authorized(host)

        def remove(content: bytes) -> bytes:
            return without(content, pair.old) if holds(content, pair.new) else content

        held = await authorized.edit(remove)
        if any(holds(content, pair.old) for content in held.values()):
            raise Trouble("the old key is in a file that does not hold the new one, and stays: remove it by hand")
        self._tell(Step.REMOVED, host.name)
        try:
            await self._log_in(host, pair)
        except NoConnection as error:
            if error.status is Status.AUTH_FAILED:
                await authorized.edit(lambda content: put_beside(content, pair.new, pair.old))
                raise Trouble(
                    f"without the old key the new one is refused, so it was put back: {error.detail}"
                ) from error
            raise
        if await self._accepts_old(host):
            raise Trouble("the old key was removed, but is still accepted: from where?")
        self._tell(Step.REFUSED, host.name)
        self._settle(host, Stage.DONE)
        return True

    async def _log_in(self, host: Host, pair: _Pair) -> None:
        """Log in with the new key alone. Raises NoConnection, and Trouble when it was let in without any key."""
        method = await self._pool.login(host, self._files.new)
        if method.fingerprint != pair.new.fingerprint:
            raise Trouble("it lets anybody in without a key, so nothing can be proven")

    async def _accepts_old(self, host: Host) -> bool:
        """Whether a login with the old key alone is accepted.

        Raises NoConnection when that could not be seen, and Trouble when the host refuses the login and yet may know
        the key: where AuthenticationMethods of sshd wants a password as well, say.
        """
        try:
            await self._pool.login(host, self._files.old)
        except NoConnection as error:
            if error.status is Status.AUTH_FAILED and not error.key_refused:
                raise Trouble(
                    "the old key alone does not open it, but may be one part of what does: replace it there by hand"
                ) from error
            if error.status is not Status.AUTH_FAILED:
                raise
            return False
        return True

    def _authorized(self, host: Host) -> AuthorizedKeys:
        account = replace(host, become=None)  # the file is of the account that logs in

        async def run(command: Command) -> Result:
            return await self._pool.run(account, command, stop=self._stop)

        return AuthorizedKeys(run)

    def _settle(self, host: Host, stage: Stage, detail: str = "") -> None:
        self._ledger.note(host, stage, detail)
        self._tell(Step.SETTLED, host.name)
