"""What the ``apt`` module takes, and how it spells that for apt-get."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from orchestrator.playbook.modules.base import Arguments
from orchestrator.playbook.modules.debian import parse_spec
from orchestrator.playbook.modules.fields import Flag, TextList, Whole, Words, also

Upgrade = Literal["no", "yes", "safe", "full", "dist"]


class AptArguments(Arguments):
    """As Ansible's ``apt``. `lock_timeout` and the delays are in seconds."""

    name: TextList = also("name", "package", "pkg", default=[])
    state: Literal["present", "absent", "latest", "build-dep", "fixed"] = "present"
    deb: Words | None = None
    upgrade: Upgrade = "no"
    update_cache: Flag | None = also("update_cache", "update-cache", default=None)
    update_cache_retries: Whole = 5
    update_cache_retry_max_delay: Whole = 12
    cache_valid_time: Whole = 0
    default_release: Words | None = also("default_release", "default-release", default=None)
    install_recommends: Flag | None = also("install_recommends", "install-recommends", default=None)
    only_upgrade: Flag = False
    purge: Flag = False
    autoremove: Flag = False
    autoclean: Flag = False
    clean: Flag = False
    fail_on_autoremove: Flag = False
    force: Flag = False
    force_apt_get: Flag = False
    allow_unauthenticated: Flag = also("allow_unauthenticated", "allow-unauthenticated", default=False)
    allow_downgrade: Flag = also(
        "allow_downgrade", "allow-downgrade", "allow_downgrades", "allow-downgrades", default=False
    )
    allow_change_held_packages: Flag = False
    dpkg_options: Words = "force-confdef,force-confold"
    policy_rc_d: Whole | None = None
    lock_timeout: Whole = 60
    auto_install_module_deps: Flag = True

    @model_validator(mode="before")
    @classmethod
    def _yaml_truth(cls, values: Any) -> Any:
        """``upgrade: yes`` is a truth value to YAML."""
        if isinstance(values, dict) and isinstance(values.get("upgrade"), bool):
            values = {**values, "upgrade": "yes" if values["upgrade"] else "no"}
        return values

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        given = [name for name in ("name", "deb") if getattr(self, name)] + ["upgrade"] * (self.upgrade != "no")
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other")
        if self.deb and self.state != "present":
            raise ValueError("deb goes with state=present only")
        if self.deb and "://" in self.deb:
            raise ValueError("deb is a file on the host: download it with get_url first")
        for text in self.name:
            parse_spec(text)
        return self


def dpkg_options(wish: AptArguments) -> list[str]:
    """Options that every apt-get of a task gets."""
    options = [f"Dpkg::Options::=--{option}" for option in wish.dpkg_options.split(",") if option]
    return [word for option in (*options, f"DPkg::Lock::Timeout={wish.lock_timeout}") for word in ("-o", option)]


def install_options(wish: AptArguments, check: bool) -> list[str]:
    """Options of an installation."""
    recommends = {None: [], True: ["-o", "APT::Install-Recommends=yes"], False: ["-o", "APT::Install-Recommends=no"]}
    return [
        *(["--only-upgrade"] if wish.only_upgrade else []),
        *(["--fix-broken"] if wish.state == "fixed" else []),
        *(["--force-yes"] if wish.force else []),
        *(["--auto-remove"] if wish.autoremove else []),
        *(["--no-remove"] if wish.fail_on_autoremove else []),
        *(["--simulate"] if check else []),
        *(["-t", wish.default_release] if wish.default_release else []),
        *recommends[wish.install_recommends],
        *(["--allow-unauthenticated"] if wish.allow_unauthenticated else []),
        *(["--allow-downgrades"] if wish.allow_downgrade else []),
        *(["--allow-change-held-packages"] if wish.allow_change_held_packages else []),
    ]
