# shellcheck shell=sh disable=SC2034,SC2154
# The keys that may log in; needs accounts.sh and files.sh. Variables: path, follow, check; to write: manage_dir, explicit,
# was (sha1 of what was read), sha1 (of what is to be), token.

# authorized_look USER: where the keys stand, and on standard output what stands there.
authorized_look() {
    if account "$1"; then
        say uid "$account_uid"
        say gid "$account_gid"
        say home "$account_home"
    elif [ -n "$check" ]; then
        [ -n "$path" ] || fail "Either user must exist or you must provide full path to key file in check mode"
        account_uid=''
    else
        fail "Failed to lookup user $1"
    fi
    begin "${path:-$account_home/.ssh/authorized_keys}"
    keyfile=$expanded
    if [ -n "$follow" ]; then
        resolve "$keyfile"
        keyfile=$resolved
    fi
    say keyfile "$keyfile"
    [ -f "$keyfile" ] || return 0
    say exists 1
    exec 8<"$keyfile" || fail "could not read $keyfile"
    authorized_fair || fail "$keyfile leads to a file that user $1 may not read: refusing to read it for them"
    cat <&8
}

# authorized_fair: whether what is open as 8 may be shown to the account, which may have put a link there.
authorized_fair() {
    held=/proc/self/fd/8
    [ -e "$held" ] || held=$keyfile
    look "$held" -L || return
    [ "$is_uid" != "$account_uid" ] && [ $((is_mode & 4)) -eq 0 ] || return 0
    [ ! -h "$keyfile" ] && [ "$is_links" = 1 ]
}

# authorized_write UID GID HOME KEYFILE: what comes on standard input is the file's content.
authorized_write() {
    uid=$1 gid=$2 folder=${4%/*} name=${4##*/}
    path='' backup='' validate='' attributes='' seuser='' serole='' setype='' selevel='' unsafe_writes='' diff='' check=''
    begin "$4"
    authorized_folder "$3"
    if [ -n "$manage_dir" ]; then
        { chown -- "$uid:$gid" . && chmod 0700 .; } || fail "could not set owner and mode of $folder"
    fi
    digest=
    if [ -f "./$name" ]; then digest "./$name"; fi
    [ "$digest" = "$was" ] || fail "$4 was changed by somebody else meanwhile"
    owner=$uid group=$gid mode=600
    put "./$name" cat
}

# authorized_folder HOME: go where the file is to be, and make sure that no link has led elsewhere.
authorized_folder() {
    if [ ! -e "$folder" ]; then
        if [ -n "$manage_dir" ]; then mkdir -m 0700 -- "$folder"; else mkdir -p -- "$folder"; fi ||
            fail "Failed to create directory $folder"
    fi
    CDPATH='' cd -P -- "$folder" || fail "could not enter $folder"
    if [ -n "$explicit$follow" ]; then
        # Named by the operator: somewhere that only the account or root can write.
        case $(stat -c %u .) in "$uid" | 0) return 0 ;; esac
        fail "$folder belongs neither to the account nor to root"
    fi
    meant=$(CDPATH='' cd -P -- "$1" && pwd -P) || fail "could not enter $1"
    [ "$(pwd -P)" = "${meant%/}/.ssh" ] || fail "$folder is a symbolic link: name it as path, or set follow"
}
