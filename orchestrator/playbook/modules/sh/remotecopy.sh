# shellcheck shell=sh disable=SC2034,SC2154
# copy with remote_src: from the host to itself; needs files.sh and file.sh. Variables: src, dest, force, follow,
# local_follow, directory_mode, preserve (the mode is that of src).

copy_there() {
    size=
    begin "$src"
    from=$expanded
    begin "$dest"
    dest=$expanded
    case $dest in
        */*) ;;
        *) dest=./$dest ;;
    esac
    [ -e "$from" ] || fail "Source $src not found"
    [ -r "$from" ] || fail "Source $src not readable"
    [ -f "$from" ] || [ -d "$from" ] || fail "Cannot copy invalid source '$src': not a file"
    if [ -n "$preserve" ]; then
        look "$from" -L
        octal "$is_mode"
        mode=$octal
    fi
    file_mode=$mode
    case $dest in
        */)
            folder=${dest%/}
            if [ ! -d "${folder:-/}" ]; then
                altered=1
                if [ -n "$check" ]; then
                    say changed 1
                    return
                fi
                mode=$directory_mode
                make_folders "$folder"
            fi
            ;;
    esac
    mode=$file_mode into=$dest
    if [ -d "$dest" ]; then dest=${dest%/}/${from##*/}; fi
    if [ -e "$dest" ]; then
        if [ -n "$follow" ] && [ -L "$dest" ]; then
            resolve "$dest"
            dest=$resolved
        fi
        if [ -z "$force" ]; then
            say msg "file already exists"
            there_is
            return
        fi
    else
        folder=${dest%/*}/
        [ -d "$folder" ] || fail "Destination directory ${folder%/} does not exist"
        [ -w "$folder" ] || [ -n "$unsafe_writes" ] || fail "Destination ${folder%/} not writable"
    fi
    if [ -d "$from" ]; then copy_folder_there; else copy_file_there; fi
    mode=$file_mode
    apply "$dest"
    there_is
}

there_is() {
    look "$dest" || is_line=
    tell "$dest"
    say changed "$altered"
}

copy_file_there() {
    digest "$from" md5
    say md5sum "$digest"
    digest "$from"
    say checksum "$digest"
    sha1=$digest
    if [ ! -L "$dest" ] && [ -f "$dest" ] && digest "$dest" && [ "$digest" = "$sha1" ]; then return; fi
    altered=1
    [ -z "$check" ] || return 0
    model=$from
    put "$dest" cat "$from"
}

copy_folder_there() {
    case $from in
        */) into=${into%/} ;;
        *) into=${into%/}/${from##*/} ;;
    esac
    backup='' validate='' sha1=''
    [ -d "$into" ] || [ -n "$check" ] || make_parents
    there "${from%/}" "$into"
    if [ -n "$owner$group" ] && [ -d "$into" ]; then
        mode='' follow=''
        apply "$into"
        adjust_tree "$into"
    fi
}

make_parents() {
    case $into in
        ?*/*) mkdir -p "${into%/*}" || fail "could not make ${into%/*}" ;;
    esac
}

# there FROM TO: the folder FROM into the folder TO; what only TO has stays.
there() {
    if [ ! -d "$2" ]; then
        altered=1
        [ -z "$check" ] || return 0
        mkdir "$2" || fail "could not make $2"
        there_all "$1" "$2" new
        look "$1" -L
        octal "$is_mode"
        { chmod "$octal" "$2" && touch -r "$1" "$2"; } || fail "could not set the mode of $2"
    else
        there_all "$1" "$2"
    fi
}

there_all() {
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        to=$2/${entry##*/}
        if [ -L "$entry" ] && { [ -z "$local_follow" ] || [ ! -e "$entry" ]; }; then
            there_link "$3"
        elif [ -d "$entry" ]; then
            if [ -d "$to" ] || { [ ! -e "$to" ] && [ ! -L "$to" ]; }; then there "$entry" "$to"; fi
        elif [ -f "$entry" ]; then
            there_file "$3"
        elif [ -e "$entry" ]; then
            fail "cannot copy $entry: it is neither a file nor a folder nor a link"
        fi
    done
}

there_link() {
    [ ! -e "$to" ] && [ ! -L "$to" ] || return 0
    altered=1
    [ -z "$check" ] || return 0
    read_link "$entry"
    ln -s -- "$link" "$to" || fail "Error while linking"
    [ -z "$1" ] || touch -h -c -r "$entry" "$to" 2>/dev/null || : # busybox has no link for a pattern
}

there_file() {
    if [ -e "$to" ] && { [ ! -f "$to" ] || cmp -s "$entry" "$to"; }; then return; fi
    altered=1
    [ -z "$check" ] || return 0
    look "$entry" -L
    octal "$is_mode"
    mode=$octal
    put "$to" cat "$entry"
    [ -z "$1" ] || touch -c -r "$entry" "$to" || fail "could not set the time of $to"
}
