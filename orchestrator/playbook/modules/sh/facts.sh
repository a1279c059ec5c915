# shellcheck shell=sh disable=SC2034,SC2154
# What is read on a host to know it. Variables: mark (unguessable), parts, files, paths, links (patterns), fact_path,
# patience (seconds).

# facts_section NAME: what follows belongs to NAME. The mark is a parameter, made for this one call.
facts_section() { printf '\n%s %s\n' "$mark" "$1"; }
facts_wants() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
facts_have() { command -v "$1" >/dev/null 2>&1; }
# facts_patient PROGRAM...: not for longer than $patience seconds, where timeout is known: name servers and NFS may be dead.
facts_patient() { if facts_have timeout; then timeout "$patience" "$@"; else "$@"; fi; }

facts_gather() {
    exec 2>/dev/null </dev/null
    facts_section uname
    uname -snrvm
    facts_wants platform && facts_platform
    facts_wants date && facts_date
    if facts_wants env; then
        facts_section env
        env -0 || env
    fi
    if facts_wants user; then
        facts_section user
        entry passwd "${LOGNAME:-${USER:-${LNAME:-${USERNAME:-}}}}" || entry passwd "$(id -un)"
    fi
    facts_wants programs && facts_programs
    facts_wants chroot && facts_chroot
    facts_wants network && facts_network
    facts_wants devices && facts_devices
    facts_wants mounts && facts_mounts
    if facts_wants virtual; then
        facts_section init_environment
        tr '\0' '\n' </proc/1/environ
    fi
    [ -n "${fact_path-}" ] && facts_local
    facts_section files
    # shellcheck disable=SC2086 # patterns of ours
    LC_ALL=C grep -sH '' $files
    facts_section paths
    for path in $paths; do [ -e "$path" ] && printf '%s\n' "$path"; done
    facts_section links
    # shellcheck disable=SC2086 # patterns of ours
    ls -ld $links
    facts_section end
}

facts_platform() {
    facts_section elf # its fifth byte: 1 for 32 bits, 2 for 64 (elf(5), EI_CLASS)
    od -An -tu1 -j4 -N1 /bin/sh
    name=$(uname -n)
    facts_section canonical
    if facts_have getent; then
        # What Python's getfqdn asks: the first address of our name, then the names of that address.
        address=$(facts_patient getent ahosts "$name") && facts_patient getent hosts "${address%%[[:space:]]*}"
    else
        name=$(hostname -f) && printf 'x %s\n' "$name"
    fi
}

facts_date() {
    facts_section date
    LC_ALL=C date '+%Y|%m|%A|%w|%W|%d|%H|%M|%S|%s|%N|%Z|%z'
    case $(date +%z) in +0000) return ;; esac
    # The zone's names in January and July, as Python's time.tzname has them: seconds of a year of 365.25 days.
    january=$(($(date +%s) / 31557600 * 31557600))
    date -d "@$january" '+%Z|%z'
    date -d "@$((january + 15778800))" '+%Z|%z'
}

facts_programs() {
    facts_section capabilities
    facts_have capsh && capsh --print
    facts_section lsb
    facts_have lsb_release && lsb_release -a
    facts_section systemd
    facts_have systemctl && systemctl --version
    facts_section commands
    for name in systemctl initctl; do facts_have "$name" && printf '%s\n' "$name"; done
    # Not on Debian, where the first question to rpm makes a database in the home of whoever asks.
    [ -x /usr/bin/rpm ] && [ -e /usr/bin/apt-get ] && [ ! -e /etc/debian_version ] &&
        rpm -q --whatprovides /usr/bin/apt-get >/dev/null && echo apt_rpm
}

facts_chroot() {
    facts_section chroot
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
    facts_have ip || return
    facts_section ip
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
    facts_section lsblk
    facts_have lsblk && lsblk --list --noheadings --paths --output NAME,UUID --exclude 2
    facts_section pci
    facts_have lspci && lspci -D
    [ "$(id -u)" = 0 ] && facts_have vgs || return
    for name in vgs lvs pvs; do
        facts_section "$name"
        facts_have "$name" && "$name" --noheadings --nosuffix --units g --separator ,
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
    facts_section mounts
    facts_patient stat -f -c '%S %s %b %a %c %d %n' -- "$@" && return
    # One that is dead or forbidden takes only itself out.
    for mount; do facts_patient stat -f -c '%S %s %b %a %c %d %n' -- "$mount"; done
}

facts_local() {
    expand_word "$fact_path"
    for file in "$expanded"/*.fact; do
        [ -e "$file" ] || [ -h "$file" ] || continue
        facts_section "fact $file"
        if [ ! -e "$file" ]; then
            facts_section 'rc stat'
        elif [ -x "$file" ]; then
            case $file in /*) ;; *) file=./$file ;; esac
            { errors=$("$file" 2>&1 >&3); } 3>&1
            facts_section "rc $?"
            printf '%s' "$errors"
        else
            cat -- "$file"
            facts_section 'rc 0'
        fi
    done
}
