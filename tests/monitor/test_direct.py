"""What exporters that are read directly prove themselves with: kept, renewed, and nobody else's to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509

from orchestrator.inventory import Host, load
from orchestrator.monitor import direct as module
from orchestrator.monitor.direct import DirectScraping
from orchestrator.monitor.targets import direct_targets, targets

HOST = Host("authority", "192.0.2.1", exporter=("192.0.2.1", 9100), direct=True)


def names(pem: str) -> list[str]:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    return [
        str(name.value) for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    ]


def test_a_host_keeps_what_it_was_given_until_its_address_changes(tmp_path: Path) -> None:
    direct = DirectScraping(tmp_path / "exporters")
    first = direct.secrets_for(HOST)
    assert direct.secrets_for(HOST) == first
    assert names(first.certificate) == ["192.0.2.1"]
    moved = direct.secrets_for(replace(HOST, address="web1.example"))
    assert names(moved.certificate) == ["web1.example"]
    assert (moved.key != first.key, moved.password_hash) == (True, first.password_hash)
    assert bcrypt.checkpw(direct.password.read_bytes(), first.password_hash.encode())
    certificate = x509.load_pem_x509_certificate(first.certificate.encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(direct.authority.read_bytes()))
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "exporters").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert (tmp_path / "exporters").stat().st_mode & 0o777 == 0o700


def test_a_certificate_near_its_end_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = DirectScraping(tmp_path)
    first = direct.secrets_for(HOST)
    monkeypatch.setattr(module, "RENEWED_BEFORE", 2 * module.LASTS)
    assert direct.secrets_for(HOST).certificate != first.certificate


def test_a_host_is_scraped_in_one_way_alone() -> None:
    through = Host("web2", "192.0.2.2")
    assert [each["labels"]["host"] for each in targets([HOST, through], "127.0.0.1:8002")] == ["web2"]
    assert direct_targets([HOST, through]) == [
        {"targets": ["192.0.2.1:9100"], "labels": {"host": "authority", "instance": "192.0.2.1:9100"}}
    ]


@pytest.mark.parametrize(
    ("variables", "exporter", "direct"),
    [
        ("address: 192.0.2.1", ("127.0.0.1", 9100), False),
        ("address: 192.0.2.1, scrape: ssh", ("127.0.0.1", 9100), False),
        ("address: 192.0.2.1, scrape: direct", ("192.0.2.1", 9100), True),
        ("address: web1.example, scrape: direct", ("0.0.0.0", 9100), True),
        ("address: 192.0.2.1, scrape: direct, exporter: '10.0.0.1:9200'", ("10.0.0.1", 9200), True),
    ],
)
def test_where_an_exporter_listens(tmp_path: Path, variables: str, exporter: tuple[str, int], direct: bool) -> None:
    (tmp_path / "hosts.yml").write_text(f"all: {{hosts: {{web1: {{{variables}}}}}}}")
    host = load(tmp_path).hosts[0]
    assert (host.exporter, host.direct) == (exporter, direct)


def test_another_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {web1: {scrape: maybe}}}")
    with pytest.raises(ValueError, match="neither ssh nor direct"):
        load(tmp_path)
