"""Which of a variable's several values counts: group_vars/, host_vars/ and Ansible's order of precedence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from yaml.nodes import MappingNode, ScalarNode

from orchestrator.errors import InventoryError
from orchestrator.inventory.files import is_folder, list_folder, read_text
from orchestrator.inventory.graph import Graph, GroupNode, HostNode
from orchestrator.inventory.variables import Var, Vars, kind
from orchestrator.inventory.yamlfile import YamlFile

# In the order in which Ansible looks for them; the first that exists is the one that counts.
_EXTENSIONS = ("", ".yml", ".yaml", ".json")
_VAULT_HEADER = "$ANSIBLE_VAULT;"

Decrypt = Callable[[bytes, str], bytes]
"""The plain content of an encrypted file, called by its name in errors."""


class VarsFolder:
    """``group_vars/`` or ``host_vars/``: variables by the name of a group or host.

    `sources` are the files read so far, `warnings` what a person should know of them.
    """

    def __init__(self, folder: Path, decrypt: Decrypt | None = None) -> None:
        self._folder = folder
        self._decrypt = decrypt
        self._present = set(list_folder(folder, folder.name, required=False))
        self._used: dict[str, str] = {}
        self.sources: list[Path] = []
        self.warnings: list[str] = []

    def vars(self, name: str) -> Vars:
        """Variables of one group or host, from ``NAME`` (a file or a folder of files) or ``NAME.yml`` and so on."""
        for extension in _EXTENSIONS:
            found = name + extension
            if found in self._present:
                self._used[found] = name
                return self._read(self._folder / found, f"{self._folder.name}/{found}")
        return {}

    def leftovers(self, whose: str) -> list[str]:
        """Warnings of files that belong to no `whose`, or are hidden by another file of the same name."""
        warnings = []
        for name in sorted(self._present - self._used.keys()):
            path = Path(name)
            if _is_hidden(name) or path.suffix not in _EXTENSIONS:
                continue
            hidden_by = next((used for used, owner in self._used.items() if owner in (name, path.stem)), None)
            reason = f"is not read, because {hidden_by} is there" if hidden_by else f"there is no such {whose}"
            warnings.append(f"{self._folder.name}/{name}: {reason}")
        return warnings

    def _read(self, path: Path, label: str) -> Vars:
        if not is_folder(path):
            return self._read_file(path, label)
        found: Vars = {}
        for name in list_folder(path, label):
            inner = path / name
            # A folder with an extension is no folder of variables to Ansible.
            if not _is_hidden(name) and (not inner.suffix if is_folder(inner) else inner.suffix in _EXTENSIONS):
                found |= self._read(inner, f"{label}/{name}")
        return found

    def _read_file(self, path: Path, label: str) -> Vars:
        text = read_text(path, label)
        self.sources.append(path)
        if text.startswith(_VAULT_HEADER):
            if self._decrypt is None:
                self.warnings.append(f"{label}:1: is encrypted with ansible-vault; its variables are not known here")
                return {}
            text = self._decrypt(text.encode(), label).decode()
        file = YamlFile(text, label)
        root = file.root
        if root is None or (isinstance(root, ScalarNode) and not file.value(root)):
            return {}
        if not isinstance(root, MappingNode):
            what = f"variables are a mapping, this is {kind(file.value(root))}"
            raise InventoryError(what, where=file.where(root), remedy='Write "name: value" lines.')
        return {name: Var(file.value(value), file.where(key)) for name, key, value in file.pairs(root)}


class Precedence:
    """Merges variables as ansible-inventory shows them.

    From weakest to strongest (Ansible's guide, "Understanding variable precedence"): ``all`` in the inventory; other
    groups in the inventory; ``group_vars/all``; ``group_vars/`` of other groups; the host in the inventory;
    ``host_vars/``. Groups go by depth, then ``ansible_group_priority``, then name. A value replaces a weaker one whole.
    Each kind of folder may be there twice: beside the inventory and, stronger, beside a playbook.
    """

    def __init__(self, graph: Graph, group_files: Sequence[VarsFolder], host_files: Sequence[VarsFolder]) -> None:
        self._graph = graph
        self._host_files = host_files
        self._from_files = [{name: files.vars(name) for name in graph.groups} for files in group_files]
        # Hosts of the same groups share one merge: fleets have far fewer combinations than hosts.
        self._merged: dict[tuple[str, ...], tuple[tuple[str, ...], Vars]] = {}

    def group_vars(self, group: GroupNode) -> Vars:
        """What a group itself says, its files over its inventory lines."""
        found = dict(group.vars)
        for files in self._from_files:
            found |= files[group.name]
        return found

    def host_vars(self, host: HostNode) -> tuple[tuple[str, ...], Vars]:
        """Names of the host's groups (without ``all``, sorted) and its variables."""
        direct = tuple(host.groups)
        if direct not in self._merged:
            self._merged[direct] = self._merge_groups(host)
        names, merged = self._merged[direct]
        found = merged | host.vars
        for files in self._host_files:
            found |= files.vars(host.name)
        return names, found

    def _merge_groups(self, host: HostNode) -> tuple[tuple[str, ...], Vars]:
        above = dict(host.groups)
        for group in host.groups.values():
            above |= group.ancestors()
        above.pop("all", None)
        ordered = sorted(above.values(), key=lambda group: (group.depth, group.priority, group.name))
        merged = dict(self._graph.groups["all"].vars)
        for group in ordered:
            merged |= group.vars
        for files in self._from_files:
            merged |= files["all"]
        for files in self._from_files:
            for group in ordered:
                merged |= files[group.name]
        return tuple(sorted(above)), merged


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")
