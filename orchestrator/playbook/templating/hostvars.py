"""The variable ``hostvars``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.playbook.templating.templar import Templar


class HostVars(Mapping[str, Mapping[str, Any]]):
    """``hostvars``: each host's variables, rendered with that host's own when they are looked at."""

    settled = True

    def __init__(self, hosts: Iterable[str], templar: Callable[[str], Templar]) -> None:
        """`templar` gives the templar of one of `hosts`."""
        self._hosts = dict.fromkeys(hosts)
        self._templar = templar

    def __getitem__(self, host: str) -> Mapping[str, Any]:
        if host not in self._hosts:
            raise KeyError(host)
        return self._templar(host).view()

    def __iter__(self) -> Any:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)

    def __contains__(self, host: object) -> bool:
        return host in self._hosts

    def __repr__(self) -> str:
        return f"<variables of {len(self._hosts)} hosts>"
