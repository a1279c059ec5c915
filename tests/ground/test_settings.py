"""Settings: the environment over .env, errors that name the variable, secrets that never show."""

from __future__ import annotations

import os
import shlex
import traceback
from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.home import Home, refuse_open_home
from orchestrator.permissions import is_open
from orchestrator.settings import ChatTarget, Settings

TOKEN = "123456789:" + "Aa-_0" * 7


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def write_env(home: Home, text: str) -> None:
    file = home.path / ".env"
    file.write_text(text)
    file.chmod(0o600)


def test_defaults_need_nothing(home: Home) -> None:
    settings = Settings.load(home, {})
    assert settings.bot_token is None
    assert settings.listen == ("127.0.0.1", 8002)
    assert settings.language is None
    assert settings.zone is None


def test_environment_wins_over_env_file(home: Home) -> None:
    write_env(home, "TZ=Asia/Taipei\nORCHESTRATOR_LANGUAGE=zh-TW\n")
    settings = Settings.load(home, {"TZ": "Europe/Rome"})
    assert (str(settings.zone), settings.language) == ("Europe/Rome", "zh_TW")


def test_the_old_systems_env_file_is_read_as_it_stood(home: Home) -> None:
    write_env(home, f"BOT_TOKEN = {TOKEN}\nchat_id = 5\nALLOWED_USERS=123456789,987654321\nSERVER_HOST=0.0.0.0\n")
    settings = Settings.load(home, {})
    assert settings.bot_token is not None
    assert settings.bot_token.get_secret_value() == TOKEN
    assert settings.allowed_users == {123456789, 987654321}


def test_an_empty_value_is_an_absent_one(home: Home) -> None:
    assert Settings.load(home, {"BOT_TOKEN": "", "ALLOWED_USERS": ""}).bot_token is None


def test_chats_with_topics(home: Home) -> None:
    settings = Settings.load(home, {"ALERT_CHAT_ID": "-1001234567890:42, 5"})
    assert settings.alert_chat_id == (ChatTarget(-1001234567890, 42), ChatTarget(5))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TELEGRAM_API_URL", "http://127.0.0.1:99999", "Port out of range"),
        ("BOT_TOKEN", "hunter2-my-secret", "does not look like a bot token"),
        ("ALLOWED_USERS", "me,you", "is not a numeric user id"),
        ("ALLOWED_USERS", "-100", "a negative number is a group"),
        ("ALERT_CHAT_ID", "1:2:3", "is not ID or ID:TOPIC"),
        ("TELEGRAM_API_URL", "127.0.0.1:8081", "is not an http:// or https:// address"),
        ("PROMETHEUS_URL", "ftp://x", "is not an http:// or https:// address"),
        ("ALERTMANAGER_URL", "https://:80", "is not an http:// or https:// address"),
        ("LISTEN", "8002", "is not ADDRESS:PORT"),
        ("LISTEN", "127.0.0.1:99999", "is not ADDRESS:PORT"),
        ("PROMETHEUS_LISTEN", "0.0.0.0:9090", "can be reached from elsewhere"),
        ("PROMETHEUS_LISTEN", "prometheus.example:9090", "can be reached from elsewhere"),
        ("ALERTMANAGER_LISTEN", "0.0.0.0:9093", "can be reached from elsewhere"),
        ("HEARTBEAT_URL", "hc-ping.com/5f2a", "is not an http:// or https:// address"),
        ("LOGINS_SINCE", "yesterday", "is not a number of minutes, hours or days"),
        ("ORCHESTRATOR_LANGUAGE", "fr", "is neither en nor zh-TW"),
        ("TZ", "Mars/Olympus", "is not a time zone"),
        ("TZ", "../../etc/passwd", "is not a time zone"),
        ("SSH_AGENT", "perhaps", "is neither yes nor no"),
    ],
)
def test_a_wrong_value_names_variable_problem_and_example(home: Home, name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(home, {name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert says in message
    assert f"Example: {name}=" in message
    assert "\n" not in message
    assert value not in message.split("Example:", maxsplit=1)[0]


def test_a_secret_shows_nowhere(home: Home) -> None:
    settings = Settings.load(home, {"BOT_TOKEN": TOKEN, "ALLOWED_USERS": "5"})
    assert TOKEN not in repr(settings) + str(settings) + settings.model_dump_json()
    try:
        Settings.load(home, {"BOT_TOKEN": TOKEN + "!"})
    except SettingsError:
        assert TOKEN not in traceback.format_exc()
    else:
        pytest.fail("accepted")


def test_a_token_without_users_is_refused(home: Home) -> None:
    with pytest.raises(SettingsError, match="ALLOWED_USERS: is missing"):
        Settings.load(home, {"BOT_TOKEN": TOKEN})


def test_token_from_a_file_and_from_systemd(home: Home) -> None:
    file = home.path / "bot-token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    for environ in ({"BOT_TOKEN_FILE": str(file)}, {"CREDENTIALS_DIRECTORY": str(home.path)}):
        settings = Settings.load(home, {**environ, "ALLOWED_USERS": "5"})
        assert settings.bot_token is not None
        assert settings.bot_token.get_secret_value() == TOKEN


def test_a_token_file_that_is_missing_open_or_wrong(home: Home) -> None:
    file = home.path / "token"
    environ = {"BOT_TOKEN_FILE": str(file), "ALLOWED_USERS": "5"}
    with pytest.raises(SettingsError, match="BOT_TOKEN_FILE: cannot read .*No such file"):
        Settings.load(home, environ)
    file.write_text("nonsense")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        Settings.load(home, environ)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="does not hold a bot token"):
        Settings.load(home, environ)


def test_an_env_file_open_to_others_is_refused(home: Home) -> None:
    write_env(home, "TZ=UTC\n")
    (home.path / ".env").chmod(0o640)
    with pytest.raises(SettingsError, match=r"\.env: others can read or write it\. Run: chmod 600"):
        Settings.load(home, {})


def test_where_home_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet").mkdir()
    assert Home.find(None, {}).path == tmp_path
    assert Home.find(None, {"ORCHESTRATOR_HOME": "fleet"}).path == tmp_path / "fleet"
    assert Home.find(Path("fleet"), {"ORCHESTRATOR_HOME": "/nowhere"}).path == tmp_path / "fleet"
    with pytest.raises(SettingsError, match="ORCHESTRATOR_HOME: /nowhere is not a folder"):
        Home.find(None, {"ORCHESTRATOR_HOME": "/nowhere"})


def test_an_env_file_that_is_no_text(home: Home) -> None:
    write_env(home, "")
    (home.path / ".env").write_bytes(b"LISTEN=\xff\n")
    with pytest.raises(SettingsError, match=r"\.env: cannot be read: it is not UTF-8"):
        Settings.load(home, {})


@pytest.mark.parametrize(
    ("value", "zone"),
    [(":/etc/localtime", "None"), (":Asia/Taipei", "Asia/Taipei"), ("/usr/share/zoneinfo/Asia/Taipei", "Asia/Taipei")],
)
def test_a_time_zone_as_systems_spell_it(home: Home, value: str, zone: str) -> None:
    assert str(Settings.load(home, {"TZ": value}).zone) == zone


def test_a_home_that_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="File name too long"):
        Home.find(tmp_path / ("x" * 300), {})


def test_a_passphrase_file_must_be_there_and_private(home: Home) -> None:
    file = home.path / "passphrase"
    with pytest.raises(SettingsError, match=r"SSH_PASSPHRASE_FILE: .* is not a file"):
        Settings.load(home, {"SSH_PASSPHRASE_FILE": str(file)})
    file.write_text("secret\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        Settings.load(home, {"SSH_PASSPHRASE_FILE": str(file)})


def test_a_passphrase_from_systemd(home: Home) -> None:
    file = home.path / "ssh-passphrase"
    file.write_text("secret\n")
    file.chmod(0o400)
    environ = {"CREDENTIALS_DIRECTORY": str(home.path)}
    assert Settings.load(home, environ).ssh_passphrase_file == file
    named = home.path / "named"
    named.write_text("secret\n")
    named.chmod(0o600)
    assert Settings.load(home, {**environ, "SSH_PASSPHRASE_FILE": str(named)}).ssh_passphrase_file == named


@pytest.mark.parametrize(
    ("name", "mode", "says"),
    [
        ("", 0o757, "others can write it. Run: chmod go-w"),
        ("state", 0o750, "others can read or write it. Run: chmod 700"),
        ("keys", 0o777, "others can write it. Run: chmod go-w"),
        ("keys/ca", 0o722, "others can write it. Run: chmod go-w"),
        ("keys/known_hosts", 0o646, "others can write it. Run: chmod go-w"),
        ("keys/id_ed25519", 0o640, "others can read or write it. Run: chmod 600"),
        ("keys/id_ed25519.retiring", 0o604, "others can read or write it. Run: chmod 600"),
        ("keys/next_ed25519", 0o644, "others can read or write it. Run: chmod 600"),
        ("keys/ca/user_ed25519", 0o644, "others can read or write it. Run: chmod 600"),
        ("keys/of a host", 0o644, "others can read or write it. Run: chmod 600"),
    ],
)
def test_what_others_can_read_or_change_stops_the_start(home: Home, name: str, mode: int, says: str) -> None:
    home.path.chmod(0o755)
    (home.keys / "ca").mkdir(mode=0o700, parents=True)
    home.keys.chmod(0o700)
    home.state.mkdir(mode=0o700)
    (home.keys / "id_ed25519.pub").touch(mode=0o644)
    (home.keys / "known_hosts").touch(mode=0o644)
    for key in ("id_ed25519", "id_ed25519.retiring", "next_ed25519", "ca/user_ed25519", "of a host"):
        (home.keys / key).write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        (home.keys / key).chmod(0o600)
    refuse_open_home(home)
    path = home.path / name
    path.chmod(mode)
    with pytest.raises(SettingsError) as refusal:
        refuse_open_home(home)
    assert str(refusal.value) == f"{path}: {says} {shlex.quote(str(path))}"


def test_a_home_that_has_nothing_yet(home: Home) -> None:
    refuse_open_home(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", ["keys", "keys/id_ed25519", "state"])
def test_what_belongs_to_somebody_else_stops_the_start(home: Home, name: str) -> None:
    home.keys.mkdir(mode=0o700)
    home.state.mkdir(mode=0o700)
    (home.keys / "id_ed25519").touch(mode=0o600)
    os.chown(home.path / name, 12345, 0)
    with pytest.raises(SettingsError, match=f"{name}: belongs to user 12345, .* Run: chown 0 "):
        refuse_open_home(home)


def test_one_at_a_time(home: Home) -> None:
    home.state.mkdir()
    another = "another `orchestrator serve` is running"
    with home.alone("serve"), pytest.raises(SettingsError, match=another), home.alone("serve"):
        pytest.fail("two at once")
    with home.alone("serve"):
        pass


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "is_it"),
    [
        (0o400, 1000, 1000, False),
        (0o440, 0, 0, False),  # as systemd 257 hands a credential to a service of user 1000, with a list for him
        (0o440, 0, 50, True),
        (0o440, 1000, 0, True),
        (0o460, 0, 0, True),
        (0o444, 0, 0, True),
    ],
)
def test_a_credential_that_systemd_hands_over_is_not_open(
    mode: int, uid: int, gid: int, is_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert is_open(os.stat_result((0o100000 | mode, 1, 1, 1, uid, gid, 1, 1, 1, 1))) is is_it


def test_the_token_of_grafana(home: Home) -> None:
    file = home.path / "grafana-token"
    file.write_text("glsa_abc\n")
    file.chmod(0o600)
    for given in ({"GRAFANA_TOKEN": "glsa_abc"}, {"GRAFANA_TOKEN_FILE": str(file)}):
        token = Settings.load(home, given).grafana_token
        assert token is not None
        assert token.get_secret_value() == "glsa_abc"
        assert "glsa_abc" not in repr(Settings.load(home, given))
    file.write_text("two words\n")
    with pytest.raises(SettingsError, match="GRAFANA_TOKEN_FILE"):
        Settings.load(home, {"GRAFANA_TOKEN_FILE": str(file)})
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod"):
        Settings.load(home, {"GRAFANA_TOKEN_FILE": str(file)})
    with pytest.raises(SettingsError, match="GRAFANA_TOKEN"):
        Settings.load(home, {"GRAFANA_TOKEN": "glsa\r\nX-Evil: 1"})
