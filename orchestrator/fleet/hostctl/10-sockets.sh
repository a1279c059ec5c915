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
