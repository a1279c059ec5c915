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
