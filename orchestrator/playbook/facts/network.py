"""Facts of network interfaces and addresses, from `ip` and /sys/class/net.

What `ip` tells of an interface goes before /sys, which in a container may be that of another network namespace.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from itertools import pairwise
from posixpath import basename
from typing import Any

from orchestrator.playbook.facts.program import Answers

Facts = dict[str, Any]

_SYS = "/sys/class/net/"
_KINDS = {"1": "ether", "32": "infiniband", "512": "ppp", "772": "loopback", "65534": "tunnel"}
_LINK_KINDS = {"ether": "ether", "loopback": "loopback", "ppp": "ppp", "infiniband": "infiniband", "none": "tunnel"}
_ASKED = {"8.8.8.8": "v4", "2404:6800:400a:800::1012": "v6"}


@dataclass
class _Seen:
    """What is known while the lines of `ip` go by; addresses with their device, and the label of version 4's."""

    interfaces: dict[str, Facts] = field(default_factory=dict)
    defaults: dict[str, Facts] = field(default_factory=lambda: {"v4": {}, "v6": {}})
    v4: list[tuple[str, str, Facts]] = field(default_factory=list)
    v6: list[tuple[str, Facts]] = field(default_factory=list)
    local: dict[str, list[str]] = field(default_factory=lambda: {"ipv4": [], "ipv6": []})


def network(answers: Answers) -> Facts:
    """Interfaces by name, all addresses, and the interface, address and gateway that lead to the Internet."""
    text = answers.section("ip")
    if not text.strip():
        return {}
    seen = _Seen()
    device = ""
    for line in text.splitlines():
        words = line.split()
        if header := re.match(r"\d+: ([^:@\s]+)(@\S*)?: <([^>]*)> mtu (\d+)", line):
            device = header[1]
            seen.interfaces[device] = _from_header(header, line)
        elif line[:1].isspace() and device and words:
            _address(seen, device, words)
        elif words and words[0] in _ASKED:
            seen.defaults[_ASKED[words[0]]] = _route(words)
        elif len(words) > 1 and words[0] == "local":
            known = seen.local["ipv6" if ":" in words[1] else "ipv4"]
            known.extend([words[1]] if words[1] not in known else [])
    for name, facts in seen.interfaces.items():
        _from_sys(answers, name, facts)
    _describe_defaults(seen)
    return {
        **{_fact_name(name): facts for name, facts in seen.interfaces.items()},
        "interfaces": [name.replace(":", "_") for name in seen.interfaces],
        "default_ipv4": seen.defaults["v4"],
        "default_ipv6": seen.defaults["v6"],
        "all_ipv4_addresses": [facts["address"] for *_, facts in seen.v4 if not facts["address"].startswith("127.")],
        "all_ipv6_addresses": [facts["address"] for _, facts in seen.v6 if facts["address"] != "::1"],
        "locally_reachable_ips": seen.local,
    }


def _fact_name(interface: str) -> str:
    return interface.replace(":", "_").replace("-", "_")


def _from_header(header: re.Match[str], line: str) -> Facts:
    flags = header[3].split(",")
    state = re.search(r" state (\S+)", line)
    up = state[1] != "DOWN" if state else "UP" in flags  # busybox prints no state
    return {"device": header[1], "mtu": int(header[4]), "active": up, "promisc": "PROMISC" in flags}


def _address(seen: _Seen, device: str, words: list[str]) -> None:
    facts = seen.interfaces[device]
    if words[0].startswith("link/"):
        facts["type"] = _LINK_KINDS.get(words[0].removeprefix("link/"), "unknown")
        if len(words) > 1 and words[1] != "00:00:00:00:00:00" and ":" in words[1]:
            facts["macaddress"] = words[1]
    elif words[0] == "inet" and len(words) > 1:
        # A label may differ from the device (eth0:1): its address then stands under the label.
        label = words[-1] if words[-1] in seen.interfaces or words[-1].startswith(f"{device}:") else device
        where = seen.interfaces.setdefault(label, {})
        address = _version_4(words)
        seen.v4.append((device, words[-1], address))
        if "secondary" in words or "ipv4" in where:
            where.setdefault("ipv4_secondaries", []).append(address)
            if label != device:
                facts.setdefault("ipv4_secondaries", []).append(address)
        else:
            where["ipv4"] = address
    elif words[0] == "inet6" and len(words) > 3:
        name, prefix = (words[1], words[3].partition("/")[2]) if words[2] == "peer" else words[1].split("/")
        scope = words[words.index("scope") + 1] if "scope" in words[:-1] else ""
        seen.v6.append((device, {"address": name, "prefix": prefix, "scope": scope}))
        facts.setdefault("ipv6", []).append(seen.v6[-1][1])


def _version_4(words: list[str]) -> Facts:
    """Of ``inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0``; a point-to-point address has no prefix."""
    address, _, length = words[1].partition("/")
    interface = ipaddress.IPv4Interface(f"{address}/{length or 32}")
    return {
        "address": address,
        "broadcast": words[3] if length and len(words) > 3 and words[2] == "brd" else "",
        "netmask": str(interface.netmask),
        "network": str(interface.network.network_address),
        "prefix": length or "32",
    }


def _route(words: list[str]) -> Facts:
    """Of ``8.8.8.8 via 192.0.2.1 dev eth0 src 192.0.2.7``."""
    names = {"dev": "interface", "src": "address", "via": "gateway"}
    pairs = pairwise(words)
    return {names[word]: value for word, value in pairs if word in names and value != words[0]}


def _describe_defaults(seen: _Seen) -> None:
    """Give the default routes what is known of their addresses."""
    v4, v6 = seen.defaults["v4"], seen.defaults["v6"]
    for device, alias, address in seen.v4:
        if (device, address["address"]) == (v4.get("interface"), v4.get("address")):
            v4 |= address | _shared(seen.interfaces[device]) | {"alias": alias}
    for device, address in seen.v6:
        if (device, address["address"]) == (v6.get("interface"), v6.get("address")):
            v6 |= address | _shared(seen.interfaces[device])


def _shared(facts: Facts) -> Facts:
    return {"macaddress": facts.get("macaddress", ""), "mtu": facts["mtu"], "type": facts.get("type", "unknown")}


def _from_sys(answers: Answers, name: str, facts: Facts) -> None:
    """What only /sys tells: kind, speed, driver, bridge and bond."""
    folder = _SYS + name + "/"
    read = answers.content
    if kind := read(folder + "type"):
        facts["type"] = _KINDS.get(kind, "unknown")
    if speed := read(folder + "speed"):
        facts["speed"] = int(speed)
    if device := answers.links.get(folder + "device"):
        facts["pciid"] = basename(device)
    if module := answers.links.get(folder + "device/driver/module"):
        facts["module"] = basename(module)
    if identity := read(folder + "bridge/bridge_id"):
        facts |= {"type": "bridge", "id": identity, "stp": read(folder + "bridge/stp_state") == "1"}
        facts["interfaces"] = sorted(answers.below(folder + "brif/"))
    if (mode := read(folder + "bonding/mode")) is not None:
        facts |= {"type": "bonding", "mode": mode.split()[0], "slaves": (read(folder + "bonding/slaves") or "").split()}
        facts |= {key: (read(f"{folder}bonding/{key}") or "").split(" ")[0] for key in ("miimon", "lacp_rate")}
        if primary := read(folder + "bonding/primary"):
            facts["primary"] = primary
            facts["all_slaves_active"] = read(folder + "bonding/all_slaves_active") == "1"
    if address := read(folder + "bonding_slave/perm_hwaddr"):
        facts["perm_macaddress"] = address
