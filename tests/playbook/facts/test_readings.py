"""What is made of a host's words: networks, disks, virtual machines, time."""

from __future__ import annotations

from typing import Any

from orchestrator.playbook.facts import devices, hardware, network, system, virtual
from orchestrator.playbook.facts.program import Answers

_IP = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host proto kernel_lo
2: eth0@if7: <BROADCAST,MULTICAST,PROMISC,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP group default qlen 1000
    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff link-netnsid 0
    inet 192.0.2.7/24 brd 192.0.2.255 scope global dynamic eth0
       valid_lft 86000sec preferred_lft 86000sec
    inet 192.0.2.8/24 scope global secondary eth0:1
    inet 192.0.2.9/32 scope global eth0
    inet6 2001:db8::7/64 scope global
    inet6 fe80::1/64 scope link
3: br-x: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000
    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff
4: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN group default qlen 1000
    link/none
    inet 10.9.0.1 peer 10.9.0.2/32 scope global wg0
8.8.8.8 via 192.0.2.1 dev eth0 src 192.0.2.7 uid 0
    cache
2404:6800:400a:800::1012 from :: via fe80::ff dev eth0 proto ra src 2001:db8::7 metric 1024 pref medium
local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1
local 192.0.2.7 dev eth0 proto kernel scope host src 192.0.2.7
broadcast 192.0.2.255 dev eth0 proto kernel scope link src 192.0.2.7
local ::1 dev lo proto kernel metric 0 pref medium
"""

_SYS = {
    "/sys/class/net/eth0/type": ["1"],
    "/sys/class/net/eth0/speed": ["-1"],
    "/sys/class/net/br-x/bridge/bridge_id": ["8000.525400000001"],
    "/sys/class/net/br-x/bridge/stp_state": ["0"],
}


def test_a_network() -> None:
    links = {
        "/sys/class/net/eth0/device": "../../../virtio2",
        "/sys/class/net/br-x/brif/veth1": "../../veth1/brport",
        "/sys/class/net/eth0/device/driver/module": "../../../../module/virtio_net",
    }
    facts = network.network(Answers((("ip", _IP),), _SYS, links))
    shared = {"mtu": 1400, "type": "ether", "macaddress": "52:54:00:12:34:56"}
    room = {"address": "192.0.2.7", "broadcast": "192.0.2.255", "netmask": "255.255.255.0", "network": "192.0.2.0"}
    room["prefix"] = "24"
    assert facts["default_ipv4"] == {
        **room, **shared, "interface": "eth0", "gateway": "192.0.2.1", "alias": "eth0",
    }  # fmt: skip
    assert facts["default_ipv6"] == {
        "address": "2001:db8::7", "gateway": "fe80::ff", "interface": "eth0", "prefix": "64",
        "scope": "global", **shared,
    }  # fmt: skip
    eth0 = facts["eth0"]
    assert {key: eth0[key] for key in ("active", "promisc", "speed", "pciid", "module", "ipv4")} == {
        "active": True, "promisc": True, "speed": -1, "pciid": "virtio2", "module": "virtio_net", "ipv4": room,
    }  # fmt: skip
    assert [each["address"] for each in eth0["ipv4_secondaries"]] == ["192.0.2.8", "192.0.2.9"]
    assert facts["interfaces"] == ["lo", "eth0", "eth0_1", "br-x", "wg0"]
    assert facts["br_x"]["interfaces"] == ["veth1"]
    assert (facts["br_x"]["type"], facts["br_x"]["stp"], facts["br_x"]["active"]) == ("bridge", False, False)
    assert facts["wg0"]["ipv4"]["netmask"] == "255.255.255.255"
    assert facts["all_ipv4_addresses"] == ["192.0.2.7", "192.0.2.8", "192.0.2.9", "10.9.0.1"]
    assert facts["all_ipv6_addresses"] == ["2001:db8::7", "fe80::1"]
    assert facts["locally_reachable_ips"] == {"ipv4": ["127.0.0.0/8", "192.0.2.7"], "ipv6": ["::1"]}


def test_disks() -> None:
    disk = "/sys/block/sda/"
    files: dict[str, Any] = {
        f"{disk}size": ["41943040"], f"{disk}queue/logical_block_size": ["512"], f"{disk}device/vendor": ["QEMU    "],
        f"{disk}queue/scheduler": ["[mq-deadline] none"], f"{disk}removable": ["0"],
        f"{disk}queue/discard_granularity": ["4096"], f"{disk}sda1/start": ["2048"], f"{disk}sda1/size": ["41938944"],
        f"{disk}sda1/holders/dm-0/dm/name": ["vg-root"],
    }  # fmt: skip
    links = {
        "/sys/block/sda": "../devices/pci0000:00/0000:00:1f.2/ata1/host0/block/sda",
        "/dev/disk/by-id/wwn-0x5000": "../../sda",
        "/dev/disk/by-uuid/11-22": "../../sda1",
        f"{disk}sda1/holders/dm-0": "../../../../dm-0",
        "/sys/block/dm-0/slaves/sda1": "../../sda1",
    }
    pci = "0000:00:1f.2 SATA controller: Intel Corporation\n"
    facts = devices.devices(Answers((("pci", pci),), files, links))
    sda = facts["devices"]["sda"]
    expected = {"size": "20.00 GB", "sectors": 41943040, "sectorsize": "512", "vendor": "QEMU", "wwn": "0x5000"}
    expected |= {
        "scheduler_mode": "mq-deadline",
        "host": "SATA controller: Intel Corporation",
        "support_discard": "4096",
    }
    assert {key: sda[key] for key in expected} == expected
    assert sda["partitions"]["sda1"] == {
        "links": {"ids": [], "uuids": ["11-22"], "labels": [], "masters": ["dm-0"]},
        "start": "2048", "sectors": 41938944, "sectorsize": 512, "size": "20.00 GB", "uuid": "11-22",
        "holders": ["vg-root"],
    }  # fmt: skip
    assert facts["device_links"]["masters"] == {"sda1": ["dm-0"]}


def test_mounts_of_strange_names() -> None:
    files = {
        "/proc/self/mounts": [
            r"/dev/sda1 /mnt/a\040b ext4 rw,noatime 0 1",
            "tmpfs /tmp tmpfs rw 0 0",
            "nas:/x /n nfs ro 0 0",
        ],
        "/proc/self/mountinfo": [r"30 1 8:1 /sub /mnt/a\040b rw - ext4 /dev/sda1 rw"],
    }
    sections = (("mounts", "4096 4096 100 40 50 20 /mnt/a b\n"), ("lsblk", "/dev/sda   \n/dev/sda1 11-22\n"))
    disk, nas = devices.mounts(Answers(sections, files))["mounts"]
    assert (disk["mount"], disk["options"], disk["uuid"]) == ("/mnt/a b", "rw,noatime,bind", "11-22")
    assert (disk["size_total"], disk["size_available"], disk["block_used"], disk["inode_used"]) == (
        409600,
        163840,
        60,
        30,
    )
    assert nas == {
        "mount": "/n", "device": "nas:/x", "fstype": "nfs", "options": "ro", "dump": 0, "passno": 0, "uuid": "N/A",
    }  # fmt: skip


def test_processors_of_several_sockets() -> None:
    lines = []
    for number in range(8):
        lines += [f"processor\t: {number}", "vendor_id\t: GenuineIntel", "model name\t: Xeon"]
        lines += [f"physical id\t: {number // 4}", "siblings\t: 4", f"core id\t\t: {number % 2}", "cpu cores\t: 2", ""]
    files = {"/proc/cpuinfo": lines, "/proc/self/status": ["Cpus_allowed_list:\t0-3,6"]}
    facts = hardware.processors(Answers(files=files), "x86_64")
    names = ("count", "cores", "threads_per_core", "vcpus", "nproc")
    assert [facts[f"processor_{name}"] for name in names] == [2, 2, 2, 8, 5]
    assert facts["processor"][:3] == ["0", "GenuineIntel", "Xeon"]


def test_virtual_machines() -> None:
    def seen(**files: str) -> tuple[str, str]:
        told = {f"{hardware.DMI}{name}": [text] for name, text in files.items()}
        facts = virtual.virtual(Answers(files=told))
        return facts["virtualization_type"], facts["virtualization_role"]

    assert seen(sys_vendor="QEMU") == ("kvm", "guest")
    assert seen(product_name="VMware7,1", sys_vendor="VMware, Inc.") == ("VMware", "guest")
    assert seen(bios_vendor="innotek GmbH") == ("virtualbox", "guest")
    assert seen(sys_vendor="Dell Inc.") == ("NA", "NA")
    docker = virtual.virtual(Answers(paths=frozenset(("/.dockerenv", "/dev/kvm"))))
    assert docker["virtualization_tech_guest"] == ["container", "docker"]
    assert (docker["virtualization_type"], docker["virtualization_tech_host"]) == ("docker", ["kvm"])


def test_names_and_times() -> None:
    uname = "Linux web1.example.com 6.1.0-37-amd64 #1 SMP Debian 6.1.140-1 (2025-05-22) x86_64\n"
    facts = system.platform(
        Answers((("uname", uname), ("canonical", "192.0.2.7 web1.example.com web1\n"), ("elf", "  2\n")))
    )
    assert (facts["kernel"], facts["machine"], facts["userspace_bits"]) == ("6.1.0-37-amd64", "x86_64", "64")
    assert facts["kernel_version"] == "#1 SMP Debian 6.1.140-1 (2025-05-22)"
    assert (facts["hostname"], facts["fqdn"], facts["domain"]) == ("web1", "web1.example.com", "example.com")
    date = "2026|07|Wednesday|3|26|01|14|05|06|1782914706|123456789|CEST|+0200\nCET|+0100\nCEST|+0200\n"
    clock = system.date_time(Answers((("date", date),)))["date_time"]
    assert (clock["iso8601_micro"], clock["tz"], clock["tz_dst"]) == ("2026-07-01T14:05:06.123456Z", "CEST", "CEST")


def test_nonsense_is_left_out() -> None:
    assert system.loadavg(Answers(files={"/proc/loadavg": ["nan inf -inf"]})) == {}
    assert system.date_time(Answers((("date", "x|y"),))) == {}
    assert system.user(Answers((("user", "root:x:zero:0:::"),))) == {}
    assert hardware.memory(Answers(files={"/proc/meminfo": ["MemTotal: lots"]})) == {}
    assert devices.mounts(Answers((("mounts", "a b c\n"),), {"/proc/self/mounts": ["x"]})) == {"mounts": []}


def test_the_kernels_command_line() -> None:
    facts = system.cmdline(Answers(files={"/proc/cmdline": ["ro console=tty0 console=ttyS0 quiet x=1"]}))
    assert facts["cmdline"]["console"] == "ttyS0"
    assert facts["proc_cmdline"]["console"] == ["tty0", "ttyS0"]
    assert (facts["cmdline"]["quiet"], facts["cmdline"]["x"]) == (True, "1")


def test_resolvers() -> None:
    lines = [
        "# no",
        "nameserver 192.0.2.53",
        "nameserver 192.0.2.54",
        "search a.example b.example",
        "options ndots:2 rotate",
    ]
    assert system.dns(Answers(files={"/etc/resolv.conf": lines}))["dns"] == {
        "nameservers": ["192.0.2.53", "192.0.2.54"],
        "search": ["a.example", "b.example"],
        "options": {"ndots": "2", "rotate": True},
    }
