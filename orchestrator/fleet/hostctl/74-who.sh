# ---- who --------------------------------------------------------------------------------------------------------

MAX_SESSIONS=500

# A session is known by its leader, a process and its start: of an SSH connection the outermost process of the server that
# holds it, which is also whom logind calls the leader. Connections are found in /proc, so that one that opened no
# terminal is seen (sftp, a command, a port forward), and so are hosts without logind; other logins only logind knows.
# utmp is not read: Debian 13 keeps none, and nobody vouches for what is in it.

kin() { # LEADER...: "kin LEADER TICKS MEMBERS TTY FRONT TOP SERVER", all from one look at every process
    # Below the leader: how many processes, the number of the first's terminal that has one, who is in front there, the
    # topmost that is no SSH server, and the topmost that is one.
    ls /proc | awk -v OFS="$TAB" -v leaders="$*" "$READ_STAT"'
        /^[0-9]+$/ && stat_of($0) {
            name[$0] = comm; parent[$0] = field[2]; tty[$0] = field[5]; front[$0] = field[6]; ticks[$0] = field[20]
            pids[n++] = $0
        }
        function place(pid, up, depth) {
            members[up]++
            if (!at[up] && tty[pid] != 0) { at[up] = tty[pid]; ahead[up] = front[pid] }
            if (depth == 0) return
            if (name[pid] ~ /^(sshd|sshd-session|sshd-auth|dropbear)$/) {
                if (depth < depth_server[up]) { depth_server[up] = depth; server[up] = pid }
            } else if (depth < depth_top[up]) { depth_top[up] = depth; top[up] = pid }
        }
        END {
            m = split(leaders, leader, " ")
            for (i = 1; i <= m; i++) { leads[leader[i]]; depth_top[leader[i]] = depth_server[leader[i]] = 99 }
            for (j = 0; j < n; j++) {
                depth = 0
                for (up = pids[j]; up > 1 && depth < 99; depth++) {
                    if (up in leads) place(pids[j], up, depth)
                    up = parent[up]
                }
            }
            for (i = 1; i <= m; i++) {
                up = leader[i]
                if (!(up in ticks)) continue
                print "kin", up, ticks[up], members[up], at[up] + 0, ahead[up] + 0, top[up] + 0, server[up] + 0
            }
        }'
}

members() { # LEADER: "PID:TICKS" of it and of all below it
    ls /proc | awk -v leader="$1" "$READ_STAT"'
        /^[0-9]+$/ && stat_of($0) { parent[$0] = field[2]; if (field[1] !~ /[ZX]/) ticks[$0] = field[20] }
        END {
            for (pid in ticks) {
                for (up = pid; up > 1 && up != leader && steps[pid]++ < 99;) up = parent[up]
                if (up == leader) print pid ":" ticks[pid]
            }
        }'
}

named() { # NAME...: the processes called so
    ls /proc | awk -v names=" $* " "$READ_STAT"'
        /^[0-9]+$/ && stat_of($0) && index(names, " " comm " ") { print $0, field[2] }'
}

servers() { # "PID PARENT" of the processes that are root's SSH server, whatever others call themselves
    named sshd sshd-session dropbear | while read -r _pid _above; do
        euid_of "$_pid"
        [ "$euid" = 0 ] && _program=$(readlink "/proc/$_pid/exe" 2>/dev/null) || continue
        _program=${_program%" (deleted)"}
        case ${_program##*/} in
        sshd | sshd-session | dropbear | dropbearmulti) printf '%s %s\n' "$_pid" "$_above" ;;
        esac
    done
}

# Addresses as hexadecimal digits in the order of the network, 8 or 32 of them; IPv4 in IPv6 is IPv4.
IN_NETWORK_ORDER='
    function ordered(hex,  text, i) {
        hex = tolower(hex)
        if (little) {
            for (i = 1; i < length(hex); i += 8)
                text = text substr(hex, i + 6, 2) substr(hex, i + 4, 2) substr(hex, i + 2, 2) substr(hex, i, 2)
            hex = text
        }
        sub(/^00000000000000000000ffff/, "", hex)
        return hex
    }'

little_endian() { [ "$(byte_order)" = "byteorder${TAB}little" ] && echo 1 || echo 0; }

held() { # PID...: "held PID REMOTE REMOTEPORT FD" of each established TCP connection they hold
    for _pid; do
        ls -ln "/proc/$_pid/fd" 2>/dev/null | awk -v pid="$_pid" '
            NF == 11 && $10 == "->" && $11 ~ /^socket:\[[0-9]+\]$/ { print "fd", pid, substr($11, 9, length($11) - 9), $9 }'
    done | cat - /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v little="$(little_endian)" "$IN_NETWORK_ORDER"'
        $1 == "fd" { of[$3] = of[$3] " " $2; number[$2, $3] = $4; next }
        $4 == "01" && ($10 in of) {
            split($3, remote, ":")
            n = split(of[$10], pid, " ")
            for (i = 1; i <= n; i++) print "held", pid[i], ordered(remote[1]), remote[2], number[pid[i], $10]
        }'
}

wires() { # "LEADER REMOTE REMOTEPORT" of each SSH connection; the first that a server holds, as it may forward others
    _servers=$(servers)
    # shellcheck disable=SC2046 # a list of numbers
    { printf '%s\n' "$_servers"; held $(printf '%s\n' "$_servers" | cut -d ' ' -f 1); } | awk '
        $1 == "held" { if (!($2 in holds) || $5 + 0 < first[$2]) { holds[$2] = $3 " " $4; first[$2] = $5 + 0 }; next }
        NF == 2 { parent[$1] = $2 }
        END { for (pid in holds) if (!(parent[pid] in holds)) print pid, holds[pid] }'
}

logged() { # "LEADER ID USER SERVICE TYPE HOST" of each session of logind, "-" for what it does not say
    [ -d /run/systemd/seats ] && command -v loginctl >/dev/null || return 0
    login list-sessions --no-legend --no-pager | awk '$1 ~ /^[A-Za-z0-9]+$/ { print $1 }' | head -n "$MAX_SESSIONS" |
        while read -r _id; do
            login show-session "$_id" -p Id -p Name -p Leader -p RemoteHost -p Service -p Type -p Class | awk '
                { key = $0; sub(/=.*/, "", key); value = $0; sub(/^[^=]*=/, "", value); gsub(/[[:cntrl:] ]/, "?", value) }
                { said[key] = value == "" ? "-" : value }
                END { if (said["Class"] ~ /^(user|greeter)/ && said["Leader"] ~ /^[1-9][0-9]*$/)
                    print said["Leader"], said["Id"], said["Name"], said["Service"], said["Type"], said["RemoteHost"] }'
        done
}

login() { # ARGUMENT...: loginctl, which may hang when its bus is ill
    if command -v timeout >/dev/null 2>&1; then timeout 5 loginctl "$@"; else loginctl "$@"; fi 2>/dev/null </dev/null
}

root_idles() { # PID: whether this SSH server, alone, says that root is in; before, it says [accepted] or [priv]
    case $(head -c 64 "/proc/$1/cmdline" 2>/dev/null | tr '\000' ' ') in
    sshd*'[priv]'*) return 1 ;;
    sshd*": root"*) ;;
    *) return 1 ;;
    esac
}

terminal() { # NUMBER: sets $terminal, its name below /dev as the numbers of devices(5) go; empty for none
    # shellcheck disable=SC2017 # it is the low bits that are cut off
    _major=$(($1 / 256 % 4096)) _minor=$(($1 % 256 + $1 / 1048576 * 256))
    case $_major in
    0) terminal='' ;;
    136) terminal=pts/$_minor ;;
    4) [ "$_minor" -lt 64 ] && terminal=tty$_minor || terminal=ttyS$((_minor - 64)) ;;
    *) terminal=$_major:$_minor ;;
    esac
}

idle_of() { # TERMINAL: sets $idle, the seconds since somebody typed there; empty when it cannot be told
    idle=
    [ -n "$1" ] && _typed=$(stat -c %X "/dev/$1" 2>/dev/null) && idle=$(($(date +%s) - _typed)) || return 0
    [ "$idle" -ge 0 ] || idle=0
}

survey() { # sets $sessions, lines "LEADER TICKS ID USER SERVICE TYPE TTY REMOTE PORT HOST MEMBERS RUNS OURS"
    chain=" $(ancestors) "
    unit_of $$
    _scope=$unit
    _logged=$(logged)
    _wires=$(wires)
    # shellcheck disable=SC2046 # a list of numbers
    _kin=$(kin $(printf '%s\n%s\n' "$_logged" "$_wires" | cut -d ' ' -f 1 | sort -un | head -n "$MAX_SESSIONS"))
    set -f # a name may be a pattern
    sessions=$(printf '%s\n' "$_kin" | while IFS=$TAB read -r _ _leader _ticks _members _tty _front _top _server; do
        [ -n "$_server" ] || continue
        # shellcheck disable=SC2046 # words without spaces
        set -- $(printf '%s\n' "$_logged" | awk -v leader="$_leader" '$1 == leader { print; exit }')
        _id=${2:--} _user=${3:--} _service=${4:--} _type=${5:--} _host=${6:--}
        # shellcheck disable=SC2046
        set -- $(printf '%s\n' "$_wires" | awk -v leader="$_leader" '$1 == leader { print; exit }')
        _remote=${2:--} _port=${3:--}
        if [ "$_user" = - ]; then # the server acts as the user once he is let in; root's has no such process
            _acts=$_server
            [ "$_acts" -gt 0 ] || _acts=$_top
            [ "$_acts" -gt 0 ] || { root_idles "$_leader" && _acts=$_leader; } || continue
            euid_of "$_acts"
            user_name "$euid"
            stat_of "$_acts" || continue
            case $user:$name in sshd:* | *:sshd-auth) continue ;; esac
            _user=${user:--} _service=ssh
        fi
        terminal "$_tty"
        _runs=$_top
        [ "$_front" -gt 0 ] && [ -n "$terminal" ] && _runs=$_front
        _own=-
        case $chain in *" $_leader "*) _own=carries ;; esac
        [ "$_id" = - ] || [ "$_scope" != "session-$_id.scope" ] || _own=carries
        put "$_leader" "$_ticks" "$_id" "$_user" "$_service" "$_type" "${terminal:--}" "$_remote" "$_port" "$_host" \
            "$_members" "$_runs" "$_own"
    done | alike)
    set +f
}

alike() { # marks what is ours, too: connections without a terminal by the user and from the address of this one
    awk -F "$TAB" -v OFS="$TAB" '
        { line[NR] = $0; if ($13 == "carries" && $8 != "-") us[$4, $8] }
        END {
            for (i = 1; i <= NR; i++) {
                $0 = line[i]
                if ($13 == "-" && $7 == "-" && ($4, $8) in us) $13 = "alike"
                print
            }
        }'
}

verb_who() {
    timebase
    survey
    [ "$(id -u)" = 0 ] && put view whole || put view partial
    printf '%s\n' "$sessions" | while IFS=$TAB read -r _leader _ticks _id _user _service _type _tty _rest; do
        [ -n "$_rest" ] || continue
        IFS=$TAB read -r _remote _port _host _n _runs _own <<END
$_rest
END
        [ "$_tty" = - ] && idle= || idle_of "$_tty"
        put session "$_leader" "$_ticks" "$((boot + _ticks / clock))" "$_id" "$_user" "$_service" "$_type" "$_tty" \
            "${idle:--}" "$_remote" "$_port" "$_host" "$_n" "$_runs" "$_own"
        [ "$_runs" -eq 0 ] || process "$_runs"
    done
}
