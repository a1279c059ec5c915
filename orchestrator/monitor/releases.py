"""Releases of node_exporter, Prometheus and Alertmanager: pinned by sha256, fetched once, verified before use."""

from __future__ import annotations

import asyncio
import hashlib
import platform
import shutil
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.monitor.download import DownloadError, alone, download

SOURCE = "https://github.com/prometheus"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armv7"}
"""The releases' word for what ``uname -m`` says."""


class ReleaseError(OrchestratorError, RuntimeError):
    """A release is not pinned here, cannot be fetched, or is not what was pinned."""


@dataclass(frozen=True, slots=True)
class Release:
    """One archive of one program; `sha256` in hexadecimal."""

    program: str
    version: str
    architecture: str
    sha256: str

    @property
    def stem(self) -> str:
        """The name of the folder inside the archive."""
        return f"{self.program}-{self.version}.linux-{self.architecture}"

    @property
    def file(self) -> str:
        """The name of the archive."""
        return f"{self.stem}.tar.gz"


def pinned(program: str, architecture: str) -> Release:
    """The release of ``node_exporter``, ``prometheus`` or ``alertmanager`` for ``amd64`` or ``arm64``.

    Raises ReleaseError when there is none whose checksum is known.
    """
    table = tomllib.loads(Path(__file__).with_name("releases.toml").read_text(encoding="ascii"))
    known = table.get(program, {})
    if architecture == "version" or architecture not in known:
        raise ReleaseError(
            f"no release for {architecture} is pinned here",
            where=program,
            remedy="Use the distribution's package, or give a file of your own",
        )
    return Release(program, known["version"], architecture, known[architecture])


class Releases:
    """The archives in `folder`, fetched when they are first asked for."""

    def __init__(self, folder: Path, *, source: str = SOURCE, pins: Callable[[str, str], Release] = pinned) -> None:
        self._folder = folder
        self._source = source
        self._pins = pins

    async def fetch(self, program: str, architecture: str) -> Path:
        """The verified archive of the pinned release, fetched if it is not there yet.

        A file that somebody put there by hand is verified in the same way. Raises ReleaseError: not pinned, not to be
        had (told where to put it), or not what was pinned.
        """
        release = self._pins(program, architecture)
        path = self._folder / release.file
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o755, parents=True, exist_ok=True)
            if not await asyncio.to_thread(_matches, path, release):
                await self._get(release, path)
        except OSError as error:
            raise ReleaseError(f"cannot be stored: {error.strerror or error}", where=str(path)) from error
        return path

    async def unpacked(self, program: str) -> Path:
        """The folder with the programs of the pinned release for this machine.

        Raises ReleaseError as `fetch` does.
        """
        machine = platform.machine()
        architecture = ARCHITECTURES.get(machine, machine)
        archive = await self.fetch(program, architecture)
        folder = self._folder / self._pins(program, architecture).stem
        if not await asyncio.to_thread(folder.is_dir):
            try:
                await asyncio.to_thread(_unpack, archive, folder)
            except (OSError, tarfile.TarError) as error:
                raise ReleaseError(f"cannot be unpacked: {error}", where=str(archive)) from error
        return folder

    async def _get(self, release: Release, path: Path) -> None:
        """Download `release`; one process at a time, the others find it there."""
        url = f"{self._source}/{release.program}/releases/download/v{release.version}/{release.file}"
        async with alone(path.with_name(f".{path.name}.partial")) as partial:
            if await asyncio.to_thread(_matches, path, release):
                await asyncio.to_thread(Path(partial.name).unlink)
                return
            try:
                await download(url, partial)
            except DownloadError as error:
                remedy = f"Without internet, put that file into {self._folder} by hand (sha256 {release.sha256})"
                raise ReleaseError(f"cannot be fetched: {error}", where=url, remedy=remedy) from error
            found = await asyncio.to_thread(_sha256, Path(partial.name))
            if found != release.sha256:
                partial.truncate(0)
                raise ReleaseError(
                    f"is not what was pinned: its sha256 is {found}, not {release.sha256}; it was thrown away",
                    where=url,
                    remedy="Find out who changed it on the way",
                )
            await asyncio.to_thread(Path(partial.name).replace, path)


def _matches(path: Path, release: Release) -> bool:
    """True if `path` is the release, False if there is no file; raises ReleaseError for a file that is another."""
    try:
        found = _sha256(path)
    except FileNotFoundError:
        return False
    if found != release.sha256:
        raise ReleaseError(
            f"is not the pinned release: its sha256 is {found}, not {release.sha256}",
            where=str(path),
            remedy=f"Remove it: rm {path}",
        )
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Make `folder`, whole or not at all, of the files right below the folder of the same name in `archive`."""
    making = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        making.chmod(0o755)
        with tarfile.open(archive) as tar:
            for member in tar:
                top, _, name = member.name.partition("/")
                if not member.isfile() or top != folder.name or "/" in name:
                    continue
                content = tar.extractfile(member)
                assert content is not None
                with content, (making / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                (making / name).chmod(member.mode & 0o755)
        making.rename(folder)
    except OSError:
        if not folder.is_dir():  # else somebody else was quicker
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
