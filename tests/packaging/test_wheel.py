"""The wheel: everything that the program needs is in it, and it works far away from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import orchestrator

CHECKOUT = Path(orchestrator.__file__).parents[1]
SHIPPED: dict[str, str] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["force-include"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(build, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, home: Path, *argv: str) -> str:
    """What the installed program prints, run in `home`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1", "ORCHESTRATOR_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-P", *argv], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def files(folder: Path) -> set[str]:
    """The files below a folder, but for what Python makes by itself; of a file, itself."""
    if folder.is_file():
        return {folder.name}
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


def test_it_has_every_file_of_the_package(installed: Path) -> None:
    assert files(CHECKOUT / "orchestrator") <= files(installed / "orchestrator")


@pytest.mark.parametrize(("source", "place"), SHIPPED.items())
def test_it_has_what_comes_with_the_program(installed: Path, source: str, place: str) -> None:
    assert files(installed / place) == files(CHECKOUT / source) != set()


def test_what_git_ignores_stays_at_home(installed: Path) -> None:
    assert not [
        name for name in files(installed) if name.endswith(("prometheus/prometheus.yml", ".env", ".db", "id_ed25519"))
    ]


def test_the_installed_program_finds_what_it_came_with(installed: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from orchestrator.shipped import shipped;"
        "from orchestrator.bootstrap.playing import find_playbook;"
        "print(shipped('prometheus')); print(find_playbook(Path('playbooks'), 'bootstrap.yml'))"
    )
    data = installed / "orchestrator/data"
    assert run(installed, tmp_path, "-c", program).split() == [
        str(data / "prometheus"),
        str(data / "playbooks/bootstrap.yml"),
    ]
    assert run(installed, tmp_path, "-m", "orchestrator", "units", "--user", "root").startswith("# Written by")
