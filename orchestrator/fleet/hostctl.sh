#!/bin/sh
# hostctl: the questions an orchestrator asks of a Linux host, and the one thing it does there: free a port.
#
# usage: hostctl version
#        hostctl vitals
#        hostctl ports
#        hostctl inspect   [--keep-ports N,N] PORT [tcp|udp]
#        hostctl close     [--keep-ports N,N] tcp|udp PORT PID:TICKS:INODE[,INODE]...
#        hostctl unit-stop [--keep-ports N,N] UNIT tcp|udp PORT
#        hostctl request   <<EOF
#        VERB ARGUMENT...
#        EOF
#
# Installed, it is run as root by a sudo rule that allows `request` and nothing else: sudoers(5) can only match arguments
# with wildcards, which match too much, so what is asked for comes over standard input and is judged here.
# Also run from standard input (sh -s -- VERB ...), so it lives in functions and starts on its last line: a copy
# that was cut short does nothing. Answers are lines of tab-separated fields without control characters. The first is
# "hostctl FORMAT VERB", the last is "end"; an answer without it is not whole. "error TEXT" may come before the end.
# Everything is read from /proc alone: `ss -p` prints process names unescaped, so any user could forge an owner.
# shellcheck disable=SC2015,SC2012 # A && B || fail: B is a test, too; names in /proc/PID/fd are numbers
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
IFS=$(printf ' \t\nx') IFS=${IFS%x}
export PATH LC_ALL
unset TIME_STYLE QUOTING_STYLE BLOCK_SIZE POSIXLY_CORRECT CDPATH ENV BASH_ENV

FORMAT=1
MAX_SOCKETS=4096
MAX_REQUEST=65536
TERM_SECONDS=5
KILL_SECONDS=2
TAB=$(printf '\tx') TAB=${TAB%x}

put() { # FIELD...: one line of the answer
    _line=$1
    shift
    for _field; do _line=$_line$TAB$_field; done
    printf '%s\n' "$_line"
}

fail() { # TEXT: an honest end without the answer
    put error "$1"
    put end
    exit 1
}

plain() { # TEXT: sets $plain, TEXT without control characters
    plain=$1
    case $plain in *[[:cntrl:]]*) plain=$(printf '%s' "$plain" | tr -d '\000-\037\177') ;; esac
}

slurp() { # FILE: sets $slurp, its lines joined by spaces, without a fork; false if it cannot be read
    slurp=
    [ -r "$1" ] || return 1
    while read -r _text || [ -n "$_text" ]; do slurp=$slurp$_text' '; done 2>/dev/null <"$1"
    [ -n "$slurp" ]
}

# ---- arguments ------------------------------------------------------------------------------------------------

is_number() { # TEXT LARGEST: a plain decimal from 0 to LARGEST, of at most 18 digits
    case $1 in '' | *[!0-9]* | 0?* | ???????????????????*) return 1 ;; esac
    [ "$1" -le "$2" ]
}

is_list() { # TEXT LARGEST: numbers separated by commas
    case $1 in '' | ,* | *, | *,,*) return 1 ;; esac
    _rest=$1,
    while [ -n "$_rest" ]; do
        is_number "${_rest%%,*}" "$2" || return 1
        _rest=${_rest#*,}
    done
}

is_port() { is_number "$1" 65535 && [ "$1" -gt 0 ]; }

is_protocol() { [ "$1" = tcp ] || [ "$1" = udp ]; }

is_unit() {
    case $1 in '' | [-.]* | *[!A-Za-z0-9:_.@\\-]*) return 1 ;; *?.service | *?.socket) ;; *) return 1 ;; esac
    [ "${#1}" -le 255 ]
}

is_target() { # PID:TICKS:INODE[,INODE]
    case $1 in *:*:*:* | *[!0-9:,]*) return 1 ;; *:*:*) ;; *) return 1 ;; esac
    _ticks=${1#*:} _ticks=${_ticks%%:*}
    is_number "${1%%:*}" 4194304 && is_number "$_ticks" 999999999999999999 && is_list "${1##*:}" 999999999999999999
}

# ---- what listens, and whose it is ------------------------------------------------------------------------------

sockets() { # MOST|all: "socket TABLE HEXADDRESS:HEXPORT INODE UID" for each listening TCP and unconnected UDP socket
    _most=$1
    set -- /proc/net/tcp /proc/net/udp
    [ -r /proc/net/tcp6 ] && set -- "$@" /proc/net/tcp6 /proc/net/udp6 # absent when IPv6 is switched off
    awk -v OFS="$TAB" -v most="$_most" '
        FNR == 1 { n = split(FILENAME, path, "/"); table = path[n]; state = table ~ /^tcp/ ? "0A" : "07"; next }
        $4 != state || seen[table, $2, $10]++ { next }
        most == "all" || count < most { print "socket", table, $2, $10, $8 }
        { count++ }
        END { if (most != "all" && count > most) print "more", count - most }' "$@"
}

holders() { # reads sockets; "owner INODE PID" for each process that holds one, then "view whole|partial"
    # A line break in the name of an open file could forge lines of the listing. GNU ls hides it when asked (-q),
    # busybox ls always does and has no such option.
    _list=-lnq
    ls "$_list" / >/dev/null 2>&1 || _list=-ln
    {
        cat
        # Permission errors are counted aside, so that no message lands in the middle of a line of the listing.
        # shellcheck disable=SC2010 # the messages are looked through, not the names
        _denied=$( (ls "$_list" /proc/[0-9]*/fd 2>&1 >&3 3>&- | grep -c denied) 2>/dev/null)
        put view "$_denied"
    } 3>&1 | awk -v OFS="$TAB" -v uid="$(id -u)" '
        /^socket\t/ { want["socket:[" $4 "]"] = $4; next }
        /^view\t/ { print "view", (uid == 0 && $2 == 0) ? "whole" : "partial"; next }
        /^\/proc\/[0-9]+\/fd:$/ { split($0, path, "/"); pid = path[3]; next }
        NF == 11 && $10 == "->" && ($11 in want) && !seen[$11, pid]++ { print "owner", want[$11], pid }'
}

scan() { # MOST|all: sets $table, the socket, more, owner and view lines of the whole host
    [ -r /proc/net/tcp ] && [ -r /proc/net/udp ] || fail "/proc/net cannot be read: not Linux, or /proc is not mounted"
    _sockets=$(sockets "$1") || fail "/proc/net cannot be read"
    _owners=$(printf '%s\n' "$_sockets" | holders)
    case $_owners in *"view$TAB"*) ;; *) fail "/proc cannot be searched" ;; esac
    table=$_sockets'
'$_owners
}

narrow() { # PORT PROTOCOL|'': the lines of $table that are about that port
    printf '%s\n' "$table" | awk -v port="$(printf '%04X' "$1")" -v proto="$2" '
        $1 == "socket" {
            split($3, a, ":")
            if (a[2] == port && (proto == "" || index($2, proto) == 1)) { keep[$4]; print }
            next
        }
        $1 == "owner" { if ($2 in keep) print; next }
        { print }'
}

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

# ---- what must never be closed ----------------------------------------------------------------------------------

ancestors() { # the processes that carry this request, from ourselves up to but without PID 1
    _pid=$$
    while [ "$_pid" -gt 1 ]; do
        printf '%s ' "$_pid"
        stat_of "$_pid" || break
        _pid=$parent
    done
}

carrying_ports() { # CHAIN: local ports (hex) of the connections our ancestors hold, as sudo hides SSH_CONNECTION
    # shellcheck disable=SC2086 # a list of numbers
    for _pid in $1; do ls -ln "/proc/$_pid/fd" 2>/dev/null; done |
        awk 'NF == 11 && $10 == "->" && $11 ~ /^socket:\[[0-9]+\]$/ { print "fd", substr($11, 9, length($11) - 9) }' |
        cat - /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk '$1 == "fd" { ours[$2]; next } $4 == "01" && ($10 in ours) { split($2, a, ":"); printf "%s ", a[2] }'
}

# Also for who asks from elsewhere, as from a console or out of cron: it is the way in. A unit may have any name, and sshd
# any port. Only root's counts: others could keep what they like by calling it sshd.
SSH_SERVER="it is the SSH server of this host"

ssh_servers() { # lines "PID REASON" of the listeners in $table that are root's sshd
    printf '%s\n' "$table" | awk '$1 == "owner" { print $3 }' | sort -u | while read -r _pid; do
        euid_of "$_pid"
        [ "$euid" = 0 ] && _program=$(readlink "/proc/$_pid/exe" 2>/dev/null) || continue
        _program=${_program%" (deleted)"} # upgraded since it began
        [ "${_program##*/}" != sshd ] || put "$_pid" "$SSH_SERVER"
    done
}

guard() { # sets $protected, lines "PID REASON", from $table and $keep_ports
    chain=$(ancestors)
    _connection=${SSH_CONNECTION-} _port=
    for _word in $_connection; do _port=$_word; done # the last of four words is our port on this host
    _ssh=$(carrying_ports "$chain")
    is_port "$_port" && _ssh="$_ssh $(printf '%04X' "$_port")"
    _kept=
    for _port in $(printf '%s' "$keep_ports" | tr , ' '); do _kept="$_kept $(printf '%04X' "$_port")"; done
    protected=$(
        put 1 "it is PID 1"
        for _pid in $chain; do put "$_pid" "it carries this request"; done
        printf '%s\n' "$table" | awk -v OFS="$TAB" -v ssh="$_ssh" -v kept="$_kept" '
            function keep(ports, reason,  n, a) { n = split(ports, a, " "); while (n) why[a[n--]] = reason }
            BEGIN { keep(ssh, "it serves the connection that carries this request")
                    keep(kept, "it holds a port of the orchestrator") }
            $1 == "socket" { split($3, a, ":"); if (a[2] in why) reason[$4] = why[a[2]] }
            $1 == "owner" && ($2 in reason) { print $3, reason[$2] }'
        ssh_servers
    )
}

reason_for() { # PID: sets $reason why it must live; false if there is none
    reason=$(printf '%s\n' "$protected" | awk -F "$TAB" -v pid="$1" '$1 == pid { print $2; exit }')
    [ -n "$reason" ]
}

# ---- inspect ----------------------------------------------------------------------------------------------------

ctl() { # ARGUMENT...: systemctl, which may hang when its bus is ill
    [ -d /run/systemd/system ] || return 1
    if command -v timeout >/dev/null 2>&1; then timeout 5 systemctl "$@"; else systemctl "$@"; fi 2>/dev/null </dev/null
}

property() { # UNIT NAME: sets $property, empty when it cannot be told
    property=$(ctl show -p "$2" -- "$1") && plain "${property#*=}" && property=$plain
}

put_unit() { # UNIT: "unit NAME RESTART STATE SUBSTATE SOCKETS", what systemd would do about it
    property "$1" Restart && _restart=$property
    property "$1" ActiveState && _active=$property
    property "$1" SubState && _sub=$property
    property "$1" TriggeredBy && put unit "$1" "$_restart" "$_active" "$_sub" "$property"
}

units_of() { # reads lines of $table: the system's units of the owners, one a line
    awk '$1 == "owner" { print $3 }' | sort -u | while read -r _pid; do
        unit_of "$_pid"
        [ "$manager" = system ] && is_unit "$unit" && printf '%s\n' "$unit"
    done | sort -u
}

activators() { # PORT: "activator SOCKET_UNIT SERVICE" for each socket unit that listens on it
    ctl list-sockets --all --full --no-legend --no-pager | awk -v OFS="$TAB" -v port="$1" '
        $1 ~ (":" port "$") && $2 ~ /\.socket$/ { print "activator", $2, $3 }'
}

connections() { # PORT: established TCP connections to it
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf '%04X' "$1")" '
        $4 == "01" { split($2, a, ":"); n += a[2] == port } END { printf "%d\n", n }'
}

report() { # PORT PROTOCOL|'' UNITS: everything about one port as it is now, and about UNITS, which held it before
    _found=$(narrow "$1" "$2")
    byte_order
    printf '%s\n' "$_found" | show
    printf '%s\n' "$_found" | awk '$1 == "owner" { print $3 }' | sort -u | while read -r _pid; do
        reason_for "$_pid" && put protected "$_pid" "$reason"
    done
    { printf '%s\n' "$_found" | units_of; printf '%s\n' "$3"; } | sort -u | while read -r _unit; do
        [ -z "$_unit" ] || put_unit "$_unit"
    done
    [ "$2" = udp ] || put connections "$(connections "$1")"
    activators "$1"
}

verb_inspect() { # PORT [PROTOCOL]
    is_port "${1-}" || fail "inspect: PORT is a number from 1 to 65535"
    [ "$#" -eq 1 ] || { [ "$#" -eq 2 ] && is_protocol "$2"; } || fail "inspect: PROTOCOL is tcp or udp"
    scan all
    guard
    timebase
    report "$1" "${2-}" ''
}

# ---- close ------------------------------------------------------------------------------------------------------

uptime_seconds() { read -r _now _ </proc/uptime && _now=${_now%.*}; } # the wall clock may jump

begin() { # "began TICKS": from here on something may have been done
    read -r _up _ </proc/uptime
    put began "$((${_up%.*}${_up#*.} * clock / 100))"
}

condition() { # PID TICKS INODES: sets $condition to holds, released, gone, changed or hidden
    condition=gone
    stat_of "$1" || return 0
    case $state in Z | X) return 0 ;; esac
    condition=changed
    [ "$ticks" = "$2" ] || return 0
    for _try in 1 2 3; do # a file closed while we look cannot be told from one we may not see
        condition=hidden
        [ -r "/proc/$1/fd" ] || break
        condition=$(ls -ln "/proc/$1/fd" 2>/dev/null | awk -v inodes="$3" '
            BEGIN { n = split(inodes, a, ","); for (i = 1; i <= n; i++) want["socket:[" a[i] "]"] }
            NF == 11 && $10 == "->" && ($11 in want) { held = 1 }
            NF == 9 { blind = 1 }
            END { print held ? "holds" : blind ? "hidden" : "released" }')
        [ "$condition" = hidden ] || break
    done
    # A process on its way out (PF_EXITING) has closed its files a moment before it is gone.
    stat_of "$1" && [ "$ticks" = "$2" ] && [ $((flags & 4)) -eq 0 ] || [ "$condition" = holds ] || condition=gone
}

strike() { # SIGNAL TARGET: signals it if it still is who it was; sets $condition, "struck" when signalled
    _pid=${2%%:*} _inodes=${2##*:} _ticks=${2#*:} _ticks=${_ticks%%:*}
    condition "$_pid" "$_ticks" "$_inodes"
    [ "$condition" = holds ] || return 0
    # Last, and without a fork in between: a reused PID is never more than some microseconds away.
    stat_of "$_pid" && [ "$ticks" = "$_ticks" ] || { condition=gone && return 0; }
    condition=denied
    kill -s "$1" "$_pid" 2>/dev/null && condition=struck
}

await() { # SECONDS SIGNAL TARGET...: puts the outcome of each that lets go; sets $left to those that do not
    uptime_seconds
    _until=$((_now + $1)) _signal=$2
    shift 2
    while :; do
        left=
        for _target; do
            _pid=${_target%%:*} _ticks=${_target#*:}
            condition "$_pid" "${_ticks%%:*}" "${_target##*:}"
            case $condition in
            holds | hidden) left="$left $_target" ;;
            changed) put outcome "$_pid" gone "$_signal" ;; # its PID already serves another process
            *) put outcome "$_pid" "$condition" "$_signal" ;;
            esac
        done
        uptime_seconds
        [ -n "$left" ] && [ "$_now" -le "$_until" ] || return 0 # whole seconds: not a moment too early
        # shellcheck disable=SC2086 # targets hold digits, colons and commas only
        set -- $left
        sleep 0.1 2>/dev/null || sleep 1
    done
}

listed() { # TARGET, reads narrowed lines: true if each of its inodes is among the sockets
    _inodes=${1##*:}
    awk -v inodes="$_inodes" '$1 == "socket" { have[$4] }
        END { n = split(inodes, a, ","); for (i = 1; i <= n; i++) if (!(a[i] in have)) exit 1 }'
}

settle() { # PORT PROTOCOL UNITS: scans until it is known whether systemd brings the port back, for at most 3 s
    uptime_seconds
    _until=$((_now + 3))
    sleep 0.3 2>/dev/null || sleep 1
    while :; do
        scan all
        narrow "$1" "$2" | grep -q '^socket' && return 0
        _undecided=
        for _unit in $3; do
            property "$_unit" Restart
            case $property in '' | no) continue ;; esac
            property "$_unit" ActiveState
            case $property in '' | inactive | failed) continue ;; esac
            property "$_unit" SubState
            case $property in auto-restart*) ;; *) _undecided=y ;; esac
        done
        uptime_seconds
        [ -n "$_undecided" ] && [ "$_now" -lt "$_until" ] || return 0
        sleep 0.2 2>/dev/null || sleep 1
    done
}

verb_close() { # PROTOCOL PORT TARGET...
    [ "$#" -ge 3 ] && is_protocol "$1" || fail "close: PROTOCOL is tcp or udp, and at least one target is named"
    is_port "$2" || fail "close: PORT is a number from 1 to 65535"
    _protocol=$1 _portno=$2
    shift 2
    for _target; do is_target "$_target" || fail "close: a target is PID:TICKS:INODE[,INODE]"; done
    scan all
    guard
    timebase
    _found=$(narrow "$_portno" "$_protocol")
    _units=$(printf '%s\n' "$_found" | units_of)
    begin
    if sound "$@"; then
        struck=
        for _target; do
            strike TERM "$_target"
            [ "$condition" = struck ] && struck="$struck $_target" || put outcome "${_target%%:*}" "$condition" none
        done
        # shellcheck disable=SC2086 # as above
        finish $struck
        settle "$_portno" "$_protocol" "$_units"
    fi
    guard
    report "$_portno" "$_protocol" "$_units"
}

sound() { # TARGET...: true if all may be signalled; else puts why not, and none will be
    _sound=y
    for _target; do
        if reason_for "${_target%%:*}"; then
            put refused "${_target%%:*}" "$reason" && _sound=
        elif ! printf '%s\n' "$_found" | listed "$_target"; then
            put outcome "${_target%%:*}" changed none && _sound=
        fi
    done
    [ -n "$_sound" ]
}

finish() { # TARGET...: waits for those that got TERM, and kills those that hold on
    [ "$#" -gt 0 ] || return 0
    await "$TERM_SECONDS" TERM "$@"
    # shellcheck disable=SC2086 # as above
    set -- $left
    struck=
    for _target; do
        strike KILL "$_target"
        [ "$condition" = struck ] && struck="$struck $_target" || put outcome "${_target%%:*}" "$condition" TERM
    done
    # shellcheck disable=SC2086 # as above
    set -- $struck
    [ "$#" -gt 0 ] || return 0
    await "$KILL_SECONDS" KILL "$@"
    for _target in $left; do put outcome "${_target%%:*}" alive KILL; done
}

# ---- unit-stop --------------------------------------------------------------------------------------------------

verb_unit_stop() { # UNIT PROTOCOL PORT
    [ "$#" -eq 3 ] && is_unit "$1" && is_protocol "$2" && is_port "$3" || fail "unit-stop: UNIT tcp|udp PORT"
    scan all
    guard
    timebase
    _unit=$1 _protocol=$2 _portno=$3
    { narrow "$_portno" "$_protocol" | units_of; activators "$_portno" | tr "$TAB" '\n'; } | grep -Fqx -- "$_unit" ||
        fail "$_unit does not hold $_protocol port $_portno (any more)"
    stopped_with "$_unit"
    stake "$_stop"
    if [ -n "$reason" ]; then
        put refused 0 "$reason"
    else
        begin
        stop_units "$_stop"
        scan all
    fi
    guard
    report "$_portno" "$_protocol" "$_unit"
}

stopped_with() { # UNIT: sets $_stop, it and the sockets that would start it again, which go first, and what it starts
    property "$1" TriggeredBy
    _stop=
    for _name in $property; do case $_name in *.socket) is_unit "$_name" && _stop="$_stop $_name" ;; esac; done
    _stop="$_stop $1"
    property "$1" Triggers
    for _name in $property; do is_unit "$_name" && _stop="$_stop $_name"; done
}

stake() { # UNITS: sets $reason why one of them must live; empty if there is none
    reason=
    for _name in $1; do
        case $_name in # by name, too: while PID 1 listens for it, no sshd does
        ssh.socket | sshd.socket | ssh.service | sshd.service | ssh@*.service | sshd@*.service) reason=$SSH_SERVER ;;
        esac
    done
    [ -z "$reason" ] || return 0
    reason=$(printf '%s\n' "$protected" | while IFS=$TAB read -r _pid reason; do
        [ "$_pid" -gt 1 ] || continue
        unit_of "$_pid"
        case $manager:" $1 " in system:*" $unit "*) printf '%s' "$reason" && break ;; esac
    done)
}

stop_units() { # UNITS: stops them; puts "stopped UNIT STATE" for each
    # shellcheck disable=SC2086 # checked unit names
    ctl stop --no-block --no-ask-password -- $1 || { put outcome 0 denied none && return 0; }
    uptime_seconds
    _until=$((_now + 20))
    for _name in $1; do
        while property "$_name" ActiveState; do
            case $property in active | activating | deactivating | reloading) ;; *) break ;; esac
            uptime_seconds
            [ "$_now" -lt "$_until" ] || break
            sleep 0.2 2>/dev/null || sleep 1
        done
        put stopped "$_name" "$property"
    done
}

# ---- vitals -----------------------------------------------------------------------------------------------------

first_line() { # FILE KEY: "KEY its first line", nothing when it cannot be read
    _first=
    [ -r "$1" ] && read -r _first <"$1"
    plain "$_first"
    [ -z "$plain" ] || put "$2" "$plain"
}

disks() { # "disk BLOCK_BYTES BLOCKS FREE AVAILABLE MOUNT" for the root and each local file system; others could hang us
    awk '$3 ~ /^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|bcachefs|reiserfs|vfat|exfat|ntfs3?|ubifs|nilfs2)$/ ||
         $2 == "/" { if (!seen[$1]++) print $2 }' /proc/mounts |
        while read -r _mount; do
            _path=$(printf '%b' "$(printf '%s\n' "$_mount" | sed 's/\\/\\0/g')") # spaces are \040 there
            [ -d "$_path" ] || continue # a single file bound into a container is no place of its own
            _usage=$(stat -f -c '%S %b %f %a' -- "$_path" 2>/dev/null) || continue
            # shellcheck disable=SC2086 # four numbers
            put disk $_usage "$_mount"
        done
}

verb_vitals() {
    first_line /proc/stat cpu
    sleep 0.4 2>/dev/null || sleep 1
    first_line /proc/stat cpu
    while read -r _key _value _; do
        case $_key in MemTotal: | MemAvailable:) put memory "${_key%:}" "$_value" ;; esac
    done </proc/meminfo
    first_line /proc/loadavg load
    first_line /proc/uptime uptime
    first_line /proc/sys/kernel/osrelease kernel
    first_line /proc/sys/kernel/random/boot_id boot
    put cpus "$(grep -c '^cpu[0-9]' /proc/stat)"
    for _file in /etc/os-release /usr/lib/os-release; do
        [ -r "$_file" ] || continue
        plain "$(sed -n 's/^PRETTY_NAME=//p' "$_file" | tr -d "\"'")"
        put system "$plain" && break
    done
    disks
}

# ---- start ------------------------------------------------------------------------------------------------------

verb_version() { # "user UID", as whom it runs
    put user "$(id -u)"
}

main() {
    verb=${1-}
    [ "$#" -gt 0 ] && shift
    case $verb in version | vitals | ports | inspect | close | unit-stop) ;; *) verb=usage ;; esac
    put hostctl "$FORMAT" "$verb"
    keep_ports=''
    case $verb:${1-} in
    inspect:--keep-ports | close:--keep-ports | unit-stop:--keep-ports)
        is_list "${2-}" 65535 && keep_ports=$2 || fail "--keep-ports takes port numbers"
        shift 2
        ;;
    esac
    case $verb:$# in
    version:0) verb_version ;;
    vitals:0) verb_vitals ;;
    ports:0) verb_ports ;;
    inspect:*) verb_inspect "$@" ;;
    close:*) verb_close "$@" ;;
    unit-stop:*) verb_unit_stop "$@" ;;
    *) fail "usage: hostctl version|vitals|ports|inspect|close|unit-stop ..." ;;
    esac
    put end
}

requested() { # reads one line, "VERB ARGUMENT..." with single spaces between, and does it; refuses any other input
    _request=$(head -c "$((MAX_REQUEST + 1))" | tr '\000' '?' && echo .)
    _request=${_request%.}
    _line=${_request%?}
    case $_line in
    '' | ' '* | *' ' | *'  '* | *[!A-Za-z0-9:,._@\\\ -]*) _line=unreadable ;;
    esac
    [ "${#_request}" -le "$MAX_REQUEST" ] && [ "$_request" = "$_line
" ] || _line=unreadable
    # shellcheck disable=SC2086 # words of harmless characters, among them none that could be a pattern
    main $_line </dev/null
}

case $* in request) requested ;; *) main "$@" </dev/null ;; esac
