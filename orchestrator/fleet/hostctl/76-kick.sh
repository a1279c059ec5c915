# ---- kick -------------------------------------------------------------------------------------------------------

is_leader() { # PID:TICKS
    case $1 in *:*:* | *[!0-9:]*) return 1 ;; *:*) ;; *) return 1 ;; esac
    is_number "${1%:*}" 4194304 && is_number "${1#*:}" 999999999999999999
}

send() { # SIGNAL PID:TICKS...: to each that still is who it was
    _signal=$1
    shift
    for _member; do
        stat_of "${_member%:*}" && [ "$ticks" = "${_member#*:}" ] || continue
        kill -s "$_signal" "${_member%:*}" 2>/dev/null || denied=y
    done
}

wane() { # SECONDS LEADER: waits for it and all below it to end; sets $left to those that do not
    uptime_seconds
    _until=$((_now + $1))
    while :; do
        _grown=$(members "$2")
        left=
        # shellcheck disable=SC2086 # numbers and colons
        for _member in $known $_grown; do
            case " $left " in *" $_member "*) continue ;; esac
            stat_of "${_member%:*}" && [ "$ticks" = "${_member#*:}" ] || continue
            case $state in Z | X) ;; *) left="$left $_member" ;; esac
        done
        known=$left
        uptime_seconds
        [ -n "$left" ] && [ "$_now" -lt "$_until" ] || return 0
        sleep 0.1 2>/dev/null || sleep 1
    done
}

verb_kick() { # PID:TICKS
    [ "$#" -eq 1 ] && is_leader "$1" || fail "kick: a session is its leader, PID:TICKS"
    timebase
    survey
    _leader=${1%:*} _ticks=${1#*:}
    _session=$(printf '%s\n' "$sessions" | awk -F "$TAB" -v leader="$1" '$1 ":" $2 == leader { print $3, $13; exit }')
    if [ -z "$_session" ]; then
        stat_of "$_leader" && [ "$ticks" = "$_ticks" ] && put outcome changed none || put outcome gone none
        return 0
    fi
    if [ "${_session#* }" != - ]; then
        put refused "${_session#* }"
        return 0
    fi
    begin
    denied=
    known=$(members "$_leader")
    [ "${_session% *}" = - ] || login terminate-session "${_session% *}"
    # An interactive shell ignores TERM, and nohup HUP: who ends by neither is killed.
    for _how in HUP TERM KILL; do
        # shellcheck disable=SC2086 # numbers and colons
        send "$_how" $known
        wane 2 "$_leader"
        [ -n "$left" ] || break
    done
    if [ -z "$left" ]; then
        put outcome ended "$_how"
    else
        [ -n "$denied" ] && put outcome denied "$_how" || put outcome alive "$_how"
    fi
}
