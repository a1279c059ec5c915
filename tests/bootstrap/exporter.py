"""A node_exporter that runs on every host of the lab: that of the oldest release, which later ones run, too."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.lab import place
from tests.lab.command import command
from tests.lab.needs import KEYRING
from tests.lab.tree import RELEASES, mirror

_PACKAGE = "prometheus-node-exporter"


def exporter() -> Path:
    """The program, out of Debian's package for the oldest release; fetched once and kept beside the lab's trees."""
    ready = place.trees().parent / f"{_PACKAGE}-{RELEASES[0]}"
    source = package()
    with place.locked(_PACKAGE):
        if not ready.is_file():
            with tempfile.TemporaryDirectory() as folder:
                command("dpkg-deb", "--extract", str(source), folder)
                _keep(Path(folder) / "usr/bin" / _PACKAGE, ready)
    return ready


def release(folder: Path, version: str) -> Path:
    """An archive as the project releases them, that holds the program at hand; put into `folder`."""
    name = f"node_exporter-{version}.linux-amd64"
    inside = folder / name
    inside.mkdir()
    shutil.copy(exporter(), inside / "node_exporter")
    (inside / "LICENSE").write_text("of the project\n")
    archive = folder / f"{name}.tar.gz"
    subprocess.run(["tar", "-C", folder, "-czf", archive, name], check=True)
    shutil.rmtree(inside)
    return archive


def package(name: str = _PACKAGE, of: str = RELEASES[0]) -> Path:
    """The package itself, or another, or of another release, kept likewise."""
    ready = place.trees().parent / f"{name}-{of}.deb"
    with place.locked(name):
        if not ready.is_file():
            with tempfile.TemporaryDirectory() as folder:
                _keep(_fetch(name, of, Path(folder)), ready)
    return ready


def _keep(file: Path, ready: Path) -> None:
    partial = ready.with_name(f".{ready.name}.partial")
    shutil.copy(file, partial)
    partial.chmod(0o755)
    partial.rename(ready)


def _fetch(name: str, of: str, folder: Path) -> Path:
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {of} main\n")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    command(*apt, "update")
    command("sh", "-c", 'cd "$1" && shift && "$@"', "sh", str(folder), *apt, "download", name)
    (fetched,) = folder.glob("*.deb")
    return fetched
