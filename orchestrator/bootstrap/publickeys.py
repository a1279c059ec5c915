"""Which public keys open the account on a host: the halves of those that we will offer it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import KeyFileError
from orchestrator.inventory import Host
from orchestrator.ssh import Authority, Keys, key_files


async def public_keys_for(host: Host, folder: Path, keys: Keys) -> Sequence[str]:
    """The lines for authorized_keys: of the `key` that the inventory names, else of all in the keys `folder`.

    A key that only an ssh-agent holds counts where its ``id_*.pub`` lies in the folder: not every key of an agent is
    meant for the fleet. Our own certificate authority, if there is one, comes last, as ``cert-authority`` and its line.
    Raises KeyFileError when there is no key: nobody shall be locked out by a certificate that ran out.
    """
    authority, _ = Authority(folder / "ca", keys).files()
    vouching = [f"cert-authority {authority.public}"] if authority.public else []
    if host.key is not None:
        return [await keys.public(keys.locate(host.key)), *vouching]
    lines = [key.public for key in key_files(folder)] + _beside(folder)
    unique = {tuple(line.split()[:2]): line for line in lines if line}
    if not unique:
        raise KeyFileError("no public key (id_*.pub)", where=str(folder), remedy="Make one: orchestrator keys init")
    return [*unique.values(), *vouching]


def _beside(folder: Path) -> list[str]:
    """The lines of the public key files, certificates apart."""
    paths = [path for path in sorted(folder.glob("id_*.pub")) if not path.name.endswith("-cert.pub")]
    return [path.read_text("utf-8", "replace").strip() for path in paths]
