# shellcheck shell=sh disable=SC2034,SC2154
# Looking up accounts and groups.

# entry DATABASE NAME: print the line of NAME; status 2 when there is none. busybox has no getent.
entry() {
    if command -v getent >/dev/null 2>&1; then getent -- "$1" "$2"; else entry_here "$1" "$2"; fi
}

# entry_here DATABASE NAME: the same, of the host's own file only.
entry_here() {
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in "$2":*) printf '%s\n' "$line" && return 0 ;; esac
    done <"/etc/$1"
    return 2
}

# account NAME: $account_uid, _gid, _gecos, _home and _shell of that account.
account() {
    line=$(entry passwd "$1") || return
    rest=${line#*:*:}
    account_uid=${rest%%:*} rest=${rest#*:}
    account_gid=${rest%%:*} rest=${rest#*:}
    account_gecos=${rest%%:*} rest=${rest#*:}
    account_home=${rest%%:*} account_shell=${rest#*:}
}
