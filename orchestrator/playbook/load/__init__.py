"""Reading playbooks: from files to the values of `orchestrator.playbook.model`."""

from orchestrator.playbook.load.arguments import validate
from orchestrator.playbook.load.files import candidates, find
from orchestrator.playbook.load.listing import ListedPlay, ListedTask, listing
from orchestrator.playbook.load.loader import Loader
from orchestrator.playbook.load.tags import selected

__all__ = ["ListedPlay", "ListedTask", "Loader", "candidates", "find", "listing", "selected", "validate"]
