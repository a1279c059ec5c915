"""/chart, against a stand-in that answers as Grafana's HTTP API is documented to; a real one with its renderer is no
part of these tests.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from PIL import Image

from orchestrator.monitor.grafana import Grafana, GrafanaError
from orchestrator.monitor.window import Window
from tests.bot.conftest import Node
from tests.sshd import free_port

BOTH = pytest.mark.parametrize("language", ["en", "zh_TW"])
TOKEN = "glsa_test"
HERE = "127.0.0.1"
EVIL = '</b>\n🟢 x<a href="http://evil">'


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1000, 560), "red").save(out, "PNG")
    return out.getvalue()


@dataclass
class StandIn:
    """What it has, what it was asked, and how it misbehaves."""

    port: int
    renders: list[dict[str, list[str]]] = field(default_factory=list)
    renderer: bool = True
    answer: web.Response | None = None
    slow: float = 0.0

    @property
    def url(self) -> str:
        return f"http://{HERE}:{self.port}"

    def judge(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized(text='{"message":"Invalid API key"}')

    async def search(self, request: web.Request) -> web.Response:
        self.judge(request)
        assert request.query["type"] == "dash-db"
        found = [("servers-fleet", "Servers: fleet"), ("servers-host", "Servers: one host"), ("evil", EVIL)]
        return web.json_response([{"uid": uid, "title": title, "type": "dash-db"} for uid, title in found])

    async def dashboard(self, request: web.Request) -> web.Response:
        self.judge(request)
        if request.match_info["uid"] != "servers-host":
            raise web.HTTPNotFound(text='{"message":"Dashboard not found"}')
        row = {"id": 9, "type": "row", "panels": [{"id": 4, "type": "stat", "title": "Network in"}]}
        panels = [{"id": 1, "type": "timeseries", "title": "CPU"}, row, {"id": 2, "type": "text"}]
        return web.json_response({"dashboard": {"uid": "servers-host", "panels": panels}, "meta": {}})

    async def settings(self, request: web.Request) -> web.Response:
        self.judge(request)
        return web.json_response({"rendererAvailable": self.renderer})

    async def render(self, request: web.Request) -> web.Response:
        self.judge(request)
        await asyncio.sleep(self.slow)
        self.renders.append({name: request.query.getall(name) for name in request.query})
        return self.answer or web.Response(body=png(), content_type="image/png")


@pytest.fixture
async def grafana() -> AsyncIterator[StandIn]:
    stand_in = StandIn(free_port(HERE))
    app = web.Application()
    app.add_routes(
        [
            web.get("/api/search", stand_in.search),
            web.get("/api/dashboards/uid/{uid}", stand_in.dashboard),
            web.get("/api/frontend/settings", stand_in.settings),
            web.get("/render/d-solo/{uid}/{slug}", stand_in.render),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HERE, stand_in.port).start()
    yield stand_in
    await runner.cleanup()


@pytest.fixture
def linked(node: Node, grafana: StandIn) -> Node:
    node.grafana = Grafana(grafana.url, TOKEN)
    node.restart()
    return node


@BOTH
async def test_from_the_list_to_the_picture(linked: Node, grafana: StandIn, language: str) -> None:
    person = linked.person(language=language)
    listed = await person.say("/chart")
    assert listed.labels[1:] == ["Servers: fleet", "Servers: one host"]
    await person.tap("one host", on=listed)
    assert listed.labels == ["CPU", "Network in", "#2"]
    await person.tap("Network", on=listed)
    picture = person.last
    assert picture.now.picture
    assert picture.first_line == "📈 Servers: one host · Network in"
    words = person.chat.messages[max(person.chat.messages) - 1]
    assert words.first_line == picture.first_line, "words come first"
    asked = grafana.renders[0]
    assert (asked["panelId"], asked["theme"], asked["tz"]) == (["4"], ["light"], ["Asia/Taipei"])
    assert int(asked["to"][0]) - int(asked["from"][0]) == 3_600_000
    day = next(label for label in picture.labels if label.startswith("24"))
    await person.tap(day, on=picture)
    assert f"• {day}" in picture.labels
    assert int(grafana.renders[1]["to"][0]) - int(grafana.renders[1]["from"][0]) == 86_400_000


async def test_by_words_and_only_hosts_of_the_inventory(linked: Node, grafana: StandIn) -> None:
    person = linked.person()
    await person.say("/chart servers-host cpu web[1:2] 30")
    assert grafana.renders[0]["var-host"] == ["web2", "web3"]
    await person.say('/chart "one host" 4')
    assert "var-host" not in grafana.renders[1]
    for text, said in (
        ("servers cpu", "servers means 2 dashboards"),
        ("nothing cpu", "there is no dashboard nothing"),
        ("servers-host nothing", "there is no panel nothing"),
        ('servers-host cpu web9"}', "a quote is not closed"),
        ("servers-host cpu web9&var-host=x", "not in the inventory"),
        ("servers-host cpu web1 0930 10", "too many words"),
        ("servers-host cpu web1 99999", "not a number of minutes"),
    ):
        answer = await person.say(f"/chart {text}")
        assert answer.first_line.startswith("❔"), text
        assert said in answer.text
    assert len(grafana.renders) == 2
    assert "There are: CPU, Network in, #2" in (await person.say("/chart servers-host nothing")).text


@BOTH
async def test_what_grafana_lacks_is_said_in_words(linked: Node, grafana: StandIn, language: str) -> None:
    person = linked.person(language=language)
    grafana.renderer = False
    answer = await person.say("/chart servers-host cpu")
    assert answer.first_line.startswith("⛔")
    assert "image-rendering" in answer.text
    assert grafana.renders == []
    grafana.renderer = True
    for response, part in (
        (web.Response(text="<html>"), "renderer" if language == "en" else "繪製器"),
        (web.Response(status=500), "500"),
        (web.Response(status=429), "renderer" if language == "en" else "繪製器"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.2:1/"}), "GRAFANA_TOKEN"),
    ):
        grafana.answer = response
        answer = await person.say("/chart servers-host cpu")
        assert answer.first_line.startswith("⛔")
        assert part in answer.text
        assert TOKEN not in answer.text
    assert (await person.say("/chart evil cpu")).first_line.startswith("⛔"), "404"
    linked.grafana = Grafana(grafana.url, "wrong")
    linked.restart()
    answer = await linked.person(language=language).say("/chart")
    assert "GRAFANA_TOKEN" in answer.text
    linked.grafana = Grafana("http://127.0.0.1:9")
    linked.restart()
    assert "GRAFANA_URL" in (await linked.person(language=language).say("/chart")).text


@BOTH
async def test_without_grafana(node: Node, language: str) -> None:
    answer = await node.person(language=language).say("/chart")
    assert "GRAFANA_URL" in answer.text
    assert "/mon_cpu_picture" in answer.text


async def test_answers_are_bounded(grafana: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(0, 3600)
    monkeypatch.setattr("orchestrator.monitor.grafana.RENDER_S", 0.2)
    monkeypatch.setattr("orchestrator.monitor.grafana.MOST_PNG", 1000)
    client = Grafana(grafana.url, TOKEN)
    grafana.answer = web.Response(body=b"\x89PNG\r\n\x1a\n" + bytes(2000))
    with pytest.raises(GrafanaError, match="too long"):
        await client.render("servers-host", 1, window, dark=False, zone="UTC")
    grafana.slow = 5
    with pytest.raises(GrafanaError, match="no answer within"):
        await client.render("servers-host", 1, window, dark=False, zone="UTC")


def test_addresses_are_shown_only_where_a_phone_can_open_them() -> None:
    window = Window(60, 120)
    assert not Grafana("http://127.0.0.1:3000").public
    assert Grafana("https://grafana.example").public
    address = Grafana("https://grafana.example/").address("a/b?c", 4, window)
    assert address == "https://grafana.example/d/a%2Fb%3Fc?viewPanel=4&from=60000&to=120000"
