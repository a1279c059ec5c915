"""The unit as text: what systemd itself makes of it, and what it refuses to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.home import Home
from orchestrator.systemd.units import SERVICE, service
from tests.cli.command import orchestrator


def verified(text: str, folder: Path) -> str:
    """What systemd-analyze has against a unit."""
    (folder / SERVICE).write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", str(folder / SERVICE)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stderr


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    text = service(Home(tmp_path), user="root", python=Path(sys.executable))
    said = [line for line in verified(text, tmp_path).splitlines() if SERVICE in line]
    assert said == []
    assert "Unknown key" in verified(text.replace("PrivateTmp=", "PrivateTemp="), tmp_path), "else it proves nothing"


def test_credentials_are_loaded_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "etc/orchestrator"
    folder.mkdir(parents=True)
    (folder / "bot-token").touch()
    lines = service(Home(tmp_path), user="me", python=Path("/bin/python3"), credentials=tmp_path).splitlines()
    assert "LoadCredential=bot-token:/etc/orchestrator/bot-token" in lines
    assert "#LoadCredential=ssh-passphrase:/etc/orchestrator/ssh-passphrase" in lines


@pytest.mark.parametrize(
    ("home", "sees"), [("/home/me/fleet", "read-only"), ("/srv/fleet", "yes"), ("/root", "read-only")]
)
def test_homes_of_people_are_hidden_unless_it_lives_there(home: str, sees: str) -> None:
    text = service(Home(Path(home)), user="me", python=Path("/usr/bin/python3"))
    assert f"ProtectHome={sees}\n" in text


@pytest.mark.parametrize("user", ["", "a b", "me\nExecStartPre=/bin/evil", "-me", "%u"])
def test_a_user_that_is_no_account_name_is_refused(user: str) -> None:
    with pytest.raises(UsageError, match="no name of an account"):
        service(Home(Path("/srv/fleet")), user=user, python=Path("/usr/bin/python3"))


@pytest.mark.parametrize("home", ["/srv/my fleet", "/srv/100%", "/srv/a\nb", "/srv/$HOME", "/srv/a\\b", '/srv/"'])
def test_a_home_that_a_unit_would_read_otherwise_is_refused(home: str) -> None:
    with pytest.raises(UsageError, match="cannot stand in a unit"):
        service(Home(Path(home)), user="me", python=Path("/usr/bin/python3"))


def test_the_verb_prints_or_writes_and_says_what_is_missing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True)
    printed = orchestrator(home, "units", "--user", "nobody-here")
    assert printed.status == 0
    assert f"Environment=ORCHESTRATOR_HOME={home}\n" in printed.out
    assert f"ExecStart={sys.executable} -X faulthandler -m orchestrator serve\n" in printed.out
    assert f"install -d -m 700 -o nobody-here {home}/keys {home}/inventory {home}/prometheus\n" in printed.err
    assert "useradd --system" in printed.err

    written = orchestrator(tmp_path, "units", "--user", "root", "--home", str(home), "--write", str(tmp_path))
    assert (written.status, written.out) == (0, "")
    assert (tmp_path / SERVICE).read_text() == printed.out.replace("nobody-here", "root")

    refused = orchestrator(home, "units", "--write", str(tmp_path / "nowhere"))
    assert refused.status == 2
    assert "cannot be written: No such file or directory" in refused.err
