"""Hosts, groups and patterns: what is true, as people wrote it."""

from orchestrator.inventory.folding import fold, unfold
from orchestrator.inventory.hostset import HostSet
from orchestrator.inventory.inventory import SERVER, Group, Inventory
from orchestrator.inventory.load import load, load_file
from orchestrator.inventory.model import Become, Host

__all__ = ["SERVER", "Become", "Group", "Host", "HostSet", "Inventory", "fold", "load", "load_file", "unfold"]
