"""A rotation over real sshds: to its end, with hosts that are away or odd, and killed after every single step."""

from __future__ import annotations

import getpass
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.inventory.model import Host
from orchestrator.logins.keyfiles import keys_in
from orchestrator.logins.ours import OwnKeys
from orchestrator.rotation import Stage, Step
from orchestrator.rotation.accounts import accounts_of, is_way_in
from orchestrator.ssh import Keys, Status, Turn, key_files
from tests.rotation.conftest import Site, lets_in
from tests.sshd import keygen

ODD = """# first came Ann
restrict,pty,from="127.0.0.0/8",environment="A=\\"b c\\"" {old} our key
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB ann

#{old}"""


def public(path: Path) -> str:
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def kept(site: Site, folder: Path) -> Path:
    """A copy of the key in use, to try later."""
    folder.mkdir()
    for name in ("id_ed25519", "id_ed25519.pub"):
        shutil.copy(site.keys / name, folder)
    return folder / "id_ed25519"


def accept_from_elsewhere(site: Site, number: int) -> None:
    """Let web`number` also accept what is in authorized_keys now, whatever becomes of that file."""
    server = site.fleet.servers[number - 1]
    copy = server.folder / "elsewhere"
    shutil.copy(site.authorized(number), copy)
    server.stop()
    server.options = [f"AuthorizedKeysCommand /bin/cat {copy}", f"AuthorizedKeysCommandUser {getpass.getuser()}"]
    server.start()


async def test_to_the_end(site: Site, tmp_path: Path) -> None:
    servers = [site.add() for _ in range(3)]
    old = kept(site, tmp_path / "before")
    content = ODD.format(old=public(old)).encode() + b" \xff\0"
    site.authorized(2).write_bytes(content)
    site.authorized(2).chmod(0o640)
    standings = await site.rotate()
    assert {standing.stage for standing in standings.values()} == {Stage.DONE}
    new = site.keys / "id_ed25519"
    assert public(new) != public(old)
    assert [(lets_in(server, new), lets_in(server, old)) for server in servers] == [(True, False)] * 3
    expected = content.replace(f"{public(old)} our key".encode(), f"{public(new)} new key".encode(), 1)
    assert site.authorized(2).read_bytes() == expected
    assert site.authorized(2).stat().st_mode & 0o777 == 0o640
    assert {path.name for path in site.authorized(2).parent.iterdir()} == {"authorized_keys"}
    # Nothing is left of the old key, and nothing is remembered.
    assert {path.name for path in site.keys.iterdir()} == {
        "id_ed25519", "id_ed25519.pub", "known_hosts", "authorized_keys"
    }  # fmt: skip
    assert not (site.fleet.folder / "rotation").exists()
    assert site.told[0] == (Step.MADE, "")
    assert site.told[-1] == (Step.FINISHED, "")


async def test_no_step_shows_a_key_that_those_who_watch_for_new_ones_do_not_know(site: Site) -> None:
    """A stranger's that comes in the midst of it is the only one."""
    site.add()
    ours, stranger = OwnKeys(site.keys, site.keys / "ca"), keygen(site.fleet.folder / "stranger")
    seen: list[set[str]] = []

    def look() -> None:
        found = set(keys_in("us", site.authorized(1).read_bytes()))
        seen.append({key.comment for key in found if not ours.are(key.fingerprint)})
        if site.told[-1][0] is Step.ADDED:
            with site.authorized(1).open("a", encoding="utf-8") as file:
                file.write(f"{public(stranger)} a stranger\n")

    site.looking = look
    await site.rotate()
    added = site.told.index((Step.ADDED, "web1"))
    assert 0 < added < len(seen) - 1
    assert seen == [set()] * (added + 1) + [{"a stranger"}] * (len(seen) - added - 1)


async def test_hosts_that_were_away_are_finished_later(site: Site, tmp_path: Path) -> None:
    servers = [site.add() for _ in range(2)]
    old = kept(site, tmp_path / "before")
    servers[1].stop()
    first = await site.rotate()
    assert (first["web1"].stage, first["web2"].stage) == (Stage.DONE, Stage.LEFT)
    assert "connection refused" in first["web2"].detail
    assert site.turn() is Turn.RETIRING
    servers[1].start()
    # Meanwhile both are reached as ever, and the one that names its key, too.
    assert await site.reached() == {Status.OK}
    named = replace(site.hosts[1], key="id_ed25519")
    assert len(await Keys(site.keys).offered_to(named)) == 2
    # But nobody is given the old one any more.
    assert [key.path.name for key in key_files(site.keys)] == ["id_ed25519"]
    second = await site.rotate()
    assert {standing.stage for standing in second.values()} == {Stage.DONE}
    assert "web1" not in {host for _, host in site.told}  # it was not asked again
    new = site.keys / "id_ed25519"
    assert [(lets_in(server, new), lets_in(server, old)) for server in servers] == [(True, False)] * 2
    assert site.turn() is Turn.NONE


async def test_nothing_is_put_into_use_while_no_host_has_proven_it(site: Site) -> None:
    server = site.add()
    before = (site.keys / "id_ed25519").read_bytes()
    server.stop()
    standings = await site.rotate()
    assert standings["web1"].stage is Stage.LEFT
    assert (site.keys / "id_ed25519").read_bytes() == before
    successor = site.files.successor.read_bytes()
    server.start()
    assert (await site.rotate())["web1"].stage is Stage.DONE
    assert (site.keys / "id_ed25519").read_bytes() == successor


async def test_some_hosts_first(site: Site) -> None:
    servers = [site.add() for _ in range(2)]
    await site.rotate(site.hosts[:1])
    assert site.turn() is Turn.RETIRING
    assert (site.keys / "id_ed25519.retiring").exists()
    assert lets_in(servers[1], site.keys / "id_ed25519") is False
    assert await site.reached() == {Status.OK}
    await site.rotate(site.hosts[1:])
    assert site.turn() is Turn.NONE


async def test_killed_after_every_step(site: Site, tmp_path: Path) -> None:
    """Whatever the last step before kill -9 was: all hosts are reached with the keys there are, and it can go on."""
    for _ in range(2):
        site.add()
    keys = kept(site, tmp_path / "before").parent
    original = site.authorized(1).read_bytes()
    deaths = 0
    for after in range(1, 99):
        died = site.rotate_and_die(after)
        assert await site.reached() == {Status.OK}, f"after step {after}"
        if not died:
            break
        deaths += 1
        if after % 4 == 0:  # also killed again, before it is let to its end
            site.rotate_and_die(2)
            assert await site.reached() == {Status.OK}, f"after step {after} and two more"
        standings = await site.rotate()
        assert {standing.stage for standing in standings.values()} == {Stage.DONE}, f"after step {after}"
        assert site.turn() is Turn.NONE
        for number in (1, 2):
            assert site.authorized(number).read_text().split()[:2] == public(site.keys / "id_ed25519").split()
            site.authorized(number).write_bytes(original)
        for path in keys.iterdir():
            shutil.copy(path, site.keys)
    # made, promoted and finished; added, proven, removed, refused and settled on two hosts
    assert deaths == 3 + 5 * 2


async def test_between_the_two_steps_of_a_promotion(site: Site) -> None:
    server = site.add()
    site.rotate_and_die(3)
    assert site.turn() is Turn.SPREADING
    site.files.predecessor.hardlink_to(site.files.current)
    assert site.turn() is Turn.SPREADING
    assert await site.reached() == {Status.OK}
    assert (await site.rotate())["web1"].stage is Stage.DONE
    assert lets_in(server, site.keys / "id_ed25519")


async def test_what_cannot_be_edited_keeps_the_old_key(site: Site) -> None:
    for _ in range(5):
        site.add()
    good, link, elsewhere, folder, deaf = range(1, 6)
    old = (site.keys / "id_ed25519.pub").read_text()
    site.authorized(link).rename(site.authorized(link).with_name("real"))
    site.authorized(link).symlink_to("real")
    accept_from_elsewhere(site, elsewhere)
    site.authorized(elsewhere).write_text("# nobody\n")
    site.authorized(folder).rename(site.authorized(folder).with_name("authorized_keys2"))
    site.authorized(folder).mkdir()
    site.authorized(deaf).write_text(f'command="exit 7" {old}')
    standings = await site.rotate()
    assert standings[f"web{good}"].stage is Stage.DONE
    details = {name: standing.detail for name, standing in standings.items() if standing.stage is Stage.LEFT}
    assert "is a symbolic link" in details[f"web{link}"]
    assert "is not a regular file" in details[f"web{folder}"]
    assert "elsewhere than ~/.ssh/authorized_keys" in details[f"web{elsewhere}"]
    assert f"web{deaf}" in details
    assert site.authorized(link).read_text() == old
    assert site.authorized(elsewhere).read_text() == "# nobody\n"
    assert site.authorized(folder).with_name("authorized_keys2").read_text() == old
    assert site.turn() is Turn.RETIRING


async def test_a_host_that_never_knew_the_old_key(site: Site) -> None:
    site.add()
    other = keygen(site.keys / "id_other", kind="ecdsa")
    site.add()
    site.authorized(2).write_text(other.with_name("id_other.pub").read_text())
    standings = await site.rotate()
    assert (standings["web1"].stage, standings["web2"].stage) == (Stage.DONE, Stage.UNUSED)
    assert site.turn() is Turn.NONE
    assert public(other) in site.authorized(2).read_text()


async def test_a_host_that_still_accepts_the_old_key_stays_on_the_list(site: Site) -> None:
    server = site.add()
    accept_from_elsewhere(site, 1)
    standings = await site.rotate()
    assert standings["web1"].stage is Stage.LEFT
    assert "still accepted" in standings["web1"].detail
    assert site.files.predecessor.exists()
    server.stop()
    server.options = ()
    server.start()
    assert (await site.rotate())["web1"].stage is Stage.DONE


async def test_an_encrypted_key_gets_an_encrypted_successor_and_is_asked_for_once(site: Site) -> None:
    site.add()
    for name in ("id_ed25519", "id_ed25519.pub"):
        (site.keys / name).unlink()
    keygen(site.keys / "id_ed25519", passphrase="open sésame")
    site.authorized(1).write_text((site.keys / "id_ed25519.pub").read_text())
    asked: list[Path] = []

    def ask(path: Path) -> str:
        asked.append(path)
        return "open sésame"

    assert (await site.rotate(keys=Keys(site.keys, passphrase=ask)))["web1"].stage is Stage.DONE
    assert len(asked) == 1
    (key,) = key_files(site.keys)
    assert (key.path.name, key.encrypted, key.comment) == ("id_ed25519", True, "new key")


async def test_one_account_under_two_names(site: Site) -> None:
    site.add()
    twin = replace(site.hosts[0], name="twin")
    hosts = [site.hosts[0], twin]
    standings = await site.rotate(hosts)
    assert {standing.stage for standing in standings.values()} == {Stage.DONE}


async def test_the_account_that_bootstrap_comes_in_by(site: Site) -> None:
    """Two accounts of one machine: played by two sshds, as all logins here are of one user."""
    site.add()
    site.add()
    user = site.hosts[0].user
    host, other = site.hosts
    (managed, first) = accounts_of(replace(host, user="managed", vars={"bootstrap_user": user}))
    assert (managed.user, first.name, first.user) == ("managed", f"web1 as {user}", user)
    assert [is_way_in(each) for each in (managed, first)] == [False, True]
    assert list(accounts_of(replace(host, vars={"bootstrap_user": user}))) == [host]
    both = [host, replace(other, name=f"web1 as {user}")]
    standings = await site.rotate(everyone=both)
    assert {standing.stage for standing in standings.values()} == {Stage.DONE}
    # One that a password opens, or nobody: it does not keep the old key alive.
    site.authorized(2).write_text("")
    standings = await site.rotate(everyone=both)
    assert [standing.stage for standing in standings.values()] == [Stage.DONE, Stage.UNUSED]


async def test_an_account_that_wants_more_than_the_key_keeps_the_old_one(site: Site) -> None:
    """The old key alone is refused there, but it is half of what opens it: it must not be destroyed."""
    site.add()
    site.add("AuthenticationMethods publickey,publickey")
    host, other = site.hosts
    both = [host, replace(other, name=f"web1 as {host.user}")]
    old = (site.keys / "id_ed25519").read_bytes()
    standings = await site.rotate(everyone=both)
    assert [standing.stage for standing in standings.values()] == [Stage.DONE, Stage.LEFT]
    assert "may be one part" in standings[both[1].name].detail
    assert site.files.predecessor.read_bytes() == old
    site.authorized(2).write_text(f"{public(site.keys / 'id_ed25519')}\n")  # by hand
    standings = await site.rotate(everyone=both)
    assert [standing.stage for standing in standings.values()] == [Stage.DONE, Stage.UNUSED]
    assert site.turn() is Turn.NONE


async def test_a_copy_of_the_key_is_no_key_to_rotate_from(site: Site) -> None:
    server = site.add()
    shutil.copy(site.keys / "id_ed25519", site.files.predecessor)
    with pytest.raises(UsageError, match="are one key"):
        await site.rotate()
    assert lets_in(server, site.keys / "id_ed25519")


async def test_hosts_with_keys_of_their_own_are_not_meant(site: Site) -> None:
    site.add()
    special = keygen(site.keys / "special")
    here = Host("here", "127.0.0.1", local=True)
    with pytest.raises(UsageError, match="no host"):
        await site.rotate([replace(site.hosts[0], key=str(special)), here])
    assert site.turn() is Turn.NONE


async def test_more_hosts_than_are_asked_at_once(site: Site) -> None:
    site.add().stop()
    for _ in range(39):
        site.add()
    standings = await site.rotate()
    stages = [standing.stage for standing in standings.values()]
    assert (stages.count(Stage.DONE), stages.count(Stage.LEFT)) == (39, 1)
