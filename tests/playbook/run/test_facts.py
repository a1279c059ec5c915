"""Facts never say where a host is reached or with which password."""

from __future__ import annotations

import pytest

from orchestrator.playbook.engine.facts import injected, namespaced


@pytest.mark.parametrize(
    "name",
    """ansible_host ansible_port ansible_user ansible_connection ansible_password ansible_become ansible_become_user
    ansible_become_password ansible_become_pass ansible_ssh_host ansible_ssh_common_args ansible_ssh_private_key_file
    ansible_private_key_file ansible_shell_executable ansible_python_interpreter ansible_sudo_pass ansible_facts
    _ansible_no_log""".split(),  # noqa: SIM905  shorter so
)
def test_what_steers_the_connection_is_no_fact(name: str) -> None:
    assert injected({name: "x"}) == {}


@pytest.mark.parametrize(
    "name",
    """ansible_hostname ansible_distribution ansible_ssh_host_key_rsa_public ansible_local ansible_user_id
    ansible_default_ipv4 ansible_service_mgr ansible_eth0 getent_passwd ansible_all_ipv4_addresses""".split(),  # noqa: SIM905  shorter so
)
def test_others_are(name: str) -> None:
    assert injected({name: "x"}) == {name: "x"}


def test_ansible_facts_go_without_the_prefix() -> None:
    facts = {"ansible_kernel": "6.1", "ansible_local": {}, "getent_group": {}}
    assert namespaced(facts) == {"kernel": "6.1", "ansible_local": {}, "getent_group": {}}
