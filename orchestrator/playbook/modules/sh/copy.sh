# shellcheck shell=sh disable=SC2034,SC2154
# One file from the control node; needs files.sh. Variables: dest, base (the name it takes in a folder; unset for content
# without a name), sha1, size (unset for content that may have changed since that was computed), force, follow, directory_mode, withheld (the content did not come along: ask for it).
# The rules are those of Ansible's copy action and module.

copy() {
    begin "$dest"
    copy_one "$expanded" "$sha1" '' "$mode"
}

# copy_many [DEST BASE SHA1 SIZE MODE]...: files one after another, their contents so on standard input.
copy_many() {
    while [ $# -gt 0 ]; do
        begin "$1"
        base=$2
        copy_one "$expanded" "$3" "$4" "$5"
        shift 5
    done
}

# copy_one DEST SHA1 SIZE MODE
copy_one() {
    dest=$1 sha1=$2 mode=$4
    copy_place
    if [ -e "$dest" ] && [ -z "$force" ]; then
        drain "$3"
        look "$dest"
        tell "$dest"
        return
    fi
    if [ ! -L "$dest" ] && [ -f "$dest" ] && digest "$dest" && [ "$digest" = "$sha1" ]; then
        drain "$3"
        apply "$dest"
        glance "$dest"
    else
        say copied 1
        show "$dest"
        if [ -n "$check" ]; then
            altered=1
            look "$dest" || is_line=
        elif [ -n "$withheld" ]; then
            say withheld 1
            return
        else
            put "$dest" receive "$3"
            altered=1
        fi
    fi
    tell "$dest"
    say changed "$altered"
}

# drain SIZE: content that is not needed after all must not pass for the next file's.
drain() {
    [ -z "$1" ] || receive "$1" >/dev/null 2>&1
}

# copy_place: $dest is the file that is meant; missing folders of a dest that ends with a slash are made.
copy_place() {
    case $dest in
        */*) ;;
        *) dest=./$dest ;;
    esac
    case $dest in
        */)
            copy_folder "${dest%/}"
            dest=$dest$base
            ;;
    esac
    if [ -d "$dest" ]; then
        [ -n "$base" ] || fail "can not use content with a dir as dest"
        dest=${dest%/}/$base
    fi
    if [ -n "$follow" ] && [ -L "$dest" ] && [ -e "$dest" ]; then
        resolve "$dest"
        dest=$resolved
    fi
    # In check mode an earlier task may have made the folder, had it been allowed to.
    [ -z "$check" ] || return 0
    folder=${dest%/*}/
    [ -d "$folder" ] || fail "Destination directory ${folder%/} does not exist"
    [ -w "$folder" ] || [ -n "$unsafe_writes" ] || fail "Destination ${folder%/} not writable"
}

copy_folder() {
    [ ! -d "${1:-/}" ] || return 0
    altered=1
    if [ -z "$check" ]; then
        file_mode=$mode mode=$directory_mode
        make_folders "$1"
        mode=$file_mode
    fi
}
