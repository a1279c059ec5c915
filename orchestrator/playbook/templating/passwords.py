"""Random passwords and the hashes that stand in ``/etc/shadow`` (crypt(5))."""

from __future__ import annotations

import hashlib
import random
import secrets
import string
from collections.abc import Callable
from typing import Any

import bcrypt

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT = string.ascii_letters + string.digits + "./"
_NAMES = {"md5": "md5_crypt", "blowfish": "bcrypt", "sha256": "sha256_crypt", "sha512": "sha512_crypt"}
_ROUNDS = {"sha256_crypt": 535_000, "sha512_crypt": 656_000}
"""Ansible's."""
_PLAIN_ROUNDS = 5000
_MOST_ROUNDS = 5_000_000
_COST = 12

# In which order the bytes of the digest are spelled, three at a time: Ulrich Drepper, "Unix crypt using SHA-256/512".
_SHA256_ORDER = "0 10 20 21 1 11 12 22 2 3 13 23 24 4 14 15 25 5 6 16 26 27 7 17 18 28 8 9 19 29"
_SHA512_ORDER = (
    "0 21 42 22 43 1 44 2 23 3 24 45 25 46 4 47 5 26 6 27 48 28 49 7 50 8 29 9 30 51 31 52 10 53 11 32 "
    "12 33 54 34 55 13 56 14 35 15 36 57 37 58 16 59 17 38 18 39 60 40 61 19 62 20 41"
)


def random_password(length: int, characters: str, seed: Any = None) -> str:
    """`length` of `characters`, the same for the same `seed`."""
    chance = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311  repeatable by design
    return "".join(chance.choice(characters) for _ in range(length))


def hash_password(  # noqa: PLR0917  Ansible's, and all can be given by position
    password: Any,
    hashtype: str = "sha512",
    salt: str | None = None,
    salt_size: int | None = None,
    rounds: int | None = None,
    ident: str | None = None,
) -> str:
    """The hash of a password for the user module: ``sha512``, ``sha256``, ``blowfish`` (bcrypt).

    Without `salt` it differs each time. Raises ValueError for what crypt(5) does not take.
    """
    scheme = _NAMES.get(hashtype, hashtype)
    secret = str(password).encode()
    if scheme == "bcrypt":
        return _bcrypt(secret, salt, rounds or _COST, ident or "2b")
    if scheme not in _ROUNDS:
        raise ValueError(f"{hashtype} is not supported; take sha512, sha256 or blowfish")
    salt = salt or random_password(salt_size or 16, _SALT)
    if set(salt) - set(_ALPHABET) or len(salt) > 16:
        raise ValueError("a salt has at most 16 characters out of letters, digits, . and /")
    rounds = rounds or _ROUNDS[scheme]
    if not 1000 <= rounds <= _MOST_ROUNDS:
        raise ValueError(f"rounds must be between 1000 and {_MOST_ROUNDS}")
    return _sha_crypt(secret, salt.encode(), rounds, wide=scheme == "sha512_crypt")


def _bcrypt(secret: bytes, salt: str | None, rounds: int, ident: str) -> str:
    if ident not in {"2a", "2b", "2y"}:
        raise ValueError("ident must be 2a, 2b or 2y")
    if not 4 <= rounds <= 16:
        raise ValueError("rounds of bcrypt are a power of two between 4 and 16")
    if salt is None:
        setting = bcrypt.gensalt(rounds)
    elif len(salt) == 22:
        setting = f"$2b${rounds:02d}${salt}".encode()
    else:
        raise ValueError("a salt of bcrypt has 22 characters")
    # bcrypt reads 72 bytes; longer passwords are cut by every other implementation, too.
    return f"${ident}" + bcrypt.hashpw(secret[:72], setting).decode()[3:]


def _sha_crypt(secret: bytes, salt: bytes, rounds: int, *, wide: bool) -> str:
    """SHA-crypt as Ulrich Drepper specified it; the steps have his numbers."""
    sha: Callable[..., Any] = hashlib.sha512 if wide else hashlib.sha256
    size = 64 if wide else 32
    b = sha(secret + salt + secret).digest()  # 4-8
    a = sha(secret + salt + (b * (len(secret) // size + 1))[: len(secret)])  # 1-3, 9-10
    count = len(secret)
    while count:  # 11
        a.update(b if count & 1 else secret)
        count >>= 1
    digest = a.digest()  # 12
    p = (sha(secret * len(secret)).digest() * (len(secret) // size + 1))[: len(secret)]  # 13-16
    s = sha(salt * (16 + digest[0])).digest()[: len(salt)]  # 17-20
    # 21. What surrounds the digest repeats every 42 rounds (2 * 3 * 7).
    heads, tails = [], []
    for number in range(42):
        middle = (s if number % 3 else b"") + (p if number % 7 else b"")
        heads.append(p + middle if number & 1 else b"")
        tails.append(b"" if number & 1 else middle + p)
    for number in range(rounds):
        turn = number % 42
        digest = sha(heads[turn] + digest + tails[turn]).digest()
    setting = "" if rounds == _PLAIN_ROUNDS else f"rounds={rounds}$"
    return f"${'6' if wide else '5'}${setting}{salt.decode()}${_spelled(digest, wide)}"


def _spelled(digest: bytes, wide: bool) -> str:
    order = [int(place) for place in (_SHA512_ORDER if wide else _SHA256_ORDER).split()]
    text = ""
    for first, second, third in zip(order[::3], order[1::3], order[2::3], strict=True):
        text += _sextets(digest[first] << 16 | digest[second] << 8 | digest[third], 4)
    return text + (_sextets(digest[63], 2) if wide else _sextets(digest[31] << 8 | digest[30], 3))


def _sextets(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> (6 * place) & 63] for place in range(count))
