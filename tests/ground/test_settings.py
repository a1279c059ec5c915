"""Settings: the environment over .env, errors that name the variable, secrets that never show."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from orchestrator.errors import SettingsError
from orchestrator.home import Home, refuse_open_keys
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


def test_keys_that_others_can_read_or_change_are_refused(tmp_path: Path) -> None:
    key, public, known = tmp_path / "id_ed25519", tmp_path / "id_ed25519.pub", tmp_path / "known_hosts"
    authority = tmp_path / "ca" / "user_ed25519"
    authority.parent.mkdir(mode=0o700)
    for file in (key, public, known, authority):
        file.touch(mode=0o600)
    public.chmod(0o644)
    refuse_open_keys(tmp_path)
    refuse_open_keys(tmp_path / "missing")
    for path, mode in ((key, 0o640), (known, 0o666), (tmp_path, 0o777), (authority, 0o604), (authority.parent, 0o720)):
        before = path.stat().st_mode
        path.chmod(mode)
        with pytest.raises(SettingsError, match=f"{path}: .*Run: chmod"):
            refuse_open_keys(tmp_path)
        path.chmod(before)


def test_one_at_a_time(home: Home) -> None:
    home.state.mkdir()
    another = "another `orchestrator serve` is running"
    with home.alone("serve"), pytest.raises(SettingsError, match=another), home.alone("serve"):
        pytest.fail("two at once")
    with home.alone("serve"):
        pass
