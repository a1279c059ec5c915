"""What hostctl lists of nftables: many addresses, and none that are there but dropped by nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.fleet.hostctl import HostCtl
from tests.fleet.conftest import SHELLS

SETS = """\
table inet orchestrator {%s
	set addresses4 {
		type ipv4_addr
		flags timeout
		elements = { 192.0.2.7, 192.0.2.8 timeout 1h expires 59m58s720ms }
	}

	set addresses6 {
		type ipv6_addr
		flags timeout
		elements = { %s }
	}

	set networks4 {
		type ipv4_addr
		flags interval,timeout
	}
"""
CHAIN = """
	chain arriving {
		type filter hook prerouting priority raw; policy accept;
		ip saddr @addresses4 drop
		%s
	}
"""
RULE = "ip6 saddr @addresses6 drop"
MANY = [f"2001:db8:1234:5678:9abc:def0:1234:{number:x}" for number in range(4096, 4096 + 1900)]
ELEMENTS = ",\n\t\t\t     ".join(f"{address} timeout 30d expires 29d23h59m58s720ms" for address in MANY)


def listed(folder: Path, table: str, shell: str = "dash") -> list[str]:
    """What "hostctl blocks" puts where nft(8) prints `table`."""
    (folder / "table").write_text(table)
    (folder / "nft").write_text(f"#!/bin/sh\nexec /bin/cat {folder}/table\n")
    (folder / "nft").chmod(0o755)
    prepare = f"mount --bind {folder} /usr/sbin; exec {shell} -s -- blocks"
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", prepare],
        input=HostCtl.packaged().script, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stderr == b""
    first, *blocks, last = done.stdout.decode().splitlines()
    assert (first, last) == ("hostctl\t1\tblocks", "end")
    return blocks


@pytest.mark.parametrize("shell", SHELLS)
def test_more_than_fit_into_an_argument_are_listed(tmp_path: Path, shell: str) -> None:
    """None of 1,900 was: the table was too long for awk's command line."""
    table = SETS % ("", ELEMENTS) + CHAIN % RULE + "}\n"
    assert len(table) > 128 * 1024
    wanted = [f"block\t{address}\t{30 * 86400 - 2}" for address in MANY]
    wanted += ["block\t192.0.2.7\t-", "block\t192.0.2.8\t3598"]
    assert sorted(listed(tmp_path, table, shell)) == sorted(wanted)


@pytest.mark.parametrize(
    ("table", "blocks"),
    [
        (SETS % ("", MANY[0]) + CHAIN % "" + "}\n", ["block\t192.0.2.7\t-", "block\t192.0.2.8\t3598"]),
        (SETS % ("", MANY[0]) + "}\n", []),
        (SETS % ("\n\tflags dormant\n", MANY[0]) + CHAIN % RULE + "}\n", []),
        ("", []),
    ],
    ids=["a rule is missing", "no chain", "dormant", "no table"],
)
def test_what_nothing_drops_is_not_listed(tmp_path: Path, table: str, blocks: list[str]) -> None:
    assert listed(tmp_path, table) == blocks
