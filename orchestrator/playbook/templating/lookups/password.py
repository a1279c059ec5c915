"""The lookup password: a random password kept in a file of the control node."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.playbook.templating.lookups.call import Call, Lookup
from orchestrator.playbook.templating.passwords import hash_password, random_password

_DEFAULTS: dict[str, Any] = {
    "length": 20, "chars": ["ascii_letters", "digits", ".,:-_"], "encrypt": None, "ident": None, "seed": None
}  # fmt: skip
_NOWHERE = Path("/dev/null")
_LONGEST = 4096
_LARGEST_FILE = 64 << 10


def password(call: Call) -> Iterator[str]:
    """The password in a file, made up and written if there is none; hashed with `encrypt`. Not kept in /dev/null."""
    options = call.only(**_DEFAULTS)
    for term in call.terms:
        name, given = call.inline(str(term), options)
        path = call.files.base / Path(name).expanduser()
        plain, salt = _kept(path, given)
        call.rendering.templar.keep_secret(plain)
        yield hash_password(plain, given["encrypt"], salt=salt, ident=given["ident"]) if given["encrypt"] else plain


def _kept(path: Path, options: dict[str, Any]) -> tuple[str, str | None]:
    """Password and salt of the file, which is written where something is missing."""
    length = int(options["length"])
    if not 1 <= length <= _LONGEST:
        raise ValueError(f"a password has 1 to {_LONGEST} characters")
    found = None if path == _NOWHERE else _read(path)
    plain, salt = found or (random_password(length, _alphabet(options["chars"]), options["seed"]), None)
    needs_salt = options["encrypt"] and not salt
    if needs_salt:
        letters = string.ascii_letters + string.digits + "./"
        size = {"bcrypt": 22, "blowfish": 22, "md5_crypt": 8}.get(options["encrypt"], 16)
        salt = random_password(size, letters)
    if path != _NOWHERE and (found is None or needs_salt):
        ident = f" ident={options['ident']}" if options["ident"] and salt else ""
        content = f"{plain} salt={salt}{ident}\n" if salt else f"{plain}\n"
        if not _write(path, content, replace=found is not None):
            return _kept(path, options)
    return plain, salt


def _read(path: Path) -> tuple[str, str | None] | None:
    try:
        with path.open(encoding="utf-8") as file:
            content = file.read(_LARGEST_FILE).rstrip()
    except FileNotFoundError:
        return None
    plain, mark, rest = content.rpartition(" salt=")
    return (plain, rest.partition(" ident=")[0]) if mark else (content, None)


def _write(path: Path, content: str, *, replace: bool) -> bool:
    """Write a whole file that only we can read. False if another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _alphabet(chars: Any) -> str:
    """The characters that names from Python's ``string`` module and literal ones stand for; no quotes."""
    if isinstance(chars, str):
        chars = ([","] if ",," in chars else []) + [part for part in chars.replace(",,", ",").split(",") if part]
    named = {name: getattr(string, name) for name in string.__all__ if isinstance(getattr(string, name), str)}
    letters = "".join(named.get(str(part), str(part)) for part in chars).replace('"', "").replace("'", "")
    if not letters:
        raise ValueError("there are no characters to make a password of")
    return letters


LOOKUPS: dict[str, Lookup] = {"password": password}
