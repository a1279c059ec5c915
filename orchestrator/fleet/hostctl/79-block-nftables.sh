# ---- nftables ---------------------------------------------------------------------------------------------------

# Blocked addresses are elements of sets in a table of our own, and the kernel itself lets go of what has had its time.
nft_table() { # the commands that make our table, or leave it as it is
    cat <<'END'
add table inet orchestrator
add set inet orchestrator addresses4 { type ipv4_addr; flags timeout; }
add set inet orchestrator addresses6 { type ipv6_addr; flags timeout; }
add set inet orchestrator networks4 { type ipv4_addr; flags interval, timeout; }
add set inet orchestrator networks6 { type ipv6_addr; flags interval, timeout; }
add chain inet orchestrator arriving { type filter hook prerouting priority -300; policy accept; }
flush chain inet orchestrator arriving
add rule inet orchestrator arriving ip saddr @addresses4 drop
add rule inet orchestrator arriving ip saddr @networks4 drop
add rule inet orchestrator arriving ip6 saddr @addresses6 drop
add rule inet orchestrator arriving ip6 saddr @networks6 drop
END
}

nft_has() { nft get element inet orchestrator "$1" "{ $2 }" >/dev/null 2>&1; }

nft_change() { # reads commands for nft, all or none of which are done: puts "failed WHY" in that case, and is false
    _said=$(nft -f - 2>&1) && return 0
    plain "$(printf '%s\n' "$_said" | head -n 1)"
    case $plain in
    *overlap* | *conflicting* | *"not found in set"* | *"does not exist"*)
        plain="another network that overlaps with it is blocked: unblock that one first"
        ;;
    esac
    put failed "$plain"
    return 1
}

nft_block() { # HEX:LENGTH SECONDS|permanent: false if it could not, which is put
    case $2 in permanent) _until='' ;; *) _until=" timeout ${2}s" ;; esac
    read_network "$1"
    {
        nft_table
        ! nft_has "$set" "$text" || printf 'delete element inet orchestrator %s { %s }\n' "$set" "$text"
        printf 'add element inet orchestrator %s { %s%s }\n' "$set" "$text" "$_until"
    } | nft_change
}

nft_lift() { # HEX:LENGTH: sets $lifted if it was blocked; false if it could not, which is put
    read_network "$1"
    if nft_has "$set" "$text"; then
        printf 'delete element inet orchestrator %s { %s }\n' "$set" "$text" | nft_change || return 1
        lifted=yes
    fi
    _table=$(nft list table inet orchestrator 2>/dev/null) && case $_table in
    *elements*) ;;
    *) nft delete table inet orchestrator ;;
    esac
    return 0
}

nft_keep() { # HEX:LENGTH...: writes the file that blocks them at boot
    {
        nft_table
        for _network; do
            read_network "$_network"
            printf '# %s\nadd element inet orchestrator %s { %s }\n' "$_network" "$set" "$text"
        done
    } | replace "$KEPT_BLOCKS.nft"
}

nft_load() { # what the unit runs at boot
    [ ! -e "$KEPT_BLOCKS.nft" ] || echo "$(command -v nft) -f $KEPT_BLOCKS.nft"
}

nft_list() { # "block ADDRESS SECONDS" of each, "-" without an end; of a set that no rule of ours drops, none
    nft list table inet orchestrator 2>/dev/null | tr '\n\t' '  ' |
        sed 's/set [a-z]*[46] {/\n&/g; s/elements = {/\n&/g; s/chain arriving {/\n&/' | awk -v OFS="$TAB" '
        function seconds(text,  total, part) {
            while (match(text, /^[0-9]+[a-z]+/)) {
                part = substr(text, 1, RLENGTH)
                text = substr(text, RLENGTH + 1)
                if (part ~ /[0-9]ms$/) continue
                total += part * (part ~ /d$/ ? 86400 : part ~ /h$/ ? 3600 : part ~ /m$/ ? 60 : 1)
            }
            return total + 0
        }
        function blocks(elements,  n, element, i, words, word, left, j) {
            n = split(elements, element, ",")
            for (i = 1; i <= n; i++) {
                words = split(element[i], word, " ")
                left = "-"
                for (j = 2; j < words; j++) if (word[j] == "expires") left = seconds(word[j + 1])
                if (words) print "block", word[1], left
            }
        }
        NR == 1 && /flags dormant/ { exit }
        /^set / { set = $2 }
        /^elements = / { sub(/^elements = \{/, ""); sub(/\}.*/, ""); elements[set] = $0 }
        /^chain / { for (set in elements) if (index($0, "saddr @" set " drop")) blocks(elements[set]) }'
}
