# shellcheck shell=sh disable=SC2034,SC2154
# Reading a file and writing it back edited; needs files.sh. Variables: path, at_most (bytes), was (the sha1 of what was
# read, unset when there was no file).

# edit_read: the content on standard output; with check set, what else would be changed.
edit_read() {
    begin "$path"
    path=$expanded
    say path "$path"
    if [ -d "$path" ]; then
        say directory 1
        return
    fi
    [ -e "$path" ] || return 0
    say exists 1
    [ -f "$path" ] || fail "$path is not a regular file"
    if [ -L "$path" ]; then look "$path" -L; else look "$path"; fi
    [ "$is_size" -le "$at_most" ] || fail "$path is larger than $at_most bytes"
    apply "$path"
    say adjusted "$altered"
    cat "$path" || fail "Unable to read the contents of $path"
}

edit_apply() {
    begin "$path"
    apply "$expanded"
}

# edit_write: standard input becomes the content, unless somebody else has changed it since it was read.
edit_write() {
    begin "$path"
    path=$expanded
    file=$path
    if [ -L "$path" ]; then
        resolve "$path"
        file=$resolved
    fi
    new_too=1
    digest "$file"
    if [ "$digest" != "$was" ]; then
        say meanwhile 1
        return
    fi
    if [ -z "$was" ]; then
        case $file in
            ?*/*) [ -d "${file%/*}" ] || mkdir -p "${file%/*}" || fail "Error creating ${file%/*}" ;;
        esac
    fi
    if [ -L "$path" ]; then
        # The attributes asked for are the link's then, not those of what it points to.
        backup_of=$path asked="$owner:$group:$mode"
        owner='' group=''
        mode=
        put "$file" receive
        owner=${asked%%:*} mode=${asked##*:}
        group=${asked#*:}
        group=${group%%:*}
        apply "$backup_of"
    else
        put "$file" receive
    fi
}
