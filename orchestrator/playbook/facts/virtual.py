"""Facts of virtualisation: what the host is a guest of, and what it hosts.

The signs and their order are Ansible's (module_utils/facts/virtual/linux.py): the first that fits names
``virtualization_type``, all of them are collected in ``virtualization_tech_guest`` and ``_host``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orchestrator.playbook.facts.hardware import DMI
from orchestrator.playbook.facts.program import Answers

Facts = dict[str, Any]

_Sign = tuple[str, str]
"""A technology and the role that the host has in it."""

_CGROUPS = (
    (r"/docker(/|-[0-9a-f]+\.scope)", "docker"),
    (r"/lxc/|/machine.slice/machine-lxc", "lxc"),
    (r"/system.slice/containerd.service", "containerd"),
)
_KVM_PRODUCTS = ("KVM", "KVM Server", "Bochs", "AHV", "CloudStack KVM Hypervisor")
_BIOSES = {"Xen": "xen", "innotek GmbH": "virtualbox"} | dict.fromkeys(
    ("Amazon EC2", "DigitalOcean", "Hetzner", "Linode"), "kvm"
)
_VENDORS = {
    **dict.fromkeys(("QEMU", "Amazon EC2", "DigitalOcean", "Google", "Scaleway", "Nutanix"), "kvm"),
    "KubeVirt": "KubeVirt",
    "Microsoft Corporation": "VirtualPC",
    "Parallels Software International Inc.": "parallels",
    "OpenStack Foundation": "openstack",
}
_CPUS = (
    ("model name.*QEMU Virtual CPU", "kvm"),
    ("vendor_id.*User Mode Linux", "uml"),
    ("model name.*UML", "uml"),
    ("machine.*CHRP IBM pSeries .emulated by qemu.", "kvm"),
    ("vendor_id.*PowerVM Lx86", "powervm_lx86"),
    ("vendor_id.*IBM/S390", "PR/SM"),
)
_CONTAINERS = {"docker", "lxc", "podman", "openvz", "containerd"}


def virtual(answers: Answers) -> Facts:
    """Type and role, and every technology seen."""
    signs = [*_containers(answers), *_machines(answers), *_hosts(answers)]
    kind, role = signs[0] if signs else ("NA", "NA")
    guests = {name for name, role in signs if role in ("guest", "LPAR")}
    if guests & _CONTAINERS or answers.content("/run/systemd/container"):
        guests.add("container")
    return {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": sorted(guests),
        "virtualization_tech_host": sorted({name for name, role in signs if role == "host"}),
    }


def _containers(answers: Answers) -> Iterator[_Sign]:
    for line in answers.lines("/proc/1/cgroup"):
        yield from ((name, "guest") for pattern, name in _CGROUPS if re.search(pattern, line))
    for line in answers.section("init_environment").splitlines():
        yield from ((name, "guest") for name in ("lxc", "podman") if f"container={name}" in line)
        if re.match("container=.", line):
            yield "container", "guest"
    if "/proc/vz" in answers.paths and "/proc/lve" not in answers.paths:
        yield "openvz", "host" if "/proc/bc" in answers.paths else "guest"
    if told := answers.content("/run/systemd/container"):
        yield told, "guest"
    if {"/.dockerenv", "/.dockerinit"} & answers.paths:
        yield "docker", "guest"
    if "/proc/xen" in answers.paths:
        yield "xen", "host" if "control_d" in (answers.content("/proc/xen/capabilities") or "") else "guest"


def _machines(answers: Answers) -> Iterator[_Sign]:
    product, vendor, bios, family = (
        answers.content(DMI + name) or "" for name in ("product_name", "sys_vendor", "bios_vendor", "product_family")
    )
    signs = (
        (product in _KVM_PRODUCTS, "kvm"),
        (vendor == "oVirt", "oVirt"),
        (vendor == "Red Hat" and family == "RHV", "RHV"),
        (vendor == "Red Hat" and family != "RHV" and product == "RHEV Hypervisor", "RHEV"),
        (product.startswith("VMware"), "VMware"),
        (product in ("OpenStack Compute", "OpenStack Nova"), "openstack"),
        (bios in _BIOSES, _BIOSES.get(bios, "")),
        (vendor in _VENDORS, _VENDORS.get(vendor, "")),
    )
    yield from ((name, "guest") for holds, name in signs if holds)
    for line in answers.lines("/proc/self/status"):
        if number := re.match(r"VxID:\s+(\d+)", line):
            yield "linux_vserver", "host" if number[1].startswith("0") else "guest"
    for line in answers.lines("/proc/cpuinfo"):
        name = next((name for pattern, name in _CPUS if re.match(pattern, line)), None)
        if name:
            yield name, "LPAR" if name == "PR/SM" else "guest"


def _hosts(answers: Answers) -> Iterator[_Sign]:
    modules = {line.split(" ", 1)[0] for line in answers.lines("/proc/modules")}
    if "kvm" in modules:
        yield "kvm", "host"
    if "vboxdrv" in modules:
        yield "virtualbox", "host"
    if "virtio" in modules:
        yield "kvm", "guest"
    if "/dev/kvm" in answers.paths:
        yield "kvm", "host"
