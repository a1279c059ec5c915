"""Blocking an address on booted hosts that have iptables alone: the legacy one, and the one upon nf_tables.

The fixture lasts for all tests of a host: the last one gives nftables back.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator.fleet import BlockState
from tests.bootstrap.exporter import package
from tests.fleet.processes import until
from tests.fleet.test_people_lab import STRANGER, Visited
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

PACKAGES = ("iptables", "libip6tc2")
FLUSH = "/usr/sbin/iptables -t raw -F PREROUTING"
"""What others do who begin anew."""
RETIRE = Path(__file__).parents[2] / "playbooks/roles/bootstrap/tasks/retire.yml"
ARRIVE = """\
dpkg --force-all --unpack /srv/*.deb >/dev/null 2>&1
for program in iptables ip6tables; do for verb in '' -save -restore; do
    ln -sfn xtables-{variant}-multi /usr/sbin/$program$verb
done; done
mv /usr/sbin/nft /usr/sbin/nft.away
[ {variant} = nft ] || {{ printf '#!/bin/sh\nexit 1\n' >/usr/sbin/nft && chmod 755 /usr/sbin/nft; }} # no kernel for it
"""
LEAVE = f"""\
for program in iptables ip6tables; do for table in raw filter; do
    $program -t $table -F; $program -t $table -X; $program -t $table -P FORWARD ACCEPT
done; done
[ ! -e /usr/sbin/nft.away ] || mv /usr/sbin/nft.away /usr/sbin/nft
nft flush ruleset
dpkg --purge --force-all {" ".join(PACKAGES)} >/dev/null 2>&1
rm -rf /srv/*.deb /var/lib/orchestrator /etc/systemd/system/orchestrator-blocks.service
"""
OTHERS_RULES = """\
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:orchestra - [0:0]
[7:420] -A PREROUTING -s {network} -j orchestra
[5:300] -A orchestra -s {network} -m comment --comment orchestrator -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
[1:60] -A FORWARD -o docker0 -j DOCKER
COMMIT
"""


class WithIptables(Visited):
    """A host that has no nft, or none that works, and rules of others."""

    def arrange(self, variant: str) -> None:
        for name in PACKAGES:
            shutil.copy(package(name, self.machine.release), self.machine.root / f"srv/{name}.deb")
        self.machine.run(ARRIVE.format(variant=variant))
        for program, network in (("iptables", "198.51.100.0/24"), ("ip6tables", "2001:db8:5::/64")):
            self.machine.run(f"{program}-restore -c <<'END'\n{OTHERS_RULES.format(network=network)}END\n")

    def others(self) -> list[str]:
        """The rules of others with their counters, and their chains without, as those count what passes."""
        lines = self.machine.run("iptables-save -c; ip6tables-save -c").stdout.splitlines()
        ours = re.compile(r"#|:orchestrator |\[[0-9:]+\] -A orchestrator |\[[0-9:]+\] -A PREROUTING -j orchestrator$")
        return [re.sub(r"^(:.*) \[.*", r"\1", line) for line in lines if not ours.match(line)]

    def ours(self) -> str:
        return self.machine.run("{ iptables-save; ip6tables-save; } | grep -w -- '-A orchestrator'", check=False).stdout


@pytest.fixture(scope="module", params=[(0, "legacy"), (2, "nft")], ids=["bullseye legacy", "trixie nf_tables"])
def host(request: pytest.FixtureRequest, lab_releases: Lab) -> Iterator[WithIptables]:
    index, variant = request.param
    visited = WithIptables(lab_releases, index)
    try:
        visited.arrange(variant)
        yield visited
    finally:
        visited.machine.run(LEAVE, check=False)


async def test_a_blocked_address_is_cut_off_for_its_time_and_nothing_else_is_touched(host: WithIptables) -> None:
    before = host.others()
    assert len([line for line in before if line.startswith("[7:420] ")]) == 2
    with host.visit("cat") as talking:
        assert talking.stdin is not None
        assert talking.stdout is not None
        talking.stdin.write("one\n")
        talking.stdin.flush()
        assert talking.stdout.readline() == "one\n"
        assert (await host.block(host.visitor, 3600)).state is BlockState.DONE
        assert (await host.block(host.visitor, 1800)).state is BlockState.DONE
        assert len(host.ours().splitlines()) == 1
        assert await host.blocked() == {host.visitor: False}
        assert not host.lets_in(1)
        assert host.others() == before
        talking.stdin.write("two\n")
        talking.stdin.flush()
        assert (await host.unblock(host.visitor)).state is BlockState.DONE
        assert talking.stdout.readline() == "two\n"  # what was dropped comes again, as TCP has it
    assert (await host.unblock(host.visitor)).state is BlockState.ABSENT

    assert (await host.block("203.0.113.128/25", 60)).state is BlockState.DONE
    assert (await host.block("2001:db8:7::/48", 60)).state is BlockState.DONE
    assert (await host.block(host.visitor, 2)).state is BlockState.DONE
    assert not host.lets_in(0.5)
    until(lambda: host.lets_in(0.5))  # of itself, by the kernel
    assert set(await host.blocked()) == {"203.0.113.128/25", "2001:db8:7::/48"}
    refused = await host.block(host.us, 60)
    assert (refused.state, refused.detail) == (
        BlockState.REFUSED,
        "it is the address that this request comes from",
    )
    assert (await host.unblock("203.0.113.200")).detail == "it is part of 203.0.113.128/25, which is blocked"
    assert (await host.unblock("203.0.113.128/25")).state is BlockState.DONE
    assert (await host.unblock("2001:db8:7::/48")).state is BlockState.DONE
    assert "orchestrator:" not in host.machine.run("iptables-save; ip6tables-save").stdout
    assert host.others() == before


async def test_what_iptables_cannot_do_is_said_and_retiring_lifts_the_rest(host: WithIptables) -> None:
    folder = host.machine.run("dirname $(find /usr/lib -name libxt_time.so)").stdout.strip()
    host.machine.run(f"mv {folder}/libxt_time.so {folder}/away")
    unable = await host.block(STRANGER, 60)
    host.machine.run(f"mv {folder}/away {folder}/libxt_time.so")
    assert unable.state is BlockState.FAILED
    assert "time" in unable.detail
    assert await host.blocked() == {}

    before = host.others()
    for address, seconds in ((STRANGER, None), ("2001:db8:7::7", 60)):
        assert (await host.block(address, seconds)).state is BlockState.DONE, address
    (lift,) = [task for task in yaml.safe_load(RETIRE.read_text()) if task.get("name") == "Lift our blocks"]
    assert host.machine.run(lift["ansible.builtin.shell"]).stdout.split() == ["lifted", "lifted", "removed"]
    assert host.others() == before
    left = host.machine.run("iptables-save; ip6tables-save; ls -A /var/lib/orchestrator").stdout
    assert not re.search(r"orchestrator[: ](?!-j DROP)", left)
    assert await host.blocked() == {}


async def test_for_good_is_beyond_a_reboot_and_shows_only_what_is_in_force(host: WithIptables) -> None:
    assert (await host.block(host.visitor, None)).state is BlockState.DONE
    assert (await host.block("2001:db8:7::/48", None)).state is BlockState.DONE
    assert (await host.block(STRANGER, 3600)).state is BlockState.DONE
    with host.hindered("iptables-restore"):
        again, shorter = await host.block(host.visitor, None), await host.block(host.visitor, 60)
        for failed in (again, shorter, await host.unblock(host.visitor)):
            assert (failed.state, failed.detail) == (BlockState.FAILED, "out of memory")
    assert (await host.blocked())[host.visitor] is True
    host.machine.run(FLUSH)
    assert await host.blocked() == {"2001:db8:7::/48": True}
    unit = f"[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart={FLUSH}\\n"
    host.machine.run(f"printf '{unit}' >/run/systemd/system/netfilter-persistent.service && systemctl daemon-reload")
    for verb in ("start", "restart"):
        host.machine.run(f"systemctl {verb} netfilter-persistent")
        until(lambda: "orchestrator" not in host.machine.run("systemctl list-jobs").stdout)
    lasting = {host.visitor: True, "2001:db8:7::/48": True}
    assert await host.blocked() == lasting
    host.machine.reboot()
    assert await host.blocked() == lasting
    assert not host.lets_in(0.5)
    assert len(host.ours().splitlines()) == 2

    host.machine.run("mv /usr/sbin/nft.away /usr/sbin/nft")  # which comes later
    assert (await host.block(STRANGER, 60)).state is BlockState.DONE
    assert await host.blocked() == {**lasting, STRANGER: False}
    assert (await host.block("2001:db8:7::/48", None)).state is BlockState.DONE
    assert (await host.unblock(host.visitor)).state is BlockState.DONE
    assert host.lets_in()
    assert await host.blocked() == {"2001:db8:7::/48": True, STRANGER: False}
    assert host.ours() == ""
    assert host.machine.run("ls /var/lib/orchestrator").stdout == "blocks.nft\n"
    for address in ("2001:db8:7::/48", STRANGER):
        assert (await host.unblock(address)).state is BlockState.DONE, address
    assert "orchestrator" not in host.rules()
