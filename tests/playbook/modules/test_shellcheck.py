"""Programs that stand in Python files are as clean for shellcheck as those in files of their own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from orchestrator.playbook import modules
from tests.playbook.modules.target import shells
from tests.playbook.modules.test_programs import programs

# Variables come from the engine and go from function to function; paths with ~ and $ are expanded by functions of ours.
_MEANT = "SC2015,SC2016,SC2034,SC2088,SC2154,SC2209,SC2317,SC2329"


def _written(texts: Iterable[str], tmp_path: Path) -> Path:
    path = tmp_path / "programs.sh"
    path.write_text("say() { :; }\n" + "\n".join(texts))
    return path


def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    files = Path(modules.__file__).parent / "sh"
    texts = [program.text for name, program in programs().items() if not (files / f"{name}.sh").exists()]
    assert texts
    argv = ["shellcheck", "-s", "sh", "-f", "gcc", "-e", _MEANT, str(_written(texts, tmp_path))]
    assert subprocess.run(argv, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_loading_programs_runs_nothing(shell: str, tmp_path: Path) -> None:
    _, *options = argv = shells()[shell].argv
    done = subprocess.run(
        [
            shutil.which(argv[0]) or argv[0],
            *options,
            str(_written((program.text for program in programs().values()), tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/nowhere"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
