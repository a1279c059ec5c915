"""``apt``: packages of Debian and its kin, by apt-get and dpkg alone (Ansible's needs python3-apt on the host)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.playbook.modules import debian
from orchestrator.playbook.modules.apt_arguments import AptArguments, dpkg_options, install_options
from orchestrator.playbook.modules.apt_files import install_files
from orchestrator.playbook.modules.aptget import AptGet, Situation, failure, idle, outputs, prepared, seconds, text
from orchestrator.playbook.modules.base import Module, Result, Target, TaskFailed
from orchestrator.playbook.modules.debian import DpkgStatus, NoCandidate, Policy, Spec

_LOCKED = b"Could not get lock"


@dataclass(frozen=True, slots=True)
class _Cache:
    """Ansible's two keys about the package lists."""

    updated: bool
    time: int

    def keys(self) -> dict[str, Any]:
        return {"cache_updated": self.updated, "cache_update_time": self.time}


class Apt(Module[AptArguments]):
    """``ansible.builtin.apt``."""

    name = "ansible.builtin.apt"
    arguments = AptArguments

    async def run(self, arguments: AptArguments, target: Target) -> Result:
        """As `Module.run`. Nothing to do costs one exchange."""
        return await _Task(arguments, target).run()


@dataclass
class _Task:
    """One task on one host."""

    wish: AptArguments
    target: Target
    apt: AptGet = field(init=False)

    def __post_init__(self) -> None:
        self.apt = AptGet(self.target)

    async def run(self) -> Result:
        wish = self.wish
        subject = bool(wish.name or wish.deb or wish.upgrade != "no")
        if wish.clean:
            cleaned = await self._clean()
            if not subject:
                return cleaned
        specs = await self._specs()
        wants_update = bool(wish.update_cache or wish.cache_valid_time)
        situation = await self.apt.look([spec.name for spec in specs if spec.can_exist], clock=wants_update)
        cache = await self._refresh(situation) if wants_update else _Cache(False, situation.stamp)
        if wants_update and not subject:
            return Result(cache.updated, cache.keys())
        if wish.upgrade != "no" or (wish.state == "latest" and "*" in wish.name):
            return await self._upgrade(situation)
        if wish.deb:
            return await install_files(wish, self.target)
        if not specs and wish.autoclean:
            return await self._cleanup("autoclean", "Del ")
        if not specs and wish.autoremove:
            return await self._cleanup("autoremove", "The following packages will be REMOVED")
        if wish.state == "absent":
            return await self._remove(specs, situation)
        return await self._install(specs, situation, cache)

    async def _specs(self) -> list[Spec]:
        """The packages named, globs replaced with what they match."""
        wish = self.wish
        texts = [text for text in wish.name if text != "*"]
        if wish.state == "latest" and "*" in wish.name and texts:
            raise TaskFailed("unable to install additional packages when upgrading all installed packages")
        specs = [debian.parse_spec(text) for text in texts]
        if not any(spec.is_glob for spec in specs):
            return specs
        known = await self.apt.names()
        expanded: list[Spec] = []
        for spec in specs:
            found = [Spec(name) for name in debian.matching(spec.name, known)] if spec.is_glob else [spec]
            if not found:
                raise TaskFailed(f"No package(s) matching '{spec.name}' available")
            expanded += found
        return expanded

    async def _clean(self) -> Result:
        if self.target.check:
            return Result(changed=True)
        answer = await self.apt.run(["apt-get", "clean"])
        if answer.rc or answer.stderr:
            raise TaskFailed(f"apt-get clean failed: {text(answer.stderr)}", stdout=text(answer.stdout), rc=answer.rc)
        return Result(changed=True, keys={"msg": "", **outputs(answer)})

    async def _refresh(self, situation: Situation) -> _Cache:
        """Update the package lists if they are older than `cache_valid_time`, trying again as often as was asked for
        and, as long as `lock_timeout` allows, while another process holds them."""
        wish = self.wish
        if situation.stamp + wish.cache_valid_time >= situation.now:
            return _Cache(False, situation.stamp)
        if self.target.check:
            return _Cache(True, situation.stamp)
        give_up = time.monotonic() + wish.lock_timeout
        tries = 0
        while tries < wish.update_cache_retries:
            came, answer = await self.apt.update()
            if came:
                stamp = seconds(answer.get("stamp"))
                return _Cache(stamp != situation.stamp, stamp)
            if _LOCKED in answer.stderr and time.monotonic() < give_up:
                await asyncio.sleep(1)
                continue
            tries += 1
            if tries < wish.update_cache_retries:
                await asyncio.sleep(min(2**tries // 2, wish.update_cache_retry_max_delay) + random.random())  # noqa: S311  jitter
        said = text(answer.stderr) if tries else "unknown reason"
        raise TaskFailed(f"Failed to update apt cache after {tries} retries: {said}")

    async def _install(self, specs: Sequence[Spec], situation: Situation, cache: _Cache) -> Result:
        wish = self.wish
        if wish.state == "build-dep":
            return await self._act("build-dep", [str(spec) for spec in specs], cache) if specs else Result()
        try:
            words = await self._to_install(specs, situation.status)
        except NoCandidate as error:
            raise TaskFailed(str(error), **cache.keys()) from None
        result = await self._act("install", words, cache) if words else Result(keys=cache.keys())
        await self._mark(specs, situation)
        return result

    async def _to_install(self, specs: Sequence[Spec], status: DpkgStatus) -> list[str]:
        wish = self.wish
        if wish.state != "latest" and all(_settled(spec, status) for spec in specs):
            return []
        names = [spec.name for spec in specs if spec.can_exist]
        policies: Mapping[str, Policy] = await self.apt.policies(names, wish.default_release, status) if names else {}
        virtual = [name for name in names if (found := policies.get(status.plain(name))) and found.is_virtual]
        provided = frozenset([name for name in virtual if await self.apt.provided(name)])
        return debian.to_install(
            specs,
            status,
            policies,
            latest=wish.state == "latest",
            only_upgrade=wish.only_upgrade,
            provided=provided,
        )

    async def _act(self, verb: str, words: Sequence[str], cache: _Cache) -> Result:
        wish = self.wish
        command = ["apt-get", "-y", *dpkg_options(wish), *install_options(wish, self.target.check), verb, *words]
        return await self._do(command, **cache.keys())

    async def _mark(self, specs: Sequence[Spec], situation: Situation) -> None:
        """What is asked for by name is wanted for itself, also when it first came as somebody's dependency."""
        names = [spec.name for spec in specs if spec.name.partition(":")[0] in situation.automatic]
        if names and not self.target.check:
            await self.apt.manual(names)

    async def _remove(self, specs: Sequence[Spec], situation: Situation) -> Result:
        wish = self.wish
        words = []
        for spec in specs:
            found = situation.status.get(spec.name)
            version = situation.status.version(spec.name)
            if found and ((version and spec.satisfied_by(version)) or (wish.purge and found.state == "config-files")):
                words.append(spec.name)
        if not words:
            return Result()
        options = [
            *(["--purge"] if wish.purge else []),
            *(["--force-yes"] if wish.force else []),
            *(["--auto-remove"] if wish.autoremove else []),
            *(["--simulate"] if self.target.check else []),
            *(["--allow-change-held-packages"] if wish.allow_change_held_packages else []),
        ]
        return await self._do(["apt-get", "-q", "-y", *dpkg_options(wish), *options, "remove", *words])

    async def _cleanup(self, verb: str, sign: str) -> Result:
        wish = self.wish
        options = [
            *(["--purge"] if wish.purge else []),
            *(["--force-yes"] if wish.force else []),
            *(["--simulate"] if self.target.check else []),
        ]
        result = await self._do(["apt-get", "-y", *dpkg_options(wish), *options, verb])
        return replace(result, changed=sign in result.keys["stdout"])

    async def _upgrade(self, situation: Situation) -> Result:
        """By aptitude where Ansible takes it: when it is there, and for other than ``dist``."""
        wish = self.wish
        check = ["--simulate"] if self.target.check else []
        release = ["-t", wish.default_release] if wish.default_release else []
        untrusted = ["--allow-unauthenticated"] if wish.allow_unauthenticated else []
        if situation.aptitude and not wish.force_apt_get and wish.upgrade != "dist":
            force = ["--assume-yes", "--allow-untrusted"] if wish.force else []
            verb = "full-upgrade" if wish.upgrade == "full" else "safe-upgrade"
            command = ["aptitude", "-y", *dpkg_options(wish), *force, *untrusted, *check, verb, *release]
        else:
            options = [
                *(["--force-yes"] if wish.force else []),
                *(["--no-remove"] if wish.fail_on_autoremove else []),
                *untrusted,
                *(["--allow-downgrades"] if wish.allow_downgrade else []),
                *check,
                *(["--auto-remove"] if wish.autoremove else []),
            ]
            verbs = ["dist-upgrade"] if wish.upgrade in ("dist", "full") else ["upgrade", "--with-new-pkgs"]
            command = ["apt-get", "-y", *dpkg_options(wish), *options, *verbs, *release]
        result = await self._do(command)
        return replace(result, keys={**result.keys, "msg": result.keys["stdout"]})

    async def _do(self, command: Sequence[str], **keys: Any) -> Result:
        answer = await self.apt.run(command, None if self.target.check else self.wish.policy_rc_d)
        if answer.rc:
            raise failure(command, answer, **keys)
        changed = not idle(answer)
        return Result(changed, {**outputs(answer), **keys}, prepared(answer, changed and self.target.diff))


def _settled(spec: Spec, status: DpkgStatus) -> bool:
    """Whether `spec` is satisfied whatever apt may offer. A glob of versions never is: Ansible goes for the newest."""
    version = status.version(spec.name)
    return (
        bool(version) and spec.satisfied_by(version) and not (spec.operator == "=" and set("*?[") & set(spec.version))
    )


MODULE = Apt()
