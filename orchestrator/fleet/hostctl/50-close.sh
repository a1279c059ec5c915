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
