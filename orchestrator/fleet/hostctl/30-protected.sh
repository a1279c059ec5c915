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
