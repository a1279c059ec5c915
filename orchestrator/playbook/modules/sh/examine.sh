# shellcheck shell=sh disable=SC2034,SC2154
# What stat, slurp and fetch ask; needs files.sh. Variables: path, and at_most, have, skip (bytes) as told below.

# examine: all that ansible.builtin.stat tells. Variables: follow, algorithm (unset: no checksum), mime, flags.
examine() {
    begin "$path"
    path=$expanded
    say path "$path"
    # Names hold no slashes, and times no line breaks.
    form='%f/%u/%g/%s/%h/%i/%d/%b/%o/%t/%T/%X/%x/%Y/%y/%Z/%z/%U/%G'
    if ! line=$(LC_ALL=C stat ${follow:+-L} -c "$form" "$path" 2>&1); then
        case $line in *'No such file or directory'*) return ;; esac
        fail "${line##*: }"
    fi
    say stat "$line"
    [ ! -r "$path" ] || say readable 1
    [ ! -w "$path" ] || say writeable 1
    [ ! -x "$path" ] || say executable 1
    if [ -z "$follow" ] && [ -L "$path" ]; then
        link=$(readlink "$path" && echo .)
        say lnk_target "${link%??}"
        link=$(readlink -f "$path" && echo .)
        say lnk_source "${link%??}"
    elif [ -n "$algorithm" ] && [ -f "$path" ] && [ -r "$path" ]; then
        digest "$path" "$algorithm" || fail "the host cannot compute $algorithm checksums"
        say checksum "$digest"
    fi
    if [ -n "$mime" ] && command -v file >/dev/null 2>&1; then
        said=$(file -b --mime-type --mime-encoding "$path" 2>/dev/null) && say mime "$said"
    fi
    if [ -n "$flags" ] && command -v lsattr >/dev/null 2>&1; then
        said=$(lsattr -vd "$path" 2>/dev/null) && say flags "$said"
    fi
    return 0
}

# seize: the content on standard output, if it is a file of at most $at_most bytes; with $have set, only when that is not
# its sha1; without a content, what it is.
seize() {
    begin "$path"
    path=$expanded
    say path "$path"
    if [ -d "$path" ]; then
        say directory 1
    elif [ ! -e "$path" ]; then
        say missing 1
    elif [ ! -r "$path" ]; then
        say unreadable 1
    elif [ ! -f "$path" ]; then
        fail "$path is not a regular file"
    else
        look "$path" -L
        say size "$is_size"
        if [ -n "${have+set}" ]; then
            digest "$path"
            say sha1 "$digest"
            [ "$digest" != "$have" ] || return 0
        fi
        [ "$is_size" -gt "$at_most" ] || head -c "$((at_most + 1))" "$path"
    fi
}

# piece: $at_most bytes of the file, after the first $skip times as many.
piece() {
    dd bs="$at_most" skip="$skip" count=1 2>/dev/null <"$path"
}
