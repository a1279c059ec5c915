"""Groups, accounts and their keys on a booted host; and on one that has nothing but busybox."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.playbook.modules import Result, TaskFailed, module
from tests.lab.host import LabHost
from tests.lab.lab import Lab
from tests.playbook.modules.labhost import LabTarget
from tests.playbook.modules.target import LocalTarget, Shell

_HASH = "$6$abc$FcDsqOMnY9tiKGpAaA9kpoNQRBZ2ScWRG3uEvWGJVv9jyGp3aAx1pUIZ8MqnxTHiOX4eQF9dkLaIBxxqeWhGi0"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGRJg4g+iv9a44AR+wSDynwkjYVaIiJLKuC3oFXumAEp"


async def run(name: str, target: LocalTarget, /, *, check: bool = False, **arguments: Any) -> Result:
    what = module(name if "." in name else f"ansible.builtin.{name}")
    target.check, target.exchanges = check, 0
    return await what.run(what.arguments.model_validate(arguments), target)


async def thrice(name: str, target: LocalTarget, /, **arguments: Any) -> Result:
    """Predicted, done, and found done, which takes one exchange."""
    assert (await run(name, target, check=True, **arguments)).changed
    done = await run(name, target, **arguments)
    assert done.changed
    for check in (True, False):
        again = await run(name, target, check=check, **arguments)
        assert not again.changed
        assert target.exchanges == 1
    return done


@pytest.fixture(params=[0, 1, 2], ids=["bullseye", "bookworm", "trixie"])
def host(request: pytest.FixtureRequest, lab_releases: Lab) -> LabHost:
    number: int = request.param
    return lab_releases.hosts[number]


@pytest.mark.lab
async def test_a_group_comes_changes_and_goes(host: LabHost, tmp_path: Path) -> None:
    target = LabTarget(host, tmp_path)
    done = await thrice("group", target, name="crew", gid=1500)
    assert done.keys == {"name": "crew", "state": "present", "system": False, "gid": 1500}
    assert (await thrice("group", target, name="crew", gid=1501)).keys["gid"] == 1501
    with pytest.raises(TaskFailed, match="already exists"):
        await run("group", target, name="other", gid=1501)
    assert (await run("group", target, name="machines", system=True)).keys["gid"] < 1000
    for name in ("crew", "machines"):
        assert (await thrice("group", target, name=name, state="absent")).keys == {"name": name, "state": "absent"}


@pytest.mark.lab
async def test_an_account_from_birth_to_death(host: LabHost, tmp_path: Path) -> None:
    target = LabTarget(host, tmp_path)
    await run("group", target, name="crew")
    wish: dict[str, Any] = {
        "name": "ann",
        "groups": ["crew"],
        "comment": "Ann",
        "shell": "/bin/bash",
        "password": _HASH,
    }
    done = await thrice("user", target, **wish)
    expected = {"name": "ann", "state": "present", "comment": "Ann", "home": "/home/ann", "shell": "/bin/bash"}
    expected |= {"groups": "crew", "password": "NOT_LOGGING_PASSWORD"}
    assert {key: done.keys[key] for key in expected} == expected
    assert _HASH in host.run("getent shadow ann").stdout
    assert host.run("id -nG ann").stdout.split() == ["ann", "crew"]
    assert host.run("stat -c %U:%G /home/ann/.bashrc").stdout.strip() == "ann:ann"

    await thrice("user", target, name="ann", groups=[], password_lock=True, password_expire_max=90, expires=1893456000)
    shadow = host.run("getent shadow ann").stdout.strip().split(":")
    assert (shadow[1], shadow[4], shadow[7]) == (f"!{_HASH}", "90", "21915")
    assert host.run("id -nG ann").stdout.split() == ["ann"]
    await thrice("user", target, name="ann", home="/srv/ann", move_home=True)
    assert host.run("stat -c %U /srv/ann/.bashrc").stdout.strip() == "ann"
    assert (await thrice("user", target, name="ann", state="absent", remove=True)).keys["remove"]
    assert host.run("test -e /srv/ann", check=False).returncode == 1
    await run("group", target, name="crew", state="absent")


@pytest.mark.lab
async def test_homes_that_useradd_would_not_make(host: LabHost, tmp_path: Path) -> None:
    target = LabTarget(host, tmp_path)
    await thrice("user", target, name="deep", home="/srv/far/away/deep")
    assert host.run("stat -c %U:%G /srv/far/away/deep /srv/far/away/deep/.profile").stdout.split() == ["deep:deep"] * 2
    host.run("rm -r /srv/far")
    await thrice("user", target, name="deep")
    assert host.run("stat -c %U:%G /srv/far/away/deep/.profile").stdout.strip() == "deep:deep"
    await run("user", target, name="deep", state="absent", remove=True)


@pytest.mark.lab
async def test_a_key_pair_of_an_account(host: LabHost, tmp_path: Path) -> None:
    target = LabTarget(host, tmp_path)
    wish: dict[str, Any] = {"name": "kay", "generate_ssh_key": True, "ssh_key_type": "ed25519"}
    await run("user", target, name="kay")
    done = await thrice("user", target, **wish, ssh_key_passphrase="a long 'secret'")
    assert done.keys["ssh_key_file"] == "/home/kay/.ssh/id_ed25519"
    assert done.keys["ssh_public_key"].endswith(f"ansible-generated on {host.name}")
    assert done.keys["ssh_fingerprint"].startswith("256 SHA256:")
    assert "secret" not in str(done.keys)
    opened = host.run("ssh-keygen -y -P \"a long 'secret'\" -f /home/kay/.ssh/id_ed25519").stdout
    assert opened.split()[1] == done.keys["ssh_public_key"].split()[1]
    assert host.run("ssh-keygen -y -P '' -f /home/kay/.ssh/id_ed25519", check=False).returncode != 0
    seen = host.run("stat -c '%a %U' /home/kay/.ssh /home/kay/.ssh/id_ed25519").stdout.splitlines()
    assert seen == ["700 kay", "600 kay"]

    host.run("rm -r /home/kay/.ssh; install -d -m 700 /root/trap")
    host.run("ln -s /root/trap /home/kay/.ssh; chown -h kay: /home/kay/.ssh")
    with pytest.raises(TaskFailed, match="does not belong to kay"):
        await run("user", target, **wish)
    assert host.run("ls /root/trap").stdout == ""
    await run("user", target, name="kay", state="absent", remove=True)


@pytest.mark.lab
async def test_secrets_are_in_no_process_list(lab: Lab, tmp_path: Path) -> None:
    host = lab.hosts[0]
    spy = host.root / "usr/local/sbin/chpasswd"
    spy.write_text('#!/bin/sh\ncat /proc/[0-9]*/cmdline >/var/lib/seen; exec /usr/sbin/chpasswd "$@"\n')
    host.run("chmod 755 /usr/local/sbin/chpasswd")
    target = LabTarget(host, tmp_path)
    await run("user", target, name="sly", password=_HASH)
    host.run("rm /usr/local/sbin/chpasswd")
    seen = (host.root / "var/lib/seen").read_bytes()
    assert b"user_password" not in seen
    assert b"chpasswd\0-e" in seen
    assert _HASH.encode() not in seen
    await run("user", target, name="sly", state="absent", remove=True)


@pytest.mark.lab
async def test_a_key_lets_in(host: LabHost, tmp_path: Path) -> None:
    target = LabTarget(host, tmp_path)
    name = "ansible.posix.authorized_key"
    await run("user", target, name="kim")
    done = await thrice(name, target, user="kim", key=f"{_KEY} kim@x")
    assert done.keys["keyfile"] == "/home/kim/.ssh/authorized_keys"
    assert host.run("cat /home/kim/.ssh/authorized_keys").stdout == f"{_KEY} kim@x\n"
    seen = host.run("stat -c '%a %U:%G' /home/kim/.ssh /home/kim/.ssh/authorized_keys").stdout.splitlines()
    assert seen == ["700 kim:kim", "600 kim:kim"]
    await thrice(name, target, user="kim", key=_KEY, state="absent")
    await thrice(name, target, user="kim", key=_KEY, path="/etc/ssh/keys/kim", key_options="no-pty", comment="c")
    assert host.run("cat /etc/ssh/keys/kim").stdout == f"no-pty {_KEY} c\n"
    with pytest.raises(TaskFailed, match="Failed to lookup user nosuch"):
        await run(name, target, user="nosuch", key=_KEY)
    await run("user", target, name="kim", state="absent", remove=True)
    host.run("rm -r /etc/ssh/keys")


@pytest.mark.lab
async def test_links_in_a_home_lead_root_nowhere(lab: Lab, tmp_path: Path) -> None:
    host = lab.hosts[0]
    target = LabTarget(host, tmp_path)
    name = "ansible.posix.authorized_key"
    await run("user", target, name="eve")
    host.run("install -d -m 700 -o eve -g eve /home/eve/.ssh && ln -s /etc/shadow /home/eve/.ssh/authorized_keys")
    with pytest.raises(TaskFailed, match="may not read"):
        await run(name, target, user="eve", key=_KEY)
    host.run("rm -r /home/eve/.ssh && install -d -m 700 /root/trap && ln -s /root/trap /home/eve/.ssh")
    with pytest.raises(TaskFailed, match="is a symbolic link"):
        await run(name, target, user="eve", key=_KEY)
    assert host.run("stat -c '%a %U' /root/trap; ls /root/trap").stdout.strip() == "700 root"
    host.run("rm /home/eve/.ssh; install -d -m 700 -o eve -g eve /home/eve/.ssh /home/eve/keys")
    host.run(
        "echo '# hers' >/home/eve/keys/k; ln -s ../keys/k /home/eve/.ssh/authorized_keys; chown eve /home/eve/keys/k"
    )
    await thrice(name, target, user="eve", key=_KEY)  # a link of her own to what is hers is replaced, as under Ansible
    assert host.run("cat /home/eve/.ssh/authorized_keys").stdout == f"# hers\n{_KEY} \n"
    assert host.run("test -h /home/eve/.ssh/authorized_keys", check=False).returncode == 1
    await run("user", target, name="eve", state="absent", remove=True)


@pytest.fixture
def busybox(lab: Lab, tmp_path: Path) -> LocalTarget:
    """A root folder with nothing in it but a static busybox, taken from a host, and the files of accounts."""
    root = tmp_path / "root"
    for folder in ("bin", "etc", "home", "root", "var", "tmp", "proc", "dev"):
        (root / folder).mkdir(parents=True)
    binary = root / "bin/busybox"
    shutil.copy(lab.hosts[0].root / "usr/bin/busybox", binary)
    for applet in subprocess.check_output([binary, "--list"], text=True).split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    (root / "etc/group").write_text("root:x:0:\nops:x:10:\nweb:x:11:\n")
    (root / "dev/null").touch()
    target = LocalTarget(tmp_path)
    target.shell = Shell("busybox", ("/usr/sbin/chroot", str(root), "/bin/sh"), "/bin:/usr/sbin")
    target.root, target.scratch = root, root / "var"
    return target


@pytest.mark.lab
async def test_people_where_nothing_can_make_them(busybox: LocalTarget) -> None:
    """Debian's busybox has neither adduser nor addgroup."""
    with pytest.raises(TaskFailed, match='required executable "addgroup"'):
        await run("group", busybox, name="crew", gid=1500)
    with pytest.raises(TaskFailed, match="adduser"):
        await run("user", busybox, name="ann")
    assert not (await run("user", busybox, name="root", comment="root", shell="/bin/sh")).changed
    assert (await run("group", busybox, name="ops")).keys["gid"] == 10


@pytest.mark.lab
async def test_getent_where_there_is_none(busybox: LocalTarget) -> None:
    found = await run("getent", busybox, database="group", key="ops")
    assert found.keys["ansible_facts"] == {"getent_group": {"ops": ["x", "10", ""]}}
    everyone = await run("getent", busybox, database="passwd")
    assert list(everyone.keys["ansible_facts"]["getent_passwd"]) == ["root"]
    with pytest.raises(TaskFailed, match="getent"):
        await run("getent", busybox, database="hosts")
    with pytest.raises(TaskFailed, match="could not be found"):
        await run("getent", busybox, database="passwd", key="nosuch")


@pytest.mark.lab
async def test_a_key_on_busybox(busybox: LocalTarget) -> None:
    await thrice("ansible.posix.authorized_key", busybox, user="root", key=_KEY)
    file = busybox.root / "root/.ssh/authorized_keys"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{_KEY} \n", 0o600)
