"""Our private keys: found in the home's keys folder or named by a host, decrypted once, kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import asyncssh

from orchestrator.errors import KeyFileError
from orchestrator.inventory.model import Host
from orchestrator.ssh.keymaking import KEY_NAME, PREDECESSOR
from orchestrator.ssh.method import Method, Usable
from orchestrator.ssh.unlock import Passphrase, Unlocker, private_text

_AGENT_TIMEOUT = 5.0


class Keys:
    """The private keys to offer a host: its own `key`, else ``id_*`` in `folder` and those of the ssh-agent at `agent`.

    `passphrase` is asked, in a thread of its own and one question at a time, for the passphrase of an encrypted key
    file; None from it means that the person gave up. Nobody is asked twice about the same file until `ask_again`.
    """

    def __init__(self, folder: Path, *, passphrase: Passphrase | None = None, agent: str | None = None) -> None:
        self._folder = folder
        self._unlocker = Unlocker(passphrase)
        self._agent_path = agent
        self._agent: asyncssh.SSHAgentClient | None = None
        self._asking = asyncio.Lock()
        self._loaded: dict[Path, tuple[int, asyncssh.SSHKey | KeyFileError]] = {}

    async def offered_to(self, host: Host) -> Sequence[Usable]:
        """The keys to try on `host`, in order. Raises KeyFileError when there are none or a file is unfit."""
        if host.key is not None:
            return await self._own(self.locate(host.key))
        paths = sorted(path for path in self._folder.glob("id_*") if path.suffix != ".pub" and path.is_file())
        keys: list[Usable] = [*await self._from_agent()]
        remedy = "Make one: orchestrator keys init"
        missing = KeyFileError("no private key (id_*)", where=str(self._folder), remedy=remedy)
        for path in paths:
            try:
                keys.append(await self._load(path))
            except KeyFileError as error:
                missing = error
        if not keys:
            raise missing
        return keys

    async def fingerprints(self, host: Host) -> frozenset[str]:
        """Of the keys that `host` is offered, ``SHA256:...`` each; none where there are none."""
        try:
            return frozenset(Method.of(key).fingerprint for key in await self.offered_to(host))
        except KeyFileError:
            return frozenset()

    async def unlock(self, hosts: Iterable[Host]) -> Sequence[KeyFileError]:
        """Load what all `hosts` will need, so that passphrases are asked for now and not later; returns what failed."""
        problems: dict[str, KeyFileError] = {}
        for host in {host.key: host for host in hosts if not host.local}.values():
            try:
                await self.offered_to(host)
            except KeyFileError as error:
                problems[str(error)] = error
        return tuple(problems.values())

    async def private(self, path: Path) -> asyncssh.SSHKey:
        """The private key in `path`, whoever it is for. Raises KeyFileError."""
        return await self._load(path)

    def ask_again(self) -> None:
        """Forget failures, so that the next connection asks for passphrases and reads files anew."""
        self._loaded = {path: entry for path, entry in self._loaded.items() if isinstance(entry[1], asyncssh.SSHKey)}

    def locate(self, name: str) -> Path:
        """A host's `key`: absolute, ``~``, or relative to the keys folder or to the home around it."""
        try:
            path = Path(name).expanduser()
        except RuntimeError as error:
            raise KeyFileError("whose home is meant cannot be told", where=name, remedy="Name it without ~") from error
        inside = self._folder / path
        return inside if inside.exists() else self._folder.parent / path

    async def public(self, path: Path) -> str:
        """The public line of a private key file, decrypted if need be. Raises KeyFileError."""
        return (await self._load(path)).export_public_key("openssh").decode().strip()

    async def passphrase_of(self, path: Path) -> str | None:
        """The passphrase that opens a private key file, None when it is not encrypted. Raises KeyFileError."""
        await self._load(path)
        return self._unlocker.passphrase_of(path)

    async def alone(self, path: Path) -> Keys:
        """The private key in `path` as the only one to offer to whatever host. Raises KeyFileError."""
        return _One(self._folder, await self._load(path))

    def lent(self) -> Keys:
        """The same keys for a pool of its own: when that is closed, nobody hangs up on our agent."""
        return _Lent(self._folder, self)

    async def _own(self, path: Path) -> Sequence[Usable]:
        """The key that a host names, and the one that it is replacing in a rotation."""
        keys = [await self._load(path)]
        predecessor = self._folder / PREDECESSOR
        if self._is_in_use(path) and predecessor.exists():
            with suppress(KeyFileError):
                keys.append(await self._load(predecessor))
        return keys

    def _is_in_use(self, path: Path) -> bool:
        """True for the key that a rotation replaces, whatever way leads to it."""
        return path.resolve() == (self._folder / KEY_NAME).resolve()

    async def _from_agent(self) -> Sequence[asyncssh.SSHKeyPair]:
        if self._agent_path is None:
            return ()
        async with self._asking:
            try:
                async with asyncio.timeout(_AGENT_TIMEOUT):
                    if self._agent is None:
                        self._agent = await asyncssh.connect_agent(self._agent_path)
                    return await self._agent.get_keys()
            except (OSError, ValueError) as error:
                await self.close()
                raise KeyFileError(
                    f"the ssh-agent does not answer: {error}", where=self._agent_path, remedy="Start it, or unset it"
                ) from error

    async def close(self) -> None:
        """Hang up on the agent."""
        if self._agent is not None:
            self._agent.close()
            await self._agent.wait_closed()
            self._agent = None

    async def _load(self, path: Path) -> asyncssh.SSHKey:
        async with self._asking:
            data = private_text(path)
            stamp = hash(data)
            if path not in self._loaded or self._loaded[path][0] != stamp:
                try:
                    # In a thread: key derivation takes 0.1 s and more, a person takes longer.
                    key: asyncssh.SSHKey | KeyFileError = await asyncio.to_thread(self._unlocker.open, path, data)
                except KeyFileError as error:
                    key = error
                self._loaded[path] = (stamp, key)
            known = self._loaded[path][1]
            if isinstance(known, KeyFileError):
                raise known
            return known


class _One(Keys):
    """A single key, already open."""

    def __init__(self, folder: Path, key: asyncssh.SSHKey) -> None:
        super().__init__(folder)
        self._key = key

    async def offered_to(self, host: Host) -> Sequence[Usable]:  # noqa: ARG002  it is for any host
        """That key."""
        return [self._key]


class _Lent(Keys):
    """Another's keys."""

    def __init__(self, folder: Path, owner: Keys) -> None:
        super().__init__(folder)
        self._owner = owner

    async def offered_to(self, host: Host) -> Sequence[Usable]:
        """See Keys."""
        return await self._owner.offered_to(host)

    async def alone(self, path: Path) -> Keys:
        """See Keys."""
        return await self._owner.alone(path)

    def ask_again(self) -> None:
        """See Keys."""
        self._owner.ask_again()
