"""Make the README's pictures of the chat from what the bot really sends.

Boots six lab hosts (root), cuts one off, serves them with ``orchestrator serve`` against a Bot API on loopback, logs in
to one of them and fails to on another, writes the commands as a person, and draws the messages as a phone would.
Chromium takes the picture.

    PYTHONPATH=. .venv/bin/python docs/pictures/make.py
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

from PIL import Image, ImageChops

from tests.fleet.test_people_lab import Visited
from tests.lab.lab import Lab
from tests.lab.tree import RELEASES
from tests.telegram.emulator import ANN, MEI, Shown, Telegram, User

HERE = Path(__file__).parent
PHONE = 430  # pixels wide, as current phones have it
HEIGHT = 1400
LISTENER = "systemd-run --quiet --unit=demo-web --uid=ops python3 -m http.server 8080"

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { display: flex; gap: 18px; padding: 18px; background: #d7dde3; width: max-content;
       font: 15px/1.35 'Noto Sans', 'Noto Sans CJK TC', 'DejaVu Sans', 'Noto Color Emoji', sans-serif }
.phone { width: PHONEpx; background: #a9c3d6; border-radius: 16px; overflow: hidden; padding-bottom: 14px }
.bar { background: #517da2; color: #fff; padding: 12px 16px; font-weight: 600 }
.bar small { display: block; font-weight: 400; opacity: .8; font-size: 12px }
.message { margin: 9px 10px 0; max-width: 96% }
.bubble { background: #fff; border-radius: 13px; padding: 8px 11px; width: fit-content; max-width: 100%;
          white-space: pre-wrap; overflow-wrap: anywhere }
.mine .bubble { background: #e3fdd0; margin-left: auto }
.bubble pre, .bubble code { font: 12.5px/1.4 'DejaVu Sans Mono', 'Noto Sans Mono CJK TC', 'Noto Color Emoji' }
.bubble pre { background: #f1f4f7; border-left: 3px solid #517da2; border-radius: 5px; padding: 4px 7px; margin: 3px 0;
              white-space: pre-wrap }
.bubble blockquote { border-left: 3px solid #517da2; padding-left: 7px }
.row { display: flex; gap: 4px; margin-top: 4px }
.row span { flex: 1; background: #6c8fac; color: #fff; border-radius: 8px; padding: 7px 4px; text-align: center;
            white-space: nowrap; overflow: hidden; font-size: 14px }
""".replace("PHONE", str(PHONE))


@dataclass
class Scene:
    """One phone: what was written, and what came back."""

    bubbles: list[str] = field(default_factory=list)

    def mine(self, text: str) -> None:
        self.bubbles.append(f'<div class="message mine"><div class="bubble">{escape(text)}</div></div>')

    def theirs(self, shown: Shown) -> None:
        rows = "".join(
            f'<div class="row">{"".join(f"<span>{escape(label)}</span>" for label, _ in row)}</div>'
            for row in shown.buttons
        )
        text = shown.html.replace("</pre>\n", "</pre>")  # a block of its own needs no further line break
        self.bubbles.append(f'<div class="message"><div class="bubble">{text}</div>{rows}</div>')

    def html(self) -> str:
        bar = '<div class="bar">Fleet<small>bot</small></div>'
        return f'<div class="phone">{bar}{"".join(self.bubbles)}</div>'


class Talk:
    """A person's exchange with the bot. What to wait for is the same in every language."""

    def __init__(self, tg: Telegram, user: User) -> None:
        self._tg = tg
        self._user = user
        self._last = 0

    async def say(self, text: str, done: Callable[[Shown], bool]) -> Shown:
        """Write `text` and wait for the answer that is `done`."""
        await self._tg.say(self._user, text)
        shown = await self._tg.expect(
            lambda message: message.chat_id == self._user.id and done(message), within=40, after=self._last
        )
        self._last = shown.message_id
        return shown

    async def tap_first(self, asked: Shown, done: Callable[[Shown], bool]) -> Shown:
        """Tap the first button of a question and wait until its message, or the one after it, is `done`."""
        await self._tg.tap_data(asked, asked.buttons[0][0][1], user=self._user)
        shown = await self._tg.expect(
            lambda message: message.chat_id == self._user.id and done(message),
            within=40,
            after=asked.message_id - 1,
        )
        self._last = max(self._last, shown.message_id)
        return shown


async def converse(tg: Telegram, user: User) -> list[Scene]:
    """The exchange of the pictures, one scene a phone."""
    talk, fleet, ports = Talk(tg, user), Scene(), Scene()
    fleet.mine("/agents")
    fleet.theirs(await talk.say("/agents", lambda m: "+08" in m.text and m.text.count("%") >= 15))
    fleet.mine("/broadcast cat /etc/debian_version")
    asked = await talk.say("/broadcast cat /etc/debian_version", lambda m: len(m.labels) == 3)
    fleet.theirs(await talk.tap_first(asked, lambda m: "×" in m.text and not m.text.startswith("▶")))
    ports.mine("/op_port web1")
    ports.theirs(await talk.say("/op_port web1", lambda m: "8080" in m.text))
    ports.mine("/op_stop web1 8080")
    asked = await talk.say("/op_stop web1 8080", lambda m: "http.server" in m.text)
    ports.theirs(replace(asked))
    ports.theirs(await talk.tap_first(asked, lambda m: "TERM" in m.text))
    return [fleet, ports]


async def unasked(tg: Telegram, user: User) -> Scene:
    """What comes by itself: a host that is down, somebody who came in, somebody who tried."""
    scene = Scene()
    for host, mark, words in (("web5", "🔴", ""), ("web1", "🔑", "“ann's laptop”"), ("web2", "🚪", "root(3)")):

        def told(m: Shown, host: str = host, mark: str = mark, words: str = words) -> bool:
            return m.chat_id == user.id and m.text.startswith(mark) and host in m.text and words in m.text

        scene.theirs(await tg.expect(told, within=150))
    return scene


def come_and_try(lab: Lab, folder: Path) -> subprocess.Popen[bytes]:
    """Come in to web1 with a key of one's own, then try another key three times on web2; from elsewhere than we do."""
    key = folder / "laptop"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "ann's laptop", "-f", str(key)], check=True)
    lab.hosts[0].run(f'echo "{Path(f"{key}.pub").read_text().strip()}" >>~ops/.ssh/authorized_keys')
    one, other = Visited(lab, 0), Visited(lab, 1)
    right = one.ssh("-oIdentitiesOnly=yes", f"ops@{one.machine.address}", "echo in; sleep 600")
    right[right.index("-i") + 1] = str(key)
    visitor = subprocess.Popen(right, stdout=subprocess.PIPE)
    assert visitor.stdout is not None
    assert visitor.stdout.readline() == b"in\n"
    wrong = other.ssh("-oIdentitiesOnly=yes", "-oBatchMode=yes", f"root@{other.machine.address}", "true")
    wrong[wrong.index("-i") + 1] = str(lab.wrong_key)
    for _ in range(3):
        assert subprocess.run(wrong, stderr=subprocess.DEVNULL, check=False).returncode == 255
    return visitor


def shoot(scenes: list[Scene], target: Path) -> None:
    """Draw the phones side by side into a PNG."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or sys.exit("apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        body = "".join(scene.html() for scene in scenes)
        page.write_text(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}")
        width = len(scenes) * (PHONE + 18) + 18
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"]
        flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        flags += [f"--user-data-dir={folder}/profile", f"--window-size={width},{HEIGHT}", f"--screenshot={target}"]
        subprocess.run([chromium, *flags, page.as_uri()], check=True, capture_output=True)
    with Image.open(target) as picture:
        colours = picture.convert("RGB")
        background = Image.new("RGB", colours.size, colours.getpixel((0, 0)))
        box = ImageChops.difference(colours, background).getbbox()
        assert box is not None, "an empty picture"
        colours.crop((0, 0, colours.width, box[3] + 18)).quantize(256).save(target, optimize=True)


async def main() -> None:
    """Make both pictures."""
    with Lab(6, release=RELEASES, name=f"pictures-{os.getpid()}") as lab, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in ("inventory", "keys"):
            (home / part).mkdir(mode=0o700)
        (home / "inventory" / "hosts.yml").write_text(lab.inventory_yaml())
        (home / "keys" / "known_hosts").write_text(lab.known_hosts())
        lab.hosts[4].cut()
        async with Telegram() as tg:
            server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "orchestrator", "serve"),
                env=os.environ
                | {
                    "ORCHESTRATOR_HOME": folder,
                    "BOT_TOKEN": tg.token,
                    "ALLOWED_USERS": f"{ANN.id},{MEI.id}",
                    "ALERT_CHAT_ID": f"{ANN.id},{MEI.id}",
                    "TELEGRAM_API_URL": tg.url,
                    "TZ": "Asia/Taipei",
                },
            )
            visitor: subprocess.Popen[bytes] | None = None
            try:
                for user in (ANN, MEI):  # what comes by itself is in the language of whoever has written before
                    await tg.say(user, "/id")
                for user, name in ((ANN, "chat-en.png"), (MEI, "chat-zh.png")):
                    lab.hosts[0].run(LISTENER)
                    scenes = await converse(tg, user)
                    visitor = visitor or await asyncio.to_thread(come_and_try, lab, home)
                    shoot([*scenes, await unasked(tg, user)], HERE / name)
            finally:
                if visitor is not None:
                    visitor.kill()
                server.terminate()
                await server.wait()


asyncio.run(main())
