"""Reading a folder of inventory files as ``ansible-inventory`` does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from yaml.nodes import MappingNode

from orchestrator.errors import InventoryError
from orchestrator.inventory.connection import VARIABLES, Jump, read_host
from orchestrator.inventory.doubts import Doubts
from orchestrator.inventory.files import is_folder, list_folder, read_text
from orchestrator.inventory.folding import fold
from orchestrator.inventory.graph import Graph
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.importers import AGENT_NAMES, SSH_CONFIG, read_agent_names, read_ssh_config
from orchestrator.inventory.iniinventory import read_ini
from orchestrator.inventory.inventory import SERVER, Group, Inventory
from orchestrator.inventory.jumps import resolve_jumps
from orchestrator.inventory.model import Host
from orchestrator.inventory.precedence import Decrypt, Precedence, VarsFolder
from orchestrator.inventory.variables import plain
from orchestrator.inventory.yamlfile import YamlFile
from orchestrator.inventory.yamlinventory import read_yaml

_YAML = (".yml", ".yaml", ".json")
# Ansible's own list (REJECT_EXTS and INVENTORY_IGNORE_EXTS in its configuration).
_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")
_NOT_INVENTORIES = ("host_vars", "group_vars", "vars_plugins")
NO_EDITS: Mapping[Path, str] = MappingProxyType({})


def load(
    folder: Path,
    *,
    edited: Mapping[Path, str] = NO_EDITS,
    beside: Path | None = None,
    decrypt: Decrypt | None = None,
) -> Inventory:
    """The inventory of a folder: its files in the order of their names, with ``group_vars/`` and ``host_vars/``.

    ``.yml``, ``.yaml`` and ``.json`` files are YAML inventories; ``agent_name_ip.txt`` and ``ssh_config`` are what
    they are called; a file without an extension is YAML if it reads as a mapping; all others are INI. Files that
    Ansible skips (``.md``, ``.bak``, hidden ones ...) are skipped, folders are read in turn. An empty folder is an
    empty inventory with a warning. `edited` are texts to read in place of what files hold. `beside` is the folder of
    a playbook, whose ``group_vars/`` and ``host_vars/`` count, too; `decrypt` opens files of variables that are
    encrypted as a whole. Raises InventoryError with ``file:line``.
    """
    sources = list(_files(folder, str(folder), ""))
    sources += [(path, path.name) for path in edited if path not in {known for known, _ in sources}]
    inventory = _build(folder, sources, edited, beside, decrypt)
    if sources:
        return inventory
    return replace(inventory, warnings=(f"{folder}: there is no inventory file in it yet", *inventory.warnings))


def load_file(path: Path) -> Inventory:
    """The inventory of a single file, with ``group_vars/`` and ``host_vars/`` beside it; raises InventoryError."""
    return _build(path.parent, [(path, path.name)])


def _files(folder: Path, label: str, prefix: str) -> Iterable[tuple[Path, str]]:
    for name in list_folder(folder, label):
        path = folder / name
        if name.startswith(".") or name in _NOT_INVENTORIES or (name.endswith(_IGNORED) and name != AGENT_NAMES):
            continue
        if is_folder(path) and path.suffix not in (*_YAML, ".ini"):
            yield from _files(path, prefix + name, f"{prefix}{name}/")
        else:
            yield path, prefix + name


def _read(path: Path, label: str, text: str, graph: Graph) -> None:
    if path.name == AGENT_NAMES:
        read_agent_names(text, label, graph)
    elif path.name == SSH_CONFIG:
        read_ssh_config(text, label, graph)
    elif text.startswith("#!"):
        raise InventoryError(
            "is a program, and programs are not run", where=label, remedy="Save what it prints as .json."
        )
    elif path.suffix in _YAML:
        read_yaml(YamlFile(text, label), graph)
    elif path.suffix or not (file := _as_yaml(text, label)):
        read_ini(text, label, graph)
    else:
        read_yaml(file, graph)


def _as_yaml(text: str, label: str) -> YamlFile | None:
    """A file without an extension as YAML, if it reads as a mapping, which no INI inventory does."""
    try:
        file = YamlFile(text, label)
    except InventoryError:
        if text.lstrip().startswith("---"):
            raise
        return None
    return file if isinstance(file.root, MappingNode) else None


def _build(
    folder: Path,
    sources: list[tuple[Path, str]],
    edited: Mapping[Path, str] = NO_EDITS,
    beside: Path | None = None,
    decrypt: Decrypt | None = None,
) -> Inventory:
    graph = Graph()
    for path, label in sources:
        _read(path, label, edited[path] if path in edited else read_text(path, label), graph)
    graph.reconcile()
    places = [folder] if beside is None or beside.resolve() == folder.resolve() else [folder, beside]
    group_files = [VarsFolder(place / "group_vars", decrypt) for place in places]
    host_files = [VarsFolder(place / "host_vars", decrypt) for place in places]
    precedence = Precedence(graph, group_files, host_files)
    doubts = Doubts(VARIABLES)
    for group in graph.groups.values():
        doubts.look(precedence.group_vars(group))
    hosts, warnings = _hosts(graph, precedence, doubts)
    groups = {
        name: Group(
            name,
            HostSet(hosts[host.name] for host in group.all_hosts()),
            tuple(group.children),
            MappingProxyType(plain(precedence.group_vars(group))),
            (group.depth, group.priority, group.name),
        )
        for name, group in graph.groups.items()
    }
    warnings += doubts.warnings()
    warnings += [warning for files in (*group_files, *host_files) for warning in files.warnings]
    # A playbook's folders may serve more than one inventory: what is not of this one is no mistake there.
    warnings += [*group_files[0].leftovers("group"), *host_files[0].leftovers("host")]
    return Inventory(
        hosts=HostSet(hosts.values()),
        groups=MappingProxyType(groups),
        warnings=(*graph.warnings, *warnings),
        sources=(*(path for path, _ in sources), *(path for f in (*group_files, *host_files) for path in f.sources)),
        server=hosts.get(SERVER, Inventory().server),
    )


def _hosts(graph: Graph, precedence: Precedence, doubts: Doubts) -> tuple[dict[str, Host], list[str]]:
    hosts: dict[str, Host] = {}
    jumps: dict[str, Jump] = {}
    for node in graph.hosts.values():
        groups, variables = precedence.host_vars(node)
        doubts.look(variables)
        hosts[node.name], jump = read_host(node.name, groups, variables)
        if jump:
            jumps[node.name] = jump
    hosts = resolve_jumps(hosts, jumps)
    return hosts, _same_address({name: node.where for name, node in graph.hosts.items()}, hosts)


def _same_address(places: Mapping[str, str], hosts: Mapping[str, Host]) -> list[str]:
    """Warnings of hosts that are one machine under two names, most often a line copied and not changed."""
    sharing: defaultdict[tuple[str, int, Host | None], list[str]] = defaultdict(list)
    for name, host in hosts.items():
        if not host.local:
            sharing[host.address, host.port, host.jump].append(name)
    return [
        f"{places[names[1]]}: {' and '.join(names) if len(names) == 2 else fold(names)} have the same address {address}"
        for (address, _, _), names in sharing.items()
        if len(names) > 1
    ]
