# shellcheck shell=sh disable=SC2034,SC2154
# One group; needs accounts.sh. Variables: state, gid, system, force, local, non_unique, gid_min, gid_max, check.

# group_has COMMAND: whether the host has that command; else the task fails, as nothing can be done without it.
group_has() {
    command -v "$1" >/dev/null 2>&1 && return
    [ -n "$2" ] || say failed "Failed to find required executable \"$1\""
    return 1
}

# group_gid NAME: $now is the number of that group; false when there is none.
group_gid() {
    line=$(if [ -n "$local" ]; then entry_here group "$1"; else entry group "$1"; fi) || return
    line=${line#*:*:}
    now=${line%%:*}
}

group_ensure() {
    name=$1 altered=
    if ! group_gid "$name"; then
        [ "$state" = absent ] || group_change group_add
    elif [ "$state" = absent ]; then
        group_change group_remove
    elif [ -n "$gid" ] && [ "$gid" -ne "$now" ]; then
        group_change group_modify
    fi || return
    say changed "$altered"
    if group_gid "$name"; then say gid "$now"; fi
}

# group_change FUNCTION: do it, unless in check mode.
group_change() {
    altered=1
    [ -n "$check" ] || "$1"
}

group_add() {
    if group_has groupadd quietly; then
        set -- ${gid:+-g "$gid"} ${non_unique:+-o} ${system:+-r}
        set -- "$@" ${gid_min:+-K "GID_MIN=$gid_min"} ${gid_max:+-K "GID_MAX=$gid_max"}
        groupadd "$@" -- "$name"
    else
        group_has addgroup || return
        addgroup ${gid:+-g "$gid"} ${system:+-S} "$name"
    fi
}

group_remove() {
    if group_has groupdel quietly; then
        groupdel ${force:+-f} -- "$name"
    else
        group_has delgroup && delgroup "$name"
    fi
}

group_modify() {
    group_has groupmod && groupmod -g "$gid" ${non_unique:+-o} -- "$name"
}
