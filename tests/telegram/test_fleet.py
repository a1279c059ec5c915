"""The fleet from the chat, end to end: a host added, bootstrapped and charted; edits by hand that break; a restart."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.inventory import load
from orchestrator.monitor.client import PrometheusClient
from tests import sshd
from tests.bootstrap.exporter import exporter
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.monitor.prometheus import LOOPBACK, answers
from tests.telegram.emulator import ANN, EVE, MEI, Telegram
from tests.telegram.served import make_home, served
from tests.telegram.test_monitoring import QUICK

GROUP = -1001234
SEEN_S = 4.0  # two seconds are promised; the machine may have other things to do


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Fleet]:
    """Two hosts that answer."""
    with sshd.fleet(tmp_path_factory.mktemp("fleet"), 2) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    """A lab of one bare host, on which `ops` has our key, and sudo without a password."""
    with Lab(1, name=f"chat-{os.getpid()}") as lab:
        yield lab


@pytest.fixture
def machine(one: Lab) -> LabHost:
    """Its host."""
    return one.hosts[0]


@pytest.fixture
def bare(one: Lab, tmp_path: Path) -> Path:
    """A home that knows no host yet."""
    home = tmp_path / "home"
    for part in ("inventory", "keys", "state"):
        (home / part).mkdir(parents=True, mode=0o700)
    for end in ("", ".pub"):
        shutil.copy(f"{one.key}{end}", home / "keys" / f"id_ed25519{end}")
    text = f"# mine\nall:\n  vars: {{node_exporter_binary: {exporter()}}}\n  hosts: {{}}\n"
    (home / "inventory" / "hosts.yml").write_text(text)
    return home


@pytest.mark.lab
async def test_from_an_address_to_charts_in_under_a_minute(tg: Telegram, bare: Path, machine: LabHost) -> None:
    listen, own = sshd.free_port(LOOPBACK), sshd.free_port(LOOPBACK)
    (bare / "prometheus").mkdir()
    (bare / "prometheus" / "prometheus.yml").write_text(QUICK.format(listen=listen))
    settings = {"LISTEN": f"{LOOPBACK}:{listen}", "PROMETHEUS_LISTEN": f"{LOOPBACK}:{own}", "PROMETHEUS_URL": ""}
    async with served(tg, bare, **settings):
        began = time.monotonic()
        await tg.say(ANN, "/host_add")
        await tg.expect(lambda item: "what shall it be called" in item.text, within=30)
        await tg.say(ANN, "web9")
        await tg.expect(lambda item: "What is its address?" in item.text)
        await tg.say(EVE, "10.6.6.6")
        await tg.say(ANN, machine.address)
        form = await tg.expect(lambda item: "✔ Add it" in item.labels)
        assert machine.address in form.text
        await tg.tap(form, "User")
        await tg.expect(lambda item: "Which user" in item.text)
        await tg.say(ANN, "ops")
        form = await tg.expect(lambda item: "✔ Add it" in item.labels, after=form.message_id)
        assert "not allowed" in await tg.answered(await tg.tap(form, "✔ Add it", user=EVE))
        assert "只有提出要求的人" in await tg.answered(await tg.tap(form, "✔ Add it", user=MEI))
        await tg.tap(form, "✔ Add it")
        added = await tg.expect(lambda item: item.text.startswith("✔ web9 is in the inventory"))
        assert load(bare / "inventory").host("web9").user == "ops"

        await tg.tap(added, "Trust key")
        key = await tg.expect(lambda item: "shows this host key" in item.text)
        assert machine.fingerprint in key.text
        await tg.tap(key, "trust it")
        trusted = await tg.expect(lambda item: item.text.startswith("✔ web9: its key is trusted"))

        await tg.tap(trusted, "Bootstrap")
        found = await tg.expect(lambda item: "1 of 1 ready" in item.text, within=20)
        assert "✔ web9: ops (key) · root without a password → orchestrator" in found.text
        assert "bookworm" in found.text
        await tg.tap(found, "▶ Bootstrap")
        done = await tg.expect(lambda item: " · managed · " in item.text, within=60)
        assert done.text.startswith("✔ web9 · managed · ")
        assert "✖" not in done.text
        with closing(PrometheusClient(f"http://{LOOPBACK}:{own}", timeout=5)) as client:
            await answers(client, 'rate(node_cpu_seconds_total{host="web9"}[2m])')
        await tg.tap(done, "Chart")
        chart = await tg.expect(lambda item: item.picture is not None, within=30)
        assert chart.text.startswith("📈 CPU · web9 · ")
        assert time.monotonic() - began < 60

        host = load(bare / "inventory").host("web9")
        assert (host.user, host.vars["bootstrap_user"]) == ("orchestrator", "ops")
        assert (bare / "inventory" / "hosts.yml").read_text().startswith("# mine\n")
        listening = await asyncio.to_thread(machine.run, "ss -H -ltn | awk '{print $4}'")
        assert [place for place in listening.stdout.split() if not place.startswith("127.")] == [
            "0.0.0.0:22",
            "[::]:22",
        ]

        await tg.say(ANN, "/bootstrap web9")
        again = await tg.expect(lambda item: "1 of 1 ready" in item.text, within=20, after=found.message_id)
        await tg.tap(again, "Check only")
        checked = await tg.expect(lambda item: " · check · " in item.text, within=60)
        assert "0 tasks would change something" in checked.text
        await tg.tap(checked, "Bootstrap …")
        again = await tg.expect(lambda item: "1 of 1 ready" in item.text, within=20)
        await tg.tap(again, "Cancel")
        await tg.expect(lambda item: item.text == "⏹ Not bootstrapped: web9")


@pytest.mark.lab
async def test_an_unknown_key_is_confirmed_and_passwords_stay_out_of_the_chat(
    tg: Telegram, bare: Path, machine: LabHost
) -> None:
    async with served(tg, bare):
        await tg.say(ANN, f"/host_add pw {machine.address} user=nobody")
        await tg.expect(lambda item: item.text.startswith("✔ pw is in the inventory"), within=30)
        await tg.say(ANN, "/bootstrap pw")
        asked = await tg.expect(lambda item: "1 host key to confirm" in item.text, within=20)
        assert machine.fingerprint in asked.text
        assert asked.labels == ["These are right: trust", "Cancel"]
        await tg.tap(asked, "trust")
        refused = await tg.expect(lambda item: "0 of 1 ready" in item.text, within=20)
        assert "orchestrator bootstrap pw --ask-pass" in refused.text
        assert refused.labels == ["Look again"]
        assert machine.public_key.split()[1] in (bare / "keys" / "known_hosts").read_text()


async def test_a_restart_in_the_middle_of_a_conversation(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> None:
    home = make_home(tmp_path, fleet)
    async with served(tg, home) as program:
        await tg.say(ANN, "/host_add")
        await tg.expect(lambda item: "what shall it be called" in item.text, within=30)
        await tg.say(ANN, "web9")
        question = await tg.expect(lambda item: "What is its address?" in item.text)
        await program.crash()
        await tg.say(ANN, "10.0.0.9:2222")
        form = await tg.expect(lambda item: "✔ Add it" in item.labels, within=30)
        await tg.tap(question, "Cancel")
        await tg.expect(lambda item: "this question is over" in item.text)
        await tg.tap(form, "✔ Add it")
        await tg.tap(form, "✔ Add it")
        await tg.expect(lambda item: item.text.startswith("✔ web9 is in the inventory"))
        assert load(home / "inventory").host("web9").port == 2222
        await tg.say(ANN, "10.0.0.8")
        await tg.expect(lambda item: "I only understand commands" in item.text)


async def test_a_broken_edit_is_told_within_two_seconds_and_what_mended_it(
    tg: Telegram, tmp_path: Path, fleet: sshd.Fleet
) -> None:
    home = make_home(tmp_path, fleet)
    file = home / "inventory" / "hosts.yml"
    whole = file.read_text()
    async with served(tg, home):
        await tg.say(ANN, "/agents")
        await tg.expect(lambda item: "web1" in item.text and "as of" in item.text, within=30)
        file.write_text(whole + "    web7: [\n")
        broken = await tg.expect(
            lambda item: item.text.startswith("⚠ The inventory is broken: hosts.yml:"), within=SEEN_S
        )
        assert "The old one stays in force, with 3 hosts." in broken.text
        assert (broken.chat_id, broken.silent) == (ANN.id, False)
        await tg.say(ANN, "/host_add web8 10.0.0.8")
        refused = await tg.expect(lambda item: item.text.startswith("⛔ hosts.yml:"))
        assert "is not YAML" in refused.text
        file.write_text(whole.replace("web2:", "web5:"))
        mended = await tg.expect(lambda item: item.text.startswith("✅ The inventory is in order again"), within=SEEN_S)
        assert mended.text.splitlines()[1:] == ["added: web5", "removed: web2"]
        assert mended.silent
        await tg.say(ANN, "/op_exec web5 echo back")
        await tg.expect(lambda item: "back" in item.text and item.text.startswith("✔"), within=20)
        assert len([item for item in tg.in_chat(ANN.id) if "inventory is broken" in item.text]) == 1


async def test_in_a_group_only_replies_are_answers(tg: Telegram, tmp_path: Path, fleet: sshd.Fleet) -> None:
    home = make_home(tmp_path, fleet)
    async with served(tg, home):
        await tg.say(ANN, "/host_add", chat=GROUP)
        question = await tg.expect(lambda item: item.chat_id == GROUP, within=30)
        assert "Write it as a reply to this message." in question.text
        ours = {
            "message_id": question.message_id,
            "date": int(time.time()),
            "chat": {"id": GROUP, "type": "supergroup", "title": "Ops"},
            "from": {"id": 7, "is_bot": True, "first_name": "bot", "username": "fleet_bot"},
            "text": question.text,
        }
        await tg.say(ANN, "lunch?", chat=GROUP)
        await tg.say(MEI, "mei1", chat=GROUP, reply_to_message=ours)
        await tg.say(EVE, "eve1", chat=GROUP, reply_to_message=ours)
        await tg.say(ANN, "web9", chat=GROUP, reply_to_message=ours)
        form = await tg.expect(lambda item: "What is its address?" in item.text)
        assert "web9" in form.text
        assert len(tg.in_chat(GROUP)) == 2
