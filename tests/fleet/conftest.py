from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.fleet import Fleet
from orchestrator.inventory.model import Host
from tests.fleet.processes import ShellRun

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
BOUND = [folder for folder in ("proc", "dev", "lib", "lib64") if Path("/", folder).is_dir()]  # it may want its libc
SHELLS = ["dash", "bash", "busybox ash"]


@pytest.fixture
def server() -> Host:
    return Host("Server", "127.0.0.1", local=True)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(ShellRun())


@pytest.fixture(scope="session")
def busybox_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that holds nothing but busybox, as on a small host: no ss, no GNU tools, no bash."""
    root = tmp_path_factory.mktemp("busybox")
    for folder in ("bin", "sbin", "usr/bin", "usr/sbin", "etc", *BOUND):
        (root / folder).mkdir(parents=True)
    busybox = Path("/bin/busybox").resolve()
    (root / "bin/busybox").write_bytes(busybox.read_bytes())
    (root / "bin/busybox").chmod(0o755)
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if not (root / "bin" / applet).exists():
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/os-release").write_text('NAME="Small"\nPRETTY_NAME="Small \tLinux 1"\n')
    return root


@pytest.fixture(params=[*SHELLS, pytest.param("busybox only", marks=needs_root)])
def any_shell(request: pytest.FixtureRequest, busybox_root: Path) -> Iterator[ShellRun]:
    """A way to run the script under each shell, the last in a tree without anything but busybox."""
    if request.param != "busybox only":
        yield ShellRun(shell=request.param)
        return
    binds = " && ".join(f"mount --rbind /{folder} {busybox_root}/{folder}" for folder in BOUND)
    enter = f'{binds} && exec chroot {busybox_root} "$@"'
    yield ShellRun(prefix=("unshare", "--mount", "/bin/sh", "-c", enter, "sh"))
