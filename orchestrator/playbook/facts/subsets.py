"""Which facts a ``gather_subset`` asks for, and what each kind of them needs of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from orchestrator.playbook.facts import devices, distribution, hardware, local, network, system, virtual
from orchestrator.playbook.facts.program import Answers, Needs

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of facts: how `read` from answers (and the kinds before it), what it `needs`, its `also` names.

    `after` are kinds whose facts it builds on: they are gathered with it, as Ansible does. `minimal` kinds come with
    every subset.
    """

    read: Callable[[Answers, Facts], Facts]
    needs: Needs = field(default_factory=Needs)
    also: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    minimal: bool = False


def _alone(read: Callable[[Answers], Facts]) -> Callable[[Answers, Facts], Facts]:
    return lambda answers, _: read(answers)


def _hardware(answers: Answers, facts: Facts) -> Facts:
    return {
        **hardware.processors(answers, facts.get("architecture", "")),
        **hardware.memory(answers),
        **hardware.dmi(answers),
        **devices.devices(answers),
        **hardware.uptime(answers),
        **hardware.lvm(answers),
        **devices.mounts(answers),
    }


_DISTRIBUTION_FILES = ("/etc/*[-_]release", "/etc/*[-_]version", "/usr/lib/os-release")
_PART = ("/start", "/size", "/queue/logical_block_size", "/queue/hw_sector_size", "/holders/*/dm/name")
_DISK = (
    *_PART, "/removable", "/queue/rotational", "/queue/scheduler", "/queue/discard_granularity",
    "/queue/discard_max_hw_bytes", "/device/vendor", "/device/model", "/device/serial", "/device/sas_*",
)  # fmt: skip
_LINK = ("type", "speed", "bridge/bridge_id", "bridge/stp_state", "bonding/*", "bonding_slave/perm_hwaddr")

KINDS: dict[str, Kind] = {
    "platform": Kind(
        _alone(system.platform),
        Needs(("platform",), ("/etc/machine-id", "/var/lib/dbus/machine-id")),
        also=("system", "kernel", "kernel_version", "machine", "python_version", "architecture", "machine_id"),
        minimal=True,
    ),
    "distribution": Kind(
        _alone(distribution.distribution),
        Needs((), _DISTRIBUTION_FILES, ("/etc/arch-release",), ("/etc/products.d/baseproduct",)),
        also=("distribution_version", "distribution_release", "distribution_major_version", "os_family"),
        minimal=True,
    ),
    "lsb": Kind(_alone(system.lsb), Needs(("programs",), ("/etc/lsb-release",)), minimal=True),
    "selinux": Kind(
        _alone(system.selinux),
        Needs(
            (),
            ("/sys/fs/selinux/enforce", "/sys/fs/selinux/policyvers", "/etc/selinux/config"),
            ("/sys/fs/selinux/enforce",),
        ),
        minimal=True,
    ),
    "apparmor": Kind(_alone(system.apparmor), Needs(paths=("/sys/kernel/security/apparmor",)), minimal=True),
    "chroot": Kind(_alone(system.chroot), Needs(("chroot",)), also=("is_chroot",)),
    "fips": Kind(_alone(system.fips), Needs(files=("/proc/sys/crypto/fips_enabled",)), minimal=True),
    "python": Kind(lambda *_: {}, minimal=True),
    "caps": Kind(
        _alone(system.caps),
        Needs(("programs",)),
        also=("system_capabilities", "system_capabilities_enforced"),
        minimal=True,
    ),
    "pkg_mgr": Kind(
        lambda answers, facts: distribution.pkg_mgr(answers, facts.get("os_family", "")),
        Needs(
            ("programs",),
            (),
            (*distribution.PACKAGE_MANAGERS, "/run/ostree-booted", "/usr/bin/dnf", "/usr/bin/microdnf"),
            ("/usr/bin/dnf", "/usr/bin/microdnf"),
        ),
        after=("distribution",),
        minimal=True,
    ),
    "service_mgr": Kind(
        lambda answers, facts: distribution.service_mgr(answers, facts.get("distribution", "")),
        Needs(
            ("programs",),
            ("/proc/1/comm",),
            (
                "/run/systemd/system/", "/dev/.run/systemd/", "/dev/.systemd/", "/etc/init/", "/sbin/openrc",
                "/etc/init.d/", "/etc/dinit.d/",
            ),
            ("/sbin/init",),
        ),
        after=("platform", "distribution"),
        minimal=True,
    ),
    "cmdline": Kind(_alone(system.cmdline), Needs(files=("/proc/cmdline",)), minimal=True),
    "date_time": Kind(_alone(system.date_time), Needs(("date",)), minimal=True),
    "env": Kind(_alone(system.env), Needs(("env",)), minimal=True),
    "loadavg": Kind(_alone(system.loadavg), Needs(files=("/proc/loadavg",))),
    "ssh_pub_keys": Kind(
        _alone(system.ssh_pub_keys),
        Needs(files=("/etc/ssh/ssh_host_*_key.pub", "/etc/openssh/ssh_host_*_key.pub", "/etc/ssh_host_*_key.pub")),
        also=("ssh_host_pub_keys", *(f"ssh_host_key_{kind}_public" for kind in ("dsa", "rsa", "ecdsa", "ed25519"))),
        minimal=True,
    ),
    "user": Kind(
        _alone(system.user),
        Needs(("user",), ("/proc/self/status",)),
        also=(
            "user_id", "user_uid", "user_gid", "user_gecos", "user_dir", "user_shell", "real_user_id",
            "effective_user_id", "effective_group_ids",
        ),
        minimal=True,
    ),
    "systemd": Kind(_alone(system.systemd), Needs(("programs",), paths=("/run/systemd/system/",))),
    "virtual": Kind(
        _alone(virtual.virtual),
        Needs(
            ("virtual",),
            (
                "/proc/1/cgroup", "/run/systemd/container", "/proc/xen/capabilities", "/proc/self/status",
                "/proc/cpuinfo", "/proc/modules", f"{hardware.DMI}*",
            ),
            ("/proc/vz", "/proc/lve", "/proc/bc", "/.dockerenv", "/.dockerinit", "/proc/xen", "/dev/kvm"),
        ),
        also=tuple(f"virtualization_{name}" for name in ("type", "role", "tech_guest", "tech_host")),
    ),
    "hardware": Kind(
        _hardware,
        Needs(
            ("devices", "mounts"),
            (
                "/proc/cpuinfo", "/proc/meminfo", "/proc/uptime", "/proc/self/status", "/proc/self/mounts",
                "/proc/self/mountinfo", "/sys/hypervisor/type", f"{hardware.DMI}*",
                *(f"/sys/block/*{file}" for file in _DISK), *(f"/sys/block/*/*{file}" for file in _PART),
            ),
            ("/proc/xen",),
            ("/sys/block/*", "/sys/block/*/slaves/*", "/sys/block/*/holders/*", "/dev/disk/by-[iul]*/*"),
        ),
        also=("processor", "processor_cores", "processor_count", "mounts", "devices"),
        after=("platform",),
    ),
    "dns": Kind(_alone(system.dns), Needs(files=("/etc/resolv.conf",)), minimal=True),
    "network": Kind(
        _alone(network.network),
        Needs(
            ("network",),
            tuple(f"/sys/class/net/*/{file}" for file in _LINK),
            (),
            ("/sys/class/net/*/device", "/sys/class/net/*/device/driver/module", "/sys/class/net/*/brif/*"),
        ),
        also=("interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"),
        after=("distribution", "platform"),
    ),
    "fibre_channel_wwn": Kind(
        lambda answers, _: {"fibre_channel_wwn": system.fibre_channel(answers)},
        Needs(files=("/sys/class/fc_host/*/port_name",)),
    ),
    "iscsi": Kind(
        lambda answers, _: {"iscsi_iqn": system.iscsi(answers)}, Needs(files=("/etc/iscsi/initiatorname.iscsi",))
    ),
    "nvme": Kind(lambda answers, _: {"hostnqn": system.nvme(answers)}, Needs(files=("/etc/nvme/hostnqn",))),
    "local": Kind(_alone(local.local), minimal=True),
    "facter": Kind(lambda *_: {}),
    "ohai": Kind(lambda *_: {}),
}  # fmt: skip
"""In the order in which they are read."""


class UnknownSubset(ValueError):
    """A subset that there is not."""


def chosen(subset: Sequence[str]) -> list[str]:
    """The kinds that `subset` means: ``all``, ``min``, names, and ``!`` before what is left out.

    The rule is Ansible's (get_collector_names): the minimal kinds come along unless ``!min``; an exclusion goes before
    ``all`` and ``min``, and a kind that is named goes before any exclusion. Raises UnknownSubset.
    """
    minimal = {name for name, kind in KINDS.items() if kind.minimal}
    wanted, unwanted, named = set(minimal), set(), set()
    for word in subset or ("all",):
        name = word.removeprefix("!")
        if word.startswith("!"):
            unwanted |= {"min": minimal, "all": set(KINDS) - minimal}.get(name) or _named(name)
        elif word in ("min", "all"):
            wanted |= minimal if word == "min" else set(KINDS)
        elif found := _named(name):
            named |= found
        else:
            known = ", ".join(sorted({*KINDS, *(other for kind in KINDS.values() for other in kind.also)}))
            raise UnknownSubset(f"Bad subset '{word}' given to Ansible. gather_subset options allowed: all, {known}")
    kept = (wanted | named) - (unwanted - named)
    kept |= {needed for name in kept for needed in KINDS[name].after}
    return [name for name in KINDS if name in kept]


def _named(word: str) -> set[str]:
    return {name for name, kind in KINDS.items() if word == name or word in kind.also}


def needs(names: Sequence[str]) -> Needs:
    """Everything that these kinds ask of a host."""
    return reduce(Needs.__or__, (KINDS[name].needs for name in names), Needs())


def read(names: Sequence[str], answers: Answers) -> Facts:
    """The facts of these kinds. One that a host's answer makes no sense for is left out, as Ansible leaves it out."""
    facts: Facts = {}
    for name in names:
        try:
            facts |= KINDS[name].read(answers, facts)
        except (ValueError, LookupError, ArithmeticError):
            continue
    return facts
