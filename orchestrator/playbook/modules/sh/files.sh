# shellcheck shell=sh disable=SC2034,SC2154
# A file's content read, compared and replaced in one step; needs attributes.sh. Variables beyond those of that:
# unsafe_writes, validate (words), backup, token (random, unguessable).

# digest PATH [ALGORITHM]: $digest, in hex, of the file's content (sha1); empty when it cannot be read. A pipe or a device
# could keep its reader for ever.
digest() {
    digest=
    [ -f "$1" ] && [ -r "$1" ] || return
    digest=$("${2:-sha1}sum" 2>/dev/null <"$1") || digest=$(openssl dgst "-${2:-sha1}" -r 2>/dev/null <"$1") || {
        digest=
        return 1
    }
    digest=${digest%%[ *]*}
}

# show PATH: its content on standard output for the diff, unless it is larger than a diff shows (in bytes).
show() {
    [ -n "$diff" ] && [ -f "$1" ] || return 0
    look "$1" -L || return 0
    say existed 1
    if [ "$is_size" -gt "${show_at_most:-104448}" ]; then
        say before_larger 1
    else
        cat "$1"
    fi
}

# receive [SIZE]: standard input, or exactly SIZE bytes of it, to standard output, and that to the disk.
receive() {
    if [ -z "$1" ]; then
        dd bs=65536 conv=fsync
    elif [ "$1" -gt 0 ]; then
        # One block as large as the content: smaller ones could not end exactly where it does.
        dd bs="$1" count=1 iflag=fullblock conv=fsync
    fi
}

# put PATH COMMAND...: make what COMMAND writes the content of PATH: written beside it under a name nobody can guess,
# checked against $size or else $sha1, given the old file's owner, mode and ACL and then what is asked for, validated, and renamed.
# A symbolic link is replaced, not followed. After it is_* tell of the new file. $new_too asks whether a new
# file got other attributes than by itself. When $model is set, the new file takes
# that one's time of modification, and its mode instead of the old one's owner and mode.
put() {
    path=$1
    shift
    case $path in
        */*) fresh=${path%/*}/.$token ;;
        *) fresh=.$token ;;
    esac
    case ${validate:+${path##*/}} in ?*.*) fresh=$fresh.${path##*.} ;; esac
    trap 'rm -f "$fresh"; exit 143' HUP INT TERM # a task that is stopped leaves nothing behind
    mask=$(umask)
    umask 077
    # Refuses a name that exists, be it a dangling link (O_EXCL).
    set -C
    { put_fresh "$@"; } 7>"$fresh" || fail "could not write beside $path"
    umask "$mask"
    put_backup
    if [ -d "$path" ]; then
        [ -L "$path" ] || abandon "$path has become a directory"
        rm -f "$path"
    fi
    if ! mv -f "$fresh" "$path"; then
        [ -n "$unsafe_writes" ] || abandon "Could not replace $path"
        cat "$fresh" >"$path" || abandon "Could not write data to $path"
        rm -f "$fresh"
        apply "$path"
    fi
    fresh=
    if [ -z "$exists" ] && [ -e /sys/fs/selinux/enforce ]; then restorecon "$path"; fi
    if [ -n "$attributes$seuser$serole$setype$selevel" ]; then apply "$path"; fi
}

put_fresh() {
    set +C
    # The file by its descriptor: whoever owns the folder could put a link in its place to have that changed instead.
    held=/proc/self/fd/7
    [ -e "$held" ] || held=$fresh
    complaint=$("$@" 2>&1 >&7) || abandon "could not write beside $path: ${complaint%%"$newline"*}"
    if [ -n "$sha1" ] && [ -z "$size" ]; then
        digest "$held"
        [ "$digest" = "$sha1" ] || abandon "Copied file does not match the expected checksum. Transfer failed."
    fi
    exists=
    if [ -e "$path" ] && [ ! -L "$path" ] && look "$path"; then exists=1; fi
    if [ -n "$model" ]; then
        look "$model" -L
        touch -c -r "$model" "$held"
        # Ansible makes an empty file of a link first, and that it then replaces.
        if [ -L "$path" ]; then exists=1; fi
    fi
    if [ -n "$exists" ] && [ -z "$model" ]; then
        # GNU cp keeps ACLs, too; of a pipe it would wait for content.
        { [ -f "$path" ] && cp --attributes-only --preserve=mode,ownership "$path" "$held" 2>/dev/null; } || {
            chown "$is_uid:$is_gid" "$held" 2>/dev/null
            octal "$is_mode"
            chmod "$octal" "$held"
        }
        [ ! -e /sys/fs/selinux/enforce ] || chcon --reference="$path" "$held"
    elif [ -z "$exists" ]; then
        is_mode=$((0666 & ~mask)) is_type=$((0100000))
    fi
    if [ -z "$exists" ] && [ -n "$new_too" ]; then put_differs; fi
    if [ -n "$owner$group" ] && ! chown "$owner${group:+:$group}" "$held"; then
        wish '' ''
        abandon "chown failed"
    fi
    wanted "$is_mode" "$is_type"
    if [ -z "$exists" ] || [ -n "$owner$group$mode$model" ]; then
        octal "$want"
        chmod "$octal" "$held" || abandon "chmod failed"
    fi
    if [ -n "$validate" ]; then put_validate; fi
    look "$fresh" || abandon "could not look at $fresh"
    [ -z "$size" ] || [ "$is_size" -eq "$size" ] || abandon "Copied file does not have the expected size. Transfer failed."
}

# put_differs: whether a new file is to have another owner or mode than it would by itself.
put_differs() {
    wanted "$is_mode" "$is_type"
    [ "$want" -eq "$is_mode" ] || say adjusted 1
    [ -n "$owner$group" ] || return 0
    wish '' ''
    own_mode=$is_mode own_type=$is_type
    look "$held" -L
    [ "${want_uid:-$is_uid}:${want_gid:-$is_gid}" = "$is_uid:$is_gid" ] || say adjusted 1
    is_mode=$own_mode is_type=$own_type
}

put_validate() {
    eval "set -- $validate"
    for word; do
        shift
        case $word in *%s*) word=${word%%'%s'*}$fresh${word#*'%s'} ;; esac
        set -- "$@" "$word"
    done
    # It gets none of our descriptors: what it leaves running must not be able to speak for us.
    said=$(
        exec 5>&1
        complaint=$("$@" 2>&1 >&5 5>&- 7>&- 9>&-)
        code=$?
        printf '|%s|%s' "$token" "$complaint"
        exit "$code"
    ) || {
        say validate_rc $?
        say validate_stdout "${said%"|$token|"*}"
        say validate_stderr "${said##*"|$token|"}"
        abandon "failed to validate"
    }
}

# put_backup: keep the file that is about to be replaced, under Ansible's name (of $backup_of, when set). A second name for it is a perfect copy.
put_backup() {
    [ -n "$backup" ] && [ -e "$path" ] || return 0
    kept=${backup_of:-$path}.$$.$(date +%Y-%m-%d@%H:%M:%S~)
    if [ -L "$path" ] || [ -n "$unsafe_writes" ] || ! ln "$path" "$kept" 2>/dev/null; then
        cp -p "$path" "$kept" || abandon "Could not make backup of $path to $kept"
    fi
    say backup_file "$kept"
}
