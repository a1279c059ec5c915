"""``cron``: entries of a user's crontab, or of a file in /etc/cron.d, marked as Ansible marks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import model_validator

from orchestrator.playbook.events import Diff
from orchestrator.playbook.modules.base import Answer, Arguments, Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.crontab import Crontab
from orchestrator.playbook.modules.fields import Flag, Words, also
from orchestrator.playbook.modules.library import checked, library
from orchestrator.playbook.modules.ownership import FILES, FileArguments, common

CRON = library("cron", FILES, tidy=True)
_AT_MOST = 4 << 20
_TRIES = 3


class CronArguments(Arguments):
    """As Ansible's ``cron``."""

    name: Words
    user: Words | None = None
    job: Words | None = also("job", "value", default=None)
    cron_file: Words | None = None
    state: Literal["present", "absent"] = "present"
    backup: Flag = False
    minute: Words = "*"
    hour: Words = "*"
    day: Words = also("day", "dom", default="*")
    month: Words = "*"
    weekday: Words = also("weekday", "dow", default="*")
    special_time: Literal["reboot", "yearly", "annually", "monthly", "weekly", "daily", "hourly"] | None = None
    disabled: Flag = False
    env: Flag = False
    insertafter: Words | None = None
    insertbefore: Words | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        times = (self.minute, self.hour, self.day, self.month, self.weekday)
        if self.cron_file == "/etc/crontab":
            raise ValueError("Will not manage /etc/crontab via cron_file")
        if self.special_time and any(time != "*" for time in times):
            raise ValueError("You cannot combine special_time with any of the time or day/date parameters.")
        if self.insertafter and self.insertbefore:
            raise ValueError("insertafter and insertbefore exclude each other")
        if self.env and " " in self.name:
            raise ValueError("Invalid name for environment variable")
        if self.state == "present":
            if self.cron_file and not self.user:
                raise ValueError("To use cron_file you must specify user as well")
            if self.job is None:
                raise ValueError("You must specify 'job' to install a new cron job or variable")
            if (self.insertafter or self.insertbefore) and not self.env:
                raise ValueError("insertafter and insertbefore are valid only with env=yes")
        return self

    def line(self) -> str:
        """The crontab line of the job."""
        times = (
            f"@{self.special_time}"
            if self.special_time
            else " ".join((self.minute, self.hour, self.day, self.month, self.weekday))
        )
        user = f" {self.user}" if self.cron_file else ""
        return f"{'#' if self.disabled else ''}{times}{user} {(self.job or '').strip(chr(13) + chr(10))}"


class Cron(Module[CronArguments]):
    """``ansible.builtin.cron``."""

    name = "ansible.builtin.cron"
    arguments = CronArguments

    async def run(self, arguments: CronArguments, target: Target) -> Result:
        """As `Module.run`. One exchange when nothing changes, else two."""
        for _ in range(_TRIES):
            read = checked(await target.sh(CRON, "cron_read", limit=_AT_MOST, **_variables(arguments, target)))
            if read.truncated:
                raise TaskFailed(f"the crontab is larger than {_AT_MOST} bytes")
            edited = _edit(read, arguments)
            wrote = None
            if edited.changed and not target.check:
                wrote = checked(await target.sh(CRON, "cron_write", **_variables(arguments, target, edited)))
            if not (wrote and wrote.has("meanwhile")):
                return _result(arguments, edited, wrote, target)
        raise TaskFailed("the crontab was changed by somebody else each time it was edited")


@dataclass(frozen=True, slots=True)
class _Edited:
    """A crontab and what it was `before`; `gone` if nothing is left of its file, `path` where that is."""

    crontab: Crontab
    before: str
    path: str
    changed: bool
    gone: bool


def _variables(arguments: CronArguments, target: Target, edited: _Edited | None = None) -> dict[str, Any]:
    return {
        **common(FileArguments(), target),
        "user": arguments.user or "",
        "cron_file": arguments.cron_file or "",
        "backup": arguments.backup,
        "content": str(edited.crontab) if edited else "",
        "was": edited.before if edited else "",
        "remove": edited is not None and edited.gone,
    }


def _edit(read: Answer, arguments: CronArguments) -> _Edited:
    before = read.stdout.decode("utf-8", "surrogateescape")
    crontab = Crontab(before, installed=not arguments.cron_file)
    gone = False
    try:
        changed = _change(crontab, arguments)
    except LookupError as error:
        raise TaskFailed(str(error)) from None
    if changed and arguments.cron_file and arguments.state == "absent" and not arguments.env:
        gone = crontab.is_empty
    return _Edited(crontab, before, read.get("path"), changed or crontab.unended, gone)


def _change(crontab: Crontab, wish: CronArguments) -> bool:
    if wish.env:
        if wish.state == "absent":
            return crontab.remove_variable(wish.name)
        return crontab.set_variable(wish.name, wish.job or "", after=wish.insertafter, before=wish.insertbefore)
    return crontab.remove_job(wish.name) if wish.state == "absent" else crontab.set_job(wish.name, wish.line())


def _result(arguments: CronArguments, edited: _Edited, wrote: Answer | None, target: Target) -> Result:
    keys: dict[str, Any] = {"jobs": edited.crontab.job_names, "envs": edited.crontab.variable_names}
    if edited.gone:
        keys = {"state": arguments.state}
    if arguments.cron_file:
        keys["cron_file"] = arguments.cron_file
    if wrote and wrote.has("backup_file"):
        keys["backup_file"] = wrote.get("backup_file")
    diffs = (_diff(arguments, edited),) if target.diff and edited.changed else ()
    return Result(edited.changed, keys, diffs)


def _diff(arguments: CronArguments, edited: _Edited) -> Diff:
    of = f'crontab for user "{arguments.user}"' if arguments.user else "crontab"
    heading = edited.path or of
    return Diff(edited.before, str(edited.crontab), heading, "/dev/null" if edited.gone else heading)


MODULE = Cron()
