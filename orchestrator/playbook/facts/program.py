"""What is read on the host to know it: one program, and its answer taken apart.

Nearly everything is a file, and one `grep` prints them all, each line behind its file's name; what else is asked is
printed in sections behind a mark that no content can guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from secrets import token_hex

from orchestrator.playbook.modules.base import Program, Target, TaskFailed
from orchestrator.playbook.modules.expand import EXPAND

_LIMIT = 8 << 20

PROGRAM = Program(
    "facts",
    r"""
# section NAME: what follows belongs to NAME. The mark is a parameter, made for this one call.
# shellcheck disable=SC2154 # mark, parts, fact_path, patience: parameters
section() { printf '\n%s %s\n' "$mark" "$1"; }
wants() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
have() { command -v "$1" >/dev/null 2>&1; }
# patient PROGRAM...: not for longer than $patience seconds, where timeout is known: name servers and NFS may be dead.
patient() { if have timeout; then timeout "$patience" "$@"; else "$@"; fi; }

facts_gather() {
    exec 2>/dev/null </dev/null
    section uname
    uname -snrvm
    wants platform && facts_platform
    wants date && facts_date
    if wants env; then
        section env
        env -0 || env
    fi
    if wants user; then
        section user
        entry passwd "${LOGNAME:-${USER:-${LNAME:-${USERNAME:-}}}}" || entry passwd "$(id -un)"
    fi
    wants programs && facts_programs
    wants chroot && facts_chroot
    wants network && facts_network
    wants devices && facts_devices
    wants mounts && facts_mounts
    if wants virtual; then
        section init_environment
        tr '\0' '\n' </proc/1/environ
    fi
    [ -n "${fact_path-}" ] && facts_local
    section files
    # shellcheck disable=SC2086 # patterns of ours
    LC_ALL=C grep -sH '' $files
    section paths
    for path in $paths; do [ -e "$path" ] && printf '%s\n' "$path"; done
    section links
    # shellcheck disable=SC2086 # patterns of ours
    ls -ld $links
    section end
}

facts_platform() {
    section elf # its fifth byte: 1 for 32 bits, 2 for 64 (elf(5), EI_CLASS)
    od -An -tu1 -j4 -N1 /bin/sh
    name=$(uname -n)
    section canonical
    if have getent; then
        # What Python's getfqdn asks: the first address of our name, then the names of that address.
        address=$(patient getent ahosts "$name") && patient getent hosts "${address%%[[:space:]]*}"
    else
        name=$(hostname -f) && printf 'x %s\n' "$name"
    fi
}

facts_date() {
    section date
    LC_ALL=C date '+%Y|%m|%A|%w|%W|%d|%H|%M|%S|%s|%N|%Z|%z'
    case $(date +%z) in +0000) return ;; esac
    # The zone's names in January and July, as Python's time.tzname has them: seconds of a year of 365.25 days.
    january=$(($(date +%s) / 31557600 * 31557600))
    date -d "@$january" '+%Z|%z'
    date -d "@$((january + 15778800))" '+%Z|%z'
}

facts_programs() {
    section capabilities
    have capsh && capsh --print
    section lsb
    have lsb_release && lsb_release -a
    section systemd
    have systemctl && systemctl --version
    section commands
    for name in systemctl initctl; do have "$name" && printf '%s\n' "$name"; done
    [ -x /usr/bin/rpm ] && [ -e /usr/bin/apt-get ] && rpm -q --whatprovides /usr/bin/apt-get >/dev/null && echo apt_rpm
}

facts_chroot() {
    section chroot
    if [ -n "${debian_chroot-}" ]; then
        echo 1
    elif [ -e /proc/1/root/. ]; then
        # shellcheck disable=SC3013 # dash, bash and busybox all know -ef
        [ / -ef /proc/1/root/. ] || echo 1
    else # neither root nor /proc: the root of a file system has inode 2, of btrfs 256, of xfs 128
        case $(stat -f -c %T /) in btrfs) inode=256 ;; xfs) inode=128 ;; *) inode=2 ;; esac
        # shellcheck disable=SC2046 # two words
        set -- $(ls -id /)
        [ "$1" = "$inode" ] || echo 1
    fi
}

facts_network() {
    have ip || return
    section ip
    if ! printf '%s\n' 'addr show' 'route get 8.8.8.8' 'route get 2404:6800:400a:800::1012' 'route show table local' |
        ip -force -batch - && ! ip -V; then # busybox has no batches
        ip addr show
        ip -4 route get 8.8.8.8
        ip -6 route get 2404:6800:400a:800::1012
        ip -4 route show table local
    fi
    ip -6 route show table local
}

facts_devices() {
    section lsblk
    have lsblk && lsblk --list --noheadings --paths --output NAME,UUID --exclude 2
    section pci
    have lspci && lspci -D
    [ "$(id -u)" = 0 ] && have vgs || return
    for name in vgs lvs pvs; do
        section "$name"
        have "$name" && "$name" --noheadings --nosuffix --units g --separator ,
    done
}

facts_mounts() {
    set --
    while read -r device mount kind _; do
        case $device in /* | "\\"* | *:/*) ;; *) continue ;; esac
        [ "$kind" != none ] || continue
        case $mount in
        *\\*) # \040 for a blank
            mount=$(printf '%s' "$mount" | sed 's/%/%%/g')
            # shellcheck disable=SC2059 # printf itself knows these escapes
            mount=$(printf "${mount}_")
            mount=${mount%_}
            ;;
        esac
        set -- "$@" "$mount"
    done </proc/self/mounts
    [ $# -gt 0 ] || return
    section mounts
    patient stat -f -c '%S %s %b %a %c %d %n' -- "$@" && return
    # One that is dead or forbidden takes only itself out.
    for mount; do patient stat -f -c '%S %s %b %a %c %d %n' -- "$mount"; done
}

facts_local() {
    expand "$fact_path"
    for file in "$expanded"/*.fact; do
        [ -e "$file" ] || [ -h "$file" ] || continue
        section "fact $file"
        if [ ! -e "$file" ]; then
            section 'rc stat'
        elif [ -x "$file" ]; then
            case $file in /*) ;; *) file=./$file ;; esac
            { errors=$("$file" 2>&1 >&3); } 3>&1
            section "rc $?"
            printf '%s' "$errors"
        else
            cat -- "$file"
            section 'rc 0'
        fi
    done
}
""",
    (EXPAND,),
)


@dataclass(frozen=True, slots=True)
class Needs:
    """What to ask a host: `parts` of the program, `files` to print, `paths` to look for, `links` to read; patterns."""

    parts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def __or__(self, other: Needs) -> Needs:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Needs(*(tuple(dict.fromkeys(ours + theirs)) for ours, theirs in pairs))


@dataclass(frozen=True, slots=True)
class Answers:
    """What a host said. Text is whatever it liked: bounded in size, undecodable bytes replaced, never trusted."""

    sections: tuple[tuple[str, str], ...] = ()
    files: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    paths: frozenset[str] = frozenset()

    def section(self, name: str) -> str:
        """The text of the section `name`; empty when there is none."""
        return next((text for found, text in self.sections if found == name), "")

    def lines(self, path: str) -> list[str]:
        """The lines of the file `path`; none when it could not be read."""
        return self.files.get(path, [])

    def content(self, path: str) -> str | None:
        """The file's text without white space at its ends; None when it has none or could not be read."""
        return "\n".join(self.lines(path)).strip() or None

    def below(self, prefix: str) -> set[str]:
        """The names in the folder `prefix` (ending with a slash) of which a file or link was read."""
        seen = (path[len(prefix) :].split("/", 1)[0] for path in (*self.files, *self.links) if path.startswith(prefix))
        return set(seen)


async def gather(target: Target, needs: Needs, *, fact_path: str | None, patience: int) -> Answers:
    """Ask for `needs`: one exchange. `patience` in seconds bounds what may hang. Raises TaskFailed for nonsense."""
    mark = f"@{token_hex(8)}"
    answer = await target.sh(
        PROGRAM,
        "facts_gather",
        limit=_LIMIT,
        mark=mark,
        parts=" ".join(needs.parts),
        files=" ".join(needs.files),
        paths=" ".join(needs.paths),
        links=" ".join(needs.links),
        fact_path=fact_path,
        patience=patience,
    )
    sections = tuple(_sections(answer.stdout.decode("utf-8", "replace"), mark))
    if answer.truncated or not sections or sections[-1][0] != "end":
        raise TaskFailed("the host's facts came incomplete", rc=answer.rc)
    told = dict(sections)
    return Answers(sections, _files(told["files"]), _links(told["links"]), frozenset(told["paths"].split("\n")))


def _sections(text: str, mark: str) -> Iterable[tuple[str, str]]:
    for part in text.split(f"\n{mark} ")[1:]:
        name, _, body = part.partition("\n")
        yield name, body


def _files(text: str) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    current = ""
    for line in text.split("\n"):
        path, colon, content = line.partition(":")
        if colon and path != current:  # one that comes again, because two patterns found it, begins anew
            current, files[path] = path, []
        if colon:
            files[path].append(content)
    return files


def _links(text: str) -> dict[str, str]:
    """From ``ls -l``: what is no link leads to itself."""
    links = {}
    for line in text.split("\n"):
        source, _, goal = line.partition(" -> ")
        slash = source.find(" /")
        if slash >= 0:
            links[source[slash + 1 :]] = goal
    return links
