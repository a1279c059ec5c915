"""Variables that were meant for us and do nothing are pointed out, all others are left alone."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from orchestrator.inventory import Become, load
from orchestrator.inventory.connection import VARIABLES
from orchestrator.inventory.doubts import nearest
from tests.inventory.conftest import Write

SLIPS = {
    "address": "adress addres Address adresse addrress",
    "port": "prot prt Port",
    "user": "usr uesr userr",
    "key": "kye keyy",
    "jump": "jmp jupm",
    "become": "becom became becmoe",
    "fingerprint": "finger_print finger-print fingerprnt",
    "labels": "lables labes",
    "exporter": "exportr exproter Exporter",
    "alert_chats": "alert_chat alerts_chats alertchats",
    "quiet_hours": "quiet_hour quite_hours quiet-hours",
    "login_log": "login-log logins_log loginlog",
    "ansible_host": "ansible_hots ansible-host anisble_host",
    "ansible_port": "ansible_prot",
    "ansible_user": "ansible_usr ansble_user",
    "ansible_become": "ansible_becom",
    "ansible_ssh_private_key_file": "ansible_ssh_private_keyfile",
    "ansible_ssh_common_args": "ansible_ssh_comon_args",
}
ORDINARY = """
    keys users ports jumps addresses label label2 host hosts hostname name names group groups role env password_hash
    ip_address mac_address address6 address_of_peer port2 port_http PORT USER use pkey post sort sport fort part path
    export import report username user_id userid jump_host fingerprints levels pass passwd local
    ansible_hosts ansible_hostname ansible_users ansible_user_id ansible_user_dir ansible_fqdn ansible_local
    ansible_python_interpreter ansible_group_priority
"""


@pytest.mark.parametrize(("slip", "meant"), [(slip, meant) for meant in SLIPS for slip in SLIPS[meant].split()])
def test_slips_are_noticed(slip: str, meant: str) -> None:
    assert nearest(slip, VARIABLES) == meant


@pytest.mark.parametrize("name", [*ORDINARY.split(), *VARIABLES, "", "por\nt"])
def test_ordinary_names_are_left_alone(name: str) -> None:
    assert nearest(name, VARIABLES) is None


def test_variables_of_ansibles_own_plugins_are_left_alone() -> None:
    ansible = find_spec("ansible")
    assert ansible
    assert ansible.origin
    plugins = (Path(ansible.origin).parent / "plugins").rglob("*.py")
    names = {name for path in plugins for name in re.findall(r"name: *['\"]?(ansible_\w+)", path.read_text("utf-8"))}
    assert len(names) > 50
    assert {name: near for name in names if (near := nearest(name, VARIABLES))} == {}


@pytest.mark.parametrize(
    ("files", "warnings"),
    [
        (
            {"hosts.yml": "all:\n  hosts:\n    web1: {adress: 10.0.0.1}\n"},
            ['hosts.yml:3: "adress" is not a name we know; did you mean address?'],
        ),
        (
            {"hosts": "[web]\nweb[1:9] ansible_usr=ops\n"},
            ['hosts:2: "ansible_usr" is not a name we know; did you mean ansible_user?'],
        ),
        (
            {"hosts.yml": "web:\n", "group_vars/web.yml": "a: 1\nprot: 22\n"},
            ['group_vars/web.yml:2: "prot" is not a name we know; did you mean port?'],
        ),
        (
            {
                "hosts.yml": "web:\n  vars: {password: s3cret}\n  hosts: {'web[1:3]': }\n",
                "host_vars/web2": "ansible_password: s3cret\n",
                "host_vars/web3": "ansible_ssh_pass: !vault s3cret\n",
            },
            [
                'hosts.yml:2: "password" is not used: logins are by key, never by password',
                'host_vars/web2:1: "ansible_password" is not used: logins are by key, never by password',
                'host_vars/web3:1: "ansible_ssh_pass" is not used: logins are by key, never by password',
            ],
        ),
        ({"hosts.yml": "web:\n  vars: {password: }\n  hosts: {web1: {ansible_become_password: x}}\n"}, []),
    ],
)
def test_doubtful_variables_are_warned_of_where_they_are(
    files: dict[str, str], warnings: list[str], write: Write
) -> None:
    assert list(load(write(files)).warnings) == warnings


def test_a_line_for_five_thousand_hosts_is_one_warning(write: Write) -> None:
    text = "web:\n  vars: {usr: ops}\n  hosts:\n    web[1:5000]: {adress: x}\n"
    assert load(write({"hosts.yml": text})).warnings == (
        'hosts.yml:2: "usr" is not a name we know; did you mean user?',
        'hosts.yml:4: "adress" is not a name we know; did you mean address?',
    )


def test_a_slip_in_five_thousand_lines_is_a_few_warnings(write: Write) -> None:
    text = "all:\n  hosts:\n" + "".join(f"    web{at}: {{adress: x}}\n" for at in range(5000))
    warnings = load(write({"hosts.yml": text})).warnings
    assert [warning.partition(" ")[0] for warning in warnings[:-1]] == [f"hosts.yml:{at}:" for at in range(3, 8)]
    assert warnings[-1] == '"adress" is in 4,995 more places'


def test_a_vaulted_become_password_is_left_to_playbooks(write: Write) -> None:
    secret = "ansible_become_password: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        61\n"
    text = f"all:\n  hosts:\n    web1:\n      become: yes\n      {secret}"
    inventory = load(write({"hosts.yml": text}))
    assert inventory.host("web1").become == Become()
    (warning,) = inventory.warnings
    assert warning.startswith("hosts.yml:5: ansible_become_password is encrypted with ansible-vault: only playbooks")
