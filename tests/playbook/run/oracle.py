"""Runs playbooks by ansible-core, each in a fork of one process that has imported it, and collects what happened.

Arguments: a JSON file with ``[[playbook, [option, ...], output], ...]``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    jobs = json.loads(Path(sys.argv[1]).read_text())
    from ansible.cli.playbook import PlaybookCLI  # type: ignore[import-untyped]  # it has none

    for playbook, options, output in jobs:
        child = os.fork()
        if child == 0:
            os.environ["TELL"] = output
            status = 1
            try:
                status = PlaybookCLI.cli_executor(["ansible-playbook", *options, playbook])
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            finally:
                sys.stdout.flush()
                os._exit(status or 0)
        _, ended = os.waitpid(child, 0)
        with Path(output).open("a") as file:
            file.write(json.dumps(["exit", os.waitstatus_to_exitcode(ended)]) + "\n")


if __name__ == "__main__":
    main()
