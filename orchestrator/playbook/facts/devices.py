"""Facts of disks and mounted file systems."""

from __future__ import annotations

import re
from posixpath import basename
from typing import Any

from orchestrator.playbook.facts.program import Answers

Facts = dict[str, Any]

_BLOCK = "/sys/block/"
_LINK_KINDS = {"ids": "/dev/disk/by-id/", "uuids": "/dev/disk/by-uuid/", "labels": "/dev/disk/by-label/"}


def devices(answers: Answers) -> Facts:
    """Block devices with their partitions, and the names by which they are known."""
    links = {kind: _names(answers, folder) for kind, folder in _LINK_KINDS.items()}
    masters: dict[str, set[str]] = {}
    for path in answers.links:
        if found := re.fullmatch(r"/sys/block/([^/]+)/slaves/([^/]+)", path):
            masters.setdefault(found[2], set()).add(found[1])
    links["masters"] = {name: sorted(owners) for name, owners in masters.items()}
    names = sorted(name for name in answers.below(_BLOCK) if f"{_BLOCK}{name}" in answers.links)
    return {"device_links": links, "devices": {name: _device(answers, name, links) for name in names}}


def _names(answers: Answers, folder: str) -> dict[str, list[str]]:
    """Device to the names that lead to it from `folder`."""
    found: dict[str, list[str]] = {}
    for path, goal in sorted(answers.links.items()):
        if path.startswith(folder) and goal:
            found.setdefault(basename(goal), []).append(path[len(folder) :])
    return found


def _device(answers: Answers, name: str, links: dict[str, dict[str, list[str]]]) -> Facts:
    folder = f"{_BLOCK}{name}/"
    read = answers.content
    wwn = [link[4:] for link in links["ids"].get(name, []) if link.startswith("wwn-")]
    serial = read(folder + "device/serial")
    mode = re.match(r".*?\[(.*)\]", read(folder + "queue/scheduler") or "")
    discards = read(folder + "queue/discard_max_hw_bytes") != "0"
    parts = sorted(part for part in answers.below(folder) if re.search(f"{re.escape(name)}p?\\d+", part))
    return {
        "virtual": 1,
        "links": {kind: known.get(name, []) for kind, known in links.items()},
        **{key: read(f"{folder}device/{key}") for key in ("vendor", "model", "sas_address", "sas_device_handle")},
        **({"serial": serial} if serial else {}),
        **({"wwn": wwn[-1]} if wwn else {}),
        "removable": read(folder + "removable"),
        "support_discard": read(folder + "queue/discard_granularity") if discards else "0",
        "rotational": read(folder + "queue/rotational"),
        "scheduler_mode": mode[1] if mode else "",
        "host": _host(answers, name),
        "holders": _holders(answers, folder),
        **_size(answers, folder),
        "partitions": {part: _partition(answers, folder + part + "/", part, links) for part in parts},
    }


def _partition(answers: Answers, folder: str, name: str, links: dict[str, dict[str, list[str]]]) -> Facts:
    return {
        "links": {kind: known.get(name, []) for kind, known in links.items()},
        "start": answers.content(folder + "start") or 0,
        **_size(answers, folder),
        "uuid": next(iter(links["uuids"].get(name, ())), None),
        "holders": _holders(answers, folder),
    }


def _size(answers: Answers, folder: str) -> Facts:
    """Sectors of the device's own size, though sysfs counts in 512 bytes."""
    size = answers.content(folder + "queue/logical_block_size") or answers.content(folder + "queue/hw_sector_size")
    sector = int(size) if size and size.isdecimal() else 512
    sectors = int(answers.content(folder + "size") or 0) * 512 // (sector or 512)
    return {"sectorsize": size or 512, "sectors": sectors, "size": _human(sectors * sector)}


def _human(size: int) -> str:
    """``20.00 GB``, as Ansible writes sizes: by 1024, two decimals, ``Bytes`` below."""
    for suffix, limit in zip("YZEPTGMK", range(80, 0, -10), strict=True):
        if size >= 1 << limit:
            return f"{size / (1 << limit):.2f} {suffix}B"
    return f"{size:.2f} Bytes"


def _holders(answers: Answers, folder: str) -> list[str]:
    folders = sorted(name for name in answers.below(folder + "holders/") if name.startswith("dm-"))
    return [answers.content(f"{folder}holders/{name}/dm/name") or name for name in folders]


def _host(answers: Answers, name: str) -> str:
    """The controller, as lspci calls it, that the device hangs on."""
    goal = answers.links.get(f"{_BLOCK}{name}", "")
    slots = re.match(r".+/([a-f0-9]{4}:[a-f0-9]{2}:[0|1][a-f0-9]\.[0-7])/", goal)
    if not slots:
        return ""
    told = re.search(f"^{re.escape(slots[1])}\\s(.*)$", answers.section("pci"), re.MULTILINE)
    return told[1] if told else ""


def mounts(answers: Answers) -> Facts:
    """File systems on a disk or the network, with their room in bytes, blocks and inodes."""
    room = dict(_room(answers.section("mounts")))
    uuids = _uuids(answers.section("lsblk"))
    lines = [line.split() for line in answers.lines("/proc/self/mountinfo")]
    bound = {_unescaped(words[4]) for words in lines if _is_bound(words)}
    found: dict[str, Facts] = {}
    for words in map(str.split, answers.lines("/proc/self/mounts")):
        if len(words) < 6:
            continue
        device, mount, kind, options = map(_unescaped, words[:4])
        if (not device.startswith(("/", "\\")) and ":/" not in device) or kind == "none":
            continue
        found[mount] = {
            "mount": mount,
            "device": device,
            "fstype": kind,
            "options": options + (",bind" if mount in bound else ""),
            "dump": int(words[4]),
            "passno": int(words[5]),
            **room.get(mount, {}),
            "uuid": uuids.get(device, "N/A"),
        }
    return {"mounts": list(found.values())}


def _is_bound(words: list[str]) -> bool:
    """Whether a line of mountinfo (proc(5)) mounts a folder of a file system and not its root."""
    return len(words) > 4 and words[3] != "/"


def _room(text: str) -> list[tuple[str, Facts]]:
    found = []
    for line in text.splitlines():
        words = line.split(" ", 6)
        if len(words) < 7 or not all(word.isdecimal() for word in words[:6]):
            continue
        fundamental, block, total, free, inodes, inodes_free = map(int, words[:6])
        found.append(
            (
                words[6],
                {
                    "size_total": fundamental * total,
                    "size_available": fundamental * free,
                    "block_size": block,
                    "block_total": total,
                    "block_available": free,
                    "block_used": total - free,
                    "inode_total": inodes,
                    "inode_available": inodes_free,
                    "inode_used": inodes - inodes_free,
                },
            )
        )
    return found


def _uuids(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.rsplit(None, 1)
        if len(words) == 2 and words[1].strip() != words[0]:
            found.setdefault(words[0].strip(), words[1])
    return found


def _unescaped(word: str) -> str:
    """``\\040`` is a blank: how /proc/mounts writes what would end a word."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), word)
