# shellcheck shell=sh disable=SC2034,SC2154
# Waiting on the host, so that a look costs no exchange. Variables: seconds, connect_timeout, pause (seconds, too), host, port,
# until (``there`` or ``gone``).

# wait_now: $now, whole seconds of a clock that nobody sets.
wait_now() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

# wait_until COMMAND...: look until COMMAND succeeds (or fails, for until=gone), or the time is over; then say so.
wait_until() {
    wait_now
    end=$((now + seconds))
    while [ "$now" -lt "$end" ]; do
        left=$((end - now))
        if "$@"; then found=there; else found=gone; fi
        if [ "$found" = "$until" ]; then
            say met 1
            return
        fi
        [ "$pause" -le 0 ] || sleep "$pause"
        wait_now
    done
    say met ''
}

wait_path() {
    expand_word "$1"
    wait_until test -e "$expanded"
}

# wait_means: $means, by what this host can open a connection.
wait_means() {
    means=
    if command -v bash >/dev/null 2>&1; then
        means=bash
    elif command -v nc >/dev/null 2>&1 && nc -h 2>&1 | grep -q -e '-[A-Za-z]*z'; then
        means=nc # only one that can look without talking
    else
        case $host in
        127.* | localhost | ::1 | 0.0.0.0 | ::) means=proc ;;
        *)
            say failed "the host has neither bash nor a netcat with -z to look at $host:$port"
            return 1
            ;;
        esac
    fi
    patience=$(command -v timeout)
}

wait_port() {
    wait_means || return
    wait_until wait_connect
}

wait_connect() {
    limit=$connect_timeout
    [ "$limit" -le "$left" ] || limit=$left
    # shellcheck disable=SC2016 # for the other shell
    case $means in
    bash) ${patience:+"$patience" "$limit"} bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" ;;
    nc) nc -z -w "$limit" "$host" "$port" ;;
    proc) wait_listens ;;
    esac </dev/null >/dev/null 2>&1
}

# wait_listens: whether a socket of the host listens on $port, for any address.
wait_listens() {
    hex=$(printf '%04X' "$port")
    for table in /proc/net/tcp /proc/net/tcp6; do
        while read -r _ local _ state _; do
            [ "$state" != 0A ] || [ "${local##*:}" != "$hex" ] || return 0
        done <"$table"
    done
    return 1
}

# wait_hear SECONDS PIECES: what the other side of a connection says within that time, or until it has said so many pieces.
wait_hear() {
    wait_means || return
    # shellcheck disable=SC2016 # for the other shell
    case $means in
    bash) timeout "$1" bash -c 'exec 3<>"/dev/tcp/$0/$1" && exec dd bs=65536 count="$2" <&3' "$host" "$port" "$2" ;;
    nc) sleep "$1" | timeout "$1" nc "$host" "$port" | dd bs=65536 count="$2" ;;
    *) say failed "the host has neither bash nor a netcat to listen to $host:$port" ;;
    esac 2>/dev/null
    return 0
}

# wait_read PATH OFFSET LIMIT: up to LIMIT bytes of the file from OFFSET on; reports which file and how large it is.
wait_read() {
    expand_word "$1"
    is=$(stat -L -c '%d:%i %s' -- "$expanded" 2>/dev/null) || return 0
    say file "$is"
    tail -c "+$(($2 + 1))" -- "$expanded" 2>/dev/null | head -c "$3"
    return 0
}

# wait_drained PORT STATES ADDRESSES EXCLUDED: until no connection to PORT is in one of STATES; all as /proc/net/tcp has it.
wait_drained() {
    until=gone
    wait_until wait_active "$@"
}

wait_active() {
    set -- "$@" /proc/net/tcp
    [ ! -e /proc/net/tcp6 ] || set -- "$@" /proc/net/tcp6
    ports=$1 states=$2 addresses=$3 excluded=$4
    shift 4
    awk -v port="$ports" -v states=" $states " -v addresses=" $addresses " -v excluded=" $excluded " '
        FNR > 1 {
            split($2, ours, ":"); split($3, theirs, ":")
            if (ours[2] != port || !index(states, " " $4 " ") || index(excluded, " " theirs[1] " ")) next
            mapped = substr(ours[1], 1, 24) == "0000000000000000FFFF0000"
            any = length(ours[1]) == 8 ? "00000000" : "00000000000000000000000000000000"
            if (index(addresses, " " ours[1] " ") || index(addresses, " " any " ") ||
                mapped && index(addresses, " 0000000000000000FFFF000000000000 ")) count++
        }
        END { exit !count }' "$@"
}

# wait_resolve NAME: its addresses.
wait_resolve() {
    getent ahosts "$1"
}
