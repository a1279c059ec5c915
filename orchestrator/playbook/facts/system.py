"""Facts of the running system: name, kernel, time, environment, account, security modules."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from typing import Any

from orchestrator.playbook.facts.program import Answers

Facts = dict[str, Any]

_KEY_KINDS = ("dsa", "rsa", "ecdsa", "ed25519")


def platform(answers: Answers) -> Facts:
    """Kernel, architecture and names, as Python's `platform` and `socket` see them."""
    system, nodename, kernel, rest = (answers.section("uname").strip().split(" ", 3) + [""] * 4)[:4]
    version, _, machine = rest.rpartition(" ")
    fqdn = _fqdn(answers.section("canonical"), nodename)
    bits = "32" if answers.section("elf").strip() == "1" else "64"
    facts: Facts = {
        "system": system,
        "kernel": kernel,
        "kernel_version": version,
        "machine": machine,
        "nodename": nodename,
        "hostname": nodename.split(".")[0],
        "fqdn": fqdn,
        "domain": fqdn.partition(".")[2],
        "userspace_bits": bits,
        "architecture": machine,
    }
    if machine == "x86_64" or re.fullmatch("i[3456]86|i86pc", machine):
        facts["architecture"] = "x86_64" if machine == "x86_64" else "i386"
        facts["userspace_architecture"] = "x86_64" if bits == "64" else "i386"
    if machine_id := answers.content("/var/lib/dbus/machine-id") or answers.content("/etc/machine-id"):
        facts["machine_id"] = machine_id.splitlines()[0]
    return facts


def _fqdn(hosts_line: str, nodename: str) -> str:
    """The first name with a dot, else the first (socket.getfqdn)."""
    names = hosts_line.split()[1:]
    return next((name for name in names if "." in name), names[0] if names else nodename)


def date_time(answers: Answers) -> Facts:
    """The host's clock, in its own time zone; every value is text, as Ansible has it."""
    now, *halves = answers.section("date").strip().split("\n")
    year, month, weekday, number, week, day, hour, minute, second, epoch, nano, zone, offset = (
        now.split("|") + [""] * 13
    )[:13]
    if not epoch.isdecimal():
        return {}
    micro = nano[:6] if nano.isdecimal() else "000000"
    utc = _utc(int(epoch))
    return {
        "date_time": {
            "year": year, "month": month, "day": day, "hour": hour, "minute": minute, "second": second,
            "weekday": weekday, "weekday_number": number, "weeknumber": week,
            "epoch": epoch, "epoch_int": epoch,
            "date": f"{year}-{month}-{day}", "time": f"{hour}:{minute}:{second}",
            "iso8601_micro": f"{utc}.{micro}Z", "iso8601": f"{utc}Z",
            "iso8601_basic": f"{year}{month}{day}T{hour}{minute}{second}{micro}",
            "iso8601_basic_short": f"{year}{month}{day}T{hour}{minute}{second}",
            "tz": zone, "tz_dst": _summer_zone(zone, halves), "tz_offset": offset,
        }
    }  # fmt: skip


def _utc(epoch: int) -> str:
    try:
        return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError):
        return ""


def _summer_zone(zone: str, halves: list[str]) -> str:
    """time.tzname[1]: of January and July, the zone further east; July's when there is no difference."""
    if len(halves) != 2:
        return zone
    (january, winter), (july, summer) = (half.partition("|")[::2] for half in halves)
    return january if _minutes(winter) > _minutes(summer) else july


def _minutes(offset: str) -> int:
    return int(f"{offset[:1]}{int(offset[1:3]) * 60 + int(offset[3:5])}") if re.fullmatch(r"[+-]\d{4}", offset) else 0


def env(answers: Answers) -> Facts:
    """The environment of the task's shell."""
    text = answers.section("env")
    pairs = (entry.partition("=") for entry in (text.split("\0") if "\0" in text else text.split("\n")))
    return {"env": {name: value for name, equals, value in pairs if equals}}


def user(answers: Answers) -> Facts:
    """The account that the task runs as."""
    fields = answers.section("user").split("\n")[0].split(":")
    status = {line.partition(":")[0]: line.partition(":")[2].split() for line in answers.lines("/proc/self/status")}
    ids = {name: [int(word) for word in status.get(name, []) if word.isdecimal()] for name in ("Uid", "Gid")}
    facts: Facts = {}
    if len(fields) >= 7 and fields[2].isdecimal() and fields[3].isdecimal():
        facts = {
            "user_id": fields[0],
            "user_uid": int(fields[2]),
            "user_gid": int(fields[3]),
            "user_gecos": fields[4],
            "user_dir": fields[5],
            "user_shell": fields[6],
        }
    if len(ids["Uid"]) > 1 and ids["Gid"]:
        facts |= {"real_user_id": ids["Uid"][0], "effective_user_id": ids["Uid"][1]}
        facts |= {"real_group_id": ids["Gid"][0], "effective_group_id": ids["Gid"][0]}
    return facts


def loadavg(answers: Answers) -> Facts:
    """Processes that run or wait for a disk, in the mean."""
    words = re.findall(r"\d+\.\d+", answers.content("/proc/loadavg") or "")
    return {"loadavg": dict(zip(("1m", "5m", "15m"), map(float, words[:3]), strict=True))} if len(words) > 2 else {}


def cmdline(answers: Answers) -> Facts:
    """The kernel's command line; `proc_cmdline` keeps all values of a name that comes again."""
    data = answers.content("/proc/cmdline")
    if not data:
        return {}
    last: Facts = {}
    every: Facts = {}
    try:
        pieces = shlex.split(data, posix=False)
    except ValueError:
        pieces = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        last[name] = value if equals else True
        if equals and name in every:
            earlier = every[name]
            every[name] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            every[name] = last[name]
    return {"cmdline": last, "proc_cmdline": every}


def fips(answers: Answers) -> Facts:
    """Whether the kernel keeps to FIPS 140."""
    return {"fips": answers.content("/proc/sys/crypto/fips_enabled") == "1"}


def chroot(answers: Answers) -> Facts:
    """Whether our root is another one than process 1's."""
    return {"is_chroot": answers.section("chroot").strip() == "1"}


def apparmor(answers: Answers) -> Facts:
    """Whether AppArmor is in the kernel."""
    return {"apparmor": {"status": "enabled" if "/sys/kernel/security/apparmor" in answers.paths else "disabled"}}


def selinux(answers: Answers) -> Facts:
    """SELinux's state, from its file system and configuration; no Python library is needed for that here."""
    if "/sys/fs/selinux/enforce" not in answers.paths:
        return {"selinux": {"status": "disabled"}, "selinux_python_present": True}
    configured = dict(
        line.replace(" ", "").split("=", 1) for line in answers.lines("/etc/selinux/config") if "=" in line
    )
    policy = answers.content("/sys/fs/selinux/policyvers") or ""
    return {
        "selinux_python_present": True,
        "selinux": {
            "status": "enabled",
            "policyvers": int(policy) if policy.isdecimal() else "unknown",
            "config_mode": configured.get("SELINUX", "unknown"),
            "mode": "enforcing" if answers.content("/sys/fs/selinux/enforce") == "1" else "permissive",
            "type": configured.get("SELINUXTYPE", "unknown"),
        },
    }


def caps(answers: Answers) -> Facts:
    """What capsh says of our capabilities, read as Ansible reads it (``=ep``, all of them, is "not enforced")."""
    current = [line for line in answers.section("capabilities").splitlines() if line.startswith("Current:")]
    if not current:
        return {"system_capabilities_enforced": "N/A", "system_capabilities": "N/A"}
    if current[-1].split(":", 1)[1].strip() == "=ep":
        return {"system_capabilities_enforced": "False", "system_capabilities": []}
    names = current[-1].partition("=")[2].split("=")[0].split(",")
    return {"system_capabilities_enforced": "True", "system_capabilities": [name.strip() for name in names]}


def lsb(answers: Answers) -> Facts:
    """lsb_release's words, else those of /etc/lsb-release."""
    names = {"LSB Version": "release", "Distributor ID": "id", "Description": "description", "Release": "release"}
    names["Codename"] = "codename"
    found = {}
    for line in answers.section("lsb").splitlines():
        label, colon, value = line.partition(":")
        if colon and label in names:
            found[names[label]] = value.strip()
    if not found:
        words = ("id", "release", "description", "codename")
        for line in answers.lines("/etc/lsb-release"):
            name, _, value = line.partition("=")
            if name.removeprefix("DISTRIB_").lower() in words:
                found[name.removeprefix("DISTRIB_").lower()] = value.strip()
    if "release" in found:
        found["major_release"] = found["release"].split(".")[0]
    return {"lsb": {name: value.strip("'\"\\") for name, value in found.items()}}


def systemd(answers: Answers) -> Facts:
    """systemd's version and what it was built with, where it runs."""
    lines = answers.section("systemd").strip().splitlines()
    version = re.match(r"systemd (\d+)", lines[0]) if lines else None
    if version is None or "/run/systemd/system/" not in answers.paths:
        return {}
    return {"systemd": {"features": lines[1] if len(lines) > 1 else "", "version": int(version[1])}}


def ssh_pub_keys(answers: Answers) -> Facts:
    """The host's public keys, from the first folder that has any."""
    facts: Facts = {}
    for folder in ("/etc/ssh", "/etc/openssh", "/etc"):
        for kind in _KEY_KINDS:
            words = (answers.content(f"{folder}/ssh_host_{kind}_key.pub") or "").split()
            if len(words) > 1:
                facts[f"ssh_host_key_{kind}_public"] = words[1]
                facts[f"ssh_host_key_{kind}_public_keytype"] = words[0]
        if facts:
            break
    return facts


def dns(answers: Answers) -> Facts:
    """resolv.conf(5)."""
    found: Facts = {}
    for line in answers.lines("/etc/resolv.conf"):
        if line.startswith(("#", ";")) or not line.strip():
            continue
        keyword, *words = line.split()
        if keyword == "nameserver":
            found.setdefault("nameservers", []).extend(words)
        elif keyword == "domain" and words:
            found["domain"] = words[0]
        elif keyword in ("search", "sortlist"):
            found[keyword] = words
        elif keyword == "options":
            pairs = (word.partition(":") for word in words)
            found["options"] = {name: value or True for name, _, value in pairs}
    return {"dns": found}


def iscsi(answers: Answers) -> str:
    """The name that the host has as an iSCSI initiator, or nothing."""
    lines = answers.lines("/etc/iscsi/initiatorname.iscsi")
    return next((line.partition("=")[2] for line in lines if line.startswith("InitiatorName=")), "")


def nvme(answers: Answers) -> str:
    """The host's NVMe qualified name, or nothing."""
    return next((line for line in answers.lines("/etc/nvme/hostnqn") if line.startswith("nqn.")), "")


def fibre_channel(answers: Answers) -> list[str]:
    """The world wide names of its Fibre Channel ports."""
    ports = sorted(path for path in answers.files if path.startswith("/sys/class/fc_host/"))
    return [line.rstrip()[2:] for path in ports for line in answers.lines(path)]
