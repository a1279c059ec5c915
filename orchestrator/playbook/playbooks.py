"""The playbooks of a home: found by name, read, planned and played."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.errors import UnknownHost, UsageError
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.inventory import Inventory
from orchestrator.inventory.load import load
from orchestrator.inventory.yamlfile import YamlFile
from orchestrator.playbook.engine.batches import select
from orchestrator.playbook.engine.identity import AskPassword
from orchestrator.playbook.engine.shells import Opener
from orchestrator.playbook.engine.target import Ask
from orchestrator.playbook.events import Ended, OnEvent
from orchestrator.playbook.load import ListedPlay, Loader, listing
from orchestrator.playbook.model import Playbook
from orchestrator.playbook.options import Options
from orchestrator.playbook.run import Player
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.templating import LookupContext, Templar
from orchestrator.playbook.text import Position
from orchestrator.playbook.vault import Vault, read_password

_ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Plan:
    """A playbook that was read and found good: each of its plays with its hosts, and `play` to do it.

    `digest` is another one as soon as any file that was read for it is: the playbook, its imports, its roles.
    """

    name: str
    digest: str
    playbook: Playbook
    plays: tuple[tuple[ListedPlay, HostSet], ...]
    make_player: Callable[[OnEvent, AskPassword | None, Ask | None], Player]

    @property
    def hosts(self) -> HostSet:
        """Every host that some play is for."""
        return HostSet(host for _, hosts in self.plays for host in hosts)

    async def play(
        self,
        on_event: OnEvent,
        stop: asyncio.Event,
        *,
        become_password: AskPassword | None = None,
        prompt: Ask | None = None,
    ) -> Ended:
        """Do it; see `Player.run`."""
        return await self.make_player(on_event, become_password, prompt).run(self.playbook, stop)


class Playbooks:
    """The playbooks in `folder`, with roles in ``roles/`` there. `shells` is `Pool.shell`, `inventory` gives the one in
    force, which was read from `inventory_folder`."""

    def __init__(
        self,
        folder: Path,
        shells: Opener,
        inventory: Callable[[], Inventory],
        inventory_folder: Path,
        *,
        vault_password: Path | None = None,
    ) -> None:
        """`vault_password` is the file with the vault's password, where none is given with a run."""
        self._folder = folder
        self._inventory_folder = inventory_folder
        self._shells = shells
        self._inventory = inventory
        self._vault_password = vault_password

    def names(self) -> tuple[str, ...]:
        """The names of the files right in the folder, without their endings, sorted."""
        try:
            files = [path for path in self._folder.iterdir() if path.suffix in _ENDINGS and path.is_file()]
        except OSError:
            return ()
        return tuple(sorted(path.stem for path in files if not path.name.startswith(".") and _is_playbook(path)))

    def find(self, name: str) -> Path:
        """The playbook of the folder that `name` means, with its ending or without; nothing outside is ever meant.

        Raises UsageError.
        """
        for ending in ("", *_ENDINGS):
            path = self._folder / f"{name}{ending}"
            if path.parent == self._folder and path.suffix in _ENDINGS and path.is_file():
                return path
        close = difflib.get_close_matches(name, self.names(), n=1)
        remedy = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(self.names()) or 'none yet'}"
        raise UsageError(f"there is no playbook {name}", where=str(self._folder), remedy=remedy)

    def plan(
        self,
        path: Path,
        *,
        limit: str | None = None,
        check: bool = False,
        diff: bool = False,
        tags: Sequence[str] = (),
        skip_tags: Sequence[str] = (),
        extra_vars: Sequence[str] = (),
        passwords: Sequence[tuple[str, bytes]] = (),
    ) -> Plan:
        """Read a playbook and work out where it would run; `extra_vars` as ``-e`` takes them, `passwords`
        of the vault with their ids.

        Raises what the loader and the inventory raise: everything that is known before anything runs.
        """
        if self._vault_password is not None:
            passwords = [*passwords, ("default", read_password(self._vault_password))]
        secrets = Secrets()
        vault = Vault(passwords, secrets)
        loader = Loader(vault=vault, secrets=secrets, roles_path=[self._folder / "roles"], base=path.parent)
        extra = _extra_vars(loader, extra_vars)
        playbook = loader.playbook(path.absolute(), extra)
        options = Options(limit, check, diff, tuple(tags), tuple(skip_tags), extra)
        inventory = self._inventory_for(path.absolute().parent, vault if passwords else None, secrets)
        for host in inventory.hosts:
            if host.become is not None and host.become.password is not None:
                secrets.add(host.become.password)

        def player(on_event: OnEvent, become_password: AskPassword | None, prompt: Ask | None) -> Player:
            return Player(
                shells=self._shells,
                inventory=inventory,
                loader=loader,
                vault=vault,
                options=options,
                on_event=on_event,
                become_password=become_password,
                prompt=prompt,
                secrets=secrets,
            )

        lookups = LookupContext(base=path.absolute().parent, vault=vault)
        hosts, in_vain = [], []
        for play in playbook.plays:
            known = Templar({**play.vars, **extra}, lookups=lookups, secrets=secrets)
            pattern = known.render(play.hosts, play.at)
            chosen = select(inventory, pattern, limit)
            hosts.append(chosen)
            if not chosen and limit is None:
                in_vain.append(_names_nobody(inventory, pattern, play.at))
        if not any(hosts):
            inventory.select(limit or "all")  # says what is wrong with a limit, or that there are no hosts at all
            if in_vain:
                raise in_vain[0]
        noted = replace(playbook, notes=(*playbook.notes, *map(str, in_vain)))
        listed = listing(playbook, tags, skip_tags)
        return Plan(path.name, loader.digest, noted, tuple(zip(listed, hosts, strict=True)), player)

    def _inventory_for(self, folder: Path, vault: Vault | None, secrets: Secrets) -> Inventory:
        """The inventory in force, or one with what is known only to a playbook in `folder` and with `vault`."""
        if vault is None and not any((folder / name).is_dir() for name in ("group_vars", "host_vars")):
            return self._inventory()

        def decrypt(data: bytes, where: str) -> bytes:
            assert vault is not None
            plain = vault.decrypt(data, where)
            file = YamlFile(plain.decode(), where)
            if file.root is not None:
                secrets.add_all(file.value(file.root))
            return plain

        return load(self._inventory_folder, beside=folder, decrypt=None if vault is None else decrypt)


def _names_nobody(inventory: Inventory, pattern: Any, at: Position) -> UnknownHost:
    """Why a play is for no host: Ansible only warns, and a slip of the pen then looks like success."""
    spelled = ",".join(map(str, pattern)) if isinstance(pattern, list | tuple) else str(pattern)
    try:
        inventory.select(spelled)
    except UnknownHost as error:
        return UnknownHost(error.what, where=str(at), remedy=error.remedy)
    return UnknownHost(f"{spelled} means no host", where=str(at))


def _is_playbook(path: Path) -> bool:
    """Whether a file begins as a list does: variables and vaults lie in the folder, too."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            start = file.read(1 << 16).splitlines()
    except OSError:
        return False
    lines = (line for line in start if line.strip() and not line.lstrip().startswith("#") and line.rstrip() != "---")
    return next(lines, "").lstrip().startswith(("- ", "-\t", "["))


def _extra_vars(loader: Loader, texts: Sequence[str]) -> Mapping[str, object]:
    return loader.extra_vars([f"@{Path(text[1:]).absolute()}" if text.startswith("@") else text for text in texts])
