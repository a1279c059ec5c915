"""Finding out how a host can be got into, and what it is; nothing is changed there."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files

from orchestrator.bootstrap.model import Credentials, HostFacts, KeyState, Root, Surveyed
from orchestrator.bootstrap.names import account_of, login_of, method_of, wants_root
from orchestrator.bootstrap.ways import as_login, become_password
from orchestrator.errors import KeyFileError
from orchestrator.fleet import clean_line
from orchestrator.inventory import Become, Host
from orchestrator.ssh import Call, NoConnection, Pool, Result, Status, Trust

_PROBE = files("orchestrator.bootstrap").joinpath("probe.sh").read_text("ascii")
_TIMEOUT = 30.0
_ANSWER = 4096
_NOT_ALLOWED = "does not allow it"  # see ssh/execution.py, never_started
_KEYS = {Status.HOST_KEY_CHANGED: KeyState.CHANGED, Status.HOST_KEY_UNKNOWN: KeyState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Looks at hosts over `pool`, which logs in with our keys first and then with the login password, once."""

    pool: Pool
    trust: Trust
    credentials: Credentials

    async def look(self, host: Host, account: str | None, stop: asyncio.Event) -> Surveyed:
        """How `host` was found; it is to be managed as `account`, or as the inventory says.

        Every wait is bounded by the limits of the pool. Raises UsageError for variables that cannot be meant.
        """
        found = Surveyed(host, login_of(host), account or account_of(host), Status.UNREACHABLE)
        if host.local:
            return replace(found, status=Status.FAILED, trouble="it is this machine itself, reached without SSH")
        try:
            known = bool(self.trust.lookup(host))
            found = replace(found, key=KeyState.PINNED) if known else await self._look_at_key(found)
            if found.key.trusted:
                found = await self._log_in(found, stop)
            if known and found.status is Status.HOST_KEY_UNKNOWN:  # no pinned authority has signed it
                found = await self._look_at_key(found)
        except NoConnection as error:
            return _shut(found, error.status, error.detail)
        except KeyFileError as error:
            return _shut(found, Status.HOST_KEY_UNKNOWN, str(error))
        return found

    async def _look_at_key(self, found: Surveyed) -> Surveyed:
        """The key of a host that is not known, before anything is said to it. Raises NoConnection."""
        shown = await self.pool.scan(found.host)
        promised = found.host.fingerprint
        if promised == shown.fingerprint:
            return replace(found, key=KeyState.PROMISED, shown=shown)  # the login pins it
        found = replace(found, shown=shown)
        if promised:
            what = f"host key is not the promised one: it shows {shown.fingerprint}, the inventory says {promised}"
            return _shut(found, Status.HOST_KEY_CHANGED, what)
        what = f"host key unknown: {shown.algorithm} {shown.fingerprint}"
        return _shut(found, Status.HOST_KEY_UNKNOWN, what)

    async def _log_in(self, found: Surveyed, stop: asyncio.Event) -> Surveyed:
        reach = as_login(found)
        result, said = await self._ask(reach, None, _PROBE, stop)
        if result.status is not Status.OK or not said.get("uid"):
            return _shut(found, result.status, result.detail or f"its shell did not answer: {clean_line(result.err)}")
        skew = float(said["time"]) - time.time() if re.fullmatch("[0-9]{1,12}", said.get("time", "")) else 0.0
        facts = HostFacts(
            said.get("system", ""), said.get("machine", ""), said.get("init", ""), said.get("sudo") != "none", skew
        )
        method = self.pool.method(reach)
        found = replace(found, facts=facts, method=method.kind if method else "", status=Status.OK, trouble="")
        return await self._find_root(found, said, stop)

    async def _find_root(self, found: Surveyed, said: Mapping[str, str], stop: asyncio.Event) -> Surveyed:
        """Become root once, in the way that a playbook will."""
        host, method = found.host, method_of(found.host)
        if not wants_root(host):
            return _without_root(found)
        if said["uid"] == "0":
            return replace(found, root=Root.ALREADY)
        if method == "sudo" and said.get("sudo") == "none":
            return _without_root(found)
        free = method == "sudo" and said.get("sudo") == "free"
        password = None if free else become_password(host, self.credentials)
        if not free and password is None:
            what = f"{method} wants a password of {found.login}"
            remedy = "Give -K, or say `bootstrap_root: false` to do without root"
            return replace(found, root=Root.ASKS, status=Status.FAILED, trouble=f"{what}. {remedy}")
        result, answer = await self._ask(as_login(found), Become(method, "root", password), 'say uid "$(id -u)"', stop)
        if result.status is Status.OK and answer.get("uid") == "0":
            return replace(found, root=Root.FREE if free else Root.PASSWORD)
        if _NOT_ALLOWED in result.detail:
            return _without_root(found)
        status = Status.FAILED if result.status.answered else result.status
        return _shut(found, status, result.detail or f"{method} gave no root: {clean_line(result.err)}")

    async def _ask(
        self, host: Host, become: Become | None, script: str, stop: asyncio.Event
    ) -> tuple[Result, Mapping[str, str]]:
        """What a program on `host` reported, cleaned: whoever answers may be hostile."""
        async with self.pool.shell(host, become) as shell:
            reply = await shell.call(Call(script, timeout=_TIMEOUT, limit=_ANSWER, tidy=True), stop=stop)
        return reply.result, {key: clean_line(value.decode("utf-8", "replace"), 100) for key, value in reply.records}


def _shut(found: Surveyed, status: Status, why: str) -> Surveyed:
    """`found` as a host that bootstrap cannot begin on."""
    return replace(found, status=status, key=_KEYS.get(status, found.key), trouble=clean_line(why, 300))


def _without_root(found: Surveyed) -> Surveyed:
    """A host where all is done as the login user, who then is the one that manages it."""
    return replace(found, root=Root.NONE, account=found.login)
