"""Which kinds of facts a subset means: Ansible's own choice is the judge."""

from __future__ import annotations

import pytest
from ansible.module_utils.facts import collector, default_collectors  # type: ignore[import-untyped]  # has no types

from orchestrator.playbook.facts import subsets

_MINIMAL = frozenset((
    "apparmor", "caps", "cmdline", "date_time", "distribution", "dns", "env", "fips", "local", "lsb", "pkg_mgr",
    "platform", "python", "selinux", "service_mgr", "ssh_pub_keys", "user",
))  # fmt: skip


def ansible_chooses(subset: list[str]) -> set[str]:
    classes = collector.collector_classes_from_gather_subset(
        all_collector_classes=default_collectors.collectors,
        minimal_gather_subset=_MINIMAL,
        gather_subset=subset,
        platform_info={"system": "Linux"},
    )
    return {found.name for found in classes}


@pytest.mark.parametrize(
    "text",
    [
        "all", "min", "!all", "!all,!min", "!all,!min,network", "network", "!hardware", "!hardware,!facter", "hardware",
        "!all,hardware", "all,!network,!virtual", "!min", "!min,!all,date_time", "!mounts", "!all,mounts",
        "!all,!min,distribution_version", "!all,interfaces", "!nonsense", "!virtual,virtual", "!all,!env",
        "!all,!min,pkg_mgr", "!all,!min,service_mgr,!platform", "!distribution", "!all,facter",
        "!date_time,!env,!local",
    ],
)  # fmt: skip
def test_subsets_mean_what_they_mean_to_ansible(text: str) -> None:
    assert set(subsets.chosen(text.split(","))) == ansible_chooses(text.split(","))


def test_a_subset_that_there_is_not() -> None:
    with pytest.raises(subsets.UnknownSubset, match="Bad subset 'hardwear'"):
        subsets.chosen(["hardwear"])


def test_needs_are_asked_once() -> None:
    files = subsets.needs(subsets.chosen(["all"])).files
    assert len(files) == len(set(files))
