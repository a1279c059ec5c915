"""Why an alert would not reach anybody now, which is when the heartbeat stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.app import App
from orchestrator.faces import Faces
from orchestrator.home import Home
from orchestrator.settings import ChatTarget

GROUP, ANN = ChatTarget(-1001234), ChatTarget(1001)


async def test_chats_of_alerts_that_refuse_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inventory").mkdir()
    env = tmp_path / ".env"
    env.write_text(f"BOT_TOKEN=1:{'a' * 35}\nALLOWED_USERS={ANN.chat}\nALERT_CHAT_ID={GROUP.chat}\n")
    env.chmod(0o600)
    async with App.open(Home(tmp_path), ask_passphrase=lambda _: None) as app:
        faces, outbox = Faces(app), app.outbox
        assert (outbox.targets, outbox.responsible) == ((GROUP,), (GROUP, ANN))

        async def put(key: str, problem: str = "") -> None:
            await outbox.add("inventory.mended", {"added": "web1"}, key=key)
            letter = await outbox.next(GROUP)
            assert letter is not None
            await (outbox.set_aside(letter, problem=problem) if problem else outbox.sent(letter, message_id=7))

        assert await faces.ailment() == ""
        await put("a", "Forbidden: bot was kicked")
        assert await faces.ailment() == "", "it may have been the letter's own fault"
        await put("b", "Forbidden: bot was kicked")
        assert await faces.ailment() == "Telegram refuses what is for the chats of alerts"
        monkeypatch.setattr("orchestrator.faces.REFUSED_S", 0.0)
        assert await faces.ailment() == "", "it may take the next one, and nobody knows"
        monkeypatch.undo()
        await put("c")
        assert await faces.ailment() == ""
        for key in ("d", "e"):
            await put(key, "no answer to two sends; it may have arrived")
        assert await faces.ailment() == "", "that is no refusal"
