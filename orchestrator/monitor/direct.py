"""Hosts that Prometheus scrapes directly: what their exporters and Prometheus prove themselves to each other with.

For fleets that outgrow the scrapes through SSH. A small authority of our own signs a certificate for each host's
exporter, so Prometheus knows whom it talks to; one password, of which a host gets the bcrypt hash alone, lets
Prometheus in and nobody else (github.com/prometheus/exporter-toolkit, web-configuration). Prometheus tells it to every
host that it scrapes this way: who breaks into one of them can read the metrics of the others, and nothing more.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.atomicfile import write_atomically
from orchestrator.inventory.model import Host

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

USER = "prometheus"
LASTS = timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=730)
"""A certificate that ends sooner than this is made anew by the next bootstrap of its host."""


@dataclass(frozen=True, slots=True)
class ExporterSecrets:
    """What one host's exporter is given, in the texts of its files: PEM, PEM, and a bcrypt hash."""

    certificate: str
    key: str
    password_hash: str


class DirectScraping:
    """The authority, the password and the hosts' certificates in `folder`, made when they are first needed.

    Everything there is ours alone (0600 in 0700). Methods block; they raise OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hosts = folder / "hosts"  # a host may be named "authority"
        self.authority = folder / "authority.pem"
        self.password = folder / "password"
        self._authority_key = folder / "authority.key"
        self._hash = folder / "password.bcrypt"

    def prepare(self) -> None:
        """Make the authority and the password, unless they are there."""
        self._hosts.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        if not self._authority_key.exists():
            key = _new_key()
            certificate = _certificate("See Servers Health Plus exporters", key, None)
            write_atomically(self.authority, certificate)
            write_atomically(self._authority_key, _pem(key))  # last: with it the authority is there
        if not self._hash.exists():
            import bcrypt

            password = secrets.token_urlsafe(32)
            write_atomically(self.password, password.encode())
            write_atomically(self._hash, bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)))

    def secrets_for(self, host: Host) -> ExporterSecrets:
        """What the exporter of `host` is given: the same each time, until its address changes or its end is near."""
        self.prepare()
        certificate, key = (self._hosts / f"{host.name}.{end}" for end in ("pem", "key"))
        if not (key.exists() and certificate.exists() and _is_good(certificate, host.address)):
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            new = _new_key()
            signer = load_pem_private_key(self._authority_key.read_bytes(), None)
            write_atomically(key, _pem(new))
            signed = _certificate(host.address, new, (signer, self.authority.read_bytes()))  # type: ignore[arg-type]  # ours: elliptic
            write_atomically(certificate, signed)
        return ExporterSecrets(*(path.read_text(encoding="ascii") for path in (certificate, key, self._hash)))


def _new_key() -> ec.EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, signer: tuple[ec.EllipticCurvePrivateKey, bytes] | None
) -> bytes:
    """A certificate in PEM for the server at an address, signed by the authority; without one, an authority's own."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    issuer = x509.load_pem_x509_certificate(signer[1]).subject if signer else subject
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + LASTS * (1 if signer else 2))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None if signer else 0), critical=True)
    )
    if signer:
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        builder = builder.add_extension(server, critical=False)
    return builder.sign(signer[0] if signer else key, SHA256()).public_bytes(Encoding.PEM)


def _general_name(address: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _is_good(certificate: Path, address: str) -> bool:
    from cryptography import x509

    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names) == [_general_name(address)] and found.not_valid_after_utc > datetime.now(UTC) + RENEWED_BEFORE
