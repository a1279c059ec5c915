"""Addresses that hosts drop: how they are said, which may not be, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.fleet.clean import clean_line
from orchestrator.fleet.hostctl import Frame, UnreadableAnswer, number
from orchestrator.fleet.ports import MAX_TICKS
from orchestrator.fleet.sessions import read_address
from orchestrator.inventory.model import Host
from orchestrator.ssh.result import Status

Network = IPv4Network | IPv6Network

LONGEST_S = 30 * 86400
_WIDEST = {4: 24, 6: 48}
_DURATION = re.compile(r"([0-9]{1,7})(s|min|m|h|d)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, None: 60}
_MOST = 4000
# Where a network of one's own may be (RFC 1918, 6598, 3927, 4193, 4291): whoever means those says so twice.
_PRIVATE = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("100.64.0.0/10", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10"),
    )
)


def parse_network(text: str) -> Network:
    """``203.0.113.9``, ``2001:db8::9`` or a network of at most a /24 or a /48; else UsageError.

    IPv4 written as IPv6 (``::ffff:203.0.113.9``) is IPv4, as the kernel sees such a sender.
    """
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise UsageError(
            f"{text[:60]!r} is not an address", remedy="Give an IP address or a network like 203.0.113.0/24, no name"
        ) from None
    if isinstance(network, IPv6Network):
        if network.network_address.scope_id:
            raise UsageError(f"{text[:60]!r} names an interface", remedy="Give the address alone")
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            network = IPv4Network((mapped, network.prefixlen - 96))
    if network.prefixlen < _WIDEST[network.version]:
        raise UsageError(f"{network} is too much", remedy="At most a /24 of IPv4 or a /48 of IPv6 is blocked at once")
    address = network.network_address
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_reserved:
        raise UsageError(f"{said(network)} is no address that others send from")
    return network


def parse_duration(text: str) -> int:
    """``30`` (minutes), ``90s``, ``15m``, ``1h`` or ``7d`` in seconds, at most 30 days; else UsageError."""
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST_S:
        raise UsageError(
            f"{text[:20]!r} is not a length of time", remedy="Give 30m, 1h, 24h, at most 30d, or permanent"
        )
    return seconds


def is_private(network: Network) -> bool:
    """True for addresses that may be of one's own network."""
    return any(network.version == own.version and network.overlaps(own) for own in _PRIVATE)


def said(network: Network) -> str:
    """As people write it: a single address without its length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def behind(hosts: Iterable[Host]) -> Callable[[Host], tuple[Network, ...]]:
    """For a host, the addresses of those of `hosts` that are reached through it, as far as they are written as such."""

    def addresses(host: Host) -> Iterator[Network]:
        for each in hosts:
            hop = each.jump
            while hop is not None:
                if hop.name == host.name:
                    with suppress(ValueError):
                        yield ip_network(each.address)
                hop = hop.jump

    return lambda host: tuple(addresses(host))


def argument(network: Network) -> str:
    """As ``hostctl block`` takes it: hexadecimal digits in network order, and the length."""
    return f"{network.network_address.packed.hex()}:{network.prefixlen}"


@dataclass(frozen=True, slots=True)
class Block:
    """A blocked address. `left` is the seconds until the kernel lets go of it, None when it stays until it is lifted
    (or, unless `permanent`, until the host reboots).
    """

    network: Network
    left: int | None
    permanent: bool = False

    @property
    def address(self) -> str:
        """The address, or the network."""
        return said(self.network)

    def to_json(self) -> dict[str, Any]:
        """One entry of ``block --list --json``."""
        return {"address": self.address, "left_s": self.left, "permanent": self.permanent}


@dataclass(frozen=True, slots=True)
class BlocksAnswer:
    """What one host drops; counts only when `status` is OK. `more` are left out beyond 2000.

    What is `lapsed` was blocked for good and is not now, as others emptied the firewall; at the next boot it is again.
    """

    host: str
    status: Status
    detail: str = ""
    blocks: tuple[Block, ...] = ()
    more: int = 0
    lapsed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One host of ``block --list --json``."""
        return {
            "host": self.host,
            "status": self.status.value,
            "blocked": [block.to_json() for block in self.blocks],
            "lapsed": list(self.lapsed),
            "more": self.more,
            "detail": self.detail,
        }


class BlockState(StrEnum):
    """How an attempt to block or unblock an address ended. `DONE` alone means: seen so on the host afterwards.

    `ABSENT`: it was not blocked. `REFUSED`: the host would cut itself off, nothing was done. `FAILED`: the host could
    not, nothing was done. `NOT_DONE`: the host was not reached. `UNKNOWN`: we lost sight of it.
    """

    DONE = "done"
    ABSENT = "absent"
    REFUSED = "refused"
    FAILED = "failed"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """What came of it on one host; `blocks` is what it drops now, where that is known."""

    host: str
    state: BlockState
    detail: str = ""
    blocks: tuple[Block, ...] = ()

    @property
    def exit_status(self) -> int:
        """What the command line ends with: 0 done or absent, 3 refused, 1 failed, else 4."""
        by_state = {BlockState.DONE: 0, BlockState.ABSENT: 0, BlockState.REFUSED: 3, BlockState.FAILED: 1}
        return by_state.get(self.state, 4)

    def to_json(self) -> dict[str, Any]:
        """One host of ``block --json`` and ``unblock --json``."""
        return {"host": self.host, "state": self.state.value, "detail": self.detail}


def read_blocks(host: str, frame: Frame) -> BlocksAnswer:
    """The answer to ``blocks``; UnreadableAnswer when it is not one."""
    frame.only(("block", "kept", "more"))
    blocks, more = _blocks(frame), _more(frame)
    missing = () if more else _kept(frame) - {block.network for block in blocks}
    lapsed = sorted(missing, key=lambda network: (network.version, network.network_address.packed))
    return BlocksAnswer(host, Status.OK, "", blocks, more, tuple(map(said, lapsed)))


def read_block(host: str, network: Network, seconds: int | None, frame: Frame) -> BlockOutcome:
    """The answer to ``block``, judged by what the host drops afterwards; UnreadableAnswer when it is not one."""
    frame.only(("began", "refused", "failed", "block", "kept", "more"))
    for (why,) in frame.of("refused", 1):
        return BlockOutcome(host, BlockState.REFUSED, clean_line(why))
    blocks = _blocks(frame)
    for (why,) in frame.of("failed", 1):
        return BlockOutcome(host, BlockState.FAILED, clean_line(why), blocks)
    for block in blocks:
        if block.network == network and (block.left is None) == (seconds is None):
            if seconds is None and not block.permanent:
                return BlockOutcome(host, BlockState.UNKNOWN, "it is not kept beyond a reboot", blocks)
            return BlockOutcome(host, BlockState.DONE, "", blocks)
    if _more(frame):
        return BlockOutcome(host, BlockState.UNKNOWN, "too much is blocked to see it in the list", blocks)
    return BlockOutcome(host, BlockState.FAILED, "it is not among what the host blocks", blocks)


def read_unblock(host: str, network: Network, frame: Frame) -> BlockOutcome:
    """The answer to ``unblock``, judged by what the host drops afterwards; UnreadableAnswer when it is not one."""
    frame.only(("began", "failed", "lifted", "block", "kept", "more"))
    blocks = _blocks(frame)
    for (why,) in frame.of("failed", 1):
        return BlockOutcome(host, BlockState.FAILED, clean_line(why), blocks)
    lifted = [word for (word,) in frame.of("lifted", 1)]
    if lifted not in (["yes"], ["no"]):
        raise UnreadableAnswer("it does not say what came of it")
    if any(block.network == network for block in blocks):
        return BlockOutcome(host, BlockState.FAILED, "it is still among what the host blocks", blocks)
    wider = [block.address for block in blocks if _covers(block.network, network)]
    if wider:
        return BlockOutcome(host, BlockState.FAILED, f"it is part of {wider[0]}, which is blocked", blocks)
    return BlockOutcome(host, BlockState.DONE if lifted == ["yes"] else BlockState.ABSENT, "", blocks)


def _covers(wider: Network, network: Network) -> bool:
    return wider.version == network.version and wider.supernet_of(network)  # type: ignore[arg-type] # of one version


def _blocks(frame: Frame) -> tuple[Block, ...]:
    kept = _kept(frame)
    found = []
    for text, left in frame.of("block", 2):
        network = _network(text)
        found.append(Block(network, None if left == "-" else number(left, MAX_TICKS), network in kept))
    if len(found) > _MOST:
        raise UnreadableAnswer(f"it has more than {_MOST} addresses")
    return tuple(sorted(found, key=lambda block: (block.network.version, block.network.network_address.packed)))


def _more(frame: Frame) -> int:
    return sum(number(count, MAX_TICKS) for (count,) in frame.of("more", 1))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise UnreadableAnswer(f"{clean_line(text, 40)!r} is not a network") from None


def _kept(frame: Frame) -> frozenset[Network]:
    return frozenset(_digits(field) for (field,) in frame.of("kept", 1))


def _digits(field: str) -> Network:
    digits, _, length = field.partition(":")
    address = read_address(digits)
    bits = number(length, address.max_prefixlen)
    try:
        if isinstance(address, IPv6Address):
            return IPv6Network((address, bits))
        return IPv4Network((address, bits))
    except ValueError:
        raise UnreadableAnswer(f"{clean_line(field, 40)!r} is not a network") from None
