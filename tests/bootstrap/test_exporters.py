"""Where node_exporter comes from, on booted hosts, and what becomes of one that is there already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.bootstrap.exporter import exporter, package, release
from tests.bootstrap.fleet import Tree, differences, listeners, look
from tests.bootstrap.playing import PLAYBOOKS, make_home, troubles
from tests.conformance.ours import Ours
from tests.conformance.snapshot import snapshot
from tests.fleet.processes import until
from tests.lab.host import LabHost
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

UNIT = "orchestrator-node-exporter"
PACKAGED, RELEASED, FOREIGN, ROOTLESS = 0, 1, 2, 3


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab(4, name=f"exporters-{os.getpid()}") as lab:
        yield lab


@pytest.fixture(scope="module")
def home(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    releases = home / "releases"
    releases.mkdir()
    for version in ("1.8.2", "1.9.1"):
        release(releases, version)
    key = lab.key.with_suffix(".pub").read_text().strip()
    of_hosts: dict[str, dict[str, Any]] = {
        "web1": {"node_exporter_binary": "", "node_exporter_folder": str(home / "none")},
        "web2": {"node_exporter_binary": "", "node_exporter_folder": str(releases), "node_exporter_version": "1.8.2"},
        "web4": {"ansible_user": "guest", "bootstrap_root": False, "bootstrap_account": "guest"},
    }
    with ThreadPoolExecutor() as pool:
        list(
            pool.map(
                lambda prepare: prepare[0](prepare[1]),
                [
                    (put_a_package_repository, lab.hosts[PACKAGED]),
                    (put_an_exporter, lab.hosts[FOREIGN]),
                    (lambda host: host.run(GUEST.format(key=key)), lab.hosts[ROOTLESS]),
                ],
            )
        )
    return make_home(lab, home, of_hosts)


GUEST = """
useradd --create-home --shell /bin/sh guest
install -d -m 0700 -o guest -g guest /home/guest/.ssh
echo '{key}' >/home/guest/.ssh/authorized_keys
chown guest: /home/guest/.ssh/authorized_keys
printf '5 4 * * * true\\n' | crontab -u guest -
"""


def put_a_package_repository(host: LabHost) -> None:
    """Debian's own package: it makes an account, and its unit listens everywhere."""
    shutil.copy(package(), host.root / "srv/exporter.deb")
    host.run(REPOSITORY)


FOREIGN_UNIT = """
[Service]
ExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=:9100
[Install]
WantedBy=multi-user.target
"""
REPOSITORY = """
set -eu
cd /srv
{ dpkg-deb --field exporter.deb; printf 'Filename: ./exporter.deb\\nSize: %s\\nSHA256: %s\\n' \
    "$(stat -c %s exporter.deb)" "$(sha256sum exporter.deb | cut -d ' ' -f 1)"; } >Packages
echo 'deb [trusted=yes] file:/srv ./' >/etc/apt/sources.list
apt-get -q update >/dev/null
"""


def put_an_exporter(host: LabHost) -> None:
    """Somebody's own, that listens everywhere."""
    shutil.copy(exporter(), host.root / "usr/bin/prometheus-node-exporter")
    (host.root / "etc/systemd/system/node_exporter.service").write_text(FOREIGN_UNIT)
    host.run("systemctl daemon-reload && systemctl enable --now --quiet node_exporter")


def test_every_source_and_an_exporter_that_is_there(lab: Lab, home: Path) -> None:
    ours, before = Ours(home), look(lab.hosts)
    bare = {host.name: listeners(host) for host in lab.hosts}

    checked = ours.play(PLAYBOOKS / "bootstrap.yml", ["--check"])
    assert troubles(checked) == []
    assert [line for host in lab.hosts for line in differences(host, before[host.name], snapshot(host))] == []

    done = ours.play(PLAYBOOKS / "bootstrap.yml", [])
    assert troubles(done) == []
    said = {
        host: got.result["msg"]
        for task in done.tasks
        if task.name.startswith("Leave an")
        for host, got in task.hosts.items()
        if got.outcome == "ok"
    }
    assert list(said) == ["web3"]
    assert said["web3"].startswith("Left alone: node_exporter. Metrics are read from there.")
    assert {host.name: sorted(set(listeners(host)) - set(bare[host.name])) for host in lab.hosts} == {
        "web1": ["tcp 127.0.0.1:9100"],
        "web2": ["tcp 127.0.0.1:9100"],
        "web3": [],
        "web4": ["tcp 127.0.0.1:9100"],
    }
    assert "ExecStart=/usr/bin/prometheus-node-exporter " in unit(lab.hosts[PACKAGED])
    old = "/usr/local/libexec/orchestrator/node_exporter-1.8.2.linux-amd64"
    assert f"ExecStart={old}/node_exporter " in unit(lab.hosts[RELEASED])
    assert lab.hosts[RELEASED].run(f"ls {old}").stdout.split() == ["node_exporter"]

    assert ours.play(PLAYBOOKS / "bootstrap.yml", []).changed == 0

    cut_off(lab.hosts[RELEASED], old)
    mended = ours.play(PLAYBOOKS / "node_exporter.yml", ["--limit", "web2"])
    assert troubles(mended) == []
    assert [task.name for task in mended.tasks for got in task.hosts.values() if got.outcome == "changed"] == [
        "Unpack the program",
        "Start it, now and at boot",
    ]
    assert (lab.hosts[RELEASED].root / f"{old[1:]}/node_exporter").read_bytes() == exporter().read_bytes()
    assert sorted(lab.hosts[RELEASED].run(f"ls {Path(old).parent}").stdout.split()) == ["hostctl", Path(old).name]
    assert ours.play(PLAYBOOKS / "node_exporter.yml", ["--limit", "web2"]).changed == 0

    upgraded = ours.play(PLAYBOOKS / "node_exporter.yml", ["--limit", "web2", "-e", "node_exporter_version="])
    assert troubles(upgraded) == []
    assert "node_exporter-1.9.1.linux-amd64/node_exporter " in unit(lab.hosts[RELEASED])
    assert lab.hosts[RELEASED].run(f"ls -d {old}", check=False).returncode != 0

    replaced = ours.play(PLAYBOOKS / "node_exporter.yml", ["--limit", "web3", "-e", "node_exporter_replace=true"])
    assert troubles(replaced) == []
    assert "tcp 127.0.0.1:9100" in listeners(lab.hosts[FOREIGN])
    again = ours.play(PLAYBOOKS / "node_exporter.yml", ["--limit", "web3", "-e", "node_exporter_replace=true"])
    assert again.changed == 0

    lab.hosts[ROOTLESS].run("pkill -x node_exporter; true")
    restarted = ours.play(PLAYBOOKS / "node_exporter.yml", ["--limit", "web4"])
    assert [task.name for task in restarted.tasks for got in task.hosts.values() if got.outcome == "changed"] == [
        "Start it now"
    ]
    assert "@reboot /home/guest/.orchestrator/programs" in lab.hosts[ROOTLESS].run("crontab -u guest -l").stdout

    retired = ours.play(PLAYBOOKS / "retire.yml", [])
    assert troubles(retired) == []
    assert [line for host in lab.hosts for line in differences(host, before[host.name], snapshot(host))] == []
    assert {host.name: listeners(host) for host in lab.hosts} == bare


def cut_off(host: LabHost, folder: str) -> None:
    """Half a program, where it belongs and where it is unpacked: what runs that were ended in the middle leave."""
    beside = f"{Path(folder).parent}/node_exporter-unpacking/{Path(folder).name}"
    host.run(f"mkdir -p {beside} && head -c 50000 {folder}/node_exporter >{beside}/node_exporter")
    host.run(f"chmod 755 {beside}/node_exporter && cp -p {beside}/node_exporter {folder}/half")
    host.run(f"mv {folder}/half {folder}/node_exporter")


def test_runit_and_cron_keep_it_running_where_there_is_no_systemd(lab: Lab, home: Path) -> None:
    """runit's own programs beside systemd, which the play is told to overlook; root's way with cron likewise."""
    runit, cron = lab.hosts[RELEASED], lab.hosts[FOREIGN]
    shutil.copy(package("runit"), runit.root / "srv/runit.deb")
    runit.run(
        "dpkg --force-depends --unpack /srv/runit.deb && rm -rf /etc/service /etc/sv && mkdir /etc/service /etc/sv"
    )
    runit.run("systemd-run --quiet --collect --unit=lab-runit /usr/bin/runsvdir /etc/service")
    cron.run("systemctl disable --now --quiet node_exporter")
    before = {host.name: snapshot(host) for host in (runit, cron)}
    ours = Ours(home)
    for host, init in ((runit, "runit"), (cron, "cron")):
        comes_and_goes(ours, host, init, before[host.name])


def test_openrc_keeps_it_running(lab: Lab, home: Path) -> None:
    """OpenRC's own programs beside systemd, whose mark is put away meanwhile; and the one service that ours needs."""
    host = lab.hosts[RELEASED]
    for name in ("openrc", "librc1", "libeinfo1", "insserv"):
        shutil.copy(package(name, host.release), host.root / f"srv/{name}.deb")
    host.run(OPENRC)
    try:
        comes_and_goes(Ours(home), host, "openrc", snapshot(host))
    finally:
        host.run("mv /run/systemd/system.away /run/systemd/system")


OPENRC = r"""
dpkg --force-all --unpack /srv/openrc.deb /srv/lib*.deb /srv/insserv.deb >/dev/null 2>&1 || :
mkdir -p /run/openrc /etc/runlevels/default
touch /run/openrc/softlevel /etc/insserv.conf
printf '#!/sbin/openrc-run\nstart() { :; }\n' >/etc/init.d/localmount
chmod 755 /etc/init.d/localmount
rc-update --update >/dev/null 2>&1 || : # what depends on what, as at every boot
mv /run/systemd/system /run/systemd/system.away
"""


def comes_and_goes(ours: Ours, host: LabHost, init: str, before: Tree) -> None:
    """It runs as nobody of note, a second run changes nothing, it comes back when it dies, and goes without a trace."""
    options = ["--limit", host.name, "-e", f"our_init={init}"]
    assert troubles(ours.play(PLAYBOOKS / "node_exporter.yml", options)) == []
    assert listens(host)
    owner = host.run("stat -c %U /proc/$(pgrep -x node_exporter)").stdout.strip()
    assert owner == "orchestrator-metrics", host.name
    assert ours.play(PLAYBOOKS / "node_exporter.yml", options).changed == 0
    host.run("pkill -KILL -x node_exporter")
    if init == "cron":
        job = host.run("crontab -u orchestrator-metrics -l | sed -n 's/^@reboot //p'").stdout.strip()
        host.run(f"su -s /bin/sh orchestrator-metrics -c '{job}'")
    until(partial(listens, host))
    assert troubles(ours.play(PLAYBOOKS / "retire.yml", options)) == []
    assert not listens(host)
    until(partial(stands_as, host, before))


def test_what_others_need_by_now_stays(lab: Lab, home: Path) -> None:
    """First the account of the package, for a Prometheus that came later; then the package itself."""
    ours, host = Ours(home), lab.hosts[PACKAGED]
    options = ["--limit", host.name]
    assert troubles(ours.play(PLAYBOOKS / "node_exporter.yml", options)) == []
    host.run(later("prometheus-later", "dpkg"))
    account = host.run("getent passwd prometheus").stdout
    assert troubles(ours.play(PLAYBOOKS / "retire.yml", options)) == []
    assert host.run("getent passwd prometheus").stdout == account
    query = "dpkg-query -Wf '${Package} ${db:Status-Status}\n' 'prometheus*' 'lab-*'"
    installed = f"{query} 2>/dev/null | sed -n 's/ installed$//p'"
    assert host.run(installed).stdout.split() == ["prometheus-later"]
    host.run("dpkg --purge prometheus-later && userdel prometheus")

    assert troubles(ours.play(PLAYBOOKS / "node_exporter.yml", options)) == []
    host.run(later("lab-later", "prometheus-node-exporter"))
    retired = ours.play(PLAYBOOKS / "retire.yml", options)
    assert troubles(retired) == []
    outcomes = {task.name: task.hosts[host.name] for task in retired.tasks}
    assert outcomes["Remove the packages that we installed"].outcome == "skipped"
    assert outcomes["Say which packages stay"].result["msg"] == (
        "These packages stay, since others need them by now (lab-later): prometheus-node-exporter"
    )
    assert host.run(installed).stdout.split() == ["lab-later", "prometheus-node-exporter"]
    assert host.run("getent passwd prometheus").stdout != ""


def later(name: str, needs: str) -> str:
    """Installs a package of this name that needs another."""
    return f"""
mkdir -p /srv/{name}/DEBIAN
cat >/srv/{name}/DEBIAN/control <<'END'
Package: {name}
Version: 1
Architecture: all
Maintainer: Lab <lab@example.org>
Depends: {needs}
Description: needs it
END
dpkg-deb --root-owner-group --build /srv/{name} /srv/{name}.deb >/dev/null
dpkg -i /srv/{name}.deb >/dev/null
"""


def listens(host: LabHost) -> bool:
    """Whether something listens where node_exporter should."""
    return "tcp 127.0.0.1:9100" in listeners(host)


def stands_as(host: LabHost, before: Tree) -> bool:
    """Whether the disk is as it was."""
    return not differences(host, before, snapshot(host))


def unit(host: LabHost) -> str:
    """The text of our unit there."""
    return (host.root / f"etc/systemd/system/{UNIT}.service").read_text()
