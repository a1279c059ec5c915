"""Names that must be known before anything runs: imported files, roles and playbooks."""

from __future__ import annotations

from orchestrator.errors import PlaybookError
from orchestrator.playbook.load.scope import Scope
from orchestrator.playbook.load.values import is_template
from orchestrator.playbook.templating import LookupContext, Templar, TemplateFault
from orchestrator.playbook.text import Text


def known(name: Text, scope: Scope) -> Text:
    """`name` rendered with what is known by now: variables of the play, the role, the task and the command line.

    Raises PlaybookError when it needs more, as a host's variables or facts.
    """
    if not is_template(name):
        return name
    role = scope.role
    variables = {
        **(role.defaults if role else {}),
        **scope.vars,
        **(role.vars if role else {}),
        **scope.keywords.vars,
        **scope.extra,
        "playbook_dir": str(scope.folder),
        **({"role_name": role.name, "role_path": str(role.path)} if role else {}),
    }
    try:
        found = Templar(variables, lookups=LookupContext(scope.search, scope.folder)).render(name)
    except TemplateFault as fault:
        what = f"{name} must be known before anything runs, and {fault.msg}"
        raise PlaybookError(what, where=str(name.at), remedy="Give it with vars or -e, or use include.") from fault
    return Text(str(found), name.at)
