"""ansible.builtin.template: a file rendered here, for each host with its variables."""

from __future__ import annotations

import os
import pwd
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import field_validator

from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.delivery import Content, DeliveryArguments, deliver, kept_mode
from orchestrator.playbook.modules.fields import Flag, Words
from orchestrator.playbook.text import Text

_NEWLINES = {"\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}


class TemplateArguments(DeliveryArguments):
    """Those of ansible.builtin.template."""

    src: Words
    block_start_string: Words = "{%"
    block_end_string: Words = "%}"
    variable_start_string: Words = "{{"
    variable_end_string: Words = "}}"
    comment_start_string: Words = "{#"
    comment_end_string: Words = "#}"
    trim_blocks: Flag = True
    lstrip_blocks: Flag = False
    newline_sequence: Words = "\n"
    output_encoding: Words = "utf-8"

    @field_validator("newline_sequence")
    @classmethod
    def _newline(cls, text: str) -> str:
        text = _NEWLINES.get(text, text)
        if text not in _NEWLINES.values():
            raise ValueError(r"must be \n, \r or \r\n")
        return text

    @field_validator("output_encoding")
    @classmethod
    def _encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError(f"there is no encoding {name!r}") from None
        return name


_OVERRIDES = (
    "block_start_string",
    "block_end_string",
    "variable_start_string",
    "variable_end_string",
    "comment_start_string",
    "comment_end_string",
    "trim_blocks",
    "lstrip_blocks",
    "newline_sequence",
)


class Template(Module[TemplateArguments]):
    """Renders, then does what copy does with the result."""

    name = "ansible.builtin.template"
    arguments = TemplateArguments

    async def run(self, arguments: TemplateArguments, target: Target) -> Result:
        """One exchange. Raises TaskFailed."""
        path = target.find("templates", arguments.src)
        try:
            text = target.reveal(path.read_bytes()).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaskFailed(f"could not read the template {path}: {error}") from None
        overrides = {name: getattr(arguments, name) for name in _OVERRIDES}
        rendered = target.render(text, str(path), overrides, **_variables(path, arguments, target))
        try:
            data = rendered.encode(arguments.output_encoding, "surrogateescape")
        except UnicodeEncodeError as error:
            raise TaskFailed(f"{path} cannot be written as {arguments.output_encoding}: {error}") from None
        return await deliver(
            Content.of(data, path.name, str(path)), arguments, target, mode=kept_mode(arguments.mode, path)
        )


def _variables(path: Path, arguments: TemplateArguments, target: Target) -> dict[str, Any]:
    """What Ansible adds for templates (generate_ansible_template_vars)."""
    status = path.stat()
    try:
        owner: str | int = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = status.st_uid
    variables = {
        "template_host": os.uname().nodename,
        "template_path": arguments.src,
        "template_fullpath": str(path),
        "template_destpath": arguments.dest,
        "template_uid": owner,
        "template_mtime": datetime.fromtimestamp(status.st_mtime),  # noqa: DTZ006  local and naive, as Ansible's is
        "template_run_date": datetime.now(),  # noqa: DTZ005
    }
    if not target.evaluate(Text("ansible_managed is defined")):
        variables["ansible_managed"] = "Ansible managed"
    return variables


MODULE = Template()
