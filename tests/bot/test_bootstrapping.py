"""/bootstrap in the chat: what is shown of hosts, also of hostile ones, and that only what was shown is trusted."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bootstrap import (
    Bootstrap,
    Credentials,
    HostFacts,
    HostOutcome,
    KeyState,
    Outcome,
    Parts,
    Root,
    Step,
    Surveyed,
)
from orchestrator.bot.message import TEXT_LIMIT, Message
from orchestrator.bot.render import bootstrapping as render
from orchestrator.bot.render.markup import Html, length, shown
from orchestrator.inventory import Host, HostSet
from orchestrator.inventory.edit import Editor
from orchestrator.monitor.direct import DirectScraping
from orchestrator.ssh import Authority, HostKey, Keys, Limits, Pool, Status
from orchestrator.store import ButtonRow
from tests import sshd
from tests.bot.conftest import Node, inventory_of
from tests.bot.person import until
from tests.telegram.markup import visible

DEBIAN = HostFacts("Debian GNU/Linux 12 (bookworm)", "x86_64", "systemd", True, 0.2)


def ready(name: str, **more: Any) -> Surveyed:
    found = Surveyed(Host(name, "10.0.0.1"), "ops", "orchestrator", Status.OK, KeyState.PINNED)
    return replace(found, method="key", root=Root.FREE, facts=DEBIAN, **more)


def key(number: int) -> HostKey:
    return HostKey("ssh-ed25519", f"SHA256:{number:043d}", "ssh-ed25519 AAAA")


def refused(name: str, status: Status, trouble: str, **more: Any) -> Surveyed:
    return replace(Surveyed(Host(name, "10.0.0.1"), "ops", "orchestrator", status), trouble=trouble, **more)


def text(message: Message) -> str:
    visible(message.html)
    assert 0 < length(Html(message.html)) <= TEXT_LIMIT
    return shown(Html(message.html))


def test_alike_hosts_are_told_once_and_passwords_by_the_command(node: Node) -> None:
    surveyed = [
        *(ready(f"web{number}") for number in range(1, 31)),
        refused("db1", Status.UNREACHABLE, "no route to host"),
        refused("old1", Status.AUTH_FAILED, "login refused for ops", key=KeyState.PINNED),
        refused("old2", Status.FAILED, "sudo wants a password", key=KeyState.PINNED, root=Root.ASKS),
    ]
    assert text(render.found(surveyed, (), node.catalogues.locale("en"))) == (
        "🧭 web[1-30] db1 old[1-2] · 30 of 33 ready\n"
        "✔ web[1-30]: ops (key) · root without a password → orchestrator\n"
        "   Debian GNU/Linux 12 (bookworm), x86_64, systemd, sudo\n"
        "⛔ db1: no route to host\n"
        "🔑 old1: login refused for ops\n"
        "✖ old2: sudo wants a password\n"
        "Passwords are not asked for in a chat, which keeps them. On the control node:\n"
        "orchestrator bootstrap old1,old2 --ask-pass"
    )
    assert "orchestrator bootstrap old2 --ask-become-pass" in text(
        render.found(surveyed[-1:], (), node.catalogues.locale("en"))
    )
    assert "沒有路由可達主機" in text(render.found(surveyed, (), node.catalogues.locale("zh_TW")))


def test_what_a_hostile_host_says_stays_text(node: Node) -> None:
    facts = HostFacts("<b>Debian</b>\n✔ web1: \x1b[31m\u202eevil" + "x" * 9000, "&amp;", "</pre>", True, 1e9)
    surveyed = [ready(f"h{number}", trouble="") for number in range(3)]
    surveyed[1] = replace(surveyed[1], facts=facts)
    surveyed[2] = refused("h2", Status.FAILED, "<i>no</i>\n✔ h1: fine " + "y" * 9000)
    for language in ("en", "zh_TW"):
        said = text(render.found(surveyed, (), node.catalogues.locale(language)))
        assert "\x1b" not in said
        assert "\u202e" not in said
        assert not any(line.startswith(("✔ web1", "✔ h1: fine")) for line in said.split("\n"))
        hosts = tuple(HostOutcome(f"h{number}", Status.FAILED, 0, f"<b>{number}" + "z" * 999) for number in range(90))
        progress = render.Progress(HostSet([each.host for each in surveyed]), check=False)
        ended = render.finished(progress, Outcome(hosts), 3.0, (), node.catalogues.locale(language))
        assert text(ended).endswith("…")
        assert not ended.silent


def test_no_key_is_asked_about_that_is_not_shown(node: Node) -> None:
    """Long names, many hosts: what the button pins is what the message shows, all of it."""
    surveyed = [
        refused(f"{number:02d}-{'n' * 200}", Status.HOST_KEY_UNKNOWN, "", key=KeyState.UNKNOWN, shown=key(number))
        for number in range(40)
    ]
    said = text(render.found([*surveyed, *(ready(f"web{n}") for n in range(40))], (), node.catalogues.locale("en")))
    asked = render.to_confirm(surveyed)
    assert len(asked) == render.KEYS
    assert all(each.shown and each.shown.fingerprint in said for each in asked)
    assert said.count("SHA256:") == len(asked)
    assert "These are the first 12 of 40." in said


def test_the_end_says_what_was_not_done(node: Node) -> None:
    locale, progress = node.catalogues.locale("en"), render.Progress(HostSet([Host("web1", "10.0.0.1")]), check=False)
    steps = (Step("web1", "reach", True, "10.0.0.1, port 22"), Step("web1", "verify", False, "connection refused"))
    failed = HostOutcome("web1", Status.FAILED, 3, "verify: connection refused", steps)
    said = text(render.finished(progress, Outcome((failed,)), 61.0, (), locale))
    assert said.split("\n") == [
        "✖ web1 · 0 of 1 managed · 1 min 1 s",
        "✖ web1: verify: connection refused",
        "✔ reached · 10.0.0.1, port 22",
        "✖ new login · connection refused",
    ]
    well = replace(failed, status=Status.OK, detail="", steps=steps[:1])
    assert text(render.finished(progress, Outcome((well,)), 1.0, (), locale)).startswith("✔ web1 · managed · 1.0 s\n±")
    checked = render.finished(progress, Outcome((well,), check=True), 1.0, (), locale)
    assert "3 tasks would change something" in text(checked)
    stopped = render.finished(progress, Outcome((well,), stopped=True), 1.0, (), locale)
    assert text(stopped).startswith("⏹ web1 · stopped")
    assert not stopped.silent


@pytest.fixture
async def chatty(node: Node, hosts: sshd.Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node that can look at hosts; none of their keys is known."""
    (tmp_path / "keys").mkdir(mode=0o700)
    for path in hosts.keys.glob("id_*"):
        shutil.copy(path, tmp_path / "keys" / path.name)
    node.trust._path = tmp_path / "keys" / "known_hosts"

    def bootstrap(credentials: Credentials) -> Bootstrap:
        parts = Parts(
            open_pool=lambda passwords: Pool(
                trust=node.trust, keys=Keys(tmp_path / "keys"), limits=Limits(connect_timeout=2.0), passwords=passwords
            ),
            open_playbooks=lambda _: pytest.fail("nothing is played here"),
            hosts=lambda: node.inventory.hosts,
            folder=tmp_path,
            trust=node.trust,
            public_keys=lambda _: pytest.fail("no key is wanted"),
            giving_keys=nullcontext,
            editor=Editor(node.folder, node.state / "inventory"),
            fetch_exporter=lambda _: pytest.fail("nothing is fetched"),
            authority=Authority(tmp_path / "keys" / "ca", Keys(tmp_path / "keys")),
            absence=lambda _: pytest.fail("nobody is bootstrapped"),
            direct=DirectScraping(tmp_path / "keys" / "exporters"),
        )
        return Bootstrap(parts, credentials)

    monkeypatch.setattr(node, "bootstrap", bootstrap)
    node.restart()
    return node


async def test_unknown_keys_are_confirmed_together_and_exactly_those_are_trusted(chatty: Node) -> None:
    person = chatty.person()
    asked = await person.say("/bootstrap web")
    assert asked.first_line == "🧭 web[1-3] · 3 host keys to confirm"
    web1 = chatty.inventory.host("web1")
    shown_key = await chatty.pool.scan(web1)
    assert shown_key.fingerprint in asked.text
    other = next(id_ for button, id_ in asked.buttons if "trust" in button.label)
    assert await chatty.person(1002).press(other) == "Only the person who asked may press this."
    await person.tap("trust", on=asked)
    assert asked.first_line == "🧭 web[1-3] · 3 of 3 ready"
    assert asked.labels == ["▶ Bootstrap", "Check only", "Cancel"]
    assert chatty.trust.lookup(web1).keys == (shown_key,)
    rows = [row.action for row in await chatty.audit.latest(50) if row.kind == "intent"]
    assert rows == ["survey", *["trust_key"] * 3, "survey"]
    await person.tap("Cancel", on=asked)
    assert asked.text == "⏹ Not bootstrapped: web[1-3]"


async def test_another_key_than_the_one_shown_is_not_trusted(chatty: Node) -> None:
    person = chatty.person()
    right = await chatty.pool.scan(chatty.inventory.host("web1"))
    keys = json.dumps({"web1": right.fingerprint, "web2": "SHA256:another"})
    args = {"hosts": "web1\nweb2", "keys": keys}
    (button,) = await chatty.buttons.put([ButtonRow("bootstrap.trust", args, person.actor.id, 60.0, once=True)])
    await person.press(button)
    assert person.last.text == "⛔ web2: the host shows another key now\nNothing was pinned."
    assert not any(chatty.trust.lookup(chatty.inventory.host(name)) for name in ("web1", "web2"))


async def test_a_host_that_left_meanwhile_and_one_that_is_away(chatty: Node) -> None:
    person = chatty.person()
    away = await person.say("/bootstrap db1")
    assert away.first_line == "🧭 db1 · 0 of 1 ready"
    assert away.labels == ["Look again"]
    chatty.inventory = inventory_of([])
    await person.tap("Look again")
    assert person.last.first_line == "❔ db1 is not in the inventory"
    assert (await person.say("/bootstrap Server")).first_line == "🧭 Server · 0 of 1 ready"


async def test_looking_can_be_stopped(chatty: Node, tarpit: Host) -> None:
    chatty.inventory = inventory_of([tarpit])
    person = chatty.person()
    task = person.start("/bootstrap slow")
    await person.sees(lambda item: "looking: 0 of 1" in item.text)
    assert person.last.labels == ["Stop"]
    await person.tap("Stop")
    async with asyncio.timeout(15):
        await task
    await until(lambda: "0 of 1 ready" in person.last.text)
