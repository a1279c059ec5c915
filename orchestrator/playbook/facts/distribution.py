"""Facts of the distribution: which, which version, and its ways of packages and services.

The names, versions and families are those of Ansible's distribution facts (module_utils/facts/system/distribution.py),
for the Linux distributions; what it knows only of other systems is left out.
"""

from __future__ import annotations

import re
from posixpath import basename
from typing import Any

from orchestrator.playbook.facts.program import Answers

Facts = dict[str, Any]

_OS_RELEASE = "/etc/os-release"

# (file, what it is taken to tell) in the order in which they are asked; the first that can be read as such wins.
RELEASE_FILES = (
    ("/etc/altlinux-release", "Altlinux"),
    ("/etc/oracle-release", "OracleLinux"),
    ("/etc/slackware-version", "Slackware"),
    ("/etc/centos-release", "CentOS"),
    ("/etc/redhat-release", "RedHat"),
    ("/etc/openwrt_release", "OpenWrt"),
    (_OS_RELEASE, "Amazon"),
    ("/etc/system-release", "Amazon"),
    ("/etc/alpine-release", "Alpine"),
    ("/etc/arch-release", "Archlinux"),
    (_OS_RELEASE, "Archlinux"),
    (_OS_RELEASE, "SUSE"),
    ("/etc/gentoo-release", "Gentoo"),
    (_OS_RELEASE, "Debian"),
    ("/etc/lsb-release", "Debian"),
    (_OS_RELEASE, "NA"),
)

_FAMILIES = {
    "RedHat": "RedHat RHEL Fedora CentOS Scientific SLC Ascendos CloudLinux PSBM OracleLinux OVS OEL Amazon Amzn"
    " Virtuozzo XenServer Alibaba EulerOS openEuler AlmaLinux Rocky TencentOS EuroLinux MIRACLE",
    "Debian": "Debian Ubuntu Raspbian Neon SteamOS Devuan Kali Pop!_OS Parrot Uos Deepin OSMC",
    "Suse": "SuSE SLES SLED openSUSE SLES_SAP SUSE_LINUX ALP-Dolomite SL-Micro",
    "Archlinux": "Archlinux Antergos Manjaro",
    "Gentoo": "Gentoo Funtoo",
}
_FAMILY = {name: family for family, names in _FAMILIES.items() for name in names.split()} | {
    "Kylin Linux Advanced Server": "RedHat",
    "KDE neon": "Debian",
    "Linux Mint": "Debian",
    "Linux Mint Debian Edition": "Debian",
    "Cumulus Linux": "Debian",
    "Pardus GNU/Linux": "Debian",
    "openSUSE Tumbleweed": "Suse",
    "openSUSE Leap": "Suse",
    "openSUSE MicroOS": "Suse",
}

# Later ones win.
PACKAGE_MANAGERS = {
    "/usr/bin/rpm-ostree": "atomic_container",
    "/usr/bin/yum": "dnf",
    "/usr/bin/dnf-3": "dnf",
    "/usr/bin/dnf5": "dnf5",
    "/usr/bin/apt-get": "apt",
    "/usr/bin/zypper": "zypper",
    "/usr/sbin/urpmi": "urpmi",
    "/usr/bin/pacman": "pacman",
    "/bin/opkg": "opkg",
    "/usr/pkg/bin/pkgin": "pkgin",
    "/usr/local/bin/brew": "homebrew",
    "/sbin/apk": "apk",
    "/usr/bin/emerge": "portage",
    "/usr/bin/xbps-install": "xbps",
    "/usr/bin/swupd": "swupd",
    "/usr/sbin/sorcery": "sorcery",
}

_PROCESS_1 = {"procd": "openwrt_init", "runit-init": "runit", "svscan": "svc", "openrc-init": "openrc"}


def distribution(answers: Answers) -> Facts:
    """Name, version, release and family."""
    release = _assignments(answers.lines(_OS_RELEASE) or answers.lines("/usr/lib/os-release"))
    version = _version(answers, release)
    facts: Facts = {
        "distribution": {"amzn": "Amazon", "rhel": "Redhat"}.get(
            release.get("ID", ""), release.get("ID", "").capitalize() or "OtherLinux"
        ),
        "distribution_version": version or "NA",
        "distribution_release": _codename(release),
        "distribution_major_version": version.split(".")[0] or "NA",
    }
    for path, variety in RELEASE_FILES:
        content = answers.content(path)
        if content is None and not (variety == "Archlinux" and path in answers.paths):
            continue
        found = _read_as(variety, content or "", path, answers)
        if found is not None:
            parsed = {} if content is None else {"distribution_file_parsed": True}
            facts |= {"distribution": variety, "distribution_file_path": path, "distribution_file_variety": variety}
            facts |= parsed | found
            break
    facts["os_family"] = _FAMILY.get(facts["distribution"], facts["distribution"])
    return facts


def _assignments(lines: list[str]) -> dict[str, str]:
    """os-release(5): NAME=value, the value perhaps in quotes."""
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, equals, value in pairs if equals}


def _version(answers: Answers, release: dict[str, str]) -> str:
    version = release.get("VERSION_ID", "")
    if release.get("ID") == "debian":  # os-release has no minor version there; testing has none at all
        exact = answers.content("/etc/debian_version") or ""
        return exact if not version or exact.count(".") > version.count(".") else version
    if release.get("ID") == "centos":
        number = re.search(r"\d+(\.\d+)?", answers.content("/etc/centos-release") or "")
        return number[0] if number else version
    return version


def _codename(release: dict[str, str]) -> str:
    if "VERSION_CODENAME" in release:
        return release["VERSION_CODENAME"]
    if "UBUNTU_CODENAME" in release:
        return release["UBUNTU_CODENAME"]
    named = re.search(r"\((\D+)\)|,\s*(\D+)", release.get("VERSION", ""))
    return (named[1] or named[2]) if named else "NA"


def _read_as(variety: str, content: str, path: str, answers: Answers) -> Facts | None:
    """The facts in `content` when it tells of `variety`, else None."""
    match variety:
        case "OracleLinux" | "RedHat" | "Altlinux":
            needle = {"OracleLinux": "Oracle Linux", "RedHat": "Red Hat", "Altlinux": "ALT"}[variety]
            if needle in content:
                return {"distribution": variety, "distribution_file_search_string": needle}
            return {"distribution": content.split(maxsplit=1)[0]}
        case "Archlinux":
            return {} if path != _OS_RELEASE or "Arch Linux" in content else None
        case "Alpine":
            return {"distribution_version": content}
        case "CentOS":
            return _centos(content)
        case "Amazon":
            return _amazon(content, path)
        case "SUSE":
            return _suse(content, answers)
        case "Debian":
            return _debian(content, answers)
        case _:
            return _others(variety, content)


def _centos(content: str) -> Facts | None:
    if "CentOS Stream" in content:
        return {"distribution_release": "Stream"}
    return {"distribution": "TencentOS"} if "TencentOS Server" in content else None


def _others(variety: str, content: str) -> Facts | None:
    words = _assignments(content.splitlines())
    match variety:
        case "OpenWrt":
            names = {"DISTRIB_RELEASE": "distribution_version", "DISTRIB_CODENAME": "distribution_release"}
            return (
                {fact: words[name] for name, fact in names.items() if name in words} if "OpenWrt" in content else None
            )
        case "Slackware":
            numbers = re.findall(r"\w+[.]\w+\+?", content)
            return {"distribution_version": numbers[0]} if numbers else {}
        case "NA":
            found = {"distribution": words["NAME"]} if "NAME" in words else {}
            unnumbered = "VERSION" in words and not words.get("VERSION_ID")
            return found | ({"distribution_version": words["VERSION"]} if unnumbered else {})
        case _:
            return {}


def _amazon(content: str, path: str) -> Facts | None:
    if "Amazon" not in content:
        return None
    if path != _OS_RELEASE:
        return {"distribution_version": next((word for word in content.split() if word.isdigit()), "NA")}
    version = _assignments(content.splitlines()).get("VERSION_ID", "NA")
    major, _, minor = version.partition(".")
    return {
        "distribution_version": version,
        "distribution_major_version": major,
        "distribution_minor_version": minor or "NA",
    }


def _suse(content: str, answers: Answers) -> Facts | None:
    if "suse" not in content.lower():
        return None
    words = _assignments(content.splitlines())
    version = re.match(r"[0-9]+\.?([0-9]*)", words.get("VERSION_ID", ""))
    facts: Facts = {"distribution": words["NAME"]} if "NAME" in words else {}
    if version:
        facts |= {"distribution_version": version[0], "distribution_major_version": version[0].split(".")[0]}
        open_suse = "open" in content.lower()
        facts["distribution_release"] = version[1] if open_suse or version[1] else "0"
    variant = words.get("VARIANT_ID", "")
    product = basename(answers.links.get("/etc/products.d/baseproduct", ""))
    if variant in ("server-sap", "sles-sap") or (not variant and product == "SLES_SAP.prod"):
        facts["distribution"] = "SLES_SAP"
    elif variant == "transactional" or (not variant and product == "SL-Micro.prod"):
        facts["distribution"] = "SL-Micro"
    return facts


# A word in the file, and what the distribution is called.
_DEBIAN_KIN = {
    "Ubuntu": "Ubuntu",
    "SteamOS": "SteamOS",
    "Kali": "Kali",
    "Parrot": "Parrot",
    "Devuan": "Devuan",
    "Cumulus": "Cumulus Linux",
    "Mint": "Linux Mint",
    "UOS": "Uos",
    "Uos": "Uos",
    "uos": "Uos",
    "Deepin": "Deepin",
    "deepin": "Deepin",
    "LMDE": "Linux Mint Debian Edition",
}


def _debian(content: str, answers: Answers) -> Facts | None:
    if "Debian" in content or "Raspbian" in content:
        facts: Facts = {"distribution": "Debian"}
        if release := re.search(r"PRETTY_NAME=[^(]+ \(?([^)]+?)\)", content):
            facts["distribution_release"] = release[1]
        if minor := re.search(r"\d+\.(\d+)", answers.content("/etc/debian_version") or ""):
            facts["distribution_minor_version"] = minor[1]
        return facts
    kin = next((name for word, name in _DEBIAN_KIN.items() if word in content), None)
    if kin is None:
        return None
    facts = {"distribution": kin}
    words = _assignments(content.splitlines())
    if kin in ("Devuan", "Cumulus Linux", "Linux Mint", "Uos", "Deepin") and "VERSION_ID" in words:
        version = words["VERSION_ID"]
        major = version if kin == "Devuan" else version.split(".")[0]
        facts |= {"distribution_version": version, "distribution_major_version": major}
    if kin in ("Uos", "Deepin") and "VERSION_CODENAME" in words:
        facts["distribution_release"] = words["VERSION_CODENAME"]
    if kin in ("Kali", "Parrot") and "DISTRIB_RELEASE" in words:
        facts["distribution_release"] = words["DISTRIB_RELEASE"]
    if kin == "Cumulus Linux" and "VERSION" in words:
        facts["distribution_release"] = words["VERSION"]
    if kin == "Devuan" and (release := re.search(r"PRETTY_NAME=\"?[^(\"]+ \(?([^) \"]+)\)?", content)):
        facts["distribution_release"] = release[1]
    return facts


def pkg_mgr(answers: Answers, family: str) -> Facts:
    """The package manager that fits the family."""
    found = [name for path, name in PACKAGE_MANAGERS.items() if path in answers.paths]
    name = found[-1] if found else "unknown"
    if family == "RedHat":
        name = _red_hat(answers)
    elif family == "Debian":
        name = "apt"
    elif family == "Altlinux" and name == "apt":
        name = "apt_rpm"
    if name == "apt" and "apt_rpm" in answers.section("commands").split():
        name = "apt_rpm"
    return {"pkg_mgr": name}


def _red_hat(answers: Answers) -> str:
    if "/run/ostree-booted" in answers.paths:
        return "atomic_container"
    for path in ("/usr/bin/dnf", "/usr/bin/microdnf"):
        if path in answers.paths:
            return "dnf5" if basename(answers.links.get(path, "")) == "dnf5" else "dnf"
    return "unknown"


def service_mgr(answers: Answers, name: str) -> Facts:
    """What starts services: process 1 if it tells, else what is installed. `name` is the distribution's."""
    first = basename(answers.content("/proc/1/comm") or answers.links.get("/sbin/init", ""))
    if first and first != "init" and not first.endswith("sh"):
        return {"service_mgr": _PROCESS_1.get(first, first)}
    commands, paths = answers.section("commands").split(), answers.paths
    canaries = {"/run/systemd/system/", "/dev/.run/systemd/", "/dev/.systemd/"}
    rules = (
        (name == "OpenWrt", "openwrt_init"),
        (name == "SMGL", "simpleinit_msb"),
        ("systemctl" in commands and bool(canaries & paths), "systemd"),
        ("initctl" in commands and "/etc/init/" in paths, "upstart"),
        ("/sbin/openrc" in paths, "openrc"),
        ("systemctl" in commands and basename(answers.links.get("/sbin/init", "")) == "systemd", "systemd"),
        ("/etc/init.d/" in paths, "sysvinit"),
        ("/etc/dinit.d/" in paths, "dinit"),
    )
    return {"service_mgr": next((found for holds, found in rules if holds), "service")}
