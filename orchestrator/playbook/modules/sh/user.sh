# shellcheck shell=sh disable=SC2034,SC2154
# One account; needs accounts.sh; user.py decides. Variables: local, listing (of groups), home, key_file, passphrase (whether
# one comes).

# user_probe NAME GROUP...: tell what the host knows of NAME, and all its groups with those named.
user_probe() {
    name=$1
    shift
    for tool in useradd adduser usermod chage; do
        if command -v "$tool" >/dev/null 2>&1; then say tool "$tool"; fi
    done
    user_look
    if [ -n "$home" ] && [ -d "${home%/*}/" ]; then say parent 1; fi
    say probed 1
    [ -z "$listing" ] || user_groups "$@"
}

user_look() {
    if [ -n "$local" ] && ! entry_here passwd "$name" >/dev/null; then return; fi
    account "$name" || return 0
    say passwd "$line"
    if shadow=$(entry shadow "$name" 2>/dev/null); then say shadow "$shadow"; fi
    if [ -e "${home:-$account_home}" ]; then say home 1; fi
    if [ -n "$key_file" ]; then user_key; fi
}

user_groups() {
    if ! command -v getent >/dev/null 2>&1; then
        cat /etc/group
        return
    fi
    getent group
    # A directory may know a group and yet not list it.
    [ $# -eq 0 ] || getent group "$@"
    return 0
}

# user_key: what there is of the key that $key_file names.
user_key() {
    case $key_file in /*) key=$key_file ;; *) key=$account_home/$key_file ;; esac
    say key_path "$key"
    if [ -e "$key" ] || [ -h "$key" ]; then say key private; fi
    if [ -e "$key.pub" ] || [ -h "$key.pub" ]; then say key public; fi
    if fingerprint=$(ssh-keygen -l -f "$key" 2>&1); then say fingerprint "$fingerprint"; else say no_fingerprint "$fingerprint"; fi
    if [ ! -h "$key.pub" ] && public=$(head -c 65536 "$key.pub" 2>/dev/null); then say public_key "$public"; fi
}

# user_apply COUNT WORD... [COUNT WORD...]...: run these commands in order, COUNT words each; the first that fails ends it
# with its status. Then look again. What needs a secret reads its line from standard input.
user_apply() {
    name=$1
    shift
    while [ $# -gt 0 ]; do
        take=$1
        shift
        user_first "$take" "$@" || return
        shift "$take"
    done
    user_look
}

user_first() {
    count=$1 more=$(($# - 1 - $1))
    shift
    while [ "$count" -gt 0 ]; do
        set -- "$@" "$1"
        shift
        count=$((count - 1))
    done
    shift "$more"
    case $1 in
    user_password | user_generate) "$@" ;;
    *) "$@" </dev/null ;;
    esac
}

# user_password: the line NAME:HASH of standard input is the account's.
user_password() {
    IFS= read -r line && printf '%s\n' "$line" | chpasswd -e
}

# user_make_home HOME SKELETON: as useradd would: the skeleton's files, and the mode that login.defs wants.
user_make_home() {
    [ ! -e "$1" ] || return 0
    mkdir -p -- "${1%/*}/" || return
    if [ -e "$2" ] && [ "$2" != /dev/null ]; then cp -RP -- "$2" "$1"; else mkdir -- "$1"; fi || return
    if [ -e /etc/login.defs ]; then
        mode=755
        while read -r key value _; do
            case $key in
            HOME_MODE) mode=$value && break ;;
            UMASK) mode=$(printf %o $((0777 & ~0$value))) ;;
            esac
        done </etc/login.defs
        chmod -- "$mode" "$1" || return
    fi
    if account "$name"; then user_own_home "$1"; fi
}

# user_own_home HOME: give it, and all in it, to the account. -h: a link's target is nobody's business.
user_own_home() {
    account "$name" && chown -hR -- "$account_uid:$account_gid" "$1"
}

# user_generate TYPE BITS COMMENT: a key pair for the account. It is made where only root can write, and moved from there
# into a folder that has been entered and found to be the account's: whatever it plants meanwhile is replaced, never
# followed. The passphrase, if any, comes on standard input.
user_generate() {
    account "$name" || return
    case $key_file in /*) key=$key_file ;; *) key=$account_home/$key_file ;; esac
    folder=${key%/*} file=${key##*/}
    if [ ! -d "$account_home" ] && [ "$key" != "$key_file" ]; then
        echo "User $name home directory does not exist" >&2
        return 1
    fi
    made=
    if [ ! -e "$folder" ]; then mkdir -m 0700 -- "$folder" && made=1 || return; fi
    CDPATH='' cd -P -- "$folder" || return
    [ -z "$made" ] || chown -h "$account_uid:$account_gid" . || return
    owner=$(stat -c %u .)
    # Only a folder that the operator has named himself may be root's, and only without a link.
    if [ "$owner" != "$account_uid" ] && { [ "$owner" != 0 ] || [ "$key" != "$key_file" ] || [ -h "$folder" ]; }; then
        echo "$folder does not belong to $name" >&2
        return 1
    fi
    fresh=$(mktemp -d) || return
    user_keygen "$@" && chown -- "$account_uid:$account_gid" "$fresh/key" "$fresh/key.pub" &&
        user_move "$fresh/key" "$file" && user_move "$fresh/key.pub" "$file.pub"
    status=$?
    rm -rf -- "$fresh"
    return "$status"
}

user_move() {
    if [ -d "$2" ] && [ ! -h "$2" ]; then return 1; fi
    rm -f -- "./$2" && mv -f -- "$1" "./$2"
}

user_keygen() {
    set -- -q -t "$1" ${2:+-b "$2"} -C "${3:-ansible-generated on $(uname -n)}" -f "$fresh/key"
    if [ -z "$passphrase" ]; then
        ssh-keygen "$@" -N '' </dev/null
        return
    fi
    # Never an argument: ssh-keygen asks a program for it, which has it from its environment.
    IFS= read -r KEY_PASSPHRASE
    export KEY_PASSPHRASE
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nprintf "%%s\\n" "$KEY_PASSPHRASE"\n' >"$fresh/ask" && chmod 0700 "$fresh/ask" &&
        SSH_ASKPASS=$fresh/ask SSH_ASKPASS_REQUIRE=force DISPLAY=none ssh-keygen "$@" </dev/null
}
