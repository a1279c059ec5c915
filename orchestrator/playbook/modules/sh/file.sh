# shellcheck shell=sh disable=SC2015,SC2034,SC2154,SC2209
# What ansible.builtin.file does; needs files.sh. Variables: path, state, src, recurse, force, follow, modified and
# accessed (unset: leave; now; or YYYY-MM-DD HH:MM:SS in the host's time zone).

file_ensure() {
    begin "$path"
    path=$expanded
    if [ -n "$src" ]; then
        expand "$src"
        src=$expanded
    fi
    if [ -n "$src" ] && [ "$state" != link ] && [ "$state" != absent ] && [ -d "$path" ]; then path=$path/${src##*/}; fi
    kind "$path"
    was=$kind
    if [ -z "$state" ]; then
        state=$was
        [ "$was" != absent ] || state=${recurse:+directory}
        state=${state:-file}
    fi
    [ -z "$recurse" ] || [ "$state" = directory ] || fail "recurse option requires state to be 'directory'"
    case $state in
        link | hard) ;;
        *) [ -z "$src" ] || fail "src option requires state to be 'link' or 'hard'" ;;
    esac
    "file_$state"
    glance "$path" || is_line=
    tell "$path"
    say was "$was"
    say state "$state"
    say src "$src"
    say changed "$altered"
}

# kind PATH: $kind is Ansible's word for what PATH is.
kind() {
    if look "$1"; then
        case $is_type in
            $((0120000))) kind=link ;;
            $((0040000))) kind=directory ;;
            *) if [ "$is_links" -gt 1 ]; then kind=hard; else kind=file; fi ;;
        esac
    else
        kind=absent
    fi
}

# followed: $path is what a link points to, where links are followed.
followed() {
    if [ -n "$follow" ] && [ "$was" = link ]; then
        resolve "$path"
        path=$resolved
        kind "$path"
        was=$kind
    fi
}

file_absent() {
    [ "$was" != absent ] || return 0
    altered=1 looked_at=
    if [ -n "$diff" ] && [ "$was" = directory ]; then
        find "$path" -mindepth 1 -type d -print0
        printf '\0'
        find "$path" -mindepth 1 ! -type d -print0
    fi
    if [ -n "$check" ]; then
        :
    elif [ "$was" = directory ]; then
        resolve "$path"
        [ "$resolved" != / ] || fail "rmtree failed: will not remove /"
        rm -rf "$path" || fail "rmtree failed"
    else
        rm -f "$path" || fail "Unlinking failed"
    fi
}

file_file() {
    followed
    case $was in
        file | hard) ;;
        *) fail "file ($path) is $was, cannot continue" ;;
    esac
    apply "$path"
    stamp "$path"
}

file_touch() {
    created=
    if [ "$was" = absent ]; then
        altered=1
        [ -z "$check" ] || return 0
        : >>"$path" || fail "Error, could not touch target"
        created=$path
    fi
    place=$path
    if [ -n "$follow" ] && [ -L "$path" ]; then
        resolve "$path"
        place=$resolved
    fi
    fresh=$created
    apply "$place"
    fresh=
    stamp "$place"
}

file_directory() {
    followed
    case $was in
        absent)
            altered=1
            if [ -z "$check" ]; then
                make_folders "$path"
                stamp "$path"
            fi
            ;;
        directory)
            apply "$path"
            stamp "$path"
            if [ -n "$recurse" ]; then
                diff='' # which is of the folder itself
                adjust_tree "$path"
            fi
            ;;
        *) fail "$path already exists as a $was" ;;
    esac
}

file_link() {
    if [ -z "$src" ] && [ -n "$follow" ] && [ -e "$path" ] && [ "$was" = link ]; then
        read_link "$path"
        src=$link
    fi
    case $src in
        /*) target=$src ;;
        *)
            target=$path
            if [ "$was" != directory ]; then
                case $path in
                    */*) target=${path%/*} ;;
                    *) target=. ;;
                esac
            fi
            target=$target/$src
            ;;
    esac
    [ -n "$force" ] || [ -z "$src" ] || [ -e "$target" ] ||
        fail "src file does not exist, use 'force=yes' if you really want to create the link: $target"
    case $was in
        link)
            read_link "$path"
            if [ -n "$src" ] && [ "$src" != "$link" ]; then differ src "$link" "$src"; fi
            ;;
        *)
            [ -n "$src" ] || fail "src is required for creating new symlinks"
            [ "$was" = absent ] || [ -n "$force" ] || fail "refusing to convert from $was to symlink for $path"
            if [ "$was" = directory ]; then
                for entry in "$path"/* "$path"/.[!.]* "$path"/..?*; do
                    [ ! -e "$entry" ] && [ ! -L "$entry" ] ||
                        fail "the directory $path is not empty, refusing to convert it"
                done
            fi
            altered=1
            ;;
    esac
    if [ -n "$altered" ] && [ -z "$check" ]; then link_to -s; fi
    if [ -n "$follow" ] && [ -L "$path" ]; then
        [ -e "$path" ] || return 0
        resolve "$path"
        place=$resolved
    else
        place=$path
    fi
    [ -z "$check" ] || [ -e "$path" ] || return 0
    apply "$place"
    stamp "$place"
}

file_hard() {
    case $src in -*) src=./$src ;; esac
    [ -n "$src" ] || [ "$was" = hard ] || fail "src is required for creating new hardlinks"
    [ -z "$src" ] || [ -e "$src" ] || fail "src does not exist"
    place=$path
    case $was in
        absent) altered=1 ;;
        link)
            read_link "$path"
            if [ "$src" != "$link" ]; then differ src "$link" "$src"; fi
            if [ -n "$follow" ]; then
                resolve "$path"
                place=$resolved
            fi
            ;;
        *)
            if [ -n "$src" ]; then
                same=$is_inode
                look "$src" -L
                if [ "$is_inode" != "$same" ]; then
                    altered=1
                    [ -n "$force" ] || case $was in
                        file) fail "Cannot link, file exists at destination" ;;
                        hard) fail "Cannot link, different hard link exists at destination" ;;
                        *) fail "Cannot link: different hard link exists at destination" ;;
                    esac
                fi
            fi
            ;;
    esac
    if [ -n "$altered" ] && [ -z "$check" ]; then
        if [ "$was" = absent ] && [ -n "$follow" ] && [ -L "$src" ]; then
            read_link "$src"
            ln "$link" "$path" || fail "Error while linking"
        else
            link_to
        fi
        place=$path
    fi
    [ -z "$check" ] || [ -e "$path" ] || return 0
    apply "$place"
    stamp "$place"
}

# link_to [-s]: make $path a link to $src, in one step where there was something.
link_to() {
    looked_at=
    if [ "$was" = absent ]; then
        ln ${1+-s} -- "$src" "$path" || fail "Error while linking"
        return
    fi
    [ "$was" != directory ] || rmdir "$path" || fail "Error while replacing"
    case $path in
        */*) fresh=${path%/*}/.$token ;;
        *) fresh=.$token ;;
    esac
    ln ${1+-s} -- "$src" "$fresh" || abandon "Error while replacing"
    # Without -T (old busybox) a link to a folder would be followed.
    mv -fT "$fresh" "$path" 2>/dev/null || { rm -f "$path" && mv -f "$fresh" "$path"; } || abandon "Error while replacing"
    fresh=
}

# read_link PATH: $link is what it says.
read_link() {
    link=$(readlink "$1" && echo .) || fail "could not read the symbolic link $1"
    link=${link%??}
}

# stamp PATH: the times asked for.
stamp() {
    [ -n "$modified$accessed" ] || return 0
    if [ "$modified$accessed" = nownow ] && [ -z "$diff" ]; then
        altered=1
        [ -n "$check" ] || touch -c "$1" || fail "Error while updating modification or access time"
        return
    fi
    stamp_one "$1" -m mtime "$modified" %Y %y
    stamp_one "$1" -a atime "$accessed" %X %x
}

# stamp_one PATH OPTION NAME WHEN SECONDS TIME: the last two are stat's letters for it.
stamp_one() {
    [ -n "$4" ] || return 0
    before=$(stat -L -c "$5.$6" "$1") || fail "Error while updating modification or access time"
    fraction=${before##*:??.}
    before=${before%%.*}.${fraction%% *}
    if [ "$4" = now ]; then
        [ -n "$check" ] || touch -c "$2" "$1" || fail "Error while updating modification or access time"
        differ "$3" "$before" "$(date +%s)"
        return
    fi
    after=$(date -d "$4" +%s) || fail "Error while obtaining timestamp for time $4"
    while [ "$before" != "${before%0}" ]; do before=${before%0}; done
    [ "$before" != "$after." ] || return 0
    differ "$3" "$before" "$after"
    [ -n "$check" ] || touch -c "$2" -d "$4" "$1" || fail "Error while updating modification or access time"
}

# adjust_tree PATH: all below it gets what is asked for, and where links are followed, what they point to as well.
adjust_tree() {
    seen=' '
    while [ $# -gt 0 ]; do
        listing=$(
            find "$1" -mindepth 1 -exec stat -c "$token:%f:%u:%g:%s:%h:%i:%d:%U:%G:%n" {} + &&
                echo "$token:"
        ) || fail "could not look at all below $1"
        shift
        found=
        # A name may hold line breaks; the token no name can hold begins each of ours.
        while IFS= read -r line; do
            case $line in
                "$token:"*) line=${line#"$token:"} ;;
                *)
                    found=$found$newline$line
                    continue
                    ;;
            esac
            if [ -n "$found" ]; then
                name=${found#*:*:*:*:*:*:*:*:*:}
                is_line=${found%":$name"}
                looked
                if [ "$is_type" -eq $((0120000)) ] && [ -n "$follow" ] && [ -e "$name" ]; then
                    adjust "$name"
                    resolve "$name"
                    look "$resolved"
                    name=$resolved
                    if [ -d "$name" ]; then
                        case $seen in
                            *" $is_inode "*) ;;
                            *)
                                seen="$seen$is_inode "
                                set -- "$@" "$name"
                                ;;
                        esac
                    fi
                fi
                adjust "$name"
                [ -z "$modified$accessed" ] || [ ! -e "$name" ] || stamp "$name"
            fi
            found=$line
        done <<END
$listing
END
    done
}
