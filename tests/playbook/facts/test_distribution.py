"""Distributions told apart by their release files; the expected facts are what Ansible says on such systems."""

from __future__ import annotations

import pytest

from orchestrator.playbook.facts.distribution import distribution, pkg_mgr, service_mgr
from orchestrator.playbook.facts.program import Answers

_UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nVERSION="24.04.1 LTS (Noble Numbat)"\n\
VERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\nUBUNTU_CODENAME=noble'
_DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n\
VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian'
_ROCKY = 'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"'
_RHEL = 'NAME="Red Hat Enterprise Linux"\nVERSION="9.4 (Plow)"\nID="rhel"\nVERSION_ID="9.4"'
_FEDORA = 'NAME="Fedora Linux"\nVERSION="41 (Server Edition)"\nID=fedora\nVERSION_ID=41\nVERSION_CODENAME=""'
_STREAM = 'NAME="CentOS Stream"\nVERSION="9"\nID="centos"\nVERSION_ID="9"'
_ALPINE = 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"'
_ARCH = 'NAME="Arch Linux"\nPRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling'
_LEAP = 'NAME="openSUSE Leap"\nVERSION="15.6"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"'
_SLES = 'NAME="SLES"\nVERSION="15-SP5"\nVERSION_ID="15.5"\nPRETTY_NAME="SUSE Linux Enterprise Server 15 SP5"\nID="sles"'
_AMAZON = 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"'
_KALI = 'PRETTY_NAME="Kali GNU/Linux Rolling"\nNAME="Kali GNU/Linux"\nVERSION_ID="2024.3"\nVERSION="2024.3"\n\
VERSION_CODENAME=kali-rolling\nID=kali\nID_LIKE=debian'
_NIX = 'NAME=NixOS\nID=nixos\nVERSION="24.05 (Uakari)"\nVERSION_ID="24.05"\nVERSION_CODENAME=uakari'


def host(release: str, **files: str) -> Answers:
    told = {"/etc/os-release": release, **{f"/etc/{name}": text for name, text in files.items()}}
    lines = {path: text.split("\n") for path, text in told.items()}
    return Answers(files=lines)


_HOSTS = {
    "ubuntu": (host(_UBUNTU, debian_version="trixie/sid"), ("Ubuntu", "24.04", "24", "noble", "Debian")),
    "debian": (host(_DEBIAN, debian_version="12.7"), ("Debian", "12.7", "12", "bookworm", "Debian")),
    "rocky": (
        host(_ROCKY, **{"redhat-release": "Rocky Linux release 9.4 (Blue Onyx)"}),
        ("Rocky", "9.4", "9", "Blue Onyx", "RedHat"),
    ),
    "rhel": (
        host(_RHEL, **{"redhat-release": "Red Hat Enterprise Linux release 9.4 (Plow)"}),
        ("RedHat", "9.4", "9", "Plow", "RedHat"),
    ),
    "fedora": (host(_FEDORA, **{"redhat-release": "Fedora release 41"}), ("Fedora", "41", "41", "", "RedHat")),
    "stream": (
        host(_STREAM, **{"centos-release": "CentOS Stream release 9", "redhat-release": "CentOS Stream release 9"}),
        ("CentOS", "9", "9", "Stream", "RedHat"),
    ),
    "alpine": (host(_ALPINE, **{"alpine-release": "3.20.3"}), ("Alpine", "3.20.3", "3", "NA", "Alpine")),
    "arch": (host(_ARCH), ("Archlinux", "NA", "NA", "NA", "Archlinux")),
    "leap": (host(_LEAP), ("openSUSE Leap", "15.6", "15", "6", "Suse")),
    "sles": (host(_SLES), ("SLES", "15.5", "15", "5", "Suse")),
    "amazon": (
        host(_AMAZON, **{"system-release": "Amazon Linux release 2023"}),
        ("Amazon", "2023", "2023", "NA", "RedHat"),
    ),
    "kali": (host(_KALI), ("Kali", "2024.3", "2024", "kali-rolling", "Debian")),
    "nixos": (host(_NIX), ("NixOS", "24.05", "24", "uakari", "NixOS")),
}


@pytest.mark.parametrize("name", _HOSTS)
def test_distributions(name: str) -> None:
    answers, expected = _HOSTS[name]
    facts = distribution(answers)
    names = ("", "_version", "_major_version", "_release")
    assert (*(facts[f"distribution{name}"] for name in names), facts["os_family"]) == expected


def test_a_host_that_tells_nothing() -> None:
    facts = distribution(Answers())
    assert (facts["distribution"], facts["distribution_version"], facts["os_family"]) == (
        "OtherLinux",
        "NA",
        "OtherLinux",
    )


def test_package_managers() -> None:
    assert pkg_mgr(Answers(paths=frozenset(("/usr/bin/apt-get",))), "Debian") == {"pkg_mgr": "apt"}
    dnf5 = Answers(paths=frozenset(("/usr/bin/dnf",)), links={"/usr/bin/dnf": "dnf5"})
    assert pkg_mgr(dnf5, "RedHat") == {"pkg_mgr": "dnf5"}
    assert pkg_mgr(Answers(paths=frozenset(("/usr/bin/dnf", "/usr/bin/yum"))), "RedHat") == {"pkg_mgr": "dnf"}
    assert pkg_mgr(Answers(paths=frozenset(("/sbin/apk",))), "Alpine") == {"pkg_mgr": "apk"}
    assert pkg_mgr(Answers(), "Plan9") == {"pkg_mgr": "unknown"}


def test_service_managers() -> None:
    assert service_mgr(Answers(files={"/proc/1/comm": ["systemd"]}), "Debian") == {"service_mgr": "systemd"}
    openrc = Answers(files={"/proc/1/comm": ["init"]}, paths=frozenset(("/sbin/openrc", "/etc/init.d/")))
    assert service_mgr(openrc, "Alpine") == {"service_mgr": "openrc"}
    assert service_mgr(Answers(files={"/proc/1/comm": ["procd"]}), "OpenWrt") == {"service_mgr": "openwrt_init"}
    assert service_mgr(Answers(files={"/proc/1/comm": ["bash"]}), "Debian") == {"service_mgr": "service"}
