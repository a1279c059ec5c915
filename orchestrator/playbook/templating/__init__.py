"""Jinja2 as Ansible uses it: templates, expressions, conditions, filters, tests and lookups."""

from orchestrator.playbook.templating.check import check_syntax
from orchestrator.playbook.templating.fault import TemplateFault, UndefinedFault
from orchestrator.playbook.templating.hostvars import HostVars
from orchestrator.playbook.templating.kinds import OMIT
from orchestrator.playbook.templating.search import LookupContext
from orchestrator.playbook.templating.templar import Templar, new_environment

__all__ = [
    "OMIT",
    "HostVars",
    "LookupContext",
    "Templar",
    "TemplateFault",
    "UndefinedFault",
    "check_syntax",
    "new_environment",
]
