# ---- iptables ---------------------------------------------------------------------------------------------------

# Where there is no nftables: a chain of our own in the table raw, which PREROUTING jumps to. That is the same place on a
# packet's way. xt_time makes the kernel itself pass over a rule that has had its time; such rules go with the next change.
# What a rule is for, and until when, is in its comment: "HEX:LENGTH:SECONDS since the epoch", "-" without an end.
iptables_rules() { # PROGRAM: sets $rules, lines "HEX:LENGTH SECONDS DATE" in force, and $jump; else false, $plain is why
    rules='' jump=no
    command -v "$1" >/dev/null || return 0
    case $("$1" -V 2>/dev/null) in
    *nf_tables*) ;;
    *) # which would make the table by looking at it
        case $1 in iptables) _tables=/proc/net/ip_tables_names ;; *) _tables=/proc/net/ip6_tables_names ;; esac
        grep -Fqx raw "$_tables" 2>/dev/null || return 0
        ;;
    esac
    _saved=$("$1-save" -t raw 2>&1) || { plain "$(printf '%s\n' "$_saved" | head -n 1)" && return 1; }
    printf '%s\n' "$_saved" | grep -Fqx -e '-A PREROUTING -j orchestrator' || return 0
    jump=yes
    rules=$(printf '%s\n' "$_saved" | awk -v now="$(date +%s)" '
        $1 == "-A" && $2 == "orchestrator" {
            gsub(/"/, "")
            network = date = ""
            for (i = 3; i < NF; i++) {
                if ($i == "--comment" && $(i + 1) ~ /^[0-9a-f]+:[0-9]+:(-|[0-9]+)$/) network = $(i + 1)
                if ($i == "--datestop") date = $(i + 1)
            }
            if (!match(network, /:[^:]*$/)) next
            until = substr(network, RSTART + 1)
            if (until == "-" || until + 0 > now + 0) print substr(network, 1, RSTART - 1), until, date
        }')
}

iptables_chain() { # reads lines of $rules, puts what iptables-restore makes our chain of; all of it is done, or nothing
    printf '*raw\n:orchestrator - [0:0]\n'
    [ "$jump" = yes ] || echo '-I PREROUTING 1 -j orchestrator'
    while read -r _network _until _date; do
        [ -n "$_network" ] || continue
        read_network "$_network"
        _match="-m comment --comment $_network:$_until${_date:+ -m time --datestop $_date}"
        printf '# %s\n%s\n' "$_network" "-A orchestrator -s $text $_match -j DROP"
    done
    echo COMMIT
}

iptables_change() { # PROGRAM: makes our chain of $rules, or takes it away; false if it could not, which is put
    if [ -n "$rules" ]; then
        _said=$(printf '%s\n' "$rules" | iptables_chain | "$1-restore" -w 5 -n 2>&1)
    elif [ "$jump" = yes ]; then
        _said=$(printf '*raw\n-D PREROUTING -j orchestrator\n-F orchestrator\n-X orchestrator\nCOMMIT\n' |
            "$1-restore" -w 5 -n 2>&1)
    fi && return 0
    plain "$(printf '%s\n' "$_said" | head -n 1)"
    put failed "$plain"
    return 1
}

iptables_without() { # HEX:LENGTH: sets $program, and $rules without it; false if it could not, which is put
    case $1 in ????????:*) program=iptables ;; *) program=ip6tables ;; esac
    iptables_rules "$program" || [ "$backend" = nft ] || { put failed "$plain" && return 1; }
    case "
$rules" in *"
$1 "*) found=yes ;; *) found=no ;; esac
    rules=$(printf '%s\n' "$rules" | sed "/^$1 /d")
}

iptables_block() { # HEX:LENGTH SECONDS|permanent: false if it could not, which is put
    iptables_without "$1" || return 1
    command -v "$program" >/dev/null || { put failed "$program is not there" && return 1; }
    _entry="$1 -"
    if [ "$2" != permanent ]; then
        _until=$(($(date +%s) + $2))
        _entry="$1 $_until $(date -u -d "@$_until" +%Y-%m-%dT%H:%M:%S)"
    fi
    rules="$rules
$_entry"
    iptables_change "$program"
}

iptables_lift() { # HEX:LENGTH: sets $lifted if it was blocked; false if it could not, which is put
    iptables_without "$1" && iptables_change "$program" || return 1
    [ "$found" = no ] || lifted=yes
}

iptables_keep() { # HEX:LENGTH...: writes the files that block them at boot
    jump=no
    for program in iptables ip6tables; do
        rules=$(for _network; do case $program:$_network in
            iptables:????????:* | ip6tables:?????????*:*) echo "$_network -" ;;
        esac; done)
        if [ -n "$rules" ]; then
            printf '%s\n' "$rules" | iptables_chain | replace "$KEPT_BLOCKS.$program" || return 1
        else
            forget_kept "$program" || return 1
        fi
    done
}

iptables_load() { # what the unit runs at boot, and again later, when the jump is there already
    for program in iptables ip6tables; do
        [ -e "$KEPT_BLOCKS.$program" ] && _path=$(command -v "$program") || continue
        echo "-$_path -w 5 -t raw -D PREROUTING -j orchestrator"
        echo "$_path-restore -w 5 -n $KEPT_BLOCKS.$program"
    done
}

iptables_list() { # reads lines of $rules: "block ADDRESS SECONDS" of each, "-" without an end
    _now=$(date +%s)
    while read -r _network _until _; do
        [ -n "$_network" ] || continue
        read_network "$_network"
        [ "$_until" = - ] || _until=$((_until - _now))
        put block "$text" "$_until"
    done
}
