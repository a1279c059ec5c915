# shellcheck shell=sh disable=SC2034,SC2154
# A tree from the control node; needs files.sh, copy.sh and file.sh. Variable: dest, the folder it goes into. Names are
# relative to it, begin with ./ and hold no line break; the control node sees to that.

# survey: of the names on standard input, a line each, the checksums of those that are files here (as sha1sum prints
# them); without force, those that are here at all.
survey() {
    begin "$dest"
    cd "$expanded" 2>/dev/null || return 0
    if [ -z "$force" ]; then
        while IFS= read -r name; do
            [ ! -e "$name" ] || printf '%s\n' "$name"
        done
    else
        while IFS= read -r name; do
            if [ -f "$name" ] && [ ! -L "$name" ]; then printf '%s\0' "$name"; fi
        done | xargs -0 -r sha1sum
    fi
    return 0
}

# adjust_names: the files named on standard input get the attributes asked for.
adjust_names() {
    begin "$dest"
    cd "$expanded" || fail "could not enter $expanded"
    listing=$(tr '\n' '\0' | xargs -0 -r stat -c '%f:%u:%g:%s:%h:%i:%d:%U:%G:%n') || fail "could not look at all files"
    while IFS= read -r line; do
        name=${line#*:*:*:*:*:*:*:*:*:}
        is_line=${line%":$name"}
        looked
        adjust "$name"
    done <<END
$listing
END
    say changed "$altered"
}

# folders NAME...
folders() {
    begin "$dest"
    dest=$expanded
    for name; do
        path=$dest/$name
        if [ -L "$path" ] && [ -e "$path" ]; then
            resolve "$path"
            path=$resolved
        fi
        if [ -d "$path" ]; then
            apply "$path"
        elif [ -e "$path" ] || [ -L "$path" ]; then
            kind "$path"
            fail "$path already exists as a $kind"
        else
            [ -n "$check" ] || make_folders "$path"
            altered=1
        fi
    done
    say changed "$altered"
}

# links [NAME TARGET]...
links() {
    begin "$dest"
    dest=$expanded
    any=
    while [ $# -gt 0 ]; do
        path=$dest/$1 src=$2 altered=
        kind "$path"
        was=$kind
        file_link
        any=$any$altered
        shift 2
    done
    say changed "${any:+1}"
}
