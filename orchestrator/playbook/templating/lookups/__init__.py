"""All lookups by name."""

from __future__ import annotations

from orchestrator.playbook.templating.lookups import commands, files, generated, loops, password, variables
from orchestrator.playbook.templating.lookups.call import Lookup

LOOKUPS: dict[str, Lookup] = {
    **commands.LOOKUPS,
    **files.LOOKUPS,
    **generated.LOOKUPS,
    **loops.LOOKUPS,
    **password.LOOKUPS,
    **variables.LOOKUPS,
}
"""Name to function. Names and behaviour are those of ansible.builtin in ansible-core 2.19."""
