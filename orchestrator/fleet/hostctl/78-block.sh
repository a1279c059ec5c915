# ---- block ------------------------------------------------------------------------------------------------------

# What comes from a blocked address is dropped before anything else sees it, for services behind NAT (containers) as well,
# and connections that are open already end so. All of it is in a table or a chain of our own, and the kernel itself lets go
# of what has had its time; nothing of ours has to run for that. What survives a reboot is in files that a unit loads.
MAX_BLOCK_SECONDS=2592000
MAX_BLOCKS=2000
KEPT_FOLDER=/var/lib/orchestrator
KEPT_BLOCKS=$KEPT_FOLDER/blocks
BLOCKS_UNIT=orchestrator-blocks.service
BLOCKS_UNIT_FILE=/etc/systemd/system/$BLOCKS_UNIT

is_network() { # HEX:LENGTH, an address of IPv4 or IPv6 in 8 or 32 digits, and at most a /24 or a /48 of them
    case $1 in *:*:* | :* | *[!0-9a-f:]*) return 1 ;; *:*) ;; *) return 1 ;; esac
    _digits=${1%:*}
    case ${#_digits} in
    8) is_number "${1#*:}" 32 && [ "${1#*:}" -ge 24 ] ;;
    32) is_number "${1#*:}" 128 && [ "${1#*:}" -ge 48 ] ;;
    *) return 1 ;;
    esac
}

is_kept_list() { # HEX[,HEX]...
    case $1 in '' | ,* | *, | *,,* | *[!0-9a-f,]*) return 1 ;; esac
}

read_network() { # HEX:LENGTH: sets $text as nft writes it, $set the set that it belongs into
    _digits=${1%:*} _length=${1#*:} text='' _family=6
    if [ "${#_digits}" -eq 8 ]; then
        _family=4
        while [ -n "$_digits" ]; do
            _rest=${_digits#??}
            text=$text.$((0x${_digits%"$_rest"})) _digits=$_rest
        done
    else
        while [ -n "$_digits" ]; do
            _rest=${_digits#????}
            text=$text:${_digits%"$_rest"} _digits=$_rest
        done
    fi
    text=${text#?} set=addresses$_family
    case $_family:$_length in 4:32 | 6:128) ;; *) text=$text/$_length set=networks$_family ;; esac
}

indispensable() { # KEPT: lines "HEX REASON" of the addresses that must go on reaching this host
    printf '%s\n' "$1" | tr , '\n' | awk 'NF { print $1, "it is a host that is reached through this one" }'
    # shellcheck disable=SC2046 # a list of numbers
    held $(ancestors) | awk '{ print $3, "it is the address that this request comes from" }'
    awk '/\|--/ { address = $2 } /host LOCAL/ { print address }' /proc/net/fib_trie 2>/dev/null | awk -F . '
        NF == 4 { printf "%02x%02x%02x%02x it is an address of the host itself\n", $1, $2, $3, $4 }'
    awk '{ print $1, "it is an address of the host itself" }' /proc/net/if_inet6 2>/dev/null
    awk -v little="$(little_endian)" "$IN_NETWORK_ORDER"'
        $3 ~ /^[0-9A-F]+$/ && $3 !~ /^0+$/ { print ordered($3), "it is a gateway of the host" }' /proc/net/route 2>/dev/null
    awk '$5 !~ /^0+$/ { print $5, "it is a gateway of the host" }' /proc/net/ipv6_route 2>/dev/null
}

cannot_block() { # ROUTE HEX:LENGTH KEPT: sets $reason why not; false if it can be
    reason=
    case $2 in
    00* | 7f* | [ef]*) [ "${#2}" -gt 11 ] || reason="it is no address that others send from" ;;
    esac
    case $2 in
    ff*:* | 00000000000000000000*:*) [ "${#2}" -le 11 ] || reason="it is no address that others send from" ;;
    esac
    [ -z "$reason" ] || return 0
    _indispensable=$(indispensable "$3")
    if [ "$1" = ssh ]; then # of a request from elsewhere it has to be known where from
        case $_indispensable in
        *"this request comes from"*) ;;
        *) reason="where this request comes from cannot be seen" && return 0 ;;
        esac
    fi
    reason=$(printf '%s\n' "$_indispensable" | awk -v network="${2%:*}" -v bits="${2#*:}" '
        function bits_of(address,  digit) { # those of the digit in which the network ends
            digit = index("0123456789abcdef", substr(address, whole + 1, 1)) - 1
            return int(digit / 2 ^ (4 - bits % 4))
        }
        function inside(address) {
            whole = int(bits / 4)
            if (length(address) != length(network)) return 0
            if (substr(address, 1, whole) != substr(network, 1, whole)) return 0
            return bits % 4 == 0 || bits_of(address) == bits_of(network)
        }
        inside($1) { sub(/^[^ ]+ /, ""); print; exit }')
    [ -n "$reason" ]
}

alone() { # others that change what is blocked wait until we are done, where flock(1) is there
    [ -w /run ] && command -v flock >/dev/null || return 0
    exec 9>/run/orchestrator-blocks.lock && flock -w 20 9
}

may_filter() { # sets $backend
    [ "$(id -u)" = 0 ] || fail "it takes root to see and to change what is blocked"
    if command -v nft >/dev/null && { ! command -v iptables >/dev/null || nft list tables >/dev/null 2>&1; }; then
        backend=nft
    elif command -v iptables >/dev/null; then
        backend=iptables
    else
        fail "neither nft nor iptables is there: install the package nftables"
    fi
}

kept() { # HEX:LENGTH of each that survives a reboot
    cat "$KEPT_BLOCKS.nft" "$KEPT_BLOCKS.iptables" "$KEPT_BLOCKS.ip6tables" 2>/dev/null |
        sed -n 's/^# \([0-9a-f]*:[0-9]*\)$/\1/p'
}

durable() { # PATH...: puts them on the disk; old versions of sync know no paths, and put all there
    sync "$@" 2>/dev/null || sync
}

replace() { # PATH: reads what goes into that file; after a power cut it is the old one or the new one
    cat >"$1.new" && durable "$1.new" && mv -f "$1.new" "$1" && durable "${1%/*}"
}

forget_kept() { # KIND...
    for _kind; do rm -f "$KEPT_BLOCKS.$_kind" "$KEPT_BLOCKS.$_kind.new" || return 1; done
    durable "$KEPT_FOLDER"
}

is_kept() { kept | grep -Fqx "$1"; }

keep() { # HEX:LENGTH yes|no: puts it among those that survive a reboot, or takes it out; false if it cannot
    [ "$2" = yes ] || is_kept "$1" || return 0
    _all=$(kept | grep -Fvx "$1")
    [ "$2" = no ] || _all="$_all $1"
    case $_all in
    *[0-9]*) ;;
    *)
        forget_kept nft iptables ip6tables || return 1
        ctl disable "$BLOCKS_UNIT" >/dev/null
        rm -f "$BLOCKS_UNIT_FILE" && ctl daemon-reload
        rmdir "$KEPT_FOLDER" 2>/dev/null # if nothing else of ours is there
        return 0
        ;;
    esac
    mkdir -p "$KEPT_FOLDER" || return 1
    # shellcheck disable=SC2086 # words of digits and colons
    case $backend in
    nft) nft_keep $_all && forget_kept iptables ip6tables ;;
    *) iptables_keep $_all && forget_kept nft ;;
    esac || return 1
    _unit=$(blocks_unit)
    [ "$_unit" = "$(cat "$BLOCKS_UNIT_FILE" 2>/dev/null)" ] && ctl is-enabled "$BLOCKS_UNIT" >/dev/null && return 0
    printf '%s\n' "$_unit" | replace "$BLOCKS_UNIT_FILE" && chmod 644 "$BLOCKS_UNIT_FILE" &&
        ctl daemon-reload && ctl enable "$BLOCKS_UNIT" >/dev/null && durable /etc/systemd/system/*.wants
}

# These begin by emptying the tables, ours too: ours comes after them, and again with them.
EMPTYING="nftables.service netfilter-persistent.service iptables.service ip6tables.service"

blocks_unit() {
    cat <<END
[Unit]
Description=Addresses blocked by See Servers Health Plus
DefaultDependencies=no
After=local-fs.target $EMPTYING
PartOf=$EMPTYING
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
ConditionPathExistsGlob=$KEPT_BLOCKS.*

[Service]
Type=oneshot
RemainAfterExit=yes
$({ nft_load && iptables_load; } | sed 's/.*/ExecStart=&\nExecReload=&/')

[Install]
WantedBy=multi-user.target $EMPTYING
END
}

list_blocks() { # "block ADDRESS SECONDS" of each, "-" without an end, and "kept HEX:LENGTH" of those that survive a reboot
    _by_iptables=
    for program in iptables ip6tables; do
        iptables_rules "$program" || [ "$backend" = nft ] || fail "$plain"
        _by_iptables="$_by_iptables
$rules"
    done
    { nft_list && printf '%s\n' "$_by_iptables" | iptables_list; } | awk -v OFS="$TAB" -v most="$MAX_BLOCKS" '
        NR <= most
        END { if (NR > most) print "more", NR - most }'
    kept | head -n "$MAX_BLOCKS" | while read -r _network; do put kept "$_network"; done
}

verb_blocks() {
    may_filter
    list_blocks
}

# What is for good is written down before it is in force, and taken out after it is in force no more: whenever the power
# goes, the next boot blocks at least what was said to be blocked. What fails on the way is put back as it was.
was_kept() { # HEX:LENGTH: sets $was
    was=no
    ! is_kept "$1" || was=yes
}

enforce() { # HEX:LENGTH SECONDS|permanent: false if it could not, which is put
    case $backend in
    nft) nft_block "$1" "$2" && iptables_lift "$1" ;; # from before nftables came
    *) iptables_block "$1" "$2" ;;
    esac
}

lift() { # HEX:LENGTH: sets $lifted if it was blocked; false if it could not, which is put
    { [ "$backend" != nft ] || nft_lift "$1"; } && iptables_lift "$1"
}

verb_block() { # ssh|local HEX:LENGTH SECONDS|permanent [--keep HEX,HEX]
    [ "$#" -eq 3 ] || { [ "$#" -eq 5 ] && [ "$4" = --keep ] && is_kept_list "$5"; } ||
        fail "block: ssh|local HEX:LENGTH SECONDS|permanent"
    case $1 in ssh | local) ;; *) fail "block: ssh|local" ;; esac
    is_network "$2" || fail "block: an address in hexadecimal digits, or a network of at most a /24 or a /48"
    [ "$3" = permanent ] || { is_number "$3" "$MAX_BLOCK_SECONDS" && [ "$3" -gt 0 ]; } ||
        fail "block: 1 to $MAX_BLOCK_SECONDS seconds, or permanent"
    may_filter
    [ "$3" != permanent ] || [ -d /run/systemd/system ] ||
        fail "without systemd nothing can be blocked beyond a reboot: say for how long"
    alone || fail "others have been changing what is blocked for 20 s"
    if cannot_block "$1" "$2" "${5-}"; then
        put refused "$reason"
        return 0
    fi
    timebase
    begin
    was_kept "$2"
    if [ "$3" = permanent ] && ! keep "$2" yes; then
        keep "$2" "$was"
        put failed "it cannot be written into $KEPT_FOLDER"
    elif ! enforce "$2" "$3"; then
        keep "$2" "$was"
    elif [ "$3" != permanent ] && ! keep "$2" no; then
        enforce "$2" permanent
        put failed "it cannot be taken out of $KEPT_FOLDER"
    fi
    list_blocks
}

verb_unblock() { # HEX:LENGTH
    [ "$#" -eq 1 ] && is_network "$1" || fail "unblock: an address in hexadecimal digits, or a network"
    may_filter
    alone || fail "others have been changing what is blocked for 20 s"
    timebase
    begin
    was_kept "$1"
    lifted=$was
    if lift "$1"; then
        if keep "$1" no; then
            put lifted "$lifted"
        else
            enforce "$1" permanent
            put failed "it cannot be taken out of $KEPT_FOLDER"
        fi
    fi
    list_blocks
}
