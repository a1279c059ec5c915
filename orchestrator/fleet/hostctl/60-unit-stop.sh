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
