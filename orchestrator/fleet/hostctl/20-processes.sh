# ---- processes --------------------------------------------------------------------------------------------------

stat_of() { # PID: sets $name, $state, $parent, $flags, $ticks (start, in ticks since boot); false if there is none
    slurp "/proc/$1/stat" || return 1
    name=${slurp%)*} name=${name#*(}
    # shellcheck disable=SC2086 # the numbers after the name are meant to be split
    set -- ${slurp##*) }
    [ "$#" -ge 20 ] || return 1
    state=$1 parent=$2 flags=$7 ticks=${20}
}

euid_of() { # PID: sets $euid, as whom it acts; empty if there is none
    euid=
    while read -r _key _ _value _; do
        [ "$_key" = Uid: ] && euid=$_value && break
    done 2>/dev/null <"/proc/$1/status"
}

users=$TAB
user_name() { # UID: sets $user, the number itself where nobody has that name; remembers in $users
    user=$1
    case $users in *"$TAB$1:"*) user=${users#*"$TAB$1:"} user=${user%%"$TAB"*} && return 0 ;; esac
    [ -n "$1" ] && [ -r /etc/passwd ] || return 0
    while IFS=: read -r _name _ _uid _; do [ "$_uid" = "$1" ] && user=$_name && break; done </etc/passwd
    [ "$user" != "$1" ] || { _name=$(getent passwd "$1" 2>/dev/null) && user=${_name%%:*}; }
    plain "$user" && user=$plain
    users=$users$1:$user$TAB
}

cgroup_path() { # PID: sets $path, where systemd (or else cgroup v2) put it
    path=
    [ -r "/proc/$1/cgroup" ] || return 1
    while IFS=: read -r _ _controllers _path; do
        case $_controllers in '') path=$_path ;; name=systemd) path=$_path && return 0 ;; esac
    done 2>/dev/null <"/proc/$1/cgroup"
}

unit_of() { # PID: sets $unit, $manager ("system" or the uid of a user's systemd) and $container, each perhaps empty
    unit='' manager='' container=''
    [ -n "${root+set}" ] || { cgroup_path 1 && root=${path%/init.scope} root=${root%/} || root=''; }
    cgroup_path "$1" || return 0
    path=${path#"$root"}
    container_of "$path"
    _rest=${path#/}/
    manager=system
    while [ -n "$_rest" ]; do # as systemd reads it: the first part below the slices is the unit
        _part=${_rest%%/*} _rest=${_rest#*/}
        case $manager:$_part in
        *:*.slice) ;;
        system:user@*.service) unit=$_part manager=${_part#user@} manager=${manager%.service} ;;
        *:*?.service | *:*?.scope | *:*?.socket | *:*?.mount | *:*?.swap) unit=$_part && break ;;
        *) break ;;
        esac
    done
    case $unit:$manager in
    :*) manager='' ;;
    user@"$manager".service:*) manager=system ;;
    esac
}

container_of() { # CGROUP PATH: sets $container, like docker:0123456789ab
    _leaf=${1##*/} _leaf=${_leaf%.scope}
    case $1 in
    */libpod-*) container=podman:${1##*/libpod-} ;;
    */cri-containerd-*) container=containerd:${1##*/cri-containerd-} ;;
    */crio-*) container=crio:${1##*/crio-} ;;
    */docker-*.scope*) container=docker:${1##*/docker-} ;;
    */docker/*) container=docker:${1##*/docker/} ;;
    */lxc.payload.*) container=lxc:${1##*/lxc.payload.} ;;
    */lxc/*) container=lxc:${1##*/lxc/} ;;
    */kubepods*) container=kubernetes:$_leaf ;;
    */machine.slice/machine-*) container=machine:${_leaf#machine-} ;;
    */machine.slice/systemd-nspawn@*) container=machine:${1##*/systemd-nspawn@} container=${container%%.service*} ;;
    *) return 0 ;;
    esac
    container=${container%%/*} container=${container%.scope}
    case $container in
    lxc:* | machine:*) ;;
    *) container=${container%%:*}:$(printf '%.12s' "${container#*:}") ;;
    esac
}

process() { # PID: "process PID TICKS STARTED USER UNIT MANAGER CONTAINER NAME COMMAND", nothing if it is gone
    stat_of "$1" || return 0
    euid_of "$1"
    user_name "$euid"
    unit_of "$1"
    plain "$name" && name=$plain
    _command=$(head -c 256 "/proc/$1/cmdline" 2>/dev/null | tr '\000-\037\177' ' ')
    plain "$unit" && unit=$plain
    plain "$container" && container=$plain
    put process "$1" "$ticks" "$((boot + ticks / clock))" "$user" "$unit" "$manager" "$container" "$name" "$_command"
}

timebase() { # sets $boot (seconds since the epoch) and $clock (ticks a second)
    boot=0
    while read -r _key _value _; do [ "$_key" = btime ] && boot=$_value && break; done </proc/stat
    clock=$(getconf CLK_TCK 2>/dev/null) || clock=100
    is_number "$clock" 1000000 && [ "$clock" -gt 0 ] || clock=100
}

show() { # reads lines of $table; puts them with the users of the sockets and the processes that hold them
    _seen=' '
    while IFS=$TAB read -r _kind _a _b _c _d; do
        case $_kind in
        socket) user_name "$_d" && put socket "$_a" "$_b" "$_c" "$user" ;;
        owner)
            put owner "$_a" "$_b"
            case $_seen in *" $_b "*) ;; *) _seen="$_seen$_b " && process "$_b" ;; esac
            ;;
        more | view) put "$_kind" "$_a" ;;
        esac
    done
}

byte_order() { # how the kernel spells addresses in /proc/net
    case $(uname -m) in
    s390* | ppc | ppc64 | sparc* | mips | mips64 | armeb | m68k | parisc*) put byteorder big ;;
    *) put byteorder little ;;
    esac
}

verb_ports() {
    scan "$MAX_SOCKETS"
    timebase
    byte_order
    printf '%s\n' "$table" | show
}
