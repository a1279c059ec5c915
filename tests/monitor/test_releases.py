"""Pinned releases: fetched once over real HTTP, continued, verified, and never taken for what they are not."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import re
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.monitor.releases import Release, ReleaseError, Releases, pinned
from tests.ssh.proxy import serving
from tests.sshd import free_port


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o4777
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Mirror:
    """An HTTP server with one file: knows ranges, and can end a connection after some bytes of the body."""

    content: bytes
    port: int = 0
    cut_after: int | None = None
    status: str = ""
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            found = re.search(r"(?i)range: bytes=(\d+)-", head)
            self.asked.append(head.split()[1] + (f" from {found[1]}" if found else ""))
            start = int(found[1]) if found else 0
            status = self.status or ("206 Partial Content" if start else "200 OK")
            body = self.content[start:]
            if start and start >= len(self.content):
                status, body = "416 Range Not Satisfiable", b""
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
            writer.write(body if self.cut_after is None else body[: self.cut_after])
            await writer.drain()
            writer.close()
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def mirror(content: bytes) -> AsyncIterator[Mirror]:
    made = Mirror(content)
    async with serving("127.0.0.1", made.serve) as made.port:
        yield made


TOOL = archive(
    {"tool-1.0.linux-amd64/tool": b"#!/bin/sh\necho hello\n", "tool-1.0.linux-amd64/sub/file": b"x", "../evil": b"x"}
)
RELEASE = Release("tool", "1.0", "amd64", hashlib.sha256(TOOL).hexdigest())


def releases(folder: Path, port: int) -> Releases:
    return Releases(folder, source=f"http://127.0.0.1:{port}", pins=lambda *_: RELEASE)


async def test_fetched_once_by_all_who_ask(tmp_path: Path) -> None:
    async with mirror(TOOL) as server:
        fetched = await asyncio.gather(
            *(releases(tmp_path / "new", server.port).fetch("tool", "amd64") for _ in range(5))
        )
    assert {path.read_bytes() for path in fetched} == {TOOL}
    assert server.asked == ["/tool/releases/download/v1.0/tool-1.0.linux-amd64.tar.gz"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == [RELEASE.file], "nothing is left beside it"


async def test_an_interrupted_download_is_continued(tmp_path: Path) -> None:
    async with mirror(TOOL) as server:
        server.cut_after = 100
        with pytest.raises(ReleaseError, match="cannot be fetched"):
            await releases(tmp_path, server.port).fetch("tool", "amd64")
        assert not (tmp_path / RELEASE.file).exists()
        server.cut_after = None
        assert (await releases(tmp_path, server.port).fetch("tool", "amd64")).read_bytes() == TOOL
    assert [line.partition(" from ")[2] for line in server.asked] == ["", "100"]


async def test_killed_between_the_last_byte_and_the_name(tmp_path: Path) -> None:
    (tmp_path / f".{RELEASE.file}.partial").write_bytes(TOOL)
    async with mirror(TOOL) as server:
        assert (await releases(tmp_path, server.port).fetch("tool", "amd64")).read_bytes() == TOOL


async def test_what_is_not_the_pinned_file_is_never_used(tmp_path: Path) -> None:
    async with mirror(TOOL[:-1] + b"x") as server:
        with pytest.raises(ReleaseError, match="not what was pinned"):
            await releases(tmp_path, server.port).fetch("tool", "amd64")
        assert not (tmp_path / RELEASE.file).exists()
        server.content = TOOL
        await releases(tmp_path, server.port).fetch("tool", "amd64")
        assert " from " not in server.asked[-1], "nothing of the wrong file is kept"
    (tmp_path / RELEASE.file).write_bytes(b"put here by hand")
    with pytest.raises(ReleaseError, match="is not the pinned release.*Remove it: rm"):
        await releases(tmp_path, server.port).fetch("tool", "amd64")


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops"])
async def test_a_server_without_it(tmp_path: Path, status: str) -> None:
    async with mirror(TOOL) as server:
        server.status = status
        with pytest.raises(ReleaseError, match=status[:3]) as error:
            await releases(tmp_path, server.port).fetch("tool", "amd64")
    assert "\n" not in str(error.value)


async def test_offline_says_where_to_put_it(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    with pytest.raises(ReleaseError, match="cannot be fetched") as error:
        await releases(tmp_path, port).fetch("tool", "amd64")
    assert f"put that file into {tmp_path} by hand (sha256 {RELEASE.sha256})" in str(error.value)
    (tmp_path / RELEASE.file).write_bytes(TOOL)
    assert await releases(tmp_path, port).fetch("tool", "amd64") == tmp_path / RELEASE.file


async def test_the_proxy_of_the_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with mirror(TOOL) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        away = Releases(tmp_path, source="http://releases.invalid", pins=lambda *_: RELEASE)
        await away.fetch("tool", "amd64")
    assert proxy.asked == [f"http://releases.invalid/tool/releases/download/v1.0/{RELEASE.file}"]


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(ReleaseError, match="cannot be stored"):
        await releases(tmp_path / "state/downloads", 1).fetch("tool", "amd64")


async def test_programs_are_unpacked_whole_and_within_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / RELEASE.file).write_bytes(TOOL)
    folders = await asyncio.gather(*(releases(tmp_path / "d", 1).unpacked("tool") for _ in range(2)))
    assert folders == [tmp_path / "d/tool-1.0.linux-amd64"] * 2
    program = folders[0] / "tool"
    assert (program.read_bytes(), program.stat().st_mode & 0o7777) == (b"#!/bin/sh\necho hello\n", 0o755)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        ["d", RELEASE.file, "tool-1.0.linux-amd64", "tool"]
    )


@pytest.mark.parametrize("program", ["node_exporter", "prometheus", "alertmanager"])
def test_every_pin_is_a_checksum(program: str) -> None:
    for architecture in ("amd64", "arm64"):
        release = pinned(program, architecture)
        assert re.fullmatch("[0-9a-f]{64}", release.sha256)
        assert re.fullmatch(rf"{program}-\d+\.\d+\.\d+\.linux-{architecture}\.tar\.gz", release.file)
    for architecture in ("armv7", "version", "riscv64"):
        with pytest.raises(ReleaseError, match="no release for .* is pinned here"):
            pinned(program, architecture)
