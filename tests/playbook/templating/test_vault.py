"""What ansible-vault encrypts, we read; what is wrong is said in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.inventory.variables import Vaulted
from orchestrator.playbook.secrets import Secrets
from orchestrator.playbook.templating import LookupContext, Templar, TemplateFault
from orchestrator.playbook.vault import Vault, VaultError, is_encrypted, read_password
from tests.playbook.templating.conftest import template

_VAULT = Path(sys.executable).with_name("ansible-vault")


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Texts encrypted by ansible-vault: without a vault id, with one, and the empty one."""
    folder = tmp_path_factory.mktemp("vault")
    (folder / "one").write_text("secret\n", encoding="utf-8")
    (folder / "two").write_text("other\n", encoding="utf-8")
    made = {}
    for name, arguments, text in (
        ("plain", ["--vault-password-file", "one"], "tröpfchen {{ 1 + 1 }}"),
        ("labelled", ["--vault-id", "prod@two", "--encrypt-vault-id", "prod"], "value of prod"),
        ("lines", ["--vault-password-file", "one"], "a: 1\nb: two\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
        command = [sys.executable, str(_VAULT), "encrypt", *arguments, name]
        subprocess.run(
            command, cwd=folder, env={"HOME": str(folder), "LC_ALL": "C.UTF-8"}, capture_output=True, check=True
        )
        made[name] = (folder / name).read_text(encoding="ascii")
    return made


def test_what_ansible_vault_encrypted_is_read(encrypted: dict[str, str]) -> None:
    assert encrypted["labelled"].startswith("$ANSIBLE_VAULT;1.2;AES256;prod")
    vault = Vault([("default", b"secret"), ("prod", b"other")])
    assert vault.decrypt(encrypted["plain"], "x").decode() == "tröpfchen {{ 1 + 1 }}"
    assert vault.decrypt(encrypted["labelled"], "x") == b"value of prod"
    assert vault.decrypt(encrypted["lines"].encode(), "x") == b"a: 1\nb: two\n"


def test_any_of_several_passwords_may_fit(encrypted: dict[str, str]) -> None:
    vault = Vault([("a", b"wrong"), ("b", b"other"), ("c", b"secret")])
    assert vault.decrypt(encrypted["labelled"], "x") == b"value of prod"


def test_inline_text_may_be_indented(encrypted: dict[str, str]) -> None:
    indented = "".join(f"    {line}\n" for line in encrypted["plain"].splitlines())
    assert Vault([("default", b"secret")]).decrypt(indented, "x").startswith(b"tr")


@pytest.mark.parametrize(
    ("data", "passwords", "message"),
    [
        ("", [], "vars.yml:3: it is not in ansible-vault's format"),
        ("plain", [], "vars.yml:3: it is encrypted with ansible-vault and no password was given. Give the password"),
        ("plain", [("default", b"nope")], "vars.yml:3: no vault password fits"),
        ("labelled", [("prod", b"nope")], "vars.yml:3: no vault password fits (vault id prod)"),
        ("$ANSIBLE_VAULT;1.0;AES\n3031", [], "vars.yml:3: ansible-vault 1.0 with AES is not supported"),
        ("$ANSIBLE_VAULT;1.1;AES256\nzz", [("a", b"b")], "vars.yml:3: it is damaged"),
        ("$ANSIBLE_VAULT;1.1;AES256\n3031", [("a", b"b")], "vars.yml:3: it is damaged"),
    ],
)
def test_what_is_wrong_is_said(
    encrypted: dict[str, str], data: str, passwords: list[tuple[str, bytes]], message: str
) -> None:
    with pytest.raises(VaultError) as raised:
        Vault(passwords).decrypt(encrypted.get(data, data), "vars.yml:3")
    assert str(raised.value).startswith(message)


def test_a_changed_byte_is_noticed(encrypted: dict[str, str]) -> None:
    head, *body = encrypted["plain"].splitlines()
    last = body[-1][:-1] + ("0" if body[-1][-1] != "0" else "1")
    with pytest.raises(VaultError):
        Vault([("default", b"secret")]).decrypt("\n".join([head, *body[:-1], last]), "x")


def test_encrypted_values_are_rendered_and_kept_secret(encrypted: dict[str, str]) -> None:
    secrets = Secrets()
    context = LookupContext(vault=Vault([("default", b"secret"), ("prod", b"other")]))
    variables = {
        "a": Vaulted(encrypted["labelled"]),
        "b": template("<{{ a }}>"),
        "d": {"in": [Vaulted(encrypted["plain"])]},
    }
    templar = Templar(variables, lookups=context, secrets=secrets)
    assert templar.render(template("{{ a is vault_encrypted }} {{ b is vault_encrypted }}")) == "True False"
    assert templar.render(template("{{ b }} {{ a | length }}")) == "<value of prod> 13"
    assert secrets.mask("it is <value of prod>") == "it is <********>"
    # As in ansible-core 2.19: what was encrypted is no template.
    assert templar.render(template("{{ d }}")) == {"in": ["tröpfchen {{ 1 + 1 }}"]}
    assert templar.render({"x": Vaulted(encrypted["labelled"])}) == {"x": "value of prod"}


def test_an_encrypted_value_without_password_fails_only_when_used(encrypted: dict[str, str]) -> None:
    templar = Templar({"a": Vaulted(encrypted["plain"]), "b": 1}, lookups=LookupContext())
    assert templar.render(template("{{ b }}")) == 1
    with pytest.raises(TemplateFault, match="no password was given"):
        templar.render(template("{{ a }}"))
    with pytest.raises(TemplateFault, match="no password was given"):
        templar.render(template("{{ a | default('x') }}"))


def test_encrypted_files_are_looked_up(encrypted: dict[str, str], folder: Path) -> None:
    (folder / "secret.txt").write_text(encrypted["labelled"], encoding="ascii")
    context = LookupContext(search=(folder,), base=folder, vault=Vault([("prod", b"other")]))
    assert Templar({}, lookups=context).render(template("{{ lookup('file', 'secret.txt') }}")) == "value of prod"


def test_files_tell_by_their_start(encrypted: dict[str, str]) -> None:
    assert is_encrypted(encrypted["plain"].encode())
    assert not is_encrypted(b"a: $ANSIBLE_VAULT")


def _password_file(folder: Path, text: str, mode: int) -> Path:
    path = folder / "password-client"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_passwords_come_from_files_and_scripts(tmp_path: Path) -> None:
    assert read_password(_password_file(tmp_path, "p w\n\n", 0o600)) == b"p w"
    script = '#!/bin/sh\necho "$1 $2"\n'
    assert read_password(_password_file(tmp_path, script, 0o755), "prod") == b"--vault-id prod"


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("x", 0o644, "others may read or change the vault password"),
        ("x", 0o622, "others may read or change"),
        ("#!/bin/sh\necho x", 0o775, "others may read or change"),
        ("\n", 0o600, "is empty"),
        ("#!/bin/sh\nexit 3", 0o700, "ended with 3"),
        ("#!/nowhere", 0o700, "does not run"),
    ],
)
def test_bad_password_files_are_refused(tmp_path: Path, text: str, mode: int, message: str) -> None:
    with pytest.raises(VaultError, match=message):
        read_password(_password_file(tmp_path, text, mode))


def test_a_password_must_be_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="not in a file"):
        read_password(tmp_path)
    with pytest.raises(VaultError, match="No such file"):
        read_password(tmp_path / "nope")
