"""The door: confirmed where it must be, written down before and after, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.control import Actor, ClosePort, Door, Exec, Face, ListPorts, NotConfirmed
from orchestrator.errors import StoreError
from orchestrator.inventory import Host, HostSet
from orchestrator.store import AuditLog, Database

WEB = [Host(f"web{n}", f"10.0.0.{n}") for n in range(1, 4)]
ASKER = Actor("telegram:5", "Ann", Face.TELEGRAM)
OTHER = Actor("telegram:6", "Bob", Face.TELEGRAM)
LOCAL = Actor("local:root", "root", Face.CLI)
ONE = Exec(HostSet(WEB[:1]), "uptime")
MANY = Exec(HostSet(WEB), "uptime")
CLOSE = ClosePort(WEB[0], 8080, "tcp")


@pytest.fixture
async def audit(tmp_path: Path) -> AsyncIterator[AuditLog]:
    database = await Database.open(tmp_path / "orchestrator.db")
    yield AuditLog(database)
    await database.close()


async def test_intent_before_and_result_after(audit: AuditLog) -> None:
    async with Door(audit).open(ASKER, ONE) as passage:
        (intent,) = await audit.latest(10)
        assert (intent.kind, intent.summary, intent.hosts) == ("intent", "Run on web1: uptime", ("web1",))
        passage.record({"status": "ok"})
    result = (await audit.latest(1))[0]
    assert (result.kind, result.intent, result.actor, result.outcome) == (
        "result",
        intent.seq,
        "telegram:5",
        {"status": "ok"},
    )


async def test_silence_is_unknown_and_never_success(audit: AuditLog) -> None:
    async with Door(audit).open(ASKER, ONE):
        pass
    assert (await audit.latest(1))[0].outcome == {"status": "unknown"}


async def test_an_error_and_a_cancellation_are_written(audit: AuditLog) -> None:
    door = Door(audit)
    with pytest.raises(ValueError, match="boom"):
        async with door.open(ASKER, ONE):
            raise ValueError("boom")
    assert (await audit.latest(1))[0].outcome == {"status": "error", "error": "boom"}

    inside = asyncio.Event()

    async def work() -> None:
        async with door.open(ASKER, ONE) as passage:
            passage.record({"counts": {"ok": 1}})
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await audit.latest(1))[0].outcome == {"status": "cancelled", "counts": {"ok": 1}}


async def test_what_must_be_confirmed(audit: AuditLog) -> None:
    door = Door(audit)
    for actor, action, waivable in ((ASKER, MANY, True), (ASKER, CLOSE, False), (LOCAL, CLOSE, False)):
        with pytest.raises(NotConfirmed) as caught:
            async with door.open(actor, action):
                pytest.fail("let through")
        assert caught.value.waivable is waivable
    assert await audit.latest(10) == []
    for actor, harmless in ((LOCAL, MANY), (ASKER, ListPorts(HostSet(WEB)))):
        async with door.open(actor, harmless) as passage:
            passage.record({"status": "ok"})
    async with door.open(ASKER, CLOSE, confirmed=True) as passage:
        passage.record({"status": "ok"})


async def test_a_waiver_is_for_one_person_one_kind_ten_minutes(audit: AuditLog) -> None:
    clock = [1000.0]
    door = Door(audit, monotonic=lambda: clock[0])
    door.waive(ASKER, Exec.kind)
    async with door.open(ASKER, MANY) as passage:
        passage.record({"status": "ok"})
    for actor, action in ((OTHER, MANY), (ASKER, CLOSE)):
        with pytest.raises(NotConfirmed):
            async with door.open(actor, action):
                pytest.fail("let through")
    clock[0] += 601.0
    with pytest.raises(NotConfirmed):
        async with door.open(ASKER, MANY):
            pytest.fail("let through")


async def test_no_audit_no_action(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "orchestrator.db")
    await database.write(lambda tx: tx.execute("DROP TABLE audit"))
    with pytest.raises(StoreError):
        async with Door(AuditLog(database)).open(ASKER, ONE):
            pytest.fail("let through")
    await database.close()


async def test_a_result_that_cannot_be_written_hides_no_outcome(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = await Database.open(tmp_path / "orchestrator.db")
    await database.write(
        lambda tx: tx.execute(
            "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.kind = 'result'"
            " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    )
    audit = AuditLog(database)
    async with Door(audit).open(ASKER, ONE) as passage:
        passage.record({"status": "ok"})
    assert "counts as unknown" in caplog.text
    with pytest.raises(ValueError, match="boom"):
        async with Door(audit).open(ASKER, ONE):
            raise ValueError("boom")
    assert [row.kind for row in await audit.unfinished()] == ["intent", "intent"]
    await database.close()


async def test_a_command_that_is_no_text_is_audited_all_the_same(audit: AuditLog) -> None:
    async with Door(audit).open(LOCAL, Exec(HostSet(WEB[:1]), "echo \udcff")) as passage:
        passage.record({"status": "ok"})
    assert (await audit.latest(1))[0].summary == r"Run on web1: echo \udcff"
