"""A repository of tiny Debian packages on a host's own disk: hosts of the lab have no internet."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from tests.lab.host import LabHost

REPOSITORY = "srv/packages"


def publish(host: LabHost, *controls: str) -> None:
    """Make `host` know exactly the packages with these control fields (``Package: a\\nVersion: 1``), none else."""
    folder = host.root / REPOSITORY
    folder.mkdir(parents=True, exist_ok=True)
    entries = [_entry(folder, control.strip()) for control in controls]
    (folder / "Packages").write_text("\n\n".join(entries) + "\n")
    sources = host.root / "etc/apt"
    for old in [*(sources / "sources.list.d").iterdir()]:
        old.unlink()
    (sources / "sources.list").write_text(f"deb [trusted=yes] copy:/{REPOSITORY} ./\n")


def _entry(folder: Path, control: str) -> str:
    """The package's paragraph in the index, its file made if it is not there yet."""
    fields = dict(line.split(": ", 1) for line in control.splitlines() if not line.startswith(" "))
    file = folder / f"{fields['Package']}_{fields['Version'].replace(':', '%3a')}.deb"
    paragraph = f"{control}\nArchitecture: all\nMaintainer: Nobody <nobody@example.invalid>\nDescription: a test"
    if not file.exists():
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name) / "tree"
            (tree / "DEBIAN").mkdir(parents=True)
            (tree / "DEBIAN/control").write_text(f"{paragraph}\n")
            settings = tree / "etc" / fields["Package"]
            settings.mkdir(parents=True)
            (settings / "settings").write_text(f"version {fields['Version']}\n")
            (tree / "DEBIAN/conffiles").write_text(f"/etc/{fields['Package']}/settings\n")
            argv = ["dpkg-deb", "-Zgzip", "--root-owner-group", "--build", str(tree), str(file)]
            subprocess.run(argv, check=True, capture_output=True)
    data = file.read_bytes()
    return f"{paragraph}\nFilename: ./{file.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}"
