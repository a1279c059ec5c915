"""The containers: the programs and configurations that `serve` would run, confined; judged without any container."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import orchestrator
from orchestrator.monitor.alerting import alerting, alertmanager_configuration
from orchestrator.monitor.configure import Wiring

FOLDER = Path(orchestrator.__file__).parents[1] / "prometheus"
LISTEN = ("127.0.0.1", 8002)
FIRST = "# For docker-compose.yml: what `serve` would write, as a container sees it. Yours to edit.\n"
CONFIGURATIONS = {
    "prometheus.yml": Wiring(("127.0.0.1", 9090), LISTEN, alerting("http://127.0.0.1:9093")).body,
    "alertmanager.yml": alertmanager_configuration(LISTEN, Path("/etc/alertmanager/token")),
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
    return found


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_configurations_are_what_we_would_write(name: str) -> None:
    assert (FOLDER / "containers" / name).read_text() == FIRST + CONFIGURATIONS[name]


def test_the_tools_find_nothing_against_them(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    for name, argv in {
        "prometheus.yml": ("promtool", "check", "config"),
        "alertmanager.yml": ("amtool", "check-config"),
    }.items():
        (tmp_path / name).write_text(
            (FOLDER / "containers" / name).read_text().replace("/etc/alertmanager", str(tmp_path))
        )
        (tmp_path / "token").write_text("x")
        judged = subprocess.run([*argv, str(tmp_path / name)], capture_output=True, text=True, check=False)
        assert judged.returncode == 0, judged.stdout + judged.stderr


def test_images_are_pinned_to_the_releases_that_we_run(compose: dict[str, Any]) -> None:
    releases = tomllib.loads((Path(orchestrator.__file__).parent / "monitor/releases.toml").read_text())
    images = {name: service["image"] for name, service in compose["services"].items()}
    for name in ("prometheus", "alertmanager"):
        assert images[name] == f"prom/{name}:v{releases[name]['version']}"
    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image) for image in images.values())


def test_all_are_confined_and_none_is_reached_from_elsewhere(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert (service["network_mode"], service["cap_drop"]) == ("host", ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service
        assert service.get("read_only", False) == (name != "renderer")
        assert not service.get("privileged", False)
    command = {name: compose["services"][name]["command"] for name in ("prometheus", "alertmanager")}
    assert "--web.listen-address=127.0.0.1:9090" in command["prometheus"]
    assert {"--web.listen-address=127.0.0.1:9093", "--cluster.listen-address="} <= set(command["alertmanager"])
    environment = {name: compose["services"][name]["environment"] for name in ("grafana", "renderer")}
    assert environment["grafana"]["GF_SERVER_HTTP_ADDR"] == environment["renderer"]["HTTP_HOST"] == "127.0.0.1"


def test_what_is_mounted_is_there_or_made_as_the_docs_say(compose: dict[str, Any]) -> None:
    docs = (FOLDER.parent / "docs/containers.md").read_text()
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", ())]
    assert len(mounts) == 10
    for mount in mounts:
        assert mount["bind"] == {"create_host_path": False}, "Docker would make it root's"
        source = mount["source"]
        if source.startswith("./"):
            assert mount["read_only"] is True
            assert (FOLDER / source).exists()
        else:
            assert os.path.normpath(f"prometheus/{source}") in docs
