"""The lab's network: one bridge with the machine's own foot on it, one namespace and veth pair for each host."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path

from tests.lab import place
from tests.lab.command import LabError, command

_CANDIDATES = ipaddress.IPv4Network("10.83.0.0/16")
INTERFACE = "host0"
"""A host's network interface, as the host sees it."""
_NO_TABLE = "table inet lab {}\ndelete table inet lab\n"  # declared first, so that deleting it cannot fail


class Bridge:
    """A bridge holding one free /24; the machine is `.1` on it, host number N is `.(10 + N)`.

    There is no default route and no forwarding: nothing a host sends can leave this machine.
    """

    def __init__(self, name: str, subnet: ipaddress.IPv4Network) -> None:
        self.name = name
        self.subnet = subnet

    @classmethod
    def create(cls, name: str) -> Bridge:
        """Take the first subnet that no route of this machine touches."""
        with place.locked("network"):
            bridge = cls(name, _free_subnet())
            command("ip", "link", "add", name, "type", "bridge", "stp_state", "0")
            command("ip", "address", "add", f"{bridge.subnet[1]}/{bridge.subnet.prefixlen}", "dev", name)
            command("ip", "link", "set", name, "up")
        return bridge

    def address(self, number: int) -> str:
        """Address of host `number`, counted from 1."""
        return str(self.subnet[10 + number])

    def port(self, number: int) -> str:
        """Name of the machine's end of that host's cable."""
        return f"{self.name}-{number}"

    def plug(self, number: int, namespace: Path) -> None:
        """Make the host's namespace, held open by a mount on the file `namespace`, and join it to the bridge."""
        namespace.touch()
        command("unshare", f"--net={namespace}", "true")
        port = self.port(number)
        peer = ("type", "veth", "peer", "name", INTERFACE, "netns", str(namespace))
        command("ip", "link", "add", port, *peer)
        command("ip", "link", "set", port, "master", self.name, "up")
        address = f"{self.address(number)}/{self.subnet.prefixlen}"
        inside = f"link set lo up\naddress add {address} dev {INTERFACE}\nlink set {INTERFACE} up\n"
        command("nsenter", f"--net={namespace}", "ip", "-batch", "-", stdin=inside)


def remove_links(bridge: str) -> None:
    """Delete a bridge and its cables, whatever is left of them."""
    for link in json.loads(command("ip", "-json", "link", "show")):
        if link["ifname"] == bridge or link["ifname"].startswith(f"{bridge}-"):
            try:
                command("ip", "link", "delete", link["ifname"])
            except LabError:  # a cable ends with the namespace at its other end, which the kernel clears at leisure
                if Path(f"/sys/class/net/{link['ifname']}").exists():
                    raise


def filter_packets(namespace: Path, incoming: str, outgoing: str) -> None:
    """Apply one nftables rule to what enters the host and one to what leaves it, in place of any earlier ones."""
    chains = "".join(
        f'chain {hook} {{ type filter hook {hook} priority 0; {match} "{INTERFACE}" {rule}; }}\n'
        for hook, match, rule in (("input", "iifname", incoming), ("output", "oifname", outgoing))
    )
    _nft(namespace, f"{_NO_TABLE}table inet lab {{\n{chains}}}\n")


def pass_packets(namespace: Path) -> None:
    """End `filter_packets`; the host's own nftables rules are not touched."""
    _nft(namespace, _NO_TABLE)


def _nft(namespace: Path, ruleset: str) -> None:
    command("nsenter", f"--net={namespace}", "nft", "-f", "-", stdin=ruleset)


def _free_subnet() -> ipaddress.IPv4Network:
    routes = json.loads(command("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    taken = [ipaddress.IPv4Network(route["dst"]) for route in routes if route["dst"] != "default"]
    for candidate in _CANDIDATES.subnets(new_prefix=24):
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    raise LabError(f"every /24 of {_CANDIDATES} is routed somewhere already: see `ip route`")
