"""ansible.builtin.stat: what a file is."""

from __future__ import annotations

import os
import stat
from typing import Any, Literal

from orchestrator.playbook.modules.base import Answer, Arguments, Module, Program, Result, Target
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import FILES

EXAMINE = Program("examine", library("examine").text, (FILES,), tidy=True)

# chattr(1), in Ansible's words.
_ATTRIBUTES = {
    "A": "noatime", "a": "append", "c": "compressed", "C": "nocow", "d": "nodump", "D": "dirsync", "e": "extents",
    "E": "encrypted", "h": "blocksize", "i": "immutable", "I": "indexed", "j": "journalled", "N": "inline", "s": "zero",
    "S": "synchronous", "t": "notail", "T": "blockroot", "u": "undelete", "X": "compressedraw", "Z": "compresseddirty",
}  # fmt: skip


class StatArguments(Arguments):
    """Those of ansible.builtin.stat."""

    path: Words = also("path", "dest", "name")
    follow: Flag = False
    get_checksum: Flag = True
    get_mime: Flag = also("get_mime", "mime", "mime_type", "mime-type", default=True)
    get_attributes: Flag = also("get_attributes", "attr", "attributes", default=True)
    checksum_algorithm: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = also(
        "checksum_algorithm", "checksum", "checksum_algo", default="sha1"
    )


class Stat(Module[StatArguments]):
    """Never changes anything; one exchange."""

    name = "ansible.builtin.stat"
    arguments = StatArguments

    async def run(self, arguments: StatArguments, target: Target) -> Result:
        """Raises TaskFailed."""
        answer = checked(
            await target.sh(
                EXAMINE,
                "examine",
                path=arguments.path,
                follow=arguments.follow,
                algorithm=arguments.checksum_algorithm if arguments.get_checksum else None,
                mime=arguments.get_mime,
                flags=arguments.get_attributes,
            )
        )
        if not answer.has("stat"):
            return Result(keys={"stat": {"exists": False}})
        told = {"exists": True, "path": answer.get("path"), **_numbers(answer.get("stat"))}
        told |= {name: answer.flag(name) for name in ("readable", "writeable", "executable")}
        told |= {key: answer.get(key) for key in ("lnk_source", "lnk_target", "checksum") if answer.has(key)}
        if arguments.get_mime:
            told |= _mime(answer)
        if arguments.get_attributes:
            told |= _attributes(answer)
        return Result(keys={"stat": told})


def _numbers(line: str) -> dict[str, Any]:
    """The keys that come from stat(2), from the form that ``examine`` asks for."""
    raw, uid, gid, size, links, inode, device, blocks, block_size, major, minor, *rest = line.split("/")
    atime, atime_text, mtime, mtime_text, ctime, ctime_text, owner, group = rest
    bits = int(raw, 16)
    told: dict[str, Any] = {
        "mode": f"{stat.S_IMODE(bits):04o}",
        "isdir": stat.S_ISDIR(bits),
        "ischr": stat.S_ISCHR(bits),
        "isblk": stat.S_ISBLK(bits),
        "isreg": stat.S_ISREG(bits),
        "isfifo": stat.S_ISFIFO(bits),
        "islnk": stat.S_ISLNK(bits),
        "issock": stat.S_ISSOCK(bits),
        "uid": int(uid),
        "gid": int(gid),
        "size": int(size),
        "inode": int(inode),
        "dev": int(device),
        "nlink": int(links),
        "atime": _seconds(atime, atime_text),
        "mtime": _seconds(mtime, mtime_text),
        "ctime": _seconds(ctime, ctime_text),
        "isuid": bool(bits & stat.S_ISUID),
        "isgid": bool(bits & stat.S_ISGID),
        "blocks": int(blocks),
        "block_size": int(block_size),
        "device_type": os.makedev(int(major, 16), int(minor, 16)),
    }
    for who, shift in (("usr", 6), ("grp", 3), ("oth", 0)):
        for what, bit in (("r", 4), ("w", 2), ("x", 1)):
            told[what + who] = bool(bits >> shift & bit)
    if owner != "UNKNOWN":
        told["pw_name"] = owner
    if group != "UNKNOWN":
        told["gr_name"] = group
    return told


def _seconds(whole: str, text: str) -> float:
    """Of ``1700000000`` and ``2023-11-14 22:13:20.123456789 +0000``, as Python's os.stat gives it."""
    fraction = text.partition(".")[2].partition(" ")[0]
    return int(whole) + 1e-9 * int(fraction.ljust(9, "0") or 0)


def _mime(answer: Answer) -> dict[str, str]:
    kind, found, charset = answer.get("mime").partition("; charset=")
    return {"mimetype": kind, "charset": charset} if found else {"mimetype": "unknown", "charset": "unknown"}


def _attributes(answer: Answer) -> dict[str, Any]:
    words = answer.get("flags").split()
    if len(words) < 2:
        return {"version": None, "attributes": [], "attr_flags": ""}
    flags = words[1].replace("-", "")
    names = [_ATTRIBUTES[flag] for flag in flags if flag in _ATTRIBUTES]
    return {"version": words[0], "attributes": names, "attr_flags": flags}


MODULE = Stat()
