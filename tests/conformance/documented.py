"""Which keys of a result ansible-core documents: those a playbook may lean on, and that are compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from orchestrator.playbook.modules import MODULES

_COMMON = """
    changed failed skipped msg rc stdout stdout_lines stderr stderr_lines results item ansible_loop_var
    ansible_index_var ansible_loop attempts skip_reason false_condition failed_when_result backup_file
"""
COMMON = frozenset(_COMMON.split())
"""https://docs.ansible.com/ansible-core/2.19/reference_appendices/common_return_values.html, and what loops, `when`
and `until` add."""

_FILE = "uid gid owner group mode size state path dest"
_OF_FILES = ("copy", "template", "file", "lineinfile", "blockinfile", "replace", "get_url", "unarchive")
_UNWRITTEN = {
    "ansible.builtin.cron": "jobs envs",
    "ansible.builtin.lineinfile": "backup",
    "ansible.builtin.service": "name state enabled",
    "ansible.builtin.systemd": "name state enabled",
    "ansible.builtin.systemd_service": "name state enabled",
    "ansible.builtin.user": "state name uid group groups home shell move_home",
    "ansible.builtin.group": "state name gid system",
    "ansible.builtin.getent": "ansible_facts",
    "ansible.builtin.set_fact": "ansible_facts",
    "ansible.builtin.include_vars": "ansible_facts ansible_included_var_files",
    "ansible.posix.authorized_key": "exclusive key key_options keyfile manage_dir path user comment follow",
}
"""What the modules give back and playbooks use although the pages of ansible-core do not list it."""


@cache
def _documentation() -> Mapping[str, Any]:
    builtin = [name for name in MODULES if name.startswith("ansible.builtin.")]
    ansible_doc = [sys.executable, "-m", "ansible", "doc", "-t", "module", "-j", *builtin]
    said = subprocess.run(ansible_doc, capture_output=True, text=True, check=True).stdout
    documentation: Mapping[str, Any] = json.loads(said)
    return documentation


def documented(module: str) -> frozenset[str]:
    """Keys of the result of `module` (``ansible.builtin.copy``) that are compared."""
    short = module.rpartition(".")[2]
    written = set(_documentation().get(module, {}).get("return") or {})
    if short in ("copy", "template", "get_url", "unarchive"):
        written.discard("src")  # of a temporary file that is gone
    of_files = _FILE if short in _OF_FILES else ""
    return COMMON.union(of_files.split(), _UNWRITTEN.get(module, "").split(), written)
