"""The token is in no byte that we write: logs, tracebacks, database, messages, representations."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.bot.redact import HIDDEN, Redactor
from tests.telegram.emulator import ANN, EVE, Telegram
from tests.telegram.face import serving

TOKEN = "123456789:AAE-x_yzExampleExampleExampleExample1"


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """A log file that takes everything from DEBUG on, guarded; the root logger is put back after."""
    path = tmp_path / "orchestrator.log"
    handler = logging.FileHandler(path)
    root, level, hook = logging.getLogger(), logging.getLogger().level, sys.excepthook
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    sys.excepthook = hook
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


def test_records_arguments_and_tracebacks(log_file: Path) -> None:
    redactor = Redactor(["correct horse", "short"])
    redactor.install()
    log = logging.getLogger("test")
    log.info("GET https://api.telegram.org/bot%s/getMe", TOKEN)
    log.info("the passphrase is %r", "correct horse", stack_info=True)
    try:
        try:
            raise ValueError(f"/bot{TOKEN}/sendMessage")
        except ValueError as error:
            raise RuntimeError("correct horse") from error
    except RuntimeError:
        log.exception("failed")
    logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/...")
    written = log_file.read_text()
    assert TOKEN not in written
    assert "correct horse" not in written.replace('"the passphrase is %r", "correct horse"', "").replace(
        'RuntimeError("correct horse")', ""
    )
    assert "RuntimeError: " + HIDDEN in written
    assert "HTTP Request" not in written


@pytest.mark.usefixtures("log_file")
def test_a_crash_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    Redactor([TOKEN]).install()
    try:
        raise RuntimeError(f"token {TOKEN}")
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    shown = capsys.readouterr().err
    assert TOKEN not in shown
    assert f"RuntimeError: token {HIDDEN}" in shown


@given(
    st.text(), st.text(), st.sampled_from([TOKEN, TOKEN.replace(":", "%3A"), f"bot{TOKEN}", "s3cret, with (regex)*"])
)
def test_a_secret_anywhere_in_a_text(before: str, after: str, secret: str) -> None:
    redactor = Redactor([TOKEN, "s3cret, with (regex)*"])
    assert secret not in redactor.text(before + secret + after)
    content = (before + secret + after).encode("utf-8", "surrogatepass")
    assert secret.encode() not in redactor.content(content)


@given(st.binary())
def test_a_file_without_secrets_is_left_as_it_is(content: bytes) -> None:
    assert Redactor([TOKEN]).content(content) == content


def test_a_secret_is_hidden_as_it_is_written_in_markup_and_addresses() -> None:
    redactor = Redactor(["<pass> & word"])
    assert redactor.text("<b>&lt;pass&gt; &amp; word</b>") == f"<b>{HIDDEN}</b>"
    assert redactor.text("http://u:%3Cpass%3E%20%26%20word@host/") == f"http://u:{HIDDEN}@host/"


def test_a_redactor_does_not_tell() -> None:
    redactor = Redactor([TOKEN])
    assert TOKEN not in repr(redactor)
    redactor.add("abc")
    assert redactor.text("abc") == "abc", "too short to be hidden"


async def test_the_token_is_written_nowhere(
    tg: Telegram, tmp_path: Path, log_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    redactor = Redactor()
    redactor.install()
    async with serving(tg, tmp_path, redactor=redactor) as bot:
        await tg.say(ANN, "/echo hi")
        await tg.expect(lambda item: item.text == "hi")
        await tg.say(EVE, "/echo hi")
        await tg.say(ANN, f"/crash {tg.token}")
        await tg.expect(lambda item: "incident" in item.text)
        await tg.say(ANN, f"/echo the token is {tg.token}, or {tg.url}/bot{tg.token}/getMe")
        await tg.expect(lambda item: "the token is" in item.text)
        await tg.say(ANN, f"/file {tg.token}")
        document = await tg.expect(lambda item: item.document is not None)
        tg.refuse("sendMessage", 401, "Unauthorized", times=2)
        tg.refuse("getUpdates", 401, "Unauthorized", times=2)
        await tg.say(ANN, "/echo still here")
        await tg.expect(lambda item: item.text == "still here", within=20)
        await tg.proxy.silence()
        await asyncio.sleep(2)  # for timeouts and their exceptions
        await tg.proxy.speak()
        await tg.say(ANN, "/echo back")
        await tg.expect(lambda item: item.text == "back")
        shown = " ".join(repr(vars(part)) for part in (bot, bot.face))
    secret = tg.token.partition(":")[2]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"incident" in log_file.read_bytes()
    assert secret.encode() not in written
    captured = capfd.readouterr()
    assert secret not in captured.out + captured.err
    assert secret not in shown
    assert document.document is not None
    assert document.document[1].decode() == HIDDEN
    for call in tg.calls:
        assert secret not in repr(call)
