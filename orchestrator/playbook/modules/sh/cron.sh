# shellcheck shell=sh disable=SC2034,SC2154
# Crontabs; needs files.sh. Variables: user, cron_file, and for writing content, was (both whole), backup, remove.

cron_begin() {
    begin "$cron_file"
    path=$expanded
    case $path in '' | /*) ;; *) path=/etc/cron.d/${path#./} ;; esac
    [ -n "$path" ] || command -v crontab >/dev/null || fail "the host has no crontab: install cron"
}

# cron_of COMMAND...: the user's crontab, or our own's, which needs no right.
cron_of() {
    if [ -z "$user" ] || [ "$user" = "$(id -un)" ]; then crontab "$@"; else crontab -u "$user" "$@"; fi
}

# cron_show: the crontab as it is. Having none is status 1.
cron_show() {
    if [ -z "$path" ]; then
        cron_of -l
        [ $? -le 1 ]
    elif [ -e "$path" ]; then
        cat "$path"
    fi
}

cron_read() {
    cron_begin
    [ -z "$path" ] || [ ! -e "$path" ] || say exists 1
    say path "$path"
    cron_show || fail "Unable to read crontab"
}

cron_write() {
    cron_begin
    now=$(cron_show 2>/dev/null; echo .)
    if [ "$now" != "$was." ]; then
        say meanwhile 1
        return
    fi
    if [ -n "$backup" ]; then
        kept=$(umask 077 && mktemp "${TMPDIR:-/tmp}/crontab.XXXXXXXXXX") || fail "could not make a backup"
        printf %s "$was" >"$kept" || fail "could not make a backup"
        say backup_file "$kept"
    fi
    # The content is an argument of the program, not its input: cut off on its way, it is not installed.
    if [ -z "$path" ]; then
        printf %s "$content" | cron_of - || fail "Failed to install new cronfile"
    elif [ -n "$remove" ]; then
        rm -f "$path" || fail "could not remove $path"
    else
        umask 022
        resolve "$path"
        backup='' path=$resolved
        put "$path" printf %s "$content"
    fi
}
