#!/bin/sh
# Reads and replaces the files that say which keys may log in to the account that runs this: sshd's own two names for
# them (AuthorizedKeysFile, sshd_config(5)). Only sshd -T as root could tell others.
#
#   read                 each file: "keys NAME SUM SIZE", its bytes, a newline; "end" comes last
#   write NAME SUM NEW   replace NAME, if it is still as it was read, by the NEW bytes on standard input
#
# The answer begins with a line of its own: an account's start-up files may have said something before.
# The owner alone may change a file in this way, and a link is not followed: what is behind it may be others', too.

set -u
umask 077
LC_ALL=C
export LC_ALL
folder=${HOME:?}/.ssh
largest=1048576

die() {
    echo "$*" >&2
    exit 1
}

check() {
    [ ! -L "$1" ] || die "$1 is a symbolic link, and is not edited"
    [ -f "$1" ] || die "$1 is not a regular file"
    # shellcheck disable=SC2012  # the name is known, and stat(1) is not in POSIX
    owner=$(ls -ldn -- "$1" | { read -r _ _ uid _; echo "$uid"; })
    [ "$owner" = "$(id -u)" ] || die "$1 belongs to user $owner, not to this account"
}

# cksum(1) is in POSIX, and missing in small builds of busybox.
sum() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1"
    else
        cksum <"$1"
    fi | { read -r sum _; echo "$sum"; }
}

size() {
    wc -c <"$1" | { read -r size; echo "$size"; }
}

# Mode, owner and, where it has rights that others have not, group.
access() {
    # shellcheck disable=SC2012
    ls -ldn -- "$1" | {
        read -r mode _ uid gid _
        mode=${mode%[.+@]}
        ours=${mode#????} others=${mode#???????}
        [ "${ours%???}" != "$others" ] || gid=any
        echo "$mode $uid $gid"
    }
}

# To the disk. A sync(1) that knows no files writes out everything.
settle() {
    sync "$1" 2>/dev/null || sync
}

show() {
    for name in authorized_keys authorized_keys2; do
        file=$folder/$name
        [ -e "$file" ] || [ -L "$file" ] || continue
        check "$file"
        size=$(size "$file")
        [ "$size" -le "$largest" ] || die "$file is larger than 1 MiB"
        sum=$(sum "$file")
        echo "keys $name $sum $size"
        cat -- "$file" || die "$file cannot be read"
        echo
    done
    echo end
}

replace() {
    file=$folder/$1
    check "$file"
    # What a run left that was killed outright. A home may be shared by hosts, so a fresh one may be another's.
    find "$folder" -name "$1.orchestrator.??????" -mmin +10 -exec rm -f -- {} +
    beside=$(mktemp "$file.orchestrator.XXXXXX") || die "$folder cannot be written"
    trap 'rm -f -- "$beside"' EXIT
    trap 'exit 1' HUP INT TERM
    cp -p -- "$file" "$beside" || die "$beside cannot be written"
    cat >"$beside" || die "$beside cannot be written"
    # SELinux: the type that sshd may read. Without it chcon(1) fails, and nothing is amiss.
    chcon --reference="$file" -- "$beside" 2>/dev/null
    [ "$(size "$beside")" = "$3" ] || die "$beside did not arrive whole"
    [ "$(access "$beside")" = "$(access "$file")" ] || die "$file has an owner or a mode that cannot be kept"
    settle "$beside"
    check "$file"
    [ "$(sum "$file")" = "$2" ] || die "$file was changed by somebody else meanwhile"
    mv -f -- "$beside" "$file" || die "$file cannot be replaced"
    settle "$folder"
    echo end
}

echo 'orchestrator authorized_keys'
verb=$1
shift
case $verb in
    read) show ;;
    write) replace "$@" ;;
esac
