"""Facts of processors, memory and the machine's own names."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.playbook.facts.program import Answers

Facts = dict[str, Any]

DMI = "/sys/devices/virtual/dmi/id/"
_DMI_FILES = {
    "bios_date": "bios_date",
    "bios_vendor": "bios_vendor",
    "bios_version": "bios_version",
    "board_asset_tag": "board_asset_tag",
    "board_name": "board_name",
    "board_serial": "board_serial",
    "board_vendor": "board_vendor",
    "board_version": "board_version",
    "chassis_asset_tag": "chassis_asset_tag",
    "chassis_serial": "chassis_serial",
    "chassis_vendor": "chassis_vendor",
    "chassis_version": "chassis_version",
    "form_factor": "chassis_type",
    "product_name": "product_name",
    "product_serial": "product_serial",
    "product_uuid": "product_uuid",
    "product_version": "product_version",
    "system_vendor": "sys_vendor",
}

# DMTF DSP0134, System Enclosure or Chassis Types, by number.
_FORM_FACTORS = (
    "Unknown", "Other", "Unknown", "Desktop", "Low Profile Desktop", "Pizza Box", "Mini Tower", "Tower", "Portable",
    "Laptop", "Notebook", "Hand Held", "Docking Station", "All In One", "Sub Notebook", "Space-saving", "Lunch Box",
    "Main Server Chassis", "Expansion Chassis", "Sub Chassis", "Bus Expansion Chassis", "Peripheral Chassis",
    "RAID Chassis", "Rack Mount Chassis", "Sealed-case PC", "Multi-system", "CompactPCI", "AdvancedTCA", "Blade",
    "Blade Enclosure", "Tablet", "Convertible", "Detachable", "IoT Gateway", "Embedded PC", "Mini PC", "Stick PC",
)  # fmt: skip

_NAMES = ("model name", "Processor", "vendor_id", "cpu", "Vendor", "processor")


def memory(answers: Answers) -> Facts:
    """Memory and swap in MiB, rounded down."""
    stats = {}
    for line in answers.lines("/proc/meminfo"):
        name, _, value = line.partition(":")
        if number := re.match(r"\s*(\d+)", value):
            stats[name] = int(number[1]) // 1024
    names = ("MemTotal", "MemFree", "SwapTotal", "SwapFree")
    facts: Facts = {f"{name.lower()}_mb": stats[name] for name in names if name in stats}
    if {*names, "Cached", "Buffers"} <= stats.keys():
        free = stats["Cached"] + stats["MemFree"] + stats["Buffers"]
        total, swap = stats["MemTotal"], stats["SwapTotal"]
        facts["memory_mb"] = {
            "real": {"total": total, "used": total - stats["MemFree"], "free": stats["MemFree"]},
            "nocache": {"free": free, "used": total - free},
            "swap": {
                "total": swap,
                "free": stats["SwapFree"],
                "used": swap - stats["SwapFree"],
                "cached": stats.get("SwapCached"),
            },
        }
    return facts


def processors(answers: Answers, architecture: str) -> Facts:
    """Processors as /proc/cpuinfo tells them; ``processor_nproc`` are those that our shell may run on."""
    lines = answers.lines("/proc/cpuinfo")
    if not lines:
        return {}
    pairs = [(line.partition(":")[0].strip(), line.partition(":")[2].strip()) for line in lines]
    names = [value for key, value in pairs if key in _NAMES]
    times = {name: sum(1 for key, _ in pairs if key == name) for name in _NAMES}
    count = len(names)
    if times["vendor_id"] and times["vendor_id"] == times["model name"]:
        count = times["vendor_id"]
    if architecture.startswith(("armv", "aarch", "ppc")):
        count = times["processor"]
    facts: Facts = {"processor": names}
    flags = [value for key, value in pairs if key == "flags"]
    if flags:
        facts["flags"] = flags[-1].split()
    xen = "/proc/xen" in answers.paths or answers.content("/sys/hypervisor/type") == "xen"
    if architecture == "s390x":
        facts |= _mainframe(pairs)
    elif xen and any("vme" not in value for value in flags):  # paravirtual: sockets and cores are not told
        facts |= dict.fromkeys(("processor_count", "processor_cores", "processor_vcpus", "processor_nproc"), count)
        facts["processor_threads_per_core"] = 1
    else:
        facts |= _topology(pairs, count) | {"processor_nproc": times["processor"]}
    facts["processor_nproc"] = _allowed(answers) or facts["processor_nproc"]
    return facts


def _topology(pairs: list[tuple[str, str]], count: int) -> Facts:
    """Sockets and cores, with Ansible's arithmetic: the first socket and the first core stand for all."""
    sockets: dict[str, int] = {}
    cores: dict[str, int] = {}
    socket = core = "0"
    for key, value in pairs:
        match key:
            case "physical id":
                socket = value
                sockets.setdefault(socket, 1)
            case "core id":
                core = value
                if core not in sockets:
                    cores[core] = 1
            case "cpu cores":
                sockets[socket] = int(value)
            case "siblings":
                cores[core] = int(value)
    per_socket = next(iter(sockets.values()), 0) or 1
    threads = round(next(iter(cores.values()), 1) / per_socket)
    of_sockets = len(sockets) or count
    return {
        "processor_count": of_sockets,
        "processor_cores": per_socket,
        "processor_threads_per_core": threads,
        "processor_vcpus": threads * of_sockets * per_socket,
    }


def _mainframe(pairs: list[tuple[str, str]]) -> Facts:
    told = dict(pairs)
    total, threads = int(told.get("# processors", 1)), int(told.get("max thread id", 0)) + 1
    return {
        "processor_count": 1,
        "processor_cores": round(total / threads),
        "processor_threads_per_core": threads,
        "processor_vcpus": total,
        "processor_nproc": total,
    }


def _allowed(answers: Answers) -> int:
    """How many processors are in ``Cpus_allowed_list: 0-3,8``."""
    told = [line.partition(":")[2] for line in answers.lines("/proc/self/status") if line.startswith("Cpus_allowed_l")]
    total = 0
    for low, high in re.findall(r"(\d+)(?:-(\d+))?", told[0] if told else ""):
        total += int(high or low) - int(low) + 1
    return total


def dmi(answers: Answers) -> Facts:
    """What the maker wrote into the machine; ``NA`` where nothing can be read. (dmidecode is not asked.)"""
    facts: Facts = {fact: answers.content(DMI + file) or "NA" for fact, file in _DMI_FILES.items()}
    number = facts["form_factor"]
    if number != "NA":
        known = number.isdecimal() and int(number) < len(_FORM_FACTORS)
        facts["form_factor"] = _FORM_FACTORS[int(number)] if known else f"unknown ({number})"
    return facts


def uptime(answers: Answers) -> Facts:
    """Whole seconds since boot."""
    seconds = re.match(r"\d+", answers.content("/proc/uptime") or "")
    return {"uptime_seconds": int(seconds[0])} if seconds else {}


def lvm(answers: Answers) -> Facts:
    """Volume groups and volumes, sizes in GiB as LVM prints them; ``N/A`` without LVM or without root."""
    told = {name for name, _ in answers.sections}
    if "vgs" not in told:
        return {"lvm": "N/A"}
    groups, volumes, disks = (_table(answers.section(name)) for name in ("vgs", "lvs", "pvs"))
    return {
        "lvm": {
            "vgs": {
                row[0]: {"size_g": row[-2], "free_g": row[-1], "num_lvs": row[2], "num_pvs": row[1]} for row in groups
            },
            "lvs": {row[0]: {"size_g": row[3], "vg": row[1]} for row in volumes},
            "pvs": {row[0]: {"size_g": row[4], "free_g": row[5], "vg": row[1]} for row in disks},
        }
    }


def _table(text: str) -> list[list[str]]:
    return [line.strip().split(",") for line in text.splitlines() if line.count(",") >= 4]
