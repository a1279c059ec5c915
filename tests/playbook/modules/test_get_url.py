"""Downloads by whatever client a host has, from a server on loopback."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.playbook.modules import Result, TaskFailed
from orchestrator.playbook.modules.get_url import MODULE, GetUrlArguments, find_checksum
from tests.playbook.modules.fileserver import BODY, KEY, PASSWORD, USER, Server, serving
from tests.playbook.modules.target import LocalTarget, Shell

_SHA256 = hashlib.sha256(BODY).hexdigest()
_TOOLS = "cat chmod chown cp date dd getent gzip head id ln mktemp mv readlink rm stat tail touch tr"
_DIGESTS = "md5sum sha1sum sha256sum"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(params=["curl", "wget", "busybox"])
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def target(tmp_path: Path, client: str) -> LocalTarget:
    (tmp_path / "home").mkdir()
    target = LocalTarget(tmp_path / "home", "busybox" if client == "busybox" else "dash")
    if client == "wget":
        target.shell = _without_curl(tmp_path, "wget")
    return target


def _without_curl(tmp_path: Path, *clients: str) -> Shell:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (*_TOOLS.split(), *_DIGESTS.split(), *clients):
        found = shutil.which(name, path="/usr/bin:/bin")
        assert found, f"install {name}"
        (tools / name).symlink_to(found)
    return Shell("dash", ("/bin/dash",), str(tools))


async def _run(target: LocalTarget, url: str, dest: Path, **arguments: Any) -> Result:
    before = set(Path("/tmp").glob(".fetch.*"))
    wish = GetUrlArguments.model_validate({"url": url, "dest": str(dest), **arguments})
    try:
        return await MODULE.run(wish, target)
    finally:
        assert set(Path("/tmp").glob(".fetch.*")) <= before


async def test_a_file_comes_once(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    target.check = True
    assert (await _run(target, f"{server.url}/file", dest)).changed
    assert not dest.exists()
    target.check = False
    first = await _run(target, f"{server.url}/file", dest, mode="0640")
    assert first.changed
    assert dest.read_bytes() == BODY
    sha1 = hashlib.sha1(BODY, usedforsecurity=False).hexdigest()
    expected = {"checksum_src": sha1, "checksum_dest": None, "status_code": 200, "mode": "0640", "size": len(BODY)}
    assert first.keys.items() >= {**expected, "msg": f"OK ({len(BODY)} bytes)", "url": f"{server.url}/file"}.items()
    assert first.keys["md5sum"] == hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    for check in (True, False):
        target.check = check
        again = await _run(target, f"{server.url}/file", dest)
        assert (again.changed, again.keys["status_code"]) == (False, 304)
        assert not (await _run(target, f"{server.url}/always", dest, force=True)).changed


async def test_another_content_replaces_it(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_text("mine")
    dest.chmod(0o600)
    result = await _run(target, f"{server.url}/always", dest, backup=True)
    assert result.changed
    assert dest.read_bytes() == BODY
    assert dest.stat().st_mode & 0o7777 == 0o600
    assert Path(result.keys["backup_file"]).read_text() == "mine"


async def test_a_checksum_saves_the_download(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    dest.write_text("old")
    for changed in (True, False):
        result = await _run(target, f"{server.url}/file", dest, checksum=f"sha256:{_SHA256.upper()}")
        assert result.changed == changed
    server.asked.clear()
    listed = await _run(target, f"{server.url}/file", dest, checksum=f"sha256:{server.url}/sums", mode="0600")
    assert (listed.changed, listed.keys["msg"]) == (True, "file already exists but file attributes changed")
    assert server.asked == ["GET /sums"]


async def test_a_wrong_checksum_installs_nothing(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match=f"did not match {'0' * 64}; it was {_SHA256}"):
        await _run(target, f"{server.url}/file", tmp_path / "file", checksum=f"sha256:{'0' * 64}")
    with pytest.raises(TaskFailed, match="Unable to find a checksum for file 'always' in '.*/sums'"):
        await _run(target, f"{server.url}/always", tmp_path / "file", checksum=f"sha256:{server.url}/sums")
    assert not (tmp_path / "file").exists()


async def test_a_folder_gets_the_servers_name_for_it(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, name in (("moved", "there.txt"), ("named", "na me.bin"), ("file?a/b", "file")):
        result = await _run(target, f"{server.url}/{path}", folder)
        assert (result.changed, result.keys["dest"]) == (True, str(folder / name))
        assert (folder / name).read_bytes() == BODY
        target.check = True
        assert not (await _run(target, f"{server.url}/{path}", folder)).changed
        target.check = False
    with pytest.raises(TaskFailed, match=r"the server calls the file \.\.|index.html"):
        await _run(target, f"{server.url}/dots", folder)
    assert len(list(folder.iterdir())) == 3


async def test_what_a_server_compressed_is_unpacked(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    await _run(target, f"{server.url}/gzip", tmp_path / "plain")
    await _run(target, f"{server.url}/gzip", tmp_path / "packed", decompress=False)
    assert (tmp_path / "plain").read_bytes() == BODY
    assert (tmp_path / "packed").read_bytes()[:2] == b"\x1f\x8b"


async def test_secrets_reach_the_server_and_no_command_line(
    target: LocalTarget, client: str, server: Server, tmp_path: Path
) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    if client != "busybox":
        real = shutil.which(client, path="/usr/bin")
        (spy / client).write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" >>{spy}/argv\n/usr/bin/env >>{spy}/argv\nexec {real} "$@"\n'
        )
        (spy / client).chmod(0o755)
        target.shell = Shell("dash", ("/bin/dash",), f"{spy}:{target.shell.path}")
    wishes: list[tuple[str, dict[str, Any]]] = [
        (f"{server.url}/private", {"username": USER, "url_password": PASSWORD}),
        (f"{server.url}/private", {"url_username": USER, "url_password": PASSWORD, "force_basic_auth": True}),
        (f"{server.url}/private".replace("//", "//us%20er:p%22w%5cd@"), {}),
        (f"{server.url}/keyed", {"headers": {"X-Key": KEY}}),
    ]
    for number, (url, wish) in enumerate(wishes):
        dest = tmp_path / str(number)
        if client == "busybox":
            with pytest.raises(TaskFailed, match="on its command line only"):
                await _run(target, url, dest, **wish)
            continue
        result = await _run(target, url, dest, **wish)
        assert dest.read_bytes() == BODY
        assert result.keys["url"] in (url, f"{server.url}/private".replace("//", "//****:****@"))
        seen = (spy / "argv").read_text()
        assert not any(secret in seen for secret in (USER, PASSWORD, KEY, server.url))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nothing", "Request failed"),
        ("/private", "Request failed"),
        ("/loop", "Request failed"),
        ("/short", "Request"),
    ],
)
async def test_failures(target: LocalTarget, server: Server, tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(TaskFailed, match=message) as failure:
        await _run(target, server.url + path, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    if path == "/nothing":
        assert failure.value.keys["status_code"] == 404
        assert failure.value.keys["response"].startswith("HTTP Error 404: ")


async def test_nobody_listens(target: LocalTarget, tmp_path: Path) -> None:
    with pytest.raises(TaskFailed, match="Connection failure: .*"):
        await _run(target, "http://127.0.0.1:1/x", tmp_path / "file")
    with pytest.raises(TaskFailed, match=r"Destination /nowhere does not exist|Connection failure"):
        await _run(target, "http://127.0.0.1:1/x", Path("/nowhere/file"))


async def test_a_host_without_a_client(server: Server, tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    target.shell = _without_curl(tmp_path)
    with pytest.raises(TaskFailed, match="the host has neither curl nor wget"):
        await _run(target, server.url, tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="changes an owner")
async def test_owner_and_mode(target: LocalTarget, server: Server, tmp_path: Path) -> None:
    dest = tmp_path / "file"
    for changed in (True, False):
        result = await _run(target, f"{server.url}/always", dest, owner="1234", mode="u=rw,go=")
        assert result.changed == changed
    assert (dest.stat().st_uid, dest.stat().st_mode & 0o7777) == (1234, 0o600)


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "gopher://x/y"},
        {"url": "-K/etc/passwd"},
        {"url": "http://x/a b"},
        {"url": "http://x/\nurl = file:///etc/passwd"},
        {"headers": {"X": "a\r\nY: b"}},
        {"url_username": "a\nb"},
        {"checksum": "abc"},
        {"checksum": "crc32:00"},
        {"checksum": "sha256:xyz"},
        {"use_gssapi": True},
    ],
)
def test_wishes_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GetUrlArguments.model_validate({"url": "http://x/y", "dest": "/z", **arguments})


@pytest.mark.parametrize(
    ("listing", "digest"),
    [
        ("abc\n", "abc"),
        ("123  other\nabc  file\n", "abc"),
        ("abc *./file\n", "abc"),
        ("SHA256 (file) = abc\n", "abc"),
        ("abc  file.sig\n", ""),
        ("", ""),
    ],
)
def test_lists_of_checksums(listing: str, digest: str) -> None:
    assert find_checksum(listing, "file") == digest
